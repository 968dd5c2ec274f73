"""A vector field on a grid: its length as colour and its direction as arrows, for maps that are compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Units
from npf_engine.figures import palette
from npf_engine.figures.layout import colour_bar, float32, in_unit, position_axes

HEIGHT = 310
ARROWS = 13  # along the longer side
HEAD = 0.35  # of an arrow's length
INK = "rgba(255,255,255,0.92)"


def length_of(fields: Sequence[np.ndarray]) -> float:
    """One end of the colours for fields (rows, cols, 2) that are compared: the 99 % quantile of all lengths."""
    lengths = np.concatenate([np.linalg.norm(field, axis=2).ravel() for field in fields])
    lengths = lengths[np.isfinite(lengths)]
    return float(np.quantile(lengths, 0.99)) if len(lengths) and lengths.max() > 0 else 1.0


def field_map(
    x: np.ndarray, y: np.ndarray, field: np.ndarray, units: Units, top: float, unit: str, key: str
) -> go.Figure:
    """field (rows, cols, 2) at x (cols,) and y (rows,): |field| up to ``top`` in ``unit``, and arrows of one length
    that say the direction; none where the field is below a hundredth of ``top``. The unit stands in what is pointed at:
    a title would give the maps of a row different frames."""
    size = np.linalg.norm(field, axis=2)
    figure = go.Figure(
        go.Heatmap(
            x=float32(x),
            y=float32(y),
            z=float32(size),
            zmin=0.0,
            zmax=top,
            colorscale=palette.NORM,
            colorbar=colour_bar("") | {"orientation": "h", "y": -0.1, "yanchor": "top", "nticks": 4},
            hovertemplate=f"{units.axes[0]} %{{x}}, {units.axes[1]} %{{y}}<br>%{{z:.4g}}{in_unit(unit)}<extra></extra>",
        )
    )
    shafts = _arrows(x, y, field, size > top / 100)
    figure.add_trace(
        go.Scatter(
            x=float32(shafts[:, 0]),
            y=float32(shafts[:, 1]),
            mode="lines",
            line={"color": INK, "width": 1.2},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    position_axes(figure, units, (float(x[0]), float(y[0])), (float(x[-1]), float(y[-1])), f"field_map_{key}")
    figure.update_layout(height=HEIGHT, margin={"l": 4, "r": 4, "t": 8, "b": 8})
    # panels in a row: the page's other maps name the axes, and so does the hover
    figure.update_xaxes(title=None, nticks=4)
    figure.update_yaxes(title=None)
    return figure


def _arrows(x: np.ndarray, y: np.ndarray, field: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Polylines (m, 2) with NaN between them: shafts with two strokes for a head, of equal length on a square frame."""
    step = max(1, max(len(x), len(y)) // ARROWS)
    rows, cols = np.arange(step // 2, len(y), step), np.arange(step // 2, len(x), step)
    at = np.stack(np.meshgrid(x[cols], y[rows]), axis=-1).reshape(-1, 2)
    vectors = field[np.ix_(rows, cols)].reshape(-1, 2)
    shown = there[np.ix_(rows, cols)].ravel()
    at, vectors = at[shown], vectors[shown]
    # directions are those of the components, one unit of length along each axis on the screen being the cell's
    cell = np.array([abs(x[-1] - x[0]) / max(len(x) - 1, 1), abs(y[-1] - y[0]) / max(len(y) - 1, 1)]) * step
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
    across = np.stack([-unit[:, 1], unit[:, 0]], axis=1)
    tail, tip = -0.36 * unit, 0.36 * unit
    left, right = (tip - HEAD * (0.72 * unit + side * 0.45 * across) for side in (1.0, -1.0))
    gap = np.full_like(tip, np.nan)
    strokes = np.stack([tail, tip, left, tip, right, gap], axis=1)
    return (at[:, None] + strokes * cell).reshape(-1, 2)
