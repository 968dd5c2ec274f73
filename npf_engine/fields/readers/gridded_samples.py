"""Samples of a gridded field by the area measure, and the derivative of a scalar on the ground.

Each node stands for its cell, in whose share of the area it is drawn (systematic resampling, one uniform number). The
first sample of a node is the node with the file's own values; further ones lie anywhere in its cell, with values
bilinear between the nodes: no two samples are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npf_engine.fields.readers.gridded_map import Map, metric
from npf_engine.fields.readers.gridded_place import Points

LEAST_SAMPLES = 100_000  # a coarser grid is sampled between its nodes too
WRAP = 0.5  # of the map's width: a cell as wide goes round its back


@dataclass(frozen=True)
class Samples:
    """x, f: (n, 2) float64, positions on the map and values; nodes: how many of them are nodes of the grid (they come
    first); known: nodes with values."""

    x: np.ndarray
    f: np.ndarray
    nodes: int
    known: int


def derivative(points: Points, scalar: np.ndarray) -> np.ndarray:
    """Gradient (rows, cols, 2) of a scalar, eastward and northward per metre of the ground (or per unit of the plane).

    Where rows and columns are parallels and meridians, numpy's (and xarray's) second-order differences for uneven
    steps; on other grids by the derivative of both the scalar and the positions in rows and columns.
    """
    if points.rectilinear:
        along_x, along_y = points.lon[0], points.lat[:, 0]
        if points.earth:
            along_x, along_y = np.radians(along_x), np.radians(along_y)
        across, up = np.gradient(scalar, along_x, axis=1), np.gradient(scalar, along_y, axis=0)
        if points.earth:
            east, north = metric(points)
            with np.errstate(divide="ignore", invalid="ignore"):
                across, up = across / np.where(east > 1e-6, east, np.nan), up / north
        return np.stack([across, up], axis=-1)
    (ei, ej), (ni, nj) = _steps(points)
    si, sj = np.gradient(scalar, axis=1), np.gradient(scalar, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        area = ei * nj - ej * ni
        return np.stack([(si * nj - sj * ni) / area, (sj * ei - si * ej) / area], axis=-1)


def _steps(points: Points) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Metres eastward and northward of one column and one row: (east by column, by row), (north by column, by row)."""
    if not points.earth:
        return (
            (np.gradient(points.lon, axis=1), np.gradient(points.lon, axis=0)),
            (np.gradient(points.lat, axis=1), np.gradient(points.lat, axis=0)),
        )
    lon, lat = np.radians(points.lon), np.radians(points.lat)
    east, north = metric(points)
    turned = [np.unwrap(lon, axis=axis) if np.isfinite(lon).all() else _near(lon, axis) for axis in (1, 0)]
    return (
        (np.gradient(turned[0], axis=1) * east, np.gradient(turned[1], axis=0) * east),
        (np.gradient(lat, axis=1) * north, np.gradient(lat, axis=0) * north),
    )


def _near(lon: np.ndarray, axis: int) -> np.ndarray:
    """Unwrapped along an axis, over places that are not known."""
    steps = np.diff(lon, axis=axis)
    jumps = np.where(np.isfinite(steps), np.round(steps / (2 * np.pi)), 0.0)
    out = lon.copy()
    inside = (slice(None), slice(1, None)) if axis == 1 else (slice(1, None), slice(None))
    out[inside] -= 2 * np.pi * np.cumsum(jumps, axis=axis)
    return out


def along_grid(points: Points, f: np.ndarray) -> np.ndarray:
    """Components along the columns and rows of the grid (rows, cols, 2), turned to east and north.

    Each stands along the direction in which its coordinate grows; on a grid whose rows and columns do not cross at
    right angles their sum is the vector.
    """
    (ei, ej), (ni, nj) = _steps(points)
    out = np.zeros_like(f)
    for k, (e, n) in enumerate(((ei, ni), (ej, nj))):
        length = np.hypot(e, n)
        with np.errstate(divide="ignore", invalid="ignore"):
            direction = np.stack([e / length, n / length], axis=-1) * points.forward[k]
        out = out + f[..., k : k + 1] * direction
    return out


def areas(points: Points) -> np.ndarray:
    """Area of each node's cell (rows, cols), in any unit."""
    (ei, ej), (ni, nj) = _steps(points)
    return np.abs(ei * nj - ej * ni)


def draw(points: Points, chart: Map, f: np.ndarray, most: int, seed: int) -> Samples:
    """At most ``most`` samples of F (rows, cols, 2) by the area measure of the nodes where it is known."""
    weight = areas(points)
    known = np.isfinite(f).all(axis=2) & np.isfinite(chart.x) & np.isfinite(chart.y) & (weight > 0)
    weight = np.where(known, weight, 0.0)
    count = int(known.sum())
    if count == 0:
        return Samples(np.zeros((0, 2)), np.zeros((0, 2)), 0, 0)
    rng = np.random.default_rng(seed)
    n = _how_many(weight[known], count, most)
    if n >= 2 * count:  # an outermost cell ends at its node where samples lie between nodes
        weight = _halved_at_edges(weight)
    copies = _systematic(weight.ravel(), n, rng)
    at = np.flatnonzero(copies > 0)
    more = np.repeat(at, copies[at] - 1)
    x, y = chart.x.ravel(), chart.y.ravel()
    first = np.stack([x[at], y[at]], axis=1), f.reshape(-1, 2)[at]
    between = _between(chart, f, known, more, rng)
    return Samples(np.concatenate([first[0], between[0]]), np.concatenate([first[1], between[1]]), len(at), count)


def _how_many(weight: np.ndarray, count: int, most: int) -> int:
    """So many that the smallest cells still have their sample, within reason."""
    wanted = min(weight.sum() / max(weight.min(), 1e-12 * weight.max()), 2.0 * count)
    return int(min(max(wanted, LEAST_SAMPLES), most))


def _halved_at_edges(weight: np.ndarray) -> np.ndarray:
    out = weight.copy()
    for edge in (np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]):
        out[edge] *= 0.5
    return out


def _systematic(weight: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """How often each is drawn: n times its share, rounded up or down, with that mean (and n together)."""
    edges = np.cumsum(weight) * (n / weight.sum()) + rng.random()
    return np.diff(np.floor(edges), prepend=0.0).astype(np.int64)


def _between(
    chart: Map, f: np.ndarray, known: np.ndarray, node: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Samples in the cells of nodes (flat indices, one a sample), towards neighbours that are all known; none where
    one is not."""
    rows, cols = known.shape
    width = float(np.nanmax(chart.x) - np.nanmin(chart.x))
    row, col = np.divmod(node, cols)
    share = rng.random((len(node), 2)) * 0.5
    side = np.where(rng.random((len(node), 2)) < 0.5, -1, 1)
    side[row == 0, 0], side[row == rows - 1, 0] = 1, -1
    side[col == 0, 1], side[col == cols - 1, 1] = 1, -1
    r, c = row + side[:, 0], col + side[:, 1]
    corners = [(row, col), (row, c), (r, col), (r, c)]
    good = np.all([known[at] for at in corners], axis=0)
    xs = np.stack([chart.x[at] for at in corners])
    good &= np.ptp(xs, axis=0) < WRAP * max(width, 1e-300)
    s, t = share[:, 0], share[:, 1]
    weights = np.stack([(1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t])[:, good]
    corners = [(i[good], j[good]) for i, j in corners]

    def mix(grid: np.ndarray) -> np.ndarray:
        parts = np.stack([grid[at] for at in corners])
        return np.asarray((weights.reshape(weights.shape + (1,) * (parts.ndim - 2)) * parts).sum(axis=0))

    return np.stack([mix(chart.x), mix(chart.y)], axis=1), mix(f)
