"""Points on a contour of g where its gradient takes a value, by type; and where particles start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.layout import float32

MARKS = {  # type -> symbol, colour
    "minimum": ("circle", palette.COLOURS["rho"]),
    "saddle": ("x", palette.COLOURS["inverse"]),
    "maximum": ("triangle-up", palette.COLOURS["trivial"]),
    "degenerate": ("diamond", palette.COLOURS["floor"]),
}


def add_points(figure: go.Figure, points: Sequence[tuple[Sequence[float], str]]) -> go.Figure:
    """Points (location, type) with a symbol of their type."""
    for kind in dict.fromkeys(kind for _, kind in points):
        places = np.array([place for place, other in points if other == kind], dtype=np.float64)
        symbol, colour = MARKS[kind]
        figure.add_trace(
            go.Scatter(
                x=float32(places[:, 0]),
                y=float32(places[:, 1]),
                mode="markers",
                name=kind,
                marker={"size": 12, "symbol": symbol, "color": colour, "line": {"width": 1.2, "color": "white"}},
                hovertemplate="%{x}, %{y}<extra>" + kind + "</extra>",
            )
        )
    return figure.update_layout(showlegend=True)


def add_start(figure: go.Figure, start: Sequence[float]) -> go.Figure:
    """A cross where all particles begin."""
    figure.add_trace(
        go.Scatter(
            x=float32([start[0]]),
            y=float32([start[1]]),
            mode="markers",
            name="start",
            marker={
                "size": 14,
                "symbol": "cross",
                "color": palette.COLOURS["inverse"],
                "line": {"width": 1.5, "color": "white"},
            },
            hovertemplate="%{x}, %{y}<extra>start</extra>",
        )
    )
    return figure.update_layout(showlegend=True)


def add_particles(figure: go.Figure, x: np.ndarray, name: str = "particles") -> go.Figure:
    """Particles x (P, 2), or other points by their ``name``, as dots."""
    figure.add_trace(
        go.Scatter(
            x=float32(x[:, 0]),
            y=float32(x[:, 1]),
            mode="markers",
            name=name,
            marker={"size": 6, "color": palette.COLOURS["rho"], "line": {"width": 0.6, "color": "white"}},
            hovertemplate=f"%{{x}}, %{{y}}<extra>{name.removesuffix('s')}</extra>",
        )
    )
    return figure.update_layout(showlegend=True)
