"""Pictures and their colours: before and after, the palette of each as points of the RGB cube, and sheets of digits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine.figures.layout import CLEAR, finish, float32
from npf_engine.figures.palette import COLOURS

MOST_SHOWN = 900  # pixels across: a page shows no more
MOST_POINTS = 4000
FEW = 8  # colours: their points are drawn large, or one would not be seen
BINS = 4  # bits a channel in the colours of points: 4096 colours, so that one index a point tells its colour


def pictures(named: Mapping[str, np.ndarray], *, width: int = 1000) -> go.Figure:
    """Pictures (h, w, 3) uint8 side by side with their names above; as high as they are on a page of this width."""
    figure = make_subplots(rows=1, cols=len(named), subplot_titles=list(named), horizontal_spacing=0.02)
    tallest = 0.0
    for col, rgb in enumerate(named.values(), start=1):
        shown = _shrunk(rgb)
        tallest = max(tallest, shown.shape[0] / shown.shape[1])
        figure.add_trace(go.Image(z=shown, hoverinfo="skip"), row=1, col=col)
    finish(figure, height=int(60 + width / len(named) * min(tallest, 1.5)), revision="pictures")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def palette(rgb: np.ndarray, name: str, *, height: int = 330, seed: int = 0) -> go.Figure:
    """The colours of a picture (h, w, 3) uint8 as points of the RGB cube, each in its own colour.

    ``height``: of the figure; in a column that is narrower than that, the names of the axes would be cut.
    """
    flat = rgb.reshape(-1, 3)
    points = flat[np.random.default_rng(seed).integers(len(flat), size=min(MOST_POINTS, len(flat)))]
    figure = finish(go.Figure(_cloud(points)), height=height, revision=f"palette_{name}")
    lines = COLOURS["floor"]  # a scene's theme draws none on white
    axis = {
        "range": [0, 255],
        "tickvals": [0, 255],
        "backgroundcolor": CLEAR,
        "gridcolor": lines,
        "zerolinecolor": lines,
        "linecolor": lines,
    }
    figure.update_scenes(
        xaxis=axis | {"title": {"text": "R"}},
        yaxis=axis | {"title": {"text": "G"}},
        zaxis=axis | {"title": {"text": "B"}},
        aspectmode="cube",
        camera={"eye": {"x": 2.5, "y": 2.1, "z": 1.5}},
    )
    figure.update_layout(dragmode="orbit")
    return figure


def digit_sheet(images: np.ndarray, *, columns: int = 8, side: int = 28) -> go.Figure:
    """Images (n, side * side) in [0, 1] on one sheet, row by row; missing places stay clear."""
    n = len(images)
    rows = -(-n // columns)
    sheet = np.full((rows * columns, side + 1, side + 1), np.nan, dtype=np.float32)
    sheet[:n, :side, :side] = np.asarray(images, dtype=np.float32).reshape(n, side, side)
    grid = sheet.reshape(rows, columns, side + 1, side + 1).transpose(0, 2, 1, 3)
    figure = go.Figure(
        go.Heatmap(
            z=float32(grid.reshape(rows * (side + 1), columns * (side + 1))),
            zmin=0,
            zmax=1,
            colorscale=[[0.0, "#000000"], [1.0, "#FFFFFF"]],
            showscale=False,
            hoverinfo="skip",
        )
    )
    finish(figure, height=int(40 + 60 * rows), revision="digits")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, autorange="reversed", scaleanchor="x")
    return figure


def _cloud(points: np.ndarray) -> go.Scatter3d:
    """Points (n, 3) uint8 in their own colours, through a colour scale over the cells of the cube."""
    cell = (points >> (8 - BINS)).astype(np.int64)
    code = (cell[:, 0] << (2 * BINS)) | (cell[:, 1] << BINS) | cell[:, 2]
    used, index = np.unique(code, return_inverse=True)
    last = max(1, len(used) - 1)
    half = 1 << (7 - BINS)
    scale = []
    for place, value in enumerate(used):
        channels = [((int(value) >> (shift * BINS)) % (1 << BINS) << (8 - BINS)) + half for shift in (2, 1, 0)]
        scale.append((place / last, f"rgb({channels[0]},{channels[1]},{channels[2]})"))
    if len(scale) == 1:
        scale = [(0.0, scale[0][1]), (1.0, scale[0][1])]
    return go.Scatter3d(
        x=float32(points[:, 0]),
        y=float32(points[:, 1]),
        z=float32(points[:, 2]),
        mode="markers",
        marker={
            "size": 9 if len(used) <= FEW else 2.5,
            "color": float32(index.reshape(-1)),
            "colorscale": scale,
            "cmin": 0,
            "cmax": last,
        },
        hovertemplate="red %{x:.0f}, green %{y:.0f}, blue %{z:.0f}<extra></extra>",
    )


def _shrunk(rgb: np.ndarray) -> np.ndarray:
    """Every k-th pixel, so that at most MOST_SHOWN remain on the longer side."""
    step = -(-max(rgb.shape[:2]) // MOST_SHOWN)
    return np.ascontiguousarray(rgb[::step, ::step])
