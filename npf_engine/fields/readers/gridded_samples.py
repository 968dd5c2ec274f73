"""Samples of a gridded field by the area measure, and the derivative of a scalar on the ground.

Each node stands for its cell, in whose share of the area it is drawn (systematic resampling, one uniform number). The
first sample of a node is the node with the file's own values; further ones lie anywhere in its cell, with values
bilinear between the nodes: no two samples are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from npf_engine.fields.readers import gridded_cells as cells
from npf_engine.fields.readers.gridded_gaps import Cuts, cuts, differences
from npf_engine.fields.readers.gridded_map import Map, metric
from npf_engine.fields.readers.gridded_place import Points
from npf_engine.numbers import percent

MOSTLY = 4  # times as many interpolated samples as points, from which it is a note
LEAST_SAMPLES = 100_000  # a coarser grid is sampled between its nodes too


@dataclass(frozen=True)
class Samples:
    """x, f: (n, 2) float64, positions on the map and values; nodes: how many of them are nodes of the grid (they come
    first); known: nodes with values."""

    x: np.ndarray
    f: np.ndarray
    nodes: int
    known: int


def mostly_between(between: int, known: int, what: str) -> list[str]:
    """The note on samples that are interpolated for the most part: those kept for tests are then no unseen data."""
    if between <= MOSTLY * known:
        return []
    share = percent(between / (between + known), 2)
    return [
        f"F is known at {known:,} {what} alone: {share} of the samples lie between them, where it is interpolated. "
        "Those kept for tests are so too: they tell how well maps follow the interpolation, not what nobody measured."
    ]


def derivative(points: Points, scalar: np.ndarray) -> np.ndarray:
    """Gradient (rows, cols, 2) of a scalar, eastward and northward per metre of the ground (or per unit of the plane).

    Where rows and columns are parallels and meridians, numpy's (and xarray's) second-order differences for uneven
    steps; on other grids by the derivative of both the scalar and the positions in rows and columns. Nothing is
    differentiated across a gap; a curvilinear grid that closes has neighbours across its seams.
    """
    if points.rectilinear:
        cut = cuts(points)
        along_x, along_y = points.lon[0], points.lat[:, 0]
        if points.earth:
            along_x, along_y = np.radians(along_x), np.radians(along_y)
        across = differences(scalar, 1, cut.cols, along_x)
        up = differences(scalar, 0, cut.rows, along_y)
        if points.earth:
            east, north = metric(points)
            with np.errstate(divide="ignore", invalid="ignore"):
                across, up = across / np.where(east > 1e-6, east, np.nan), up / north
        return np.stack([across, up], axis=-1)
    margin = cells.margin(points)
    points, scalar = margin.points(points), margin.around(scalar)
    cut = cuts(points)
    (ei, ej), (ni, nj) = _steps(points, cut)
    scalar = np.where(np.isfinite(points.lon), scalar, np.nan)  # what has no place is no neighbour
    si, sj = differences(scalar, 1, cut.cols), differences(scalar, 0, cut.rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        area = ei * nj - ej * ni
        out = np.stack([(si * nj - sj * ni) / area, (sj * ei - si * ej) / area], axis=-1)
    return margin.within(out)


Pairs = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _steps(points: Points, cut: Cuts) -> Pairs:
    """Metres eastward and northward of one column and one row: (east by column, by row), (north by column, by row)."""
    if points.earth and not points.rectilinear:
        (ei, ni), (ej, nj) = cells.ground_steps(points, cut)
        return (ei, ej), (ni, nj)

    def both(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return differences(grid, 1, cut.cols), differences(grid, 0, cut.rows)

    if not points.earth:
        return both(points.lon), both(points.lat)
    east, north = metric(points)
    (ei, ej), (ni, nj) = both(np.radians(points.lon)), both(np.radians(points.lat))
    return (ei * east, ej * east), (ni * north, nj * north)


def along_grid(points: Points, f: np.ndarray) -> np.ndarray:
    """Components along the columns and rows of the grid (rows, cols, 2), turned to east and north.

    Each stands along the direction in which its coordinate grows; on a grid whose rows and columns do not cross at
    right angles their sum is the vector.
    """
    margin = cells.margin(points)
    wide = margin.points(points)
    (ei, ej), (ni, nj) = _steps(wide, cuts(wide))
    out = np.zeros_like(f)
    for k, (e, n) in enumerate(((ei, ni), (ej, nj))):
        e, n = margin.within(e), margin.within(n)
        length = np.hypot(e, n)
        with np.errstate(divide="ignore", invalid="ignore"):
            direction = np.stack([e / length, n / length], axis=-1) * points.forward[k]
        out = out + f[..., k : k + 1] * direction
    return out


def areas(points: Points) -> np.ndarray:
    """Area of each node's cell (rows, cols), in any unit."""
    (ei, ej), (ni, nj) = _steps(points, cuts(points))
    return np.abs(ei * nj - ej * ni)


def draw(points: Points, chart: Map, f: np.ndarray, most: int, seed: int) -> Samples:
    """At most ``most`` samples of F (rows, cols, 2) by the area measure of the nodes where it is known.

    A place that is written twice is drawn once; a grid that closes has cells across its seams; none reaches into a gap.
    """
    margin = cells.margin(points)
    own = np.pad(~cells.again(points), margin.widths)
    points, f = margin.points(points), margin.around(f)
    chart = replace(chart, x=margin.around(chart.x), y=margin.around(chart.y))
    cut = cuts(points)
    weight = areas(points)
    known = np.isfinite(f).all(axis=2) & np.isfinite(chart.x) & np.isfinite(chart.y)
    own &= known & (weight > 0)
    weight = np.where(own, weight, 0.0)
    count = int(own.sum())
    if count == 0:
        return Samples(np.zeros((0, 2)), np.zeros((0, 2)), 0, 0)
    rng = np.random.default_rng(seed)
    n = _how_many(weight[own], count, most)
    if n >= 2 * count:  # an outermost cell ends at its node where samples lie between nodes
        weight = _halved_at_edges(weight, cut)
    copies = _systematic(weight.ravel(), n, rng)
    at = np.flatnonzero(copies > 0)
    more = np.repeat(at, copies[at] - 1)
    x, y = chart.x.ravel(), chart.y.ravel()
    first = np.stack([x[at], y[at]], axis=1), f.reshape(-1, 2)[at]
    between = _between(chart, f, known, more, cut, rng)
    return Samples(np.concatenate([first[0], between[0]]), np.concatenate([first[1], between[1]]), len(at), count)


def _how_many(weight: np.ndarray, count: int, most: int) -> int:
    """So many that the smallest cells still have their sample, within reason."""
    wanted = min(weight.sum() / max(weight.min(), 1e-12 * weight.max()), 2.0 * count)
    return int(min(max(wanted, LEAST_SAMPLES), most))


def _halved_at_edges(weight: np.ndarray, cut: Cuts) -> np.ndarray:
    out = weight.copy()
    for axis, gaps in enumerate((cut.rows, cut.cols)):
        lines = np.moveaxis(out, axis, 0)
        ends = np.flatnonzero(gaps)
        for edge in (0, -1, *ends, *(ends + 1)):
            lines[edge] *= 0.5
    return out


def _systematic(weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """How often each is drawn: n times its share, rounded up or down, with that mean (and n together)."""
    edges = np.cumsum(weight) * (n / weight.sum()) + rng.random()
    return np.diff(np.floor(edges), prepend=0.0).astype(np.int64)


def _between(
    chart: Map, f: np.ndarray, known: np.ndarray, node: np.ndarray, cut: Cuts, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Samples in the cells of nodes (flat indices, one a sample), towards neighbours that are all known; none where
    one is not, or lies beyond a gap."""
    row, col = np.divmod(node, known.shape[1])
    share = rng.random((len(node), 2)) * 0.5
    side = np.where(rng.random((len(node), 2)) < 0.5, -1, 1)
    for k, (place, gaps) in enumerate(((row, cut.rows), (col, cut.cols))):
        ends = np.concatenate([[True], gaps]), np.concatenate([gaps, [True]])
        side[ends[0][place], k] = 1
        side[ends[1][place], k] = -1
        side[(ends[0] & ends[1])[place], k] = 0
    r, c = row + side[:, 0], col + side[:, 1]
    corners = [(row, col), (row, c), (r, col), (r, c)]
    good = np.all([known[at] for at in corners], axis=0)
    corners = [(i[good], j[good]) for i, j in corners]
    s, t = share[good, 0], share[good, 1]
    weights = np.stack([(1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t])

    def mix(parts: np.ndarray) -> np.ndarray:
        return np.asarray((weights.reshape(weights.shape + (1,) * (parts.ndim - 2)) * parts).sum(axis=0))

    xs, ys, fs = (np.stack([grid[at] for at in corners]) for grid in (chart.x, chart.y, f))
    if chart.around and xs.size:  # on the cylinder a cell may lie on both sides of where it is cut open
        xs = xs - chart.around * np.round((xs - xs[0]) / chart.around)
        x = mix(xs)
        return np.stack([x - chart.around * np.round(x / chart.around), mix(ys)], axis=1), mix(fs)
    return np.stack([mix(xs), mix(ys)], axis=1), mix(fs)
