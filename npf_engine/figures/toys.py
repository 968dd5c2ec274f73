"""Pictures of factorizations that are known exactly: clouds coloured by where their points come from, and graphs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.layout import finish, float32

HEIGHT = 320
REACH = 1.12  # of the axes, over the farthest coordinate


def cloud(points: np.ndarray, origin: np.ndarray, reach: float, key: str) -> go.Figure:
    """Points (n, 2) on equal axes from -reach to reach; ``origin`` (n,) of ``palette.origin_index``."""
    figure = go.Figure(
        go.Scattergl(
            x=float32(points[:, 0]),
            y=float32(points[:, 1]),
            mode="markers",
            marker={"size": 4, "color": origin, "colorscale": palette.origin_scale(), "cmin": 0, "cmax": 255},
            hovertemplate="%{x:.3g}, %{y:.3g}<extra></extra>",
            showlegend=False,
        )
    )
    finish(figure, height=HEIGHT, revision=f"toy_{key}")
    figure.update_layout(margin={"l": 4, "r": 4, "t": 8, "b": 8})
    figure.update_xaxes(range=[-reach, reach], constrain="domain")
    figure.update_yaxes(range=[-reach, reach], constrain="domain", scaleanchor="x", scaleratio=1)
    return figure


def reach_of(*clouds: np.ndarray) -> float:
    """The axes' end for clouds that are compared."""
    return REACH * max(1e-6, *(float(np.abs(points).max()) for points in clouds))


def lines(x: np.ndarray, graphs: Mapping[str, tuple[str, np.ndarray]], below: str, key: str) -> go.Figure:
    """Graphs over x (n,): name -> (object of the palette, values (n,)); ``below``: what x is."""
    figure = go.Figure()
    for name, (colour, values) in graphs.items():
        # a jump is no slope: the line is broken there
        step = np.abs(np.diff(values, prepend=values[:1]))
        shown = np.where(step > 0.2 * max(float(np.ptp(values)), 1e-300), np.nan, values)
        figure.add_trace(
            go.Scattergl(
                x=float32(x),
                y=float32(shown),
                mode="lines",
                name=name,
                line={"color": palette.COLOURS[colour], "width": 2.5},
                hovertemplate=f"%{{x:.3g}}<br>{name} %{{y:.4g}}<extra></extra>",
            )
        )
    finish(figure, height=HEIGHT, revision=f"toy_{key}", legend=True)
    figure.update_xaxes(title=below, range=[0, 1])
    return figure
