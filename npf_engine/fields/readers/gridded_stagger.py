"""Components on different points of a staggered grid (Arakawa C and B), brought to common points by means of two."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_cells import margin
from npf_engine.fields.readers.gridded_place import Points
from npf_engine.fields.readers.gridded_values import Log

SAME, NEAR = 0.02, 0.25  # of a step: points that are the same, and ones that means of two may lie apart

MEANS = (1, 2, 2, 4)  # values in one of each of ``_ways``


@dataclass(frozen=True)
class Component:
    """One component: its name, its points, its values (rows, cols)."""

    name: str
    points: Points
    values: np.ndarray


def together(first: Component, second: Component, log: Log) -> tuple[Component, Component]:
    """Both on common points. Raises InputError where no means of neighbours lie on the same points."""
    for part in (first, second):
        part.points.must_lie_somewhere(part.name)
    if first.values.shape == second.values.shape and _apart(first.points, second.points) <= SAME:
        return first, second
    best: tuple[float, Component, Component] | None = None
    around = margin(first.points).cols and margin(second.points).cols
    one_way, other_way = _ways(first, around), _ways(second, around)
    # the fewest means first: to the middle of cells (C grid), then to the points of one component
    for k, m in sorted(itertools.product(range(4), range(4)), key=lambda at: (max(MEANS[at[0]], MEANS[at[1]]), at)):
        one, other = one_way[k], other_way[m]
        if any(abs(n - m) > 1 for n, m in zip(one.values.shape, other.values.shape, strict=True)):
            continue
        pairs = _trimmed(one, other)
        if around:  # columns that close can be counted from any of them
            pairs = [(a, turned) for a, b in pairs for turned in (b, _turned(b, 1), _turned(b, -1))]
        if one.values.shape == other.values.shape:
            pairs += _shifted(one, other)
        for a, b in pairs:
            gap = _apart(a.points, b.points)
            if best is None or gap < best[0] - 1e-9:
                best = gap, a, b
    if best is None or not best[0] <= NEAR:
        raise InputError(
            f"{first.name} and {second.name} lie on different points that are no staggered grid; interpolate them to "
            "common points."
        )
    log.convert(
        f"{first.name} and {second.name} lie on different points (a staggered grid): means of neighbours brought them "
        "to common points."
    )
    return best[1], best[2]


def _ways(part: Component, around: bool) -> list[Component]:
    """As it is, and means of two neighbours along the columns (the last and the first too, where they close), along
    the rows, and both."""
    across, down = _mean(_closed(part) if around else part, 1), _mean(part, 0)
    return [part, across, down, _mean(across, 0)]


def _mean(part: Component, axis: int) -> Component:
    def half(grid: np.ndarray) -> np.ndarray:
        a, b = (grid[:-1], grid[1:]) if axis == 0 else (grid[:, :-1], grid[:, 1:])
        return (a + b) / 2

    def half_lon(grid: np.ndarray) -> np.ndarray:
        if not part.points.earth:
            return half(grid)
        a, b = (grid[:-1], grid[1:]) if axis == 0 else (grid[:, :-1], grid[:, 1:])
        return np.asarray(a + ((b - a + 180.0) % 360.0 - 180.0) / 2)

    points = replace(part.points, lon=half_lon(part.points.lon), lat=half(part.points.lat))
    return replace(part, points=points, values=half(part.values))


def _closed(part: Component) -> Component:
    """With its first column again after the last."""
    again = np.append(np.arange(part.values.shape[1]), 0)
    return replace(part, points=part.points.part(slice(None), again), values=part.values[:, again])


def _turned(part: Component, by: int) -> Component:
    """Its columns counted from another one of them."""
    cols = np.roll(np.arange(part.values.shape[1]), by)
    return replace(part, points=part.points.part(slice(None), cols), values=part.values[:, cols])


def _cut(part: Component, rows: slice, cols: slice) -> Component:
    return replace(part, points=part.points.part(rows, cols), values=part.values[rows, cols])


def _shifted(one: Component, other: Component) -> list[tuple[Component, Component]]:
    """Pairs moved by one row or column against each other."""
    low, high, all_ = slice(None, -1), slice(1, None), slice(None)
    moves: list[tuple[tuple[slice, slice], tuple[slice, slice]]] = [
        ((low, all_), (high, all_)),
        ((high, all_), (low, all_)),
        ((all_, low), (all_, high)),
        ((all_, high), (all_, low)),
        ((low, high), (high, low)),
        ((high, low), (low, high)),
    ]
    return [(_cut(one, *a), _cut(other, *b)) for a, b in moves]


def _trimmed(one: Component, other: Component) -> list[tuple[Component, Component]]:
    """Pairs of unequal size, the longer one cut at either end."""
    found = [(one, other)]
    for axis in (0, 1):
        n, m = one.values.shape[axis], other.values.shape[axis]
        if n == m:
            continue
        cuts: tuple[Callable[[Component], Component], ...] = tuple(_end(axis, which) for which in (0, 1))
        found = [(cut(a), b) if n > m else (a, cut(b)) for (a, b), cut in itertools.product(found, cuts)]
    return found


def _end(axis: int, which: int) -> Callable[[Component], Component]:
    part = slice(1, None) if which == 0 else slice(None, -1)
    rows, cols = (part, slice(None)) if axis == 0 else (slice(None), part)
    return lambda component: _cut(component, rows, cols)


def _apart(a: Points, b: Points) -> float:
    """The usual distance of two sets of points, in steps of the grid."""
    if a.lon.shape != b.lon.shape or min(a.lon.shape) < 2:
        return float("inf")
    steps, gaps = [], []
    for first, second, turns in ((a.lon, b.lon, a.earth), (a.lat, b.lat, False)):
        gap = second - first
        each = [np.diff(first, axis=0), np.diff(first, axis=1)]
        if turns:
            gap, each = (gap + 180.0) % 360.0 - 180.0, [(part + 180.0) % 360.0 - 180.0 for part in each]
        gaps.append(gap)
        steps.append([np.nanmedian(np.abs(part)) for part in each])
    step = min(np.hypot(steps[0][k], steps[1][k]) for k in (0, 1))
    return float(np.nanmedian(np.hypot(*gaps))) / float(step) if step > 0 else float("inf")
