"""A training as it runs: its curves, and grad u#rho as it forms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine.figures import palette
from npf_engine.figures.layout import finish, float32, span
from npf_engine.figures.panels import Panel, overlay

STAGE_COLOURS = {
    "u": palette.COLOURS["grad_u"],
    "v": palette.COLOURS["reconstruction"],
    "m": palette.COLOURS["m_network"],
    "inverse": palette.COLOURS["inverse"],
}
NOT_CURVES = ("step", "t", "rate", "total")
ACROSS = 2


def training_curves(
    history: Mapping[str, np.ndarray], stage: str, *, names: Mapping[str, str] | None = None
) -> go.Figure:
    """The scalars of one stage over its steps, one plot each: history has "step" (k,) and every scalar (k,), NaN where
    not told. A scalar that is positive and falls by more than a factor of twenty gets a logarithmic axis.

    ``names`` translates a scalar's key to a title.
    """
    step = float32(history.get("step", np.zeros(0)))
    keys = [key for key in history if key not in NOT_CURVES and np.isfinite(history[key]).any()]
    across = min(ACROSS, max(1, len(keys)))
    down = max(1, -(-len(keys) // across))
    titles = [(names or {}).get(key, key.replace("_", " ")) for key in keys]
    figure = make_subplots(rows=down, cols=across, subplot_titles=titles, horizontal_spacing=0.1, vertical_spacing=0.24)
    for number, key in enumerate(keys):
        row, col = number // across + 1, number % across + 1
        values = np.asarray(history[key], dtype=np.float32)
        told = np.isfinite(values)
        figure.add_trace(
            go.Scatter(
                x=step[told],
                y=values[told],
                mode="lines+markers" if told.sum() < 3 else "lines",
                line={"color": STAGE_COLOURS.get(stage, palette.COLOURS["floor"]), "width": 1.8},
                hovertemplate="step %{x}: %{y:.4g}<extra></extra>",
                showlegend=False,
            ),
            row=row,
            col=col,
        )
        if wants_log(values[told]):
            figure.update_yaxes(type="log", dtick=1, row=row, col=col)
        if row == down or number + across >= len(keys):
            figure.update_xaxes(title="step", row=row, col=col)
    return finish(figure, height=200 * down + 60, revision=f"curves_{stage}")


def live_snapshot(
    pushforward: np.ndarray, target: np.ndarray, titles: tuple[str, str] = ("F₁", "F₂"), *, most: int = 2000
) -> go.Figure:
    """grad u#rho (n, d) as it forms, over F#rho (m, d): the first two axes; densities for d = 1."""
    if target.shape[1] == 1:
        from npf_engine.figures.histograms import overlaid

        return overlaid({"field": target[:, 0], "grad_u": pushforward[:, 0]}, titles[0])
    ranges = (span(target[:, 0], cut=0.002, pad=0.1), span(target[:, 1], cut=0.002, pad=0.1))
    panels = [
        Panel("field", target[:most, :2], titles, ranges),
        Panel("grad_u", pushforward[:most, :2], titles, ranges),
    ]
    return overlay(panels, height=380, revision="snapshot")


def wants_log(values: np.ndarray) -> bool:
    """Whether a curve is read better on a logarithmic axis."""
    return bool(values.size > 2 and values.min() > 0 and values.max() > 20 * values.min())
