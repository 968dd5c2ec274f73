"""Pre-images of one gradient: drawn and exact, on the map or on the graph of F; and how far each way of finding
misses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Grid, Units
from npf_engine.figures import palette
from npf_engine.figures.layout import (
    MAP_HEIGHT,
    Extent,
    finish,
    float32,
    framed_alike,
    place_format,
    position_axes,
    position_title,
    thin,
    value_format,
    with_unit,
)
from npf_engine.figures.shares import add_places
from npf_engine.figures.terrain import centres, height_format, unit_of_height
from npf_engine.numbers import number

RUNGS = {  # key of the ladder -> (label, colour)
    "exact": ("exact, from our draws", "inverse"),
    "ours": ("our draws", "inverse"),
    "nearest": ("nearest samples in M", "m"),
    "random": ("random places", "trivial"),
}
REACHED = 0.01  # of F's spread: a draw that is carried on and misses by more has not arrived
LEAST = 1e-4  # shown for what misses by less


def miss_ladder(ladder: Mapping[str, float]) -> go.Figure:
    """The mean miss over F's spread, for each way of finding pre-images, on a logarithmic axis."""
    figure = go.Figure()
    labels = []
    for key, (label, colour) in RUNGS.items():
        if key not in ladder:
            continue
        if key == "exact" and ladder[key] > REACHED:
            label = "our draws, carried on"  # nothing exact came of them
        labels.append(label)
        figure.add_trace(
            go.Bar(
                x=float32([max(ladder[key], 1.05 * LEAST) - LEAST]),
                y=[label],
                base=LEAST,
                orientation="h",
                marker={"color": palette.COLOURS[colour], "opacity": 1.0 if key == "exact" else 0.75},
                text=[number(ladder[key], 2) if ladder[key] >= LEAST else f"below {LEAST:g}"],
                textposition="outside",
                hovertemplate=f"{label}: {number(ladder[key])} of F's spread<extra></extra>",
                showlegend=False,
            )
        )
    finish(figure, height=70 + 44 * len(labels), revision="miss_ladder")
    # A bar's number stands to the right of it: half a decade is kept free for the longest one's.
    top = max(1.0, 0.5 + max(math.log10(max(miss, LEAST)) for miss in ladder.values()))
    ticks = [10.0**power for power in range(-4, math.floor(top) + 1)]
    figure.update_xaxes(
        type="log",
        title="mean |F(x) − v| / spread of F",
        range=[-4, top],
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
    )
    figure.update_yaxes(categoryorder="array", categoryarray=labels[::-1], showgrid=False)
    return figure


@dataclass(frozen=True)
class Exact:
    """What F itself says, where it can be asked. levels: lines (k, 2) on which F1 and F2 have the gradient's values,
    NaN between pieces; places: the exact pre-images (k, d) and the share of the draws at each (k,)."""

    levels: tuple[np.ndarray, np.ndarray] | None = None
    places: tuple[np.ndarray, np.ndarray] | None = None


def preimage_map(
    x: np.ndarray,
    point: np.ndarray,
    where: Extent,
    *,
    axes: tuple[int, int] = (0, 1),
    grid: Grid | None = None,
    backdrop: np.ndarray | None = None,
    chosen: np.ndarray | None = None,
    exact: Exact | None = None,
) -> go.Figure:
    """Drawn pre-images x (n, d) of one gradient over the terrain (``grid``) or over points of rho (``backdrop`` (m,
    d)).

    ``point`` (d,) is grad u*(gradient), where M puts all of them; ``chosen`` (d,) the position that was clicked.
    With exact places the draws are faint.
    """
    figure, exact, low, high = go.Figure(), exact or Exact(), np.asarray(where.low), np.asarray(where.high)
    if grid is not None:
        figure.add_trace(_relief(grid, where.units))
    elif backdrop is not None:
        figure.add_trace(
            go.Scattergl(
                x=float32(backdrop[:, axes[0]]),
                y=float32(backdrop[:, axes[1]]),
                mode="markers",
                marker={"size": 2.5, "color": palette.COLOURS["rho"], "opacity": 0.4},
                name="ρ",
                hovertemplate="%{x}, %{y}<extra>a sample of ρ</extra>",
            )
        )
    for line, name, dash in zip(exact.levels or (), ("F₁ as asked", "F₂ as asked"), ("solid", "dash"), strict=False):
        if np.isfinite(line).any():
            figure.add_trace(_line(line, name, dash))
    faint = exact.places is not None and len(exact.places[0]) > 0
    figure.add_trace(_draws(x[:, axes[0]], x[:, axes[1]], faint))
    if exact.places is not None and faint:
        add_places(figure, *exact.places, axes, (low, high))
    for name, place, symbol in (("∇u*(v)", point, "cross"), ("clicked", chosen, "circle-open")):
        drawn = place is chosen or bool(((point >= low) & (point <= high)).all())
        if place is not None and drawn:  # off the map it would be in the legend alone
            figure.add_trace(_mark(place[axes[0]], place[axes[1]], name, symbol))
    position_axes(figure, where.units, where.low, where.high, "preimages", axes)
    figure.update_layout(showlegend=True)
    return framed_alike(figure)


def preimage_graph(
    x: np.ndarray,
    point: float,
    chosen: float | None,
    x_all: np.ndarray,
    f_all: np.ndarray,
    value: float,
    units: Units,
    places: tuple[np.ndarray, np.ndarray] | None = None,
) -> go.Figure:
    """d = 1: the graph of F (x_all, f_all (m,)), the level ``value``, the drawn pre-images x (n,) on it and the exact
    ones with their shares, (k, 1) and (k,)."""
    order = np.argsort(x_all, kind="stable")
    figure = go.Figure(
        go.Scatter(
            x=float32(x_all[order]),
            y=float32(f_all[order]),
            mode="lines",
            line={"color": palette.COLOURS["field"], "width": 2},
            name="F",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=float32(x),
            y=np.full(len(x), value, dtype=np.float32),
            mode="markers",
            marker={"size": 6, "color": palette.COLOURS["inverse"], "opacity": 0.5},
            name="draws",
        )
    )
    if places is not None and len(places[0]):
        add_places(figure, np.hstack([places[0], np.full_like(places[0], value)]), places[1])
    figure.add_trace(_mark(point, value, "∇u*(v)", "cross"))
    if chosen is not None:
        figure.add_trace(_mark(chosen, value, "clicked", "circle-open"))
    finish(figure, height=MAP_HEIGHT, revision="preimage_graph", legend=True)
    figure.update_xaxes(title=position_title(units, 0), hoverformat=place_format(x_all.min(), x_all.max()))
    figure.update_yaxes(title=with_unit("F", units.value), hoverformat=value_format(f_all))
    return figure


def _draws(x: np.ndarray, y: np.ndarray, faint: bool) -> go.Scattergl:
    """Drawn pre-images on a map."""
    return go.Scattergl(
        x=float32(x),
        y=float32(y),
        mode="markers",
        marker={
            "size": 5 if faint else 6,
            "color": palette.COLOURS["inverse"],
            "opacity": 0.75,
            "line": {"width": 0.4 if faint else 0.6, "color": "rgba(255,255,255,0.8)"},
        },
        name="draws",
        hovertemplate="%{x}, %{y}<extra>draw</extra>",
    )


def _line(line: np.ndarray, name: str, dash: str) -> go.Scattergl:
    """A level line over the map: thin, in the colour of F."""
    return go.Scattergl(
        x=float32(line[:, 0]),
        y=float32(line[:, 1]),
        mode="lines",
        line={"color": palette.COLOURS["field"], "width": 1.6, "dash": dash},
        name=name,
        hoverinfo="skip",
    )


def _relief(grid: Grid, units: Units) -> go.Heatmap:
    """The elevation in muted colours: what lies on top is the message."""
    z, step = thin(np.where(grid.mask, grid.elevation, np.nan), 300)
    x, y = centres(grid, step)
    return go.Heatmap(
        z=z,
        x=x,
        y=y,
        colorscale=palette.ELEVATION,
        opacity=0.55,
        showscale=False,
        hovertemplate=height_format(grid, unit_of_height(grid, units)),
        name="elevation",
    )


def behind(grid: Grid | None, units: Units) -> str:
    """What ``preimage_map`` has behind the draws, and what its colours are."""
    if grid is None:
        return "Small dots behind are samples of ρ."
    z = grid.elevation[grid.mask]
    low, high = (number(float(edge)) for edge in (z.min(), z.max()))
    return f"Behind is the elevation, from {low} (dark) to {high} {unit_of_height(grid, units)} (light)."


def _mark(x: float, y: float, name: str, symbol: str) -> go.Scatter:
    return go.Scatter(
        x=float32([x]),
        y=float32([y]),
        mode="markers",
        marker={"size": 13, "symbol": symbol, "color": palette.COLOURS["grad_u"], "line": {"width": 2.5}},
        name=name,
        hovertemplate="%{x}, %{y}<extra>" + name + "</extra>",
    )
