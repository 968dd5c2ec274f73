"""Pictures of the lab: clouds, displacements, convergence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from npf_engine.figures import palette
from npf_engine.figures.lab_styles import MARKS, style
from npf_engine.figures.lab_table import LARGEST, results_of, table
from npf_engine.figures.layout import finish, float32, span
from npf_engine.figures.training import wants_log
from npf_engine.settings import reading
from npf_engine.settings.reading import Record, maybe_number
from npf_engine.transport.methods.registry import title

ARROWS = 150
ACROSS = 3
PANEL_HEIGHT = 300
SEEN = 0.05  # share of a cloud that lies in the picture; with less the panel says where the rest is
ABOVE = 100.0  # times the trivial answer: curves that diverge leave the picture there

METRICS = {"l2_uvp": "L2-UVP (%)", "s_eps": "S<sub>ε</sub>", "mmd": "squared MMD"}


def interpolated(source: np.ndarray, image: np.ndarray, t: float) -> np.ndarray:
    """(1 - t) x + t T(x), displacement interpolation; arrays (n, d), t in [0, 1]."""
    return (1 - t) * source + t * image


def _around(known: tuple[float, float], images: Sequence[np.ndarray]) -> tuple[float, float]:
    """The range of source and target, with room for images that lie about them; one that is far off is not followed."""
    low, high = known
    room = (high - low) / 2
    for values in images:
        first, last = span(values, pad=0.08)
        low = min(low, max(first, known[0] - room))
        high = max(high, min(last, known[1] + room))
    return low, high


def pushforwards(
    source: np.ndarray, target: np.ndarray, images: Mapping[str, np.ndarray], t: float = 1.0, *, size: float = 3.0
) -> go.Figure:
    """Source, target and every method's (1-t) x + t T(x), one panel each on common axes (the first two coordinates).

    source, images: (n, d), row i of each belongs to one x, whose place gives the colour; target (m, d). images by
    method. In one dimension the panels are graphs of T.
    """
    if source.shape[1] == 1:
        return _graphs(source[:, 0], {name: interpolated(source, image, t)[:, 0] for name, image in images.items()})
    clouds = {"source": source, "target": target}
    clouds |= {title(name): interpolated(source, image, t) for name, image in images.items()}
    across = min(ACROSS, len(clouds))
    down = -(-len(clouds) // across)
    figure = make_subplots(
        rows=down, cols=across, subplot_titles=list(clouds), horizontal_spacing=0.05, vertical_spacing=0.4 / down
    )
    both = np.concatenate([source[:, :2], target[:, :2]])
    ranges = [_around(span(both[:, axis], pad=0.08), [image[:, axis] for image in images.values()]) for axis in (0, 1)]
    origin = palette.origin_index(source)
    for number, (name, cloud) in enumerate(clouds.items()):
        row, col = number // across + 1, number % across + 1
        plain = {"color": palette.COLOURS["field"], "size": size, "opacity": 0.6}
        coloured = {"color": origin, "coloraxis": "coloraxis", "size": size, "opacity": 0.85}
        figure.add_trace(
            go.Scattergl(
                x=float32(cloud[:, 0]),
                y=float32(cloud[:, 1]),
                mode="markers",
                marker=plain if name == "target" else coloured,
                hovertemplate="%{x:.4~g}, %{y:.4~g}",
                name=name,
            ),
            row=row,
            col=col,
        )
        axis = str(number + 1) if number else ""
        figure.update_xaxes(range=ranges[0], constrain="domain", row=row, col=col)
        figure.update_yaxes(
            range=ranges[1], constrain="domain", scaleanchor=f"x{axis}", showticklabels=col == 1, row=row, col=col
        )
        if not _seen(cloud, ranges):
            figure.add_annotation(
                text=_whereabouts(cloud), xref=f"x{axis} domain", yref=f"y{axis} domain", x=0.5, y=0.5, showarrow=False
            )
    wide = (ranges[1][1] - ranges[1][0]) / max(ranges[0][1] - ranges[0][0], 1e-9)
    # Axes are equal: clouds that are wider than high need less height, or there is nothing but space around them.
    finish(figure, height=int(down * (70 + (PANEL_HEIGHT - 70) * min(1.0, max(0.45, wide)))), revision="lab_clouds")
    figure.update_layout(
        coloraxis={"colorscale": palette.origin_scale(), "cmin": 0, "cmax": 255, "showscale": False},
    )
    return figure


def _seen(cloud: np.ndarray, ranges: list[tuple[float, float]]) -> bool:
    """Whether enough of the cloud (n, d) lies within the ranges of the first two axes to be seen."""
    inside = [(cloud[:, axis] >= low) & (cloud[:, axis] <= high) for axis, (low, high) in enumerate(ranges)]
    return bool(np.mean(inside[0] & inside[1]) >= SEEN)


def _whereabouts(cloud: np.ndarray) -> str:
    """What stands in a panel whose points lie elsewhere."""
    sizes = np.abs(cloud[:, :2].astype(np.float64))
    return f"outside the picture:<br>coordinates about {np.median(sizes.max(1)):.1g}"


def displacements(source: np.ndarray, image: np.ndarray, method: str, *, most: int = ARROWS) -> go.Figure:
    """Arrows from x to T(x) of at most ``most`` points, (n, d) each, the first two coordinates."""
    x, y = source[:most], image[:most]
    if x.shape[1] == 1:
        return _graphs(source[:, 0], {method: image[:, 0]})
    figure = go.Figure()
    breaks = np.full(len(x), np.nan)
    figure.add_trace(
        go.Scatter(
            x=float32(np.stack([x[:, 0], y[:, 0], breaks], axis=1).ravel()),
            y=float32(np.stack([x[:, 1], y[:, 1], breaks], axis=1).ravel()),
            mode="lines+markers",
            line={"color": palette.COLOURS["floor"], "width": 1},
            marker={
                "symbol": "arrow",
                "angleref": "previous",
                "size": np.tile(float32([0, 9, 0]), len(x)),
                "color": palette.COLOURS["field"],
                "line": {"width": 0},
            },
            hoverinfo="skip",
            name="T(x)",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=float32(x[:, 0]),
            y=float32(x[:, 1]),
            mode="markers",
            marker={"size": 4, "color": palette.COLOURS["rho"]},
            name="x",
            legendrank=1,  # before T(x)
            customdata=float32(y),
            hovertemplate="x %{x:.4~g}, %{y:.4~g}<br>T(x) %{customdata[0]:.4~g}, %{customdata[1]:.4~g}<extra></extra>",
        )
    )
    finish(figure, height=420, revision="lab_arrows", legend=True)
    figure.update_xaxes(constrain="domain")
    figure.update_yaxes(scaleanchor="x", constrain="domain")
    return figure


def convergence(report: Record) -> go.Figure | None:
    """The metric over seconds, a line a method (a dot for those that answer at once), with floor and trivial answer."""
    figure = go.Figure()
    told: list[float] = []
    for name, row in results_of(report).items():
        curve = reading.mapping(row, "curve")
        seconds, value = reading.numbers(curve, "seconds"), reading.numbers(curve, "value")
        once = maybe_number(row, "look" if "look" in report else "mean")
        if not seconds and once is not None:
            seconds, value = [reading.number(row, "seconds")], [once]
        if not seconds:
            continue
        told += value
        colour, dash = style(name)
        figure.add_trace(
            go.Scatter(
                x=float32(seconds),
                y=float32(value),
                mode="lines+markers" if len(seconds) < 20 else "lines",
                line={"color": colour, "dash": dash, "width": 2},
                marker={"size": 6, "symbol": MARKS[dash]},
                name=title(name),
            )
        )
    if not told:
        return None
    finish(figure, height=360, revision="lab_convergence", legend=True)
    figure.update_xaxes(title="seconds for each run", rangemode="tozero")
    figure.update_yaxes(title=_metric(report))
    log = wants_log(np.array(told))
    if log:
        low, high = _decades(report, told)
        figure.update_yaxes(range=(low, high), **_logarithmic(high - low))
    _levels(figure, report, log)
    return figure


def _levels(figure: go.Figure, report: Record, log: bool) -> None:
    """Lines at the floor and at the trivial answer, with their names: those of as many points as the curves'."""
    levels = reading.maybe_mapping(report, "look") or report
    for key, words in (("floor", "two draws of the target"), ("trivial", "only moving the mean")):
        if level := maybe_number(levels, key):
            figure.add_hline(y=level, line={"color": palette.COLOURS[key], "dash": "dash"})
            # A shape takes the value on any axis, an annotation its logarithm on a logarithmic one.
            place = math.log10(level) if log else level
            figure.add_annotation(
                text=words, x=1, xref="x domain", xanchor="right", y=place, yref="y", yanchor="bottom", showarrow=False
            )


def _decades(report: Record, told: list[float]) -> tuple[float, float]:
    """Range of a logarithmic axis that holds the curves and both levels; what diverges leaves it at the top."""
    known = reading.maybe_mapping(report, "look") or report
    levels = [level for key in ("floor", "trivial") if (level := maybe_number(known, key))]
    top = max([*told, *levels])
    if trivial := maybe_number(known, "trivial"):
        top = min(top, ABOVE * trivial)
    return math.log10(min([*told, *levels])) - 0.1, math.log10(top) + 0.15


def spread(report: Record) -> go.Figure | None:
    """Every seed's value as a dot, a row a method in the order of the table."""
    figure = go.Figure()
    told: list[float] = []
    results = results_of(report)
    for name in (row["method"] for row in table(report)):
        finite = [v for v in reading.items(results[name], "values") if v is not None]
        values = [v for v in reading.numbers({"values": finite}, "values") if v < LARGEST]
        if values:
            told += values
            colour, dash = style(name)
            figure.add_trace(
                go.Scatter(
                    x=float32(values),
                    y=[title(name)] * len(values),
                    mode="markers",
                    showlegend=False,
                    marker={"color": colour, "opacity": 0.7, "size": 8, "symbol": MARKS[dash]},
                )
            )
    if not told:
        return None
    finish(figure, height=80 + 34 * len(figure.data), revision="lab_spread")
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title=_metric(report), rangemode="tozero")
    if wants_log(np.array(told)):
        figure.update_xaxes(**_logarithmic(math.log10(max(told) / min(told))))
    return figure


def _logarithmic(decades: float) -> dict[str, object]:
    """A logarithmic axis with whole powers of ten alone where there are enough of them."""
    axis: dict[str, object] = {"type": "log", "exponentformat": "power"}
    return axis | {"dtick": 1} if decades > 2.5 else axis


def _metric(report: Record) -> str:
    name = reading.text(report, "metric")
    return METRICS.get(name, name)


def _graphs(x: np.ndarray, images: Mapping[str, np.ndarray]) -> go.Figure:
    order = np.argsort(x, kind="stable")
    figure = go.Figure()
    for name, values in images.items():
        colour, dash = style(name)
        figure.add_trace(
            go.Scatter(
                x=float32(x[order]),
                y=float32(values[order]),
                mode="lines",
                line={"color": colour, "dash": dash},
                name=title(name),
            )
        )
    finish(figure, height=380, revision="lab_graphs", legend=True)
    figure.update_xaxes(title="x")
    figure.update_yaxes(title="T(x)")
    return figure
