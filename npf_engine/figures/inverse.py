"""Going back: the relocation map (Figure 2 of the paper), pre-images of one gradient, the t-SNE overlay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Grid, Units
from npf_engine.figures import palette
from npf_engine.figures.layout import (
    MAP_HEIGHT,
    colour_bar,
    finish,
    float32,
    norm_title,
    position_axes,
    position_title,
    span,
    thin,
)
from npf_engine.figures.panels import Panel, overlay
from npf_engine.figures.terrain import centres, norm_cells

INK = "rgba(128,136,148,0.55)"  # thin lines, on white and on dark


def norm_points(
    x: np.ndarray,
    f: np.ndarray,
    units: Units,
    low: Sequence[float],
    high: Sequence[float],
    *,
    top: float,
    axes: tuple[int, int] = (0, 1),
    grid: Grid | None = None,
    revision: str = "norm_points",
    size: float = 4.0,
) -> go.Figure:
    """Points (n, d) coloured by |F| (values (n, d)), from 0 to ``top``: one half of the relocation map.

    Drawn as separate points, so that one can be clicked; ``customdata`` is F there. A raster adds its contour lines.
    """
    norm = np.linalg.norm(f, axis=1)
    figure = go.Figure(
        go.Scattergl(
            x=float32(x[:, axes[0]]),
            y=float32(x[:, axes[1]]),
            mode="markers",
            marker={
                "size": size,
                "color": float32(norm),
                "colorscale": palette.NORM,
                "cmin": 0.0,
                "cmax": top,
                "colorbar": colour_bar(norm_title(units)),
            },
            customdata=float32(f[:, :4]),
            hovertemplate="%{x:.4f}, %{y:.4f}<br>|F| = %{marker.color:.3g}<extra>click: where else?</extra>",
            selected={"marker": {"opacity": 1.0}},
            unselected={"marker": {"opacity": 1.0}},
            showlegend=False,
        )
    )
    if grid is not None:
        figure.add_trace(contour_lines(grid))
    return position_axes(figure, units, low, high, revision, axes)


def relocated_picture(
    x: np.ndarray, f: np.ndarray, units: Units, low: Sequence[float], high: Sequence[float], *, top: float
) -> go.Figure:
    """Mean |F| over cells of Omega, F (n, 2) carried by the points x (n, 2): where dots would hide each other."""
    cells = norm_cells(x, f, units, low, high, 120, top)
    return position_axes(go.Figure(cells), units, low, high, "relocated_picture")


def preimage_map(
    x: np.ndarray,
    point: np.ndarray,
    units: Units,
    low: Sequence[float],
    high: Sequence[float],
    *,
    axes: tuple[int, int] = (0, 1),
    grid: Grid | None = None,
    backdrop: np.ndarray | None = None,
    chosen: np.ndarray | None = None,
) -> go.Figure:
    """Pre-images x (n, d) of one gradient over the terrain (``grid``) or over points of rho (``backdrop`` (m, d)).

    ``point`` (d,) is grad u*(gradient), where M puts all of them; ``chosen`` (d,) the position that was clicked.
    """
    figure = go.Figure()
    if grid is not None:
        figure.add_trace(_relief(grid))
    elif backdrop is not None:
        figure.add_trace(
            go.Scattergl(
                x=float32(backdrop[:, axes[0]]),
                y=float32(backdrop[:, axes[1]]),
                mode="markers",
                marker={"size": 2.5, "color": palette.COLOURS["rho"], "opacity": 0.18},
                name="ρ",
                hoverinfo="skip",
            )
        )
    figure.add_trace(
        go.Scattergl(
            x=float32(x[:, axes[0]]),
            y=float32(x[:, axes[1]]),
            mode="markers",
            marker={
                "size": 6,
                "color": palette.COLOURS["inverse"],
                "opacity": 0.75,
                "line": {"width": 0.6, "color": "rgba(255,255,255,0.8)"},
            },
            name="pre-images",
            hovertemplate="%{x:.4f}, %{y:.4f}<extra>pre-image</extra>",
        )
    )
    for name, where, symbol in (("∇u* of the gradient", point, "cross"), ("clicked", chosen, "circle-open")):
        if where is not None:
            figure.add_trace(_mark(where[axes[0]], where[axes[1]], name, symbol))
    position_axes(figure, units, low, high, "preimages", axes)
    figure.update_layout(showlegend=True)
    return figure


def preimage_graph(
    x: np.ndarray, point: float, chosen: float | None, x_all: np.ndarray, f_all: np.ndarray, value: float, units: Units
) -> go.Figure:
    """d = 1: the graph of F (x_all, f_all (m,)), the level ``value``, and the pre-images x (n,) on it."""
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
            name="pre-images",
        )
    )
    figure.add_trace(_mark(point, value, "∇u* of the gradient", "cross"))
    if chosen is not None:
        figure.add_trace(_mark(chosen, value, "clicked", "circle-open"))
    finish(figure, height=MAP_HEIGHT, revision="preimage_graph", legend=True)
    figure.update_xaxes(title=position_title(units, 0))
    figure.update_yaxes(title=f"F ({units.value})" if units.value else "F")
    return figure


def embedding(points: np.ndarray, first: int, keys: tuple[str, str]) -> go.Figure:
    """t-SNE of two clouds drawn over each other: points (n, 2), the first ``first`` of them of ``keys[0]``."""
    titles = ("t-SNE axis 1", "t-SNE axis 2")
    ranges = (span(points[:, 0], cut=0.0), span(points[:, 1], cut=0.0))
    parts = (points[:first], points[first:])
    panels = [Panel(key, part, titles, ranges) for key, part in zip(keys, parts, strict=True)]
    return overlay(panels, size=4.5, height=440, revision="embedding_" + "_".join(keys))


def contour_lines(grid: Grid) -> go.Contour:
    """Thin contour lines of the elevation, to find one's way by."""
    z, step = thin(np.where(grid.mask, grid.elevation, np.nan), 160)
    x, y = centres(grid, step)
    return go.Contour(
        z=z,
        x=x,
        y=y,
        ncontours=10,
        contours={"coloring": "none"},
        line={"width": 0.8, "color": INK},
        showscale=False,
        hoverinfo="skip",
    )


def _relief(grid: Grid) -> go.Heatmap:
    """The elevation in muted colours: what lies on top is the message."""
    z, step = thin(np.where(grid.mask, grid.elevation, np.nan), 300)
    x, y = centres(grid, step)
    return go.Heatmap(
        z=z, x=x, y=y, colorscale=palette.ELEVATION, opacity=0.55, showscale=False, hoverinfo="skip", name="elevation"
    )


def _mark(x: float, y: float, name: str, symbol: str) -> go.Scatter:
    return go.Scatter(
        x=float32([x]),
        y=float32([y]),
        mode="markers",
        marker={"size": 13, "symbol": symbol, "color": palette.COLOURS["grad_u"], "line": {"width": 2.5}},
        name=name,
        hovertemplate="%{x:.4f}, %{y:.4f}<extra>" + name + "</extra>",
    )
