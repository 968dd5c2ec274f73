"""Clouds on a torus or a sphere: flat, and in space, coloured by where their points come from."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.layout import finish, float32

HEIGHT = 340
STEPS = 49  # lines of a surface, each way
INSIDE = 0.86  # of the surface, so that it hides the points behind it and does not cut those before it
DIAGONAL = 1.8  # of a surface's box, in units of the camera: as wide as its panel
SKIN = "#C4CAD3"  # of the surface, light enough for every colour of a place, on white and on dark


def flat_cloud(points: np.ndarray, origin: np.ndarray, axes: tuple[str, str], ends: np.ndarray, key: str) -> go.Figure:
    """Points (n, 2) on axes with these ``ends`` (2, 2), low and high; ``origin`` (n,) of ``palette.origin_index``."""
    figure = go.Figure(
        go.Scattergl(
            x=float32(points[:, 0]),
            y=float32(points[:, 1]),
            mode="markers",
            marker={**_colours(origin), "size": 6},
            hovertemplate="%{x:.3g}, %{y:.3g}<extra></extra>",
            showlegend=False,
        )
    )
    finish(figure, height=HEIGHT, revision=f"round_{key}")
    figure.update_layout(margin={"l": 4, "r": 4, "t": 8, "b": 8})
    figure.update_xaxes(range=list(ends[0]), title=axes[0], constrain="domain")
    figure.update_yaxes(range=list(ends[1]), title=axes[1], constrain="domain", scaleanchor="x", scaleratio=1)
    return figure


def space_cloud(points: np.ndarray, origin: np.ndarray, surface: np.ndarray, key: str) -> go.Figure:
    """Points (n, 3) on a surface (3, rows, columns), which hides those behind it."""
    x, y, z = (float32(part) for part in surface)
    figure = go.Figure(
        [
            go.Surface(
                x=x,
                y=y,
                z=z,
                surfacecolor=np.zeros(surface.shape[1:], dtype=np.float32),
                colorscale=[[0.0, SKIN], [1.0, SKIN]],
                showscale=False,
                opacity=1.0,
                hoverinfo="skip",
                lighting={"ambient": 0.8, "diffuse": 0.35, "specular": 0.05},
            ),
            go.Scatter3d(
                x=float32(points[:, 0]),
                y=float32(points[:, 1]),
                z=float32(points[:, 2]),
                mode="markers",
                marker={**_colours(origin), "size": 4},
                hoverinfo="skip",
                showlegend=False,
            ),
        ]
    )
    finish(figure, height=HEIGHT, revision=f"round_{key}")
    hidden = {"visible": False}
    # one diagonal, whatever the surface: by its volume, as Plotly has it, a flat ring leaves its panel
    extents = np.ptp(surface.reshape(3, -1), axis=1)
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        scene={
            **dict.fromkeys(("xaxis", "yaxis", "zaxis"), hidden),
            "aspectmode": "manual",
            "aspectratio": dict(zip("xyz", map(float, DIAGONAL * extents / np.linalg.norm(extents)), strict=True)),
            "camera": {"eye": {"x": 0.95, "y": -0.95, "z": 1.3}, "center": {"x": 0.0, "y": 0.0, "z": -0.05}},
        },
        dragmode="orbit",
    )
    return figure


def ring(around: float, tube: float) -> np.ndarray:
    """The surface of a torus in space, (3, STEPS, STEPS)."""
    a, b = np.meshgrid(*[np.linspace(0, 2 * np.pi, STEPS)] * 2, indexing="ij")
    reach = around + INSIDE * tube * np.cos(a)
    return np.stack([reach * np.cos(b), reach * np.sin(b), INSIDE * tube * np.sin(a)])


def ball() -> np.ndarray:
    """The surface of the unit sphere, (3, STEPS, STEPS)."""
    a, b = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, STEPS), np.linspace(0, 2 * np.pi, STEPS), indexing="ij")
    return INSIDE * np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)])


def _colours(origin: np.ndarray) -> dict[str, object]:
    return {"color": origin, "colorscale": palette.origin_scale(), "cmin": 0, "cmax": 255}
