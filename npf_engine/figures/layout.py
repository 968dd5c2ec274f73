"""What all figures share: transparent grounds, equal axes, units on axes, ranges that outliers do not spoil."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Units
from npf_engine.numbers import number

BIN_ABOVE = 200_000  # points; above that a picture of counts says more than dots
CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(128,136,148,0.22)"  # visible on white and on dark
MAP_HEIGHT = 460
WIDE, WIDE_HEIGHT = 1.8, 430  # sides of a map from which it is a strip; its height with the colours below
_LYING = {"orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.16, "yanchor": "top", "len": 0.6}
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def finish(figure: go.Figure, *, height: int, revision: str, legend: bool = False) -> go.Figure:
    """Transparent grounds, small margins, a legend above the plot, and zoom that survives a redraw of ``revision``."""
    figure.update_layout(
        height=height,
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        uirevision=revision,
        showlegend=legend,
        legend={
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "xanchor": "left",
            "x": 0.0,
            "itemsizing": "constant",
            "bgcolor": CLEAR,
        },
        hovermode="closest",
        dragmode="zoom",
    )
    # A loss of 0.0001 is no "100μ", 15,000 metres are no "15k"; beyond 10^6 and below 10^-6 powers of ten.
    plain = {"exponentformat": "power", "minexponent": 6, "separatethousands": True}
    figure.update_xaxes(gridcolor=GRID, zeroline=False, automargin=True, **plain)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True, **plain)
    return figure


@dataclass(frozen=True)
class Extent:
    """What a map shows: units of its axes, and the corners of Omega's box."""

    units: Units
    low: Sequence[float]
    high: Sequence[float]


def log_axis(*values: np.ndarray) -> dict[str, object]:
    """A logarithmic axis for positive ``values`` that has numbers on it however narrow they lie: plotly writes powers
    of ten alone, or 2 and 5 between them, and none of them may be in sight."""
    flat = np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in values])
    flat = flat[np.isfinite(flat) & (flat > 0)]
    if not len(flat):
        return {"type": "log"}
    low, high = float(flat.min()) / 1.1, float(flat.max()) * 1.1  # some number stands near even to a single value
    if high > 300 * low:
        return {"type": "log", "dtick": 1, "exponentformat": "power"}
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.outer(powers, [1.0, 2.0, 5.0]).ravel()
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    if len(ticks) < 3:  # less than a decade: steps of one length
        unit = 10.0 ** np.floor(np.log10(high - low))
        for size in (2.0, 1.0, 0.5, 0.2, 0.1, 0.05):
            step = size * unit
            ticks = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
            if len(ticks) >= 3:
                break
    return {"type": "log", "tickvals": ticks, "ticktext": [number(float(tick)) for tick in ticks]}


def float32(values: object) -> np.ndarray:
    """The values as a contiguous float32 array: plotly sends those as bytes, a list as text."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    return np.ascontiguousarray(values, dtype=np.float32)


def span(values: np.ndarray, *, cut: float = 0.002, pad: float = 0.05) -> tuple[float, float]:
    """Range (low, high) that holds all but a share ``cut`` of the values at each end, widened by ``pad``."""
    values = np.asarray(values, dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    if values.size == 0:
        return -1.0, 1.0
    low, high = (float(q) for q in np.quantile(values, [cut, 1 - cut]))
    width = high - low
    if width <= 0:
        width = abs(low) or 1.0
        return low - width / 2, high + width / 2
    return low - pad * width, high + pad * width


def position_title(units: Units, axis: int) -> str:
    """Title of a position axis with its unit, e.g. ``longitude (degrees)``."""
    return with_unit(units.axes[axis], units.position[axis])


def value_title(units: Units, axis: int) -> str:
    """Title of a component of F with its unit, e.g. ``F₁ (metres per pixel)``."""
    return with_unit("F" + subscript(axis + 1), units.value)


def place_format(low: float, high: float) -> str:
    """How a place on an axis from low to high is written when it is pointed at: to a ten thousandth of the axis or
    better, whether that is in degrees, in metres of a national grid or in millionths. For plotly (d3)."""
    width = abs(float(high) - float(low))
    if not 1e-6 <= width < 1e12:
        return ".6~g"
    return f",.{max(0, 4 - math.floor(math.log10(width)))}f"


def value_format(values: np.ndarray, digits: int = 4) -> str:
    """How values are written when they are pointed at: the largest with about so many digits, all as finely as that,
    6,850 and 0.0123; powers of ten where they are beyond all that people read. For plotly (d3)."""
    sizes = np.abs(np.asarray(values, dtype=np.float64))
    top = float(sizes[np.isfinite(sizes)].max(initial=0.0))
    if not 1e-6 <= top < 1e12:
        return f".{digits}~g"
    return f",.{max(0, digits - 1 - math.floor(math.log10(top)))}~f"


def in_unit(unit: str) -> str:
    """A unit behind a number; nothing for a number without one."""
    return f" {unit}" if unit else ""


def norm_title(units: Units) -> str:
    """Title of |F| with its unit."""
    return with_unit("|F|", units.value)


def subscript(number: int) -> str:
    """A number in lowered digits."""
    return str(number).translate(_SUBSCRIPTS)


def aspect(units: Units, low: Sequence[float], high: Sequence[float], axes: tuple[int, int] = (0, 1)) -> float | None:
    """Length of one unit of the second axis over one of the first on the screen, or None where they cannot be compared.

    Degrees of latitude are longer than degrees of longitude by 1/cos(latitude); equal units have equal lengths.
    """
    first, second = axes
    if units.axes[first] == "longitude" and units.axes[second] == "latitude":
        middle = math.radians((low[second] + high[second]) / 2)
        return 1.0 / max(math.cos(middle), 0.05)
    return 1.0 if units.position[first] == units.position[second] else None


def colour_bar(title: str) -> dict[str, object]:
    """A narrow colour bar beside a map."""
    return {"title": {"text": title, "side": "right"}, "thickness": 12, "len": 0.9, "separatethousands": True}


ABOVE = 112  # pixels above a map of a pair: a legend in two rows, or colours that lie


def colour_bar_above(title: str) -> dict[str, object]:
    """A colour bar that lies above a map, where its pair has a legend: ``framed_alike`` gives both the same frame."""
    return colour_bar(title) | {
        "orientation": "h",
        "title": {"text": title, "side": "top"},
        "x": 0.5,
        "xanchor": "center",
        "y": 1.01,
        "yanchor": "bottom",
        "thickness": 10,
        "nticks": 6,
    }


def framed_alike(figure: go.Figure) -> go.Figure:
    """Room above a map for a legend or for colours, so that the maps of a pair have one size beside each other."""
    return figure.update_layout(margin={"l": 8, "r": 8, "t": ABOVE, "b": 8})


def position_axes(
    figure: go.Figure,
    units: Units,
    low: Sequence[float],
    high: Sequence[float],
    revision: str,
    axes: tuple[int, int] = (0, 1),
) -> go.Figure:
    """Two position axes over Omega's box, with the aspect that they have on the ground."""
    finish(figure, height=MAP_HEIGHT, revision=revision)
    i, j = axes
    for k, update in ((i, figure.update_xaxes), (j, figure.update_yaxes)):
        update(
            title=position_title(units, k),
            range=[low[k], high[k]],
            constrain="domain",
            hoverformat=place_format(low[k], high[k]),
        )
    ratio = aspect(units, low, high, axes)
    if ratio is not None:
        figure.update_yaxes(scaleanchor="x", scaleratio=ratio)
    if wide(units, low, high, axes):  # a strip: its colours below it, and no empty ground above
        figure.update_layout(height=WIDE_HEIGHT)
        figure.update_traces(colorbar=_LYING, selector={"type": "heatmap"})
        figure.update_traces(colorbar=_LYING, selector={"type": "contour"})
        for kind in ("scattergl", "scatter", "quiver"):
            figure.update_traces(marker={"colorbar": _LYING}, selector=_coloured(kind))
    return figure


def wide(units: Units, low: Sequence[float], high: Sequence[float], axes: tuple[int, int] = (0, 1)) -> bool:
    """Whether a map is a strip, as that of the whole Earth is: it wants the width of the page."""
    ratio = aspect(units, low, high, axes)
    i, j = axes
    return ratio is not None and high[i] - low[i] > WIDE * ratio * (high[j] - low[j])


def _coloured(kind: str) -> Callable[[go.Figure], bool]:
    return lambda trace: trace.type == kind and bool(trace.marker.showscale or trace.marker.colorscale)


def thin(grid: np.ndarray, most: int = 360) -> tuple[np.ndarray, int]:
    """Every k-th row and column of (rows, cols), at most ``most`` of each; and k. A screen shows no more."""
    step = max(1, math.ceil(max(grid.shape) / most))
    return np.ascontiguousarray(grid[::step, ::step], dtype=np.float32), step


def counts(
    points: np.ndarray, x_range: tuple[float, float], y_range: tuple[float, float], bins: int = 256
) -> go.Heatmap:
    """A picture of log10(1 + count) of (n, 2) points on bins x bins cells; empty cells are left clear."""
    from npf_engine.figures.palette import NORM

    number, x_edges, y_edges = np.histogram2d(points[:, 0], points[:, 1], bins=bins, range=[x_range, y_range])
    picture = np.where(number.T > 0, np.log10(1 + number.T), np.nan).astype(np.float32)
    few, many = math.log10(2), float(np.nanmax(picture, initial=1.0))
    return go.Heatmap(
        z=picture,
        zmin=few - 0.3 * (many - few),  # one point alone must be seen on the dark page too
        zmax=many,
        x=float32((x_edges[:-1] + x_edges[1:]) / 2),
        y=float32((y_edges[:-1] + y_edges[1:]) / 2),
        colorscale=NORM,
        showscale=False,
        hoverinfo="skip",
    )


def with_unit(name: str, unit: str) -> str:
    """A title with its unit in brackets, where it has one."""
    return f"{name} ({unit})" if unit else name
