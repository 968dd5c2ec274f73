"""The potential u: a surface over two axes, a curve for d = 1."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.layout import finish, float32, place_format, value_format


def potential_surface(x: np.ndarray, y: np.ndarray, u: np.ndarray, titles: tuple[str, str]) -> go.Figure:
    """u as a surface: x (cols,), y (rows,), u (rows, cols), with its level lines drawn on it."""
    figure = go.Figure(
        go.Surface(
            x=float32(x),
            y=float32(y),
            z=float32(u),
            colorscale=[[0.0, "#3D2A66"], [0.5, palette.COLOURS["potential"]], [1.0, "#E9DDFB"]],
            showscale=False,  # the colour is the height, which its axis tells; the room is needed on narrow screens
            contours={"z": {"show": True, "color": "rgba(20,24,32,0.45)", "width": 1, **_levels(u)}},
            lighting={"ambient": 0.72, "diffuse": 0.5, "specular": 0.08},
            hovertemplate=f"%{{x:{place_format(x.min(), x.max())}}}, %{{y:{place_format(y.min(), y.max())}}}"
            f"<br>u = %{{z:{value_format(u)}}}<extra></extra>",
        )
    )
    finish(figure, height=460, revision="surface")
    figure.update_layout(
        scene={
            "xaxis": {"title": titles[0]},
            "yaxis": {"title": titles[1]},
            "zaxis": {"title": "u"},
            "aspectmode": "manual",
            "aspectratio": {"x": 1.0, "y": 1.0, "z": 0.7},
            "camera": {"eye": {"x": 1.6, "y": -1.72, "z": 1.0}, "center": {"x": 0, "y": 0, "z": -0.15}},
        },
        dragmode="orbit",
    )
    return figure


def _levels(u: np.ndarray) -> dict[str, float]:
    low, high = float(np.min(u)), float(np.max(u))
    step = (high - low) / 14 if high > low else 1.0
    return {"start": low, "end": high, "size": step}
