"""A training as it runs: grad u#rho as it forms, and which axis its curves want."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures.layout import span, with_unit
from npf_engine.figures.panels import Panel, overlay


def live_snapshot(pushforward: np.ndarray, target: np.ndarray, unit: str = "", *, most: int = 2000) -> go.Figure:
    """grad u#rho (n, d) as it forms, over F#rho (m, d), in F's unit: the first two axes; densities for d = 1."""
    titles = (with_unit("F₁", unit), with_unit("F₂", unit))
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
