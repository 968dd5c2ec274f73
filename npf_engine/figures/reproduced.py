"""The papers' figures as they are drawn there: clouds in a row, histograms in a row, embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine.figures import palette
from npf_engine.figures.histograms import share
from npf_engine.figures.layout import finish, float32, log_axis, span

HEIGHT, SIZE, BINS = 330, 3.5, 40
DASHES = ("solid", "dash", "dot")  # one curve may lie on another
ACROSS = 3  # panels in a row
COLOURS = tuple(palette.COLOURS[key] for key in ("inverse", "rho", "field", "m", "grad_u", "trivial"))


def clouds(planes: Mapping[str, np.ndarray], values: Sequence[str], origin: np.ndarray) -> go.Figure:
    """NPF Figure 1: ``planes`` (key of the palette -> (n, 2)), coloured by where ``origin`` (n, d) lies; those among
    ``values`` share the axes of "field", the others those of "rho"."""
    names = [key for key in ("field", "grad_u", "reconstruction", "rho", "m", "m_network") if key in planes]
    figure = _grid([palette.panel_title(key) for key in names])
    colours = palette.origin_index(origin)
    for k, key in enumerate(names):
        figure.add_trace(_points(planes[key], colours, palette.origin_scale(), (0, 255)), **_at(k))
        like = planes["field" if key in values else "rho"]
        figure.update_xaxes(range=span(like[:, 0], pad=0.08), **_at(k))
        figure.update_yaxes(range=span(like[:, 1], pad=0.08), **_at(k))
    return _finished(figure, len(names), "reproduced_clouds")


def relocation(x: np.ndarray, moved: np.ndarray, f: np.ndarray, top: float) -> go.Figure:
    """NPF Figure 2: positions (n, 2) and where their gradients f (n, d) were carried, coloured by |f| up to ``top``."""
    figure = _grid(["where they were sampled", palette.panel_title("inverse")], across=2)
    size = np.linalg.norm(f, axis=1)
    for k, cloud in enumerate((x, moved)):
        figure.add_trace(_points(cloud, size, palette.NORM, (0.0, top)), **_at(k, 2))
        figure.update_xaxes(range=span(x[:, 0], pad=0.02), **_at(k, 2))
        figure.update_yaxes(range=span(x[:, 1], pad=0.02), **_at(k, 2))
    return _finished(figure, 2, "reproduced_relocation", across=2)


def histograms(laws: Mapping[str, Mapping[str, np.ndarray]]) -> go.Figure:
    """A panel a quantity: the shares of several samples (n,) over each other, by name."""
    figure = _grid(list(laws), across=len(laws))
    _bars(figure, laws, 0, len(laws))
    return _finished(figure, len(laws), "reproduced_histograms", across=len(laws), legend=True)


def embedded(points: Mapping[str, np.ndarray], laws: Mapping[str, Mapping[str, np.ndarray]]) -> go.Figure:
    """Clouds of an embedding (n, 2) over each other, and histograms beside them."""
    across = 1 + len(laws)
    figure = _grid(["t-SNE", *laws], across=across)
    for name, cloud, colour in zip(points, points.values(), COLOURS, strict=False):
        mark = {"size": SIZE, "color": colour, "opacity": 0.7}
        x, y = float32(cloud[:, 0]), float32(cloud[:, 1])
        figure.add_trace(go.Scattergl(x=x, y=y, mode="markers", marker=mark, name=name, hoverinfo="name"), row=1, col=1)
    figure.update_xaxes(showticklabels=False, row=1, col=1)
    figure.update_yaxes(showticklabels=False, row=1, col=1)
    _bars(figure, laws, 1, across)
    return _finished(figure, across, "reproduced_embedded", across=across, legend=True)


def overlaid(groups: Mapping[str, Mapping[str, np.ndarray]]) -> go.Figure:
    """A panel a group: clouds (n, 2) over each other by name, all panels with the same axes."""
    figure = _grid(list(groups))
    every = np.concatenate([cloud for group in groups.values() for cloud in group.values()])
    told = set[str]()
    for k, group in enumerate(groups.values()):
        for name, cloud, colour in zip(group, group.values(), COLOURS, strict=False):
            mark = {"size": SIZE, "color": colour, "opacity": 0.7}
            trace = go.Scattergl(
                x=float32(cloud[:, 0]),
                y=float32(cloud[:, 1]),
                mode="markers",
                marker=mark,
                name=name,
                legendgroup=name,
                showlegend=name not in told,
                hoverinfo="name",
            )
            figure.add_trace(trace, **_at(k))
            told.add(name)
        figure.update_xaxes(range=span(every[:, 0], cut=0.005, pad=0.08), **_at(k))
        figure.update_yaxes(range=span(every[:, 1], cut=0.005, pad=0.08), **_at(k))
    return _finished(figure, len(groups), "reproduced_overlaid", legend=True)


def paths(drawn: Mapping[str, np.ndarray], axes: tuple[str, str], end: tuple[float, float]) -> go.Figure:
    """Paths (n, 2) in one plane by name, and the point where they should end."""
    figure = go.Figure()
    for name, path, colour in zip(drawn, drawn.values(), COLOURS, strict=False):
        line = {"color": colour, "width": 2}
        x, y = float32(path[:, 0]), float32(path[:, 1])
        figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line=line, name=name, hoverinfo="name"))
    mark = {"size": 11, "symbol": "cross", "color": palette.COLOURS["floor"]}
    figure.add_trace(go.Scatter(x=[end[0]], y=[end[1]], mode="markers", marker=mark, name="optimal map"))
    finish(figure, height=HEIGHT + 90, revision="reproduced_paths", legend=True)
    figure.update_xaxes(title=axes[0], constrain="domain")
    figure.update_yaxes(title=axes[1], scaleanchor="x", constrain="domain")
    return figure


def decays(panels: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]], across: str) -> go.Figure:
    """A panel a quantity: curves (k,) over (k,) by name, upwards in powers of ten; ``across``: the other axis' name."""
    figure = _grid(list(panels), across=len(panels))
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    looks = dict(zip(names, zip(COLOURS, DASHES, strict=False), strict=False))
    for k, curves in enumerate(panels.values()):
        for name, (x, y) in curves.items():
            line = {"color": looks[name][0], "dash": looks[name][1], "width": 2}
            trace = go.Scatter(x=float32(x), y=float32(y), mode="lines", line=line, name=name, legendgroup=name)
            figure.add_trace(trace, **_at(k, len(panels)))
        figure.update_xaxes(title=across, **_at(k, len(panels)))
    _finished(figure, len(panels), "reproduced_decays", across=len(panels), legend=True)
    for k, curves in enumerate(panels.values()):
        figure.update_yaxes(log_axis(*(y for _, y in curves.values())), **_at(k, len(panels)))
    return figure


def _grid(titles: Sequence[str], across: int = ACROSS) -> go.Figure:
    rows = -(-len(titles) // across)
    return make_subplots(rows=rows, cols=min(across, len(titles)), subplot_titles=titles, vertical_spacing=0.14)


def _at(k: int, across: int = ACROSS) -> dict[str, int]:
    return {"row": k // across + 1, "col": k % across + 1}


def _points(cloud: np.ndarray, colour: np.ndarray, scale: palette.Scale, limits: tuple[float, float]) -> go.Scattergl:
    marker = {"size": SIZE, "color": float32(colour), "colorscale": scale, "cmin": limits[0], "cmax": limits[1]}
    x, y = float32(cloud[:, 0]), float32(cloud[:, 1])
    return go.Scattergl(x=x, y=y, mode="markers", marker=marker, hoverinfo="x+y", showlegend=False)


def _bars(figure: go.Figure, laws: Mapping[str, Mapping[str, np.ndarray]], first: int, across: int) -> None:
    for k, samples in enumerate(laws.values(), start=first):
        finite = {name: v[np.isfinite(v)] for name, values in samples.items() if len(v := np.asarray(values))}
        limits = span(np.concatenate(list(finite.values())), cut=0.005, pad=0.02)
        for name, values, colour in zip(finite, finite.values(), COLOURS, strict=False):
            middle, height = share(values, BINS, limits)
            line = {"color": colour, "width": 2, "shape": "hvh"}
            trace = go.Scatter(x=middle, y=height, mode="lines", line=line, name=name, legendgroup=name)
            figure.add_trace(trace, **_at(k, across))
        figure.update_yaxes(title="share (%)" if k == first else None, rangemode="tozero", **_at(k, across))


def _finished(
    figure: go.Figure, panels: int, revision: str, *, across: int = ACROSS, legend: bool = False
) -> go.Figure:
    finish(figure, height=HEIGHT * -(-panels // across), revision=revision, legend=legend)
    if legend:
        named = set[str]()
        for trace in figure.data:  # each name once, whatever panels it is in
            trace.showlegend = trace.name not in named
            named.add(trace.name)
        figure.update_layout(legend={"y": 1.12}, margin={"t": 70})
    return figure
