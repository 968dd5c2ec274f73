"""Which points of a grid are neighbours on the ground: seams that close, places that are written twice, steps.

A grid round the globe goes on from its last column with its first one, and that of an ocean model beyond its northmost
row with the same row turned round (Madec and Imbard, Climate Dynamics 12, 1996); others write such columns and rows
twice (a halo).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from npf_engine.fields.readers.gridded_gaps import Cuts, middle, places
from npf_engine.fields.readers.gridded_place import Points

CLOSED = 1.5  # steps from the last column to the first, at most, of a grid that closes
TWICE = 1e-5  # degrees, a metre: as near a place is one that was there already
SAME = 1e-3  # of a step: places as near are one
ROUNDED = 0.01  # of a step: longitudes of a parallel as near to a whole turn are one
HALO = 8  # columns that are written again, at most
FOLD = 0.9  # share of the columns whose neighbours across a fold must be near
POLE = 0.4  # of the way to what is half a turn on: as far, usually, are columns that meet across a fold, at most


Steps = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Margin:
    """Which neighbours are put around a grid: one column on each side, and a row where it is folded."""

    cols: bool = False
    first: bool = False
    last: bool = False

    @property
    def widths(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many rows and columns are put before and after."""
        return (int(self.first), int(self.last)), (int(self.cols), int(self.cols))

    def around(self, grid: np.ndarray) -> np.ndarray:
        """The grid (rows, cols, ...) with its neighbours."""
        if self.cols:
            grid = np.concatenate([grid[:, -1:], grid, grid[:, :1]], axis=1)
        if self.first:
            grid = np.concatenate([grid[:1, ::-1], grid], axis=0)
        return np.concatenate([grid, grid[-1:, ::-1]], axis=0) if self.last else grid

    def within(self, grid: np.ndarray) -> np.ndarray:
        """The grid without them."""
        (first, last), _ = self.widths
        rows = slice(first, grid.shape[0] - last)
        return grid[rows, 1:-1] if self.cols else grid[rows]

    def points(self, points: Points) -> Points:
        """The points with their neighbours."""
        lon = self.around(points.lon)
        if points.rectilinear and self.cols:  # longitudes of a row go on
            turn = 360.0 if points.lon[0, -1] > points.lon[0, 0] else -360.0
            lon[:, 0] -= turn
            lon[:, -1] += turn
        return replace(points, lon=lon, lat=self.around(points.lat))


def margin(points: Points) -> Margin:
    """Which neighbours a grid on the Earth has beyond its last columns and rows."""
    rows, cols = points.lon.shape
    if not points.earth or min(rows, cols) < 3:
        return Margin()
    if points.rectilinear:
        lon = points.lon[0]
        left = 360.0 - abs(float(lon[-1] - lon[0]))
        return Margin(cols=bool(1e-6 < left <= CLOSED * float(np.median(np.abs(np.diff(lon))))))
    sides = places(points.part(slice(None), np.array([0, 1, cols - 2, cols - 1])))
    steps = np.linalg.norm(np.stack([sides[:, 1] - sides[:, 0], sides[:, 3] - sides[:, 2]]), axis=2)
    twice = np.linalg.norm(sides[:, 0] - sides[:, 2], axis=1) <= SAME * steps[0]  # it has its neighbours already
    if twice.mean() > 0.5 or not _near(sides[:, -1], sides[:, 0], steps):
        return Margin()
    ends = places(points.part(np.array([0, 1, rows - 2, rows - 1]), slice(None)))
    first, last = (
        _near(ends[k], ends[k, ::-1], np.linalg.norm(ends[k] - ends[beside], axis=1)[None])
        and not _round_a_pole(ends[k])
        for k, beside in ((0, 1), (3, 2))
    )
    return Margin(True, first, last)


def _round_a_pole(row: np.ndarray) -> bool:
    """Whether places (n, 3) go round a point, and do not run to and fro along a fold.

    Near a pole all places of a row are near one another, turned round too: but usually (a sine's median) 0.7 as far as
    half a turn on; across a fold it is a step, beside a good part of the fold's length.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        turned = np.linalg.norm(row - row[::-1], axis=1)
        beyond = np.linalg.norm(row - np.roll(row, len(row) // 2, axis=0), axis=1)
        return bool(middle((turned / beyond)[None], 1)[0] > POLE)


def once_round(points: Points) -> int:
    """How many columns lead once round the globe, without those that are written again; 0 of a grid that does not
    close."""
    rows, cols = points.lon.shape
    if not points.earth or min(rows, cols) < 3:
        return 0
    if points.rectilinear:
        lon = points.lon[0]
        beyond = np.abs(np.abs(lon - lon[0]) - 360.0)
        nearest = int(np.argmin(beyond)) if np.isfinite(beyond).all() else 0
        if nearest > 2 and beyond[nearest] <= ROUNDED * float(np.median(np.abs(np.diff(lon)))):
            return nearest
    else:
        sides = places(points.part(slice(None), np.array([0, 1, *range(max(3, cols - HALO), cols)])))
        with np.errstate(invalid="ignore"):
            away = np.linalg.norm(sides - sides[:, :1], axis=2)
            same = np.where(np.isfinite(away[:, 2:]), away[:, 2:] <= SAME * away[:, 1:2], np.nan)
        shares = middle(same, 0)
        if (shares == 1.0).any():
            return int(np.flatnonzero(shares == 1.0)[0]) + max(3, cols - HALO)
    return cols if margin(points).cols else 0


def _near(one: np.ndarray, other: np.ndarray, steps: np.ndarray) -> bool:
    """Whether places (n, 3) lie beside one another, and are not one: by their own steps (k, n)."""
    with np.errstate(invalid="ignore"):
        between = np.linalg.norm(one - other, axis=1)
        usual = middle(steps, 0)
        known = np.isfinite(between) & np.isfinite(usual) & (usual > 0)
        if known.mean() < 0.5:
            return False
        share = between[known] / usual[known]
        return bool((share <= CLOSED).mean() >= FOLD and np.median(share) > SAME)


def again(points: Points) -> np.ndarray:
    """Which points (rows, cols) of a curvilinear grid lie where another does, farther from the grid's edge: a halo."""
    out = np.zeros(points.lon.shape, dtype=bool)
    if not points.earth or points.rectilinear:
        return out
    rows, cols = points.lon.shape
    known = np.flatnonzero((np.isfinite(points.lon) & np.isfinite(points.lat)).ravel())
    lon, lat = points.lon.ravel()[known], points.lat.ravel()[known]
    turn = round(360.0 / TWICE)
    keys = (
        np.round((lat + 90.0) / TWICE).astype(np.int64) * turn + np.round((lon % 360.0) / TWICE).astype(np.int64) % turn
    )
    row, col = np.divmod(known, cols)
    depth = np.minimum(row, rows - 1 - row), np.minimum(col, cols - 1 - col)
    order = np.lexsort((-np.maximum(*depth), -np.minimum(*depth), keys))
    same = np.concatenate([[False], keys[order[1:]] == keys[order[:-1]]])
    out.ravel()[known[order[same]]] = True
    return out


def ground_steps(points: Points, cut: Cuts) -> tuple[Steps, Steps]:
    """Metres (eastward, northward) of one column and of one row of a curvilinear grid on the Earth, (rows, cols) each.

    The mean of the steps to both neighbours, or the one of them that is known and no gap: each the great circle's
    length in its direction, so that a pole is a place like any other.
    """
    assert points.axes is not None
    place = np.moveaxis(places(points), -1, 0)
    lon, lat = np.radians(points.lon), np.radians(points.lat)
    turns = np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)
    found = []
    for axis, gaps in ((1, cut.cols), (0, cut.rows)):
        x, y, z = (np.diff(part, axis=axis) for part in place)
        if gaps.any():
            x[(slice(None), gaps) if axis == 1 else gaps] = np.nan
        with np.errstate(invalid="ignore"):
            angle = 2.0 * np.arcsin(np.clip(np.sqrt(x * x + y * y + z * z) / (2.0 * points.axes[0]), 0.0, 1.0))
            longer = np.where(angle > 0, angle / np.sin(angle), 1.0)  # than its shadow on the ground
        ends = [_on_ground(x, y, z, [_end(turn, axis, k) for turn in turns]) for k in (0, 1)]
        east, north = (_mean_of(ends[0][k] * longer, ends[1][k] * longer, axis) for k in (0, 1))
        found.append((east, north))
    return found[0], found[1]


def _end(grid: np.ndarray, axis: int, k: int) -> np.ndarray:
    """The points from which the steps along an axis start (0), or in which they end (1)."""
    part = slice(k, grid.shape[axis] - 1 + k)
    return grid[:, part] if axis == 1 else grid[part]


def _on_ground(x: np.ndarray, y: np.ndarray, z: np.ndarray, turns: list[np.ndarray]) -> Steps:
    """East and north of steps in space, at places by the sine and cosine of their longitudes and latitudes."""
    sin_lon, cos_lon, sin_lat, cos_lat = turns
    return y * cos_lon - x * sin_lon, z * cos_lat - (x * cos_lon + y * sin_lon) * sin_lat


def _mean_of(forward: np.ndarray, backward: np.ndarray, axis: int) -> np.ndarray:
    """The mean of what leads to the next point and from the one before, of one of them where the other is not known."""
    none = np.full_like(np.take(forward, [0], axis=axis), np.nan)
    ahead, behind = np.concatenate([forward, none], axis=axis), np.concatenate([none, backward], axis=axis)
    both = (ahead + behind) / 2
    return np.where(np.isfinite(both), both, np.where(np.isfinite(ahead), ahead, behind))
