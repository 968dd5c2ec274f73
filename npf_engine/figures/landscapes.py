"""A potential in the plane with particles on it: contour, paths with their jumps, occupancy of basins over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Units
from npf_engine.figures import palette
from npf_engine.figures.inverse import INK, position_axes
from npf_engine.figures.layout import finish, float32

TRAILS = 12  # particles whose way is drawn; more is a tangle
SYMBOLS = {"minimum": "circle", "saddle": "x", "maximum": "triangle-up", "degenerate": "diamond", "boundary": "square"}
KIND_COLOURS = {
    "minimum": palette.COLOURS["rho"],
    "saddle": palette.COLOURS["inverse"],
    "maximum": palette.COLOURS["trivial"],
    "degenerate": palette.COLOURS["floor"],
    "boundary": palette.COLOURS["floor"],
}
# one colour a basin, of the palette's objects that are never on the same figure
BASINS = tuple(palette.COLOURS[key] for key in ("rho", "field", "m", "grad_u", "inverse", "m_network", "trivial"))


@dataclass(frozen=True)
class Ground:
    """g on a grid: x (cols,), y (rows,), g (rows, cols) in the user's units; log: colours by log(1 + c (g - min g))."""

    x: np.ndarray
    y: np.ndarray
    g: np.ndarray
    units: Units
    low: Sequence[float]
    high: Sequence[float]
    coefficient: float = 1.0
    log: bool = True

    def level(self) -> np.ndarray:
        """What colours and lines follow, (rows, cols): basins must be seen beside walls a hundred times as high."""
        if not self.log:
            return self.g
        return np.log1p(np.maximum(self.coefficient, 1e-3) * (self.g - np.nanmin(self.g)))


@dataclass(frozen=True)
class Frame:
    """What is drawn at one moment: particles (P, 2), and the last steps of some: trail (K, p, 2) with jumped (K, p),
    where jumped[k] says whether a particle came to trail[k] by a jump through u."""

    particles: np.ndarray
    trail: np.ndarray
    jumped: np.ndarray


def contour(ground: Ground, revision: str) -> go.Figure:
    """The potential as muted colours with lines of equal height, low places dark."""
    level = float32(ground.level())
    hover = "%{x:.4g}, %{y:.4g}<br>g = %{customdata:.4g}<extra></extra>"
    common = {"x": float32(ground.x), "y": float32(ground.y), "z": level, "showlegend": False}
    figure = go.Figure(
        go.Heatmap(
            **common, customdata=float32(ground.g), colorscale=palette.ELEVATION, opacity=0.6, showscale=False,
            hovertemplate=hover, zsmooth="best",
        )
    )  # fmt: skip
    figure.add_trace(
        go.Contour(
            **common, ncontours=14, contours={"coloring": "none"}, line={"width": 0.8, "color": INK}, showscale=False,
            hoverinfo="skip",
        )
    )  # fmt: skip
    position_axes(figure, ground.units, ground.low, ground.high, (0, 1), revision)
    figure.update_layout(showlegend=False)
    return figure


def moment(ground: Ground, frame: Frame, revision: str, jumps: bool = True) -> go.Figure:
    """The particles of one moment on the potential, the ways of a few behind them; ``jumps``: those through u too."""
    figure = contour(ground, revision)
    local, leaps = _ways(frame)
    if len(frame.trail):
        figure.add_trace(
            go.Scatter(x=local[:, 0], y=local[:, 1], mode="lines", name="local steps", hoverinfo="skip",
                       line={"width": 1.3, "color": "rgba(20,28,40,0.75)"})
        )  # fmt: skip
    if len(frame.trail) and jumps:
        figure.add_trace(
            go.Scatter(x=leaps[:, 0], y=leaps[:, 1], mode="lines", name="jumps through u", hoverinfo="skip",
                       line={"width": 1.8, "color": palette.COLOURS["grad_u"], "dash": "dot"})
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=float32(frame.particles[:, 0]), y=float32(frame.particles[:, 1]), mode="markers", name="particles",
            marker={"size": 6.5, "color": palette.COLOURS["inverse"], "opacity": 0.85,
                    "line": {"width": 0.7, "color": "rgba(255,255,255,0.9)"}},
            hovertemplate="%{x:.4g}, %{y:.4g}<extra>particle</extra>",
        )
    )  # fmt: skip
    figure.update_layout(showlegend=True)
    return figure


def _ways(frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    """The steps of the trail as segments parted by NaN: local ones and jumps, (3 n, 2) float32 each."""
    if len(frame.trail) < 2:
        nothing = np.full((1, 2), np.nan, dtype=np.float32)
        return nothing, nothing
    begin, end, jumped = frame.trail[:-1], frame.trail[1:], frame.jumped[1:]
    gap = np.full_like(begin, np.nan)
    segments = np.stack([begin, end, gap], axis=2)  # (K - 1, p, 3, 2)
    parts = [float32(segments[mask].reshape(-1, 2)) for mask in (~jumped, jumped)]
    return parts[0], parts[1]


def frame_at(x: np.ndarray, jumped: np.ndarray, index: int, tail: int = 8, trails: int = TRAILS) -> Frame:
    """The moment ``index`` of a trace x (T, P, 2), jumped (T, P), with the last ``tail`` kept steps of a few."""
    first = max(0, index - tail)
    return Frame(x[index], x[first : index + 1, :trails], jumped[first : index + 1, :trails])


def occupancy(
    steps: np.ndarray, shares: np.ndarray, targets: Sequence[float] | None, names: Sequence[str], revision: str,
    now: int | None = None,
) -> go.Figure:  # fmt: skip
    """Share of particles in each basin over time, steps (T,), shares (T, modes), beside the share that the law gives it
    (dashed); ``now`` marks a step."""
    figure = go.Figure()
    for number, name in enumerate(names):
        colour = BASINS[number % len(BASINS)]
        figure.add_trace(
            go.Scatter(x=float32(steps), y=float32(100 * shares[:, number]), mode="lines", name=name,
                       line={"width": 2, "color": colour},
                       hovertemplate="step %{x:.0f}: %{y:.1f} %<extra>" + name + "</extra>")
        )  # fmt: skip
        if targets is not None:
            figure.add_hline(100 * targets[number], line={"width": 1.5, "color": colour, "dash": "dash"})
    if now is not None:
        figure.add_vline(float(now), line={"width": 1, "color": palette.COLOURS["floor"]})
    finish(figure, height=330, revision=revision, legend=True)
    figure.update_xaxes(title="step")
    figure.update_yaxes(title="share of particles (%)", range=[-2, 102])
    return figure


def critical(ground: Ground, points: Sequence[tuple[Sequence[float], str]], revision: str) -> go.Figure:
    """Points where grad g takes a value, each (location, kind), on the potential."""
    figure = contour(ground, revision)
    for kind in dict.fromkeys(kind for _, kind in points):
        places = np.array([place for place, other in points if other == kind], dtype=np.float64)
        figure.add_trace(
            go.Scatter(
                x=float32(places[:, 0]), y=float32(places[:, 1]), mode="markers", name=kind,
                marker={"size": 12, "symbol": SYMBOLS[kind], "color": KIND_COLOURS[kind],
                        "line": {"width": 1.2, "color": "white"}},
                hovertemplate="%{x:.4g}, %{y:.4g}<extra>" + kind + "</extra>",
            )
        )  # fmt: skip
    figure.update_layout(showlegend=True)
    return figure


def traces(
    history: dict[str, tuple[np.ndarray, np.ndarray]], title: str, revision: str, percent: bool = False
) -> go.Figure:
    """Curves over steps as they are told, name -> (step, value)."""
    figure = go.Figure()
    for number, (name, (step, value)) in enumerate(history.items()):
        figure.add_trace(
            go.Scatter(x=float32(step), y=float32(100 * value if percent else value), name=name,
                       mode="lines+markers" if len(step) < 20 else "lines",
                       line={"width": 2, "color": BASINS[number % len(BASINS)]})
        )  # fmt: skip
    finish(figure, height=270, revision=revision, legend=True)
    figure.update_xaxes(title="step")
    figure.update_yaxes(title=title)
    if percent:
        figure.update_yaxes(range=[-2, 102])
    return figure


def start_mark(figure: go.Figure, start: Sequence[float]) -> go.Figure:
    """Where all particles begin."""
    figure.add_trace(
        go.Scatter(x=float32([start[0]]), y=float32([start[1]]), mode="markers", name="start",
                   marker={"size": 14, "symbol": "cross", "color": palette.COLOURS["inverse"],
                           "line": {"width": 1.5, "color": "white"}},
                   hovertemplate="%{x:.4g}, %{y:.4g}<extra>start</extra>")
    )  # fmt: skip
    return figure.update_layout(showlegend=True)
