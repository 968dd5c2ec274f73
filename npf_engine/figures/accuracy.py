"""The accuracy table (NPF 5.1): every value between its floor and its trivial answer, as rows and as a figure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict, TypeGuard

import plotly.graph_objects as go

from npf_engine.bundle.accuracy_table import SPLIT
from npf_engine.figures import palette
from npf_engine.figures.layout import finish, float32
from npf_engine.measures import beyond as limits
from npf_engine.measures.beyond import Beyond
from npf_engine.measures.measured import Measured
from npf_engine.measures.words import FIGURES
from npf_engine.numbers import number
from npf_engine.settings import reading

MISS = "inverse_miss"
# metric of the report, a figure of the glossary -> its colour
METRICS = {
    "pushforward": "grad_u",
    "measure_preservation": "m_network",
    "measure_preservation_implicit": "m",
    "inverse": "inverse",
    MISS: "inverse",
    "pushforward_sliced": "grad_u",
    "measure_preservation_sliced": "m",
    "measure_preservation_local": "m_network",
    "measure_preservation_hole": "m_network",
}

NARROW = 0.2  # below the floor by this share, and by four standard errors, is no merit


class Row(TypedDict):
    """A row of the table. better: how far from the trivial answer to the floor, 1 at the floor and 0 at the trivial
    answer, on a logarithmic scale; split: whether ``se`` is a change between halves, no standard error. None where a
    column has no sense. beyond: what there is beyond chance, which is good up to ``limit``; eps and draws: as
    measured."""

    key: str
    what: str
    measure: str
    value: float
    floor: float | None
    ratio: float | None
    se: float | None
    trivial: float | None
    better: float | None
    n: float | None
    split: bool
    beyond: float | None
    limit: float | None
    eps: float | None
    draws: float | None


@dataclass(frozen=True)
class _Item:
    """A metric as value, floor and trivial answer."""

    value: float | None
    floor: float | None
    ratio: float | None
    trivial: float | None
    se: float | None = None
    n: float | None = None


def rows(metrics: Mapping[str, object]) -> list[Row]:
    """Rows of the table, one a metric; numbers in the units of the report."""
    found: list[Row] = []
    for key in METRICS:
        item = _item(metrics, key)
        if item is None or item.value is None:
            continue
        known = reading.maybe_mapping(metrics, key)
        draws = item.n if key == MISS else reading.maybe_number(known, "draws")
        held = _beyond(key, item, draws)
        found.append(
            {
                "key": key,
                "what": FIGURES[key].asks,
                "measure": FIGURES[key].symbol,
                "value": item.value,
                "floor": item.floor,
                "ratio": item.ratio,
                "se": item.se,
                "trivial": item.trivial,
                "better": _way(item, key != MISS),
                "n": item.n,
                "split": key in SPLIT,
                "beyond": None if held is None else held.figure,
                "limit": None if held is None else held.limit,
                "eps": reading.maybe_number(known, "eps"),
                "draws": draws,
            }
        )
    return found


def _beyond(key: str, item: _Item, draws: float | None) -> Beyond | None:
    """What of it meets the limit of "good"."""
    if item.value is None:
        return None
    if key == MISS:
        return Beyond(item.value, limits.MISS[0])
    if item.floor is None:
        return None
    few = None if draws is None else int(draws)
    return limits.of_law(key, Measured(item.value, item.floor, item.trivial, item.se, draws=few))


def ladder(metrics: Mapping[str, object]) -> go.Figure:
    """Each metric on a logarithmic axis of its ratio: the floor at 1, the value with its standard error,
    the trivial answer."""
    figure = go.Figure()
    names = []
    for key, colour in METRICS.items():
        item, symbol, what = _item(metrics, key), FIGURES[key].symbol, FIGURES[key].asks
        if item is None or not (_positive(item.ratio) and _positive(item.floor)):
            continue
        names.append(symbol)
        ratio, se = item.ratio, item.se or 0.0
        far = item.trivial / item.floor if _positive(item.trivial) else None
        if far is not None:
            figure.add_trace(_line([1.0, far], symbol))
            figure.add_trace(
                _dot(far, symbol, palette.COLOURS["trivial"], "line-ns-open", f"trivial answer: ratio {number(far)}")
            )
        figure.add_trace(_dot(1.0, symbol, palette.COLOURS["floor"], "line-ns-open", "floor: two draws of the truth"))
        text = f"{what}<br>ratio {number(ratio)} ± {number(se, 2)}" + (" with the half" if key in SPLIT else "")
        mark = _dot(ratio, symbol, palette.COLOURS[colour], "circle", text)
        mark.marker.update(size=9, line_width=0)  # a larger one would hide its own error
        mark.error_x = {"array": [se], "arrayminus": [min(se, 0.95 * ratio)], "thickness": 2, "width": 6}
        figure.add_trace(mark)
    finish(figure, height=90 + 58 * max(1, len(names)), revision="ladder")
    # Named ticks: plotly writes the digits between powers of ten as tiny superscripts.
    ticks = [digit * 10**power for power in range(-2, 6) for digit in (1, 2, 5)]
    figure.update_xaxes(
        type="log", title="ratio: value over floor", tickvals=ticks, ticktext=[number(tick) for tick in ticks]
    )
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], showgrid=False)
    return figure


def _item(metrics: Mapping[str, object], key: str) -> _Item | None:
    """A metric of the report; ``inverse_miss`` by its mean."""
    item = reading.maybe_mapping(metrics, key)
    if not item:
        return None
    value, floor, ratio, trivial, se, n = (
        reading.maybe_number(item, name)
        for name in ("mean" if key == MISS else "value", "self_distance", "ratio", "trivial", "se", "n")
    )
    if key != MISS:
        return _Item(value, floor, ratio, trivial, se, n)
    return _Item(value, floor, value / floor if _positive(value) and _positive(floor) else None, trivial, n=n)


def _way(item: _Item, narrow: bool = True) -> float | None:
    """1 at the floor, 0 at the trivial answer, on a logarithmic scale, clipped to that range.

    None for a value that is plainly below its floor, where that may be a cloud that is too ``narrow``: in high
    dimension it is nearer to the reference than the reference's own draws. A miss below its floor is simply better.
    """
    value, floor, trivial = item.value, item.floor, item.trivial
    if not (_positive(value) and _positive(floor) and _positive(trivial)):
        return None
    below = value < floor * (1 - max(NARROW, 4 * (item.se or 0.0)))
    if trivial <= floor or (narrow and below):
        return None
    return min(1.0, max(0.0, math.log(trivial / value) / math.log(trivial / floor)))


def _positive(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number) and number > 0


def _line(x: list[float], name: str) -> go.Scatter:
    return go.Scatter(
        x=float32(x),
        y=[name, name],
        mode="lines",
        line={"color": "rgba(128,136,148,0.4)", "width": 3},
        hoverinfo="skip",
        showlegend=False,
    )


def _dot(x: float, name: str, colour: str, symbol: str, text: str) -> go.Scatter:
    return go.Scatter(
        x=float32([x]),
        y=[name],
        mode="markers",
        marker={"size": 13, "color": colour, "symbol": symbol, "line": {"width": 3, "color": colour}},
        hovertemplate=text + "<extra></extra>",
        showlegend=False,
    )
