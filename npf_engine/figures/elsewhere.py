"""A selection of samples and the pre-images of its values on one map."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Grid
from npf_engine.figures import palette
from npf_engine.figures.inverse import contour_lines
from npf_engine.figures.layout import Extent, float32, position_axes


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
