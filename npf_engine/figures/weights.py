"""Weights of the classifier: what clouds of them achieve, where they lie, and one by its filters and answers."""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go

from npf_engine.figures import palette
from npf_engine.figures.landscape import MODE_COLOURS
from npf_engine.figures.layout import finish, float32, span


def weight_clouds(
    clouds: dict[str, np.ndarray], title: str, revision: str, bins: int = 50, log: bool = False
) -> go.Figure:
    """Histograms of one character (accuracy, loss, ...) of several clouds of weights, as outlines over each other."""
    figure = go.Figure()
    finite = [values[np.isfinite(values)] for values in clouds.values()]
    shown = [np.log10(np.maximum(values, 1e-12)) if log else values for values in finite]
    low, high = span(np.concatenate(shown), cut=0.002, pad=0.02)
    edges = np.linspace(low, high, bins + 1)
    for number, (name, values) in enumerate(zip(clouds, shown, strict=True)):
        count, _ = np.histogram(values, edges)
        share = 100 * count / max(1, len(values))
        at = (edges[:-1] + edges[1:]) / 2
        figure.add_trace(
            go.Scatter(x=float32(10**at if log else at), y=float32(share), mode="lines", name=name,
                       line={"shape": "hvh", "width": 2, "color": MODE_COLOURS[number % len(MODE_COLOURS)]})
        )  # fmt: skip
    finish(figure, height=300, revision=revision, legend=True)
    figure.update_xaxes(title=title)
    if log:
        figure.update_xaxes(type="log", tickvals=_decades(10**low, 10**high))
    figure.update_yaxes(title="share of weights (%)", rangemode="tozero")
    return figure


def _decades(low: float, high: float) -> list[float]:
    """Ticks at 1, 2 and 5 times powers of ten, or at the powers alone where those are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**k for k in powers for m in ((1, 2, 5) if len(powers) <= 3 else (1,))]


def coloured_embedding(
    points: np.ndarray, groups: dict[str, int], accuracy: np.ndarray, revision: str = "weights_tsne"
) -> go.Figure:
    """t-SNE of clouds of weights, points (n, 2), one after another (groups: name -> how many), coloured by accuracy."""
    figure = go.Figure()
    symbols = ("circle", "diamond", "cross", "square")
    at = 0
    for number, (name, count) in enumerate(groups.items()):
        part = slice(at, at + count)
        at += count
        figure.add_trace(
            go.Scatter(
                x=float32(points[part, 0]), y=float32(points[part, 1]), mode="markers", name=name,
                customdata=float32(100 * accuracy[part]),
                marker={"size": 8, "symbol": symbols[number % len(symbols)], "color": float32(100 * accuracy[part]),
                        "coloraxis": "coloraxis",
                        "line": {"width": 1, "color": MODE_COLOURS[number % len(MODE_COLOURS)]}},
                hovertemplate="accuracy %{customdata:.0f} %<extra>" + name + "</extra>",
            )
        )  # fmt: skip
    finish(figure, height=460, revision=revision, legend=True)
    figure.update_layout(coloraxis={"colorscale": palette.NORM, "cmin": 0, "cmax": 100, "colorbar": {
        "title": {"text": "test accuracy (%)", "side": "right"}, "thickness": 12, "len": 0.9}})  # fmt: skip
    figure.update_xaxes(title="t-SNE axis 1", showticklabels=False)
    figure.update_yaxes(title="t-SNE axis 2", showticklabels=False)
    return figure


def kernel(weights: np.ndarray, top: float) -> go.Figure:
    """One 5 x 5 filter, (5, 5), on a scale that is white at 0."""
    figure = go.Figure(
        go.Heatmap(z=float32(weights[::-1]), zmin=-top, zmax=top, colorscale="RdBu", showscale=False, xgap=1, ygap=1,
                   hovertemplate="%{z:.3f}<extra></extra>")
    )  # fmt: skip
    finish(figure, height=200, revision="kernel")
    figure.update_layout(margin={"l": 4, "r": 4, "t": 4, "b": 4})
    figure.update_xaxes(visible=False, constrain="domain")
    return figure.update_yaxes(visible=False, scaleanchor="x", constrain="domain")


def confusion(table: np.ndarray) -> go.Figure:
    """How often each digit is taken for which, (10, 10) counts: rows are the true digits, each to 100 %."""
    share = 100 * table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    digits = [str(digit) for digit in range(len(table))]
    figure = go.Figure(
        go.Heatmap(z=float32(share), x=digits, y=digits, zmin=0, zmax=100, colorscale=palette.NORM, xgap=1, ygap=1,
                   texttemplate="%{z:.0f}", textfont={"size": 10},
                   colorbar={"title": {"text": "%", "side": "right"}, "thickness": 10, "len": 0.9},
                   hovertemplate="a %{y} is taken for a %{x} in %{z:.1f} %<extra></extra>")
    )  # fmt: skip
    finish(figure, height=380, revision="confusion")
    figure.update_xaxes(title="answer", type="category", showgrid=False)
    return figure.update_yaxes(title="true digit", type="category", autorange="reversed", showgrid=False)
