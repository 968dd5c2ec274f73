"""A point that is followed through several clouds: where it is in each, and where the stops before and after it are."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.layout import float32

INK, PAPER = "#16202B", "#FFFFFF"  # a dark rim around white: plain on every colour of a cloud, and on both grounds


def add_followed(
    figure: go.Figure, points: np.ndarray, walk: np.ndarray, index: int, aim: np.ndarray | None = None
) -> go.Figure:
    """On the cloud ``points`` (n, 2): small dots at the stops ``walk`` (k,), a large one at ``index``, and a ring at
    ``aim`` (2,) where the point should be."""
    figure.add_trace(_marks(points[walk], size=5, color=PAPER, line={"width": 1, "color": INK}, opacity=0.85))
    if aim is not None:
        ring = {"width": 3, "color": palette.COLOURS["field"]}
        figure.add_trace(_marks(aim[None], size=24, symbol="circle-open", color=palette.COLOURS["field"], line=ring))
    figure.add_trace(_marks(points[[index]], size=14, color=PAPER, line={"width": 4, "color": INK}))
    figure.data[0].hoverinfo = "none"  # with "skip" the cloud would hear no click
    for trace in figure.data:
        # A selected point dims all others by default.
        trace.unselected = {"marker": {"opacity": 0.85}}
    return figure


def _marks(points: np.ndarray, **marker: Any) -> go.Scattergl:
    return go.Scattergl(
        x=float32(points[:, 0]), y=float32(points[:, 1]), mode="markers", marker=marker, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
