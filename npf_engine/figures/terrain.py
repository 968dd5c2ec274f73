"""Maps of a field given by a raster or by a function: the surface, its arrows, the size of F."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Grid, Units
from npf_engine.figures import palette
from npf_engine.figures.layout import (
    MAP_HEIGHT,
    colour_bar,
    counts,
    finish,
    float32,
    in_unit,
    norm_title,
    position_axes,
    span,
    thin,
    value_format,
    value_title,
)

Length = Literal["size", "log", "equal"]  # what an arrow's length tells
DECADES = 2.0  # of |F| that arrows of logarithmic length tell apart


def centres(grid: Grid, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres of every ``step``-th column and row: x (cols,), y (rows,), y falling since rows run south."""
    rows, cols = grid.elevation.shape
    x = grid.west + (np.arange(cols) + 0.5) * (grid.east - grid.west) / cols
    y = grid.north - (np.arange(rows) + 0.5) * (grid.north - grid.south) / rows
    return float32(x[::step]), float32(y[::step])


def unit_of_height(grid: Grid, units: Units) -> str:
    """What the elevation is in; of a raster whose heights are large beside their relief, also from where on."""
    unit = units.value.partition(" per ")[0] or "metres"
    # Colours are 32-bit numbers, which would not tell the relief apart from so far.
    return f"{unit} above {grid.offset:,.9g}" if grid.offset else unit


def height_format(grid: Grid, unit: str) -> str:
    """A tooltip of a place and the elevation there, with as many digits as the relief has."""
    relief = float(np.ptp(grid.elevation))
    digits = 0 if relief > 10 else min(9, 2 - math.floor(math.log10(relief))) if relief > 0 else 3
    return f"%{{x}}, %{{y}}<br>%{{z:,.{digits}f}} {unit}<extra></extra>"


def elevation_map(grid: Grid, units: Units, *, raw: bool = False) -> go.Figure:
    """The elevation as colours with contour lines; pixels outside of Omega are left clear.

    ``raw`` shows the raster before the smoothing.
    """
    z, step = thin(grid.raw if raw else grid.elevation)
    unit = unit_of_height(grid, units)
    mask, _ = thin(grid.mask)
    x, y = centres(grid, step)
    shown = np.where(mask > 0, z, np.nan).astype(np.float32)
    figure = go.Figure(
        go.Heatmap(
            z=shown,
            x=x,
            y=y,
            colorscale=palette.ELEVATION,
            colorbar=colour_bar(unit),
            hovertemplate=height_format(grid, unit),
        )
    )
    lines, line_step = thin(shown, 180)
    figure.add_trace(
        go.Contour(
            z=lines,
            x=x[::line_step],
            y=y[::line_step],
            ncontours=14,
            contours={"coloring": "none"},
            line={"width": 0.7, "color": "rgba(20,24,32,0.55)"},
            showscale=False,
            hoverinfo="skip",
        )
    )
    return position_axes(figure, units, (grid.west, grid.south), (grid.east, grid.north), "elevation")


def arrows(
    x: np.ndarray,
    f: np.ndarray,
    units: Units,
    low: Sequence[float],
    high: Sequence[float],
    *,
    side: int = 22,
    top: float | None = None,
    length: Length = "size",
) -> go.Figure:
    """F as arrows: the samples (n, 2) nearest to the middles of a side x side lattice, coloured by |F| from 0 to
    ``top`` (the largest shown if None).

    Arrows show the direction on the screen; their length grows with the norm up to its 95 % quantile, or with its
    logarithm down to a hundredth of that, or is the same for all.
    """
    chosen = lattice(x, low, high, side)
    at, value = x[chosen].astype(np.float64), f[chosen].astype(np.float64)
    norm = np.linalg.norm(value, axis=1)
    form = value_format(value)
    cap = float(np.quantile(norm, 0.95)) or 1.0
    share = np.minimum(norm, cap) / cap
    if length == "log":
        share = np.clip(1 + np.log10(np.maximum(share, 1e-30)) / DECADES, 0.05, 1.0)
    elif length == "equal":
        share = np.where(norm > 0, 0.8, 0.0)
    direction = value / np.maximum(norm, 1e-30)[:, None] * share[:, None]
    figure = go.Figure(
        go.Quiver(
            x=float32(at[:, 0]),
            y=float32(at[:, 1]),
            u=float32(direction[:, 0]),
            v=float32(direction[:, 1]),
            arrowref="paper",
            anchor="center",
            lengthfactor=0.9,
            customdata=float32(value),
            marker={
                "color": float32(norm),
                "colorscale": palette.NORM,
                "cmin": 0.0,
                "cmax": top or float(norm.max()) or 1.0,
                "showscale": True,
                "colorbar": colour_bar(norm_title(units)),
                "line": {"width": 1.4},
            },
            hovertemplate=f"F = (%{{customdata[0]:{form}}}, %{{customdata[1]:{form}}}){in_unit(units.value)}"
            "<extra></extra>",
        )
    )
    return position_axes(figure, units, low, high, "arrows")


def norm_map(
    x: np.ndarray,
    f: np.ndarray,
    units: Units,
    low: Sequence[float],
    high: Sequence[float],
    *,
    bins: int = 160,
    top: float | None = None,
) -> go.Figure:
    """The mean of |F| over the samples (n, 2) in each of bins x bins cells of Omega's box; empty cells are clear."""
    return position_axes(go.Figure(norm_cells(x, f, units, low, high, bins, top)), units, low, high, "norm")


def largest(f: np.ndarray) -> float:
    """Where the colours of |F| end on maps that are compared: the 99.5 % quantile of the values (n, d)."""
    norm = np.linalg.norm(f, axis=1)
    return float(np.quantile(norm, 0.995)) if len(norm) and norm.max() > 0 else 1.0


def norm_cells(
    x: np.ndarray,
    f: np.ndarray,
    units: Units,
    low: Sequence[float],
    high: Sequence[float],
    bins: int,
    top: float | None = None,
) -> go.Heatmap:
    """The mean of |F| in each of bins x bins cells, coloured from 0 to ``top`` (the 99.5 % quantile if None)."""
    picture, x_mid, y_mid = mean_on_cells(x, np.linalg.norm(f, axis=1), low, high, bins)
    return go.Heatmap(
        z=picture,
        x=x_mid,
        y=y_mid,
        colorscale=palette.NORM,
        zmin=0.0,
        zmax=float(np.nanquantile(picture, 0.995)) if top is None else top,
        colorbar=colour_bar(norm_title(units)),
        hovertemplate=f"%{{x}}, %{{y}}<br>|F| = %{{z:{value_format(picture)}}}{in_unit(units.value)}<extra></extra>",
    )


def potential_map(
    x: np.ndarray, values: np.ndarray, units: Units, low: Sequence[float], high: Sequence[float], *, bins: int = 120
) -> go.Figure:
    """A scalar known at points (n, 2), such as the potential that F is the gradient of, with its level lines."""
    picture, x_mid, y_mid = mean_on_cells(x, values, low, high, bins)
    figure = go.Figure(
        go.Contour(
            z=picture,
            x=x_mid,
            y=y_mid,
            colorscale=palette.ELEVATION,
            ncontours=24,
            line={"width": 0.5, "color": "rgba(20,24,32,0.55)"},
            colorbar=colour_bar("potential"),
            hovertemplate=f"%{{x}}, %{{y}}<br>%{{z:{value_format(picture, 5)}}}<extra></extra>",
        )
    )
    return position_axes(figure, units, low, high, "potential")


FEWEST_BINS = 40  # of a side


def values_map(f: np.ndarray, units: Units, *, axes: tuple[int, int] = (0, 1), bins: int = 256) -> go.Figure:
    """Where F#rho lies: counts of the values (n, d) on two of their axes, as a picture; of few values in larger cells,
    or it would be dust."""
    bins = int(np.clip(np.sqrt(len(f) / 2), min(FEWEST_BINS, bins), bins))
    pair = np.stack([f[:, axes[0]], f[:, axes[1]]], axis=1)
    x_range, y_range = span(pair[:, 0], cut=0.0005), span(pair[:, 1], cut=0.0005)
    figure = go.Figure(counts(pair, x_range, y_range, bins))
    finish(figure, height=MAP_HEIGHT, revision="values")
    figure.update_xaxes(title=value_title(units, axes[0]), range=x_range, constrain="domain")
    figure.update_yaxes(
        title=value_title(units, axes[1]), range=y_range, scaleanchor="x", scaleratio=1, constrain="domain"
    )
    return figure


def mean_on_cells(
    x: np.ndarray, values: np.ndarray, low: Sequence[float], high: Sequence[float], bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of ``values`` (n,) over the points (n, 2) of each cell: picture (bins, bins), x and y of the middles.

    Cells without a point are NaN. The cells get coarser where there are few points a cell.
    """
    bins = int(np.clip(np.sqrt(len(x) / 8), 8, bins))
    limits = [(low[0], high[0]), (low[1], high[1])]
    number, x_edges, y_edges = np.histogram2d(x[:, 0], x[:, 1], bins=bins, range=limits)
    total, _, _ = np.histogram2d(x[:, 0], x[:, 1], bins=bins, range=limits, weights=values)
    with np.errstate(invalid="ignore", divide="ignore"):
        picture = (total / number).T
    return (
        np.ascontiguousarray(picture, dtype=np.float32),
        float32((x_edges[:-1] + x_edges[1:]) / 2),
        float32((y_edges[:-1] + y_edges[1:]) / 2),
    )


def lattice(x: np.ndarray, low: Sequence[float], high: Sequence[float], side: int) -> np.ndarray:
    """Indices of the points of (n, 2) nearest to the middles of side x side cells, one for each occupied cell."""
    low_, width = np.asarray(low, dtype=float), np.asarray(high, dtype=float) - np.asarray(low, dtype=float)
    place = (np.asarray(x, dtype=float) - low_) / np.where(width > 0, width, 1.0) * side
    inside = ((place >= 0) & (place <= side)).all(axis=1)
    index = np.flatnonzero(inside)
    cell = np.minimum(place[index].astype(int), side - 1)
    distance = np.linalg.norm(place[index] - cell - 0.5, axis=1)
    number = cell[:, 1] * side + cell[:, 0]
    order = np.lexsort((distance, number))
    _, first = np.unique(number[order], return_index=True)
    return np.asarray(index[order[first]])
