"""Gaps in a grid: steps many times as long as those beside them, between whose ends nothing is known."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from npf_engine.fields.readers.gridded_place import Points

GAP = 3.0  # times as long as the steps beside it: a gap
RUN = 3  # steps in a row that are gaps at most; more are a coarser part
COARSE = 10.0  # times as long as the usual step, at most: those of a coarser part of few rows
ALIKE = 1.5  # times as long as one another, at most: steps of one part between two finer ones
MOST_TOLD = 3
LOOKED_AT = 64  # rows and columns of a curvilinear grid whose steps are compared
SPARSE = 0.01  # share of the points of a part beyond a gap that is one by mistake


@dataclass(frozen=True)
class Cuts:
    """Between which rows (rows - 1,) and which columns (cols - 1,) the grid has a gap."""

    rows: np.ndarray
    cols: np.ndarray

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.rows.any() or self.cols.any())


def cuts(points: Points) -> Cuts:
    """Where the grid has gaps."""
    found = []
    for axis in (0, 1):
        if points.rectilinear:
            line = points.lat[:, 0] if axis == 0 else points.lon[0]
            lengths = np.abs(np.diff(line))
        else:
            few = tuple(np.unique(np.linspace(0, size - 1, LOOKED_AT).astype(int)) for size in points.lon.shape)
            part = points.part(slice(None), few[1]) if axis == 0 else points.part(few[0], slice(None))
            with np.errstate(invalid="ignore"):
                lengths = middle(np.linalg.norm(np.diff(places(part), axis=axis), axis=2), 1 - axis)
        found.append(long_steps(lengths))
    return Cuts(found[0], found[1])


def middle(values: np.ndarray, axis: int) -> np.ndarray:
    """Median of what is known along an axis, NaN where nothing is."""
    known = np.isfinite(values).any(axis=axis)
    out = np.full(known.shape, np.nan)
    part = values[:, known] if axis == 0 else values[known]
    out[known] = np.nanmedian(part, axis=axis)
    return out


def long_steps(lengths: np.ndarray) -> np.ndarray:
    """Steps (n,) that are gaps: longer than three usual ones, and than three of a neighbour that is none."""
    known = np.isfinite(lengths) & (lengths > 0)
    if not known.any():
        return np.zeros(len(lengths), dtype=bool)
    usual = float(np.median(lengths[known]))
    near = ~(lengths > GAP * usual)
    for _ in range(len(lengths)):  # steps that grow from one to the next are those of a stretched grid
        beside = np.zeros(len(lengths))
        beside[1:] = np.where(near[:-1], lengths[:-1], 0.0)
        beside[:-1] = np.maximum(beside[:-1], np.where(near[1:], lengths[1:], 0.0))
        grown = ~near & (lengths <= GAP * np.nan_to_num(beside))
        if not grown.any():
            break
        near |= grown
    far = ~near
    ends = np.flatnonzero(np.diff(np.concatenate([[False], far, [False]]).astype(int)))
    for start, stop in ends.reshape(-1, 2):
        if stop - start > RUN or _coarse(lengths[start:stop], usual, start == 0 or stop == len(lengths)):
            far[start:stop] = False
    return far


def _coarse(steps: np.ndarray, usual: float, outermost: bool) -> bool:
    """Whether long steps in a row are those of a coarser part: at the grid's end, or alike, and not too long. One
    between two finer parts is a gap."""
    if steps.max() > COARSE * usual:
        return False
    return outermost or bool(len(steps) > 1 and steps.max() <= ALIKE * steps.min())


def alone(cut: np.ndarray) -> np.ndarray:
    """Which rows or columns (n,) have a gap, or the end of the grid, on either side, and a gap on one. cut: which of
    the n - 1 steps are gaps."""
    before, after = np.concatenate([[True], cut]), np.concatenate([cut, [True]])
    return before & after & (np.concatenate([[False], cut]) | np.concatenate([cut, [False]]))


def without_alone(points: Points, f: np.ndarray, few: bool = True) -> tuple[Points, np.ndarray, list[str]]:
    """A grid of straight lines without rows and columns that stand alone beyond a gap, and (where ``few``) without
    parts beyond one that hold next to nothing: the ones have no cells, the others are places written wrongly, and would
    draw the whole map towards them. What was left out is told."""
    if not points.rectilinear:
        return points, f, []
    cut = cuts(points)
    gone = [alone(gaps) for gaps in (cut.rows, cut.cols)]
    if few:
        counts = np.isfinite(f).all(axis=2)
        gone = [
            lines | sparse(counts.sum(axis=1 - axis), gaps)
            for axis, (lines, gaps) in enumerate(zip(gone, (cut.rows, cut.cols), strict=True))
        ]
    if not (gone[0].any() or gone[1].any()) or gone[0].all() or gone[1].all():
        return points, f, []
    known = np.isfinite(f).all(axis=2)
    lost = int((known & (gone[0][:, None] | gone[1][None, :])).sum())
    lines = (points.lat[gone[0], 0], points.lon[0, gone[1]])
    where = [f"{name} {listed(line)}" for name, line in zip(points.names[::-1], lines, strict=True) if line.size]
    told = (
        f"{lost:,} of {int(known.sum()):,} points ({' and '.join(where)}) lie far from all others, alone beyond a gap, "
        "and were left out; correct them where a place is written wrongly."
    )
    return points.part(~gone[0], ~gone[1]), f[~gone[0]][:, ~gone[1]], [told]


def sparse(counts: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Which rows or columns lie in a part between gaps that holds less than a hundredth of all points."""
    part = np.concatenate([[0], np.cumsum(cut)])
    return np.asarray((np.bincount(part, counts) < SPARSE * counts.sum())[part])


def gaps_told(points: Points) -> list[str]:
    """A sentence for each gap, the first few."""
    cut, out = cuts(points), []
    for axis, (what, gaps) in enumerate((("row", cut.rows), ("column", cut.cols))):
        line = (points.lat[:, 0], points.lon[0])[axis]
        for k in np.flatnonzero(gaps)[:MOST_TOLD]:
            if points.rectilinear:
                low, high = sorted((float(line[k]), float(line[k + 1])))
                unit = points.units[1 - axis]
                where = f"{points.names[1 - axis]} {low:.6g} and {high:.6g}{' ' + unit if unit else ''}"
            else:
                where = f"{what}s {k + 1:,} and {k + 2:,} of the grid"
            out.append(f"Between {where} lies a gap: no sample is taken in it, and nothing is interpolated across.")
    return out


def listed(values: np.ndarray) -> str:
    """The first few of positions, as text."""
    shown = ", ".join(f"{value:.6g}" for value in values[:MOST_TOLD])
    return shown + (", ..." if len(values) > MOST_TOLD else "")


def places(points: Points) -> np.ndarray:
    """(rows, cols, 3): metres from the middle of the ellipsoid; on a plane its coordinates and 0."""
    if points.axes is None:
        return np.stack([points.lon, points.lat, np.zeros_like(points.lon)], axis=-1)
    a, b = points.axes
    lon, lat = np.radians(points.lon), np.radians(points.lat)
    e2 = 1.0 - (b / a) ** 2
    n = a / np.sqrt(1.0 - e2 * np.sin(lat) ** 2)
    return np.stack([n * np.cos(lat) * np.cos(lon), n * np.cos(lat) * np.sin(lon), n * (1 - e2) * np.sin(lat)], axis=-1)


def differences(values: np.ndarray, axis: int, cut: np.ndarray, along: np.ndarray | None = None) -> np.ndarray:
    """numpy's gradient along an axis (by position in ``along``), of each part between gaps by itself; NaN in a part of
    one row or column."""
    if not cut.any():
        return np.asarray(np.gradient(values, *(() if along is None else (along,)), axis=axis))
    out = np.full(values.shape, np.nan)
    bounds = [0, *(np.flatnonzero(cut) + 1), values.shape[axis]]
    for start, stop in itertools.pairwise(bounds):
        if stop - start < 2:
            continue
        part = (slice(start, stop), slice(None)) if axis == 0 else (slice(None), slice(start, stop))
        spacing = () if along is None else (along[start:stop],)
        out[part] = np.gradient(values[part], *spacing, axis=axis)
    return out
