"""A selection of samples and the pre-images of its values on one map."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Grid
from npf_engine.figures import palette
from npf_engine.figures.inverse import contour_lines
from npf_engine.figures.layout import Extent, finish, float32, position_axes, span


def elsewhere_map(
    x: np.ndarray,
    drawn: np.ndarray,
    where: Extent,
    *,
    axes: tuple[int, int] = (0, 1),
    grid: Grid | None = None,
    outline: np.ndarray | None = None,
) -> go.Figure:
    """Selected places x (n, d) and places drawn (n, d) with the same values; ``outline`` (k, 2): the polygon, where it
    was drawn on this map."""
    figure = go.Figure()
    if grid is not None:
        figure.add_trace(contour_lines(grid))
    for points, name, key, size in ((drawn, "drawn for its values", "inverse", 4.5), (x, "selected", "rho", 3.5)):
        figure.add_trace(
            go.Scattergl(
                x=float32(points[:, axes[0]]),
                y=float32(points[:, axes[1]]),
                mode="markers",
                marker={"size": size, "color": palette.COLOURS[key], "opacity": 0.7},
                name=name,
                hovertemplate=f"%{{x}}, %{{y}}<extra>{name}</extra>",
            )
        )
    if outline is not None:
        closed = np.vstack([outline, outline[:1]])
        figure.add_trace(
            go.Scatter(
                x=float32(closed[:, 0]),
                y=float32(closed[:, 1]),
                mode="lines",
                line={"color": palette.COLOURS["rho"], "width": 2},
                name="drawn on Factorization",
                hoverinfo="skip",
                showlegend=False,
            )
        )
    position_axes(figure, where.units, where.low, where.high, "elsewhere", axes)
    figure.update_layout(showlegend=True)
    return figure


def lit_points(plane: np.ndarray, lit: np.ndarray, titles: tuple[str, str], key: str) -> go.Figure:
    """A cloud on two axes (n, 2), grey, with the points where lit (n,) bool holds in the colour of ``key``."""
    figure = go.Figure()
    for part, name, colour, size in (
        (plane[~lit], "the others", "floor", 2.5),
        (plane[lit], "selected", key, 4.5),
    ):
        figure.add_trace(
            go.Scattergl(
                x=float32(part[:, 0]),
                y=float32(part[:, 1]),
                mode="markers",
                marker={"size": size, "color": palette.COLOURS[colour], "opacity": 0.4 if colour == "floor" else 0.9},
                name=name,
                hoverinfo="skip",
            )
        )
    finish(figure, height=360, revision=f"lit_{key}", legend=True)
    figure.update_xaxes(title=titles[0], range=span(plane[:, 0], cut=0.0), constrain="domain")
    figure.update_yaxes(title=titles[1], range=span(plane[:, 1], cut=0.0), constrain="domain")
    return figure
