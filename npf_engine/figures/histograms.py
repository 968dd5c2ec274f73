"""Histograms: the components of F, its norm, and the cosine of NPF 5.1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine.figures import palette
from npf_engine.figures.layout import (
    MAP_HEIGHT,
    finish,
    float32,
    place_format,
    span,
    subscript,
    with_unit,
)
from npf_engine.numbers import number as number_text

MOST_COMPONENTS = 6


def component_histograms(f: np.ndarray, unit: str = "", *, bins: int = 80) -> go.Figure:
    """How each component of F (n, d), in ``unit``, and its norm are distributed; at most six components, then the
    norm."""
    d = min(f.shape[1], MOST_COMPONENTS)
    columns = [(f"F{subscript(axis + 1)}", f[:, axis]) for axis in range(d)]
    if f.shape[1] > 1:
        columns.append(("|F|", np.linalg.norm(f, axis=1)))
    across = min(len(columns), 4)
    down = -(-len(columns) // across)
    figure = make_subplots(rows=down, cols=across, horizontal_spacing=0.07, vertical_spacing=0.2)
    for number, (name, values) in enumerate(columns):
        row, col = number // across + 1, number % across + 1
        middle, height = share(values, bins)
        figure.add_trace(_bars(middle, height, palette.COLOURS["field"], name), row=row, col=col)
        # below the name and small: beside it, three would touch on a narrow screen
        below = f'<br><span style="font-size:10px">{unit}</span>' if unit else ""
        figure.update_xaxes(title=name + below, nticks=5, row=row, col=col)
    figure.update_yaxes(title="share of samples (%)", col=1)
    return finish(figure, height=(245 if unit else 230) * down + 40, revision="histograms")


def component_column(f: np.ndarray, unit: str = "", *, bins: int = 80) -> go.Figure:
    """``component_histograms`` of F (n, 2), below each other and together as high as a map beside them."""
    columns = [(f"F{subscript(axis + 1)}", f[:, axis]) for axis in range(2)] + [("|F|", np.linalg.norm(f, axis=1))]
    figure = make_subplots(rows=3, cols=1, vertical_spacing=0.16)
    for row, (name, values) in enumerate(columns, start=1):
        figure.add_trace(_bars(*share(values, bins), palette.COLOURS["field"], name), row=row, col=1)
        figure.update_xaxes(title=with_unit(name, unit), row=row, col=1)
    figure.update_yaxes(title="share (%)", nticks=4)
    return finish(figure, height=MAP_HEIGHT, revision="histograms")


def shares_within(
    values: np.ndarray, title: str, marks: Sequence[tuple[str, float, float, str]], *, least: float, colour: str
) -> go.Figure:
    """Which share of the ``values`` (n,) is at most so large, on a logarithmic axis that begins at ``least``.

    marks: (name, value, share, colour) of points that are named; the curve has the colour of the object ``colour``.
    """
    x = np.maximum(np.sort(np.abs(np.asarray(values, dtype=np.float64))), least)
    up = 100.0 * np.arange(1, len(x) + 1) / max(1, len(x))
    kept = np.unique(np.linspace(0, len(x) - 1, 400).round().astype(int)) if len(x) else np.zeros(0, dtype=int)
    figure = go.Figure(
        go.Scatter(
            x=float32(x[kept]),
            y=float32(up[kept]),
            mode="lines",
            line={"color": palette.COLOURS[colour], "width": 2.5},
            hovertemplate="%{y:.0f} % within %{x:.2~g}<extra></extra>",
            showlegend=False,
        )
    )
    for name, at, height, key in marks:
        figure.add_trace(
            go.Scatter(
                x=float32([max(at, least)]),
                y=float32([100 * height]),
                mode="markers",
                name=name,
                marker={"size": 11, "color": palette.COLOURS[key]},
                hovertemplate=name + "<extra></extra>",
            )
        )
    finish(figure, height=MAP_HEIGHT, revision="shares_within", legend=True)
    top = max([least, *x[-1:]])
    ticks = [least * 10.0**power for power in range(math.ceil(math.log10(top / least)) + 1)]
    figure.update_xaxes(type="log", title=title, tickvals=ticks, ticktext=[number_text(tick) for tick in ticks])
    figure.update_yaxes(title="share (%)", range=[0, 102])
    return figure


def cosine_histogram(cosine: np.ndarray, *, trivial: float | None = None, bins: int = 60) -> go.Figure:
    """Distribution of cos(F(I_psi(grad u*(F(x)))), F(x)), (n,), with its mean and the best constant direction."""
    middle, height = share(cosine, bins, (-1.0, 1.0))
    figure = go.Figure(_bars(middle, height, palette.COLOURS["inverse"], "cosine"))
    mean = float(np.mean(cosine))
    top = float(height.max())
    lines = [("mean", mean, palette.COLOURS["inverse"])]
    if trivial is not None:
        lines.append(("one fixed direction", trivial, palette.COLOURS["trivial"]))
    for number, (name, at, colour) in enumerate(lines):
        figure.add_trace(
            go.Scatter(
                x=float32([at, at]),
                y=float32([0, top * 1.08]),
                mode="lines",
                line={"color": colour, "width": 2, "dash": "solid" if number == 0 else "dash"},
                name=f"{name} {at:.2f}",
                hoverinfo="name",
                showlegend=True,
            )
        )
    finish(figure, height=320, revision="cosine", legend=True)
    figure.update_xaxes(title="cosine between F at the pre-image and F asked for", range=[-1.02, 1.02])
    figure.update_yaxes(title="share of samples (%)")
    return figure


def overlaid(samples: Mapping[str, np.ndarray], title: str, *, bins: int = 80) -> go.Figure:
    """Densities of several one-dimensional laws over each other: object key -> (n,) values."""
    limits = span(np.concatenate([values.ravel() for values in samples.values()]), cut=0.001, pad=0.02)
    figure = go.Figure()
    for key, values in samples.items():
        middle, height = share(values, bins, limits)
        figure.add_trace(
            go.Scatter(
                x=middle,
                y=height,
                mode="lines",
                line={"color": palette.COLOURS[key], "width": 2, "shape": "hvh"},
                name=palette.TITLES[key],
            )
        )
    finish(figure, height=320, revision="laws", legend=True)
    figure.update_xaxes(title=title)
    figure.update_yaxes(title="share of samples (%)", rangemode="tozero")
    return figure


def share(values: np.ndarray, bins: int, limits: tuple[float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Middles (bins,) and per cent of the values in each bin; without limits, from the 0.1 % to the 99.9 % quantile."""
    values = np.asarray(values, dtype=np.float64).ravel()
    low, high = limits or span(values, cut=0.001, pad=0.01)
    number, edges = np.histogram(values, bins=bins, range=(low, high))
    return float32((edges[:-1] + edges[1:]) / 2), float32(100.0 * number / max(1, values.size))


def _bars(middle: np.ndarray, height: np.ndarray, colour: str, name: str) -> go.Bar:
    return go.Bar(
        x=middle,
        y=height,
        width=float(middle[1] - middle[0]) if len(middle) > 1 else None,
        marker={"color": colour, "line": {"width": 0}},
        hovertemplate=f"%{{x:{place_format(middle.min(), middle.max())}}}: %{{y:.2f}} %<extra></extra>",
        name=name,
        showlegend=False,
    )
