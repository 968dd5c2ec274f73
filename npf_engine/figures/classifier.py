"""The classifier's weights: what they achieve, how they look, where they lie (NPF Figures 3 to 5 and 12 to 16)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine.figures import palette
from npf_engine.figures.histograms import share
from npf_engine.figures.layout import finish, float32, span

# cloud -> (colour, title); the keys are those of an experiment's particles
CLOUDS: dict[str, tuple[str, str]] = {
    "generated": (palette.COLOURS["inverse"], "I<sub>ψ</sub>(∇u*(0))"),
    "lmc-npf": (palette.COLOURS["grad_u"], "LMC-NPF"),
    "lmc": (palette.COLOURS["rho"], "LMC"),
    "warmup": (palette.COLOURS["field"], "warm-up"),
    "flow": (palette.COLOURS["m"], "gradient flow"),
    "restart": (palette.COLOURS["trivial"], "restarts"),
    "uniform": (palette.COLOURS["floor"], "uniform on Ω"),
}
CHARACTERS = {"norm": "norm of the gradient", "loss": "test loss", "accuracy": "test accuracy"}
DIGITS = [str(k) for k in range(10)]


def characteristics(clouds: Mapping[str, Mapping[str, np.ndarray]], *, bins: int = 50) -> go.Figure:
    """Histograms of gradient norm, loss and accuracy side by side: cloud (a key of CLOUDS) -> {"norm", "loss",
    "accuracy"} -> (P,)."""
    figure = make_subplots(rows=1, cols=len(CHARACTERS), horizontal_spacing=0.07)
    for col, (key, title) in enumerate(CHARACTERS.items(), 1):
        together = np.concatenate([np.asarray(cloud[key]).ravel() for cloud in clouds.values()])
        limits = (0.0, 1.0) if key == "accuracy" else (0.0, span(together, cut=0.02, pad=0.02)[1])
        for name, cloud in clouds.items():
            colour, label = CLOUDS[name]
            middle, height = share(cloud[key], bins, limits)
            figure.add_trace(
                go.Scatter(
                    x=middle,
                    y=height,
                    mode="lines",
                    line={"color": colour, "width": 2, "shape": "hvh"},
                    name=label,
                    legendgroup=name,
                    showlegend=col == 1,
                ),
                row=1,
                col=col,
            )
        figure.update_xaxes(title=title, row=1, col=col)
    figure.update_yaxes(title="share of weights (%)", col=1)
    return finish(figure, height=320, revision="characters", legend=True)


def filters(weights: Mapping[str, np.ndarray]) -> go.Figure:
    """The two 5 x 5 kernels and the ten 4 x 4 maps of the dense layer of one weight vector (named as in PyTorch)."""
    pictures = [("kernel 1", weights["conv1.weight"]), ("kernel 2", weights["conv2.weight"])]
    pictures += [(f"digit {k}", row.reshape(4, 4)) for k, row in enumerate(np.asarray(weights["dense.weight"]))]
    figure = make_subplots(rows=2, cols=6, subplot_titles=[title for title, _ in pictures], vertical_spacing=0.16)
    for number, (_, values) in enumerate(pictures):
        values = float32(np.asarray(values).reshape(values.shape[-2:]))
        # One scale for all, symmetric: the sign is what a filter is about.
        top = max(float(np.abs(np.asarray(w)).max()) for w in weights.values()) or 1.0
        row, col = number // 6 + 1, number % 6 + 1
        figure.add_trace(
            go.Heatmap(
                z=values,
                zmin=-top,
                zmax=top,
                colorscale="RdBu",
                showscale=number == 0,
                colorbar={"title": "weight"},
                hovertemplate="%{z:.3f}<extra></extra>",
            ),
            row=row,
            col=col,
        )
        figure.update_yaxes(autorange="reversed", row=row, col=col)
    figure.update_xaxes(showticklabels=False, constrain="domain")
    figure.update_yaxes(showticklabels=False, constrain="domain")
    for number in range(len(pictures)):
        row, col = number // 6 + 1, number % 6 + 1
        figure.update_yaxes(scaleanchor=f"x{number + 1 if number else ''}", row=row, col=col)
    figure.update_annotations(font={"size": 12})
    return finish(figure, height=360, revision="filters")


def confusion_matrix(counts: np.ndarray) -> go.Figure:
    """Share of the answers to each true digit, from counts (10, 10): row true digit, column answer."""
    counts = np.asarray(counts, dtype=np.float64)
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = go.Figure(
        go.Heatmap(
            z=float32(100 * counts / total),
            x=DIGITS,
            y=DIGITS,
            zmin=0,
            zmax=100,
            colorscale=palette.NORM,
            colorbar={"title": "%"},
            hovertemplate="%{y} taken for %{x}: %{z:.1f} %<extra></extra>",
        )
    )
    finish(figure, height=420, revision="confusion")
    figure.update_xaxes(title="answer", type="category", constrain="domain")
    figure.update_yaxes(title="true digit", type="category", autorange="reversed", scaleanchor="x")
    return figure


def embedded_accuracy(points: np.ndarray, accuracy: np.ndarray, clouds: Mapping[str, slice]) -> go.Figure:
    """t-SNE of weights (n, 2) coloured by test accuracy (n,), each cloud (a key of CLOUDS -> its rows) with an outline
    of its own colour, switched by the legend (Figure 5)."""
    figure = go.Figure()
    for number, (name, rows) in enumerate(clouds.items()):
        colour, label = CLOUDS[name]
        figure.add_trace(
            go.Scattergl(
                x=float32(points[rows, 0]),
                y=float32(points[rows, 1]),
                mode="markers",
                name=label,
                marker={
                    "size": 7,
                    "color": float32(100 * accuracy[rows]),
                    "cmin": 0,
                    "cmax": 100,
                    "colorscale": palette.NORM,
                    "showscale": number == 0,
                    "colorbar": {"title": "accuracy (%)"},
                    "line": {"color": colour, "width": 1.5},
                },
                hovertemplate="accuracy %{marker.color:.0f} %<extra>" + label + "</extra>",
            )
        )
    finish(figure, height=520, revision="embedded-accuracy", legend=True)
    figure.update_xaxes(showticklabels=False, title=None)
    figure.update_yaxes(showticklabels=False, title=None, scaleanchor="x")
    return figure
