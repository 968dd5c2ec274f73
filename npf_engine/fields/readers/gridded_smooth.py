"""Gaussian smoothing of a variable on a grid: of what is known, in steps of the grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from npf_engine.fields.readers.gridded_cells import once_round
from npf_engine.fields.readers.gridded_fold import fold
from npf_engine.fields.readers.gridded_gaps import Cuts, cuts
from npf_engine.fields.readers.gridded_place import Points
from npf_engine.fields.readers.gridded_stagger import Component
from npf_engine.fields.readers.gridded_values import Log
from npf_engine.fields.readers.gridded_window import bearable, strides
from npf_engine.fields.spec import FieldSpec

LEAST_LEFT = 3  # along each side of a grid of which not all is read
REACH = 4.0  # widths of the Gaussian, beyond which nothing counts


MOST_POINTS = 4_000_000  # of one variable that are smoothed; of larger grids every so many are read first


def read_first(shape: Sequence[int], steps: float) -> tuple[int, ...]:
    """Every which point along each axis is read of a grid that is smoothed: all of them, whatever is thinned later, so
    that F does not depend on how many samples are taken of it; fewer of one that is too large for that."""
    return strides(shape, MOST_POINTS, LEAST_LEFT) if steps > 0 else (1,) * len(shape)


def of_all(parts: list[Component], spec: FieldSpec, read: Sequence[int], turn: bool, log: Log) -> list[Component]:
    """The variables of a field smoothed as ``spec`` says, and told; as they are where it says nothing. turn: whether
    they are components along the grid, which point the other way beyond its fold."""
    if spec.smooth <= 0:
        return parts
    log.convert(told([part.name for part in parts], spec.smooth, read))
    smooth = [replace(part, values=smoothed(part.values, part.points, spec.smooth, read, turn)) for part in parts]
    return bearable(smooth, log)


def smoothed(
    grid: np.ndarray, at: Points | None, steps: float, read: Sequence[int] = (), turn: bool = False
) -> np.ndarray:
    """The weighted mean of the known values about each point, by a Gaussian of ``steps`` steps of the file's grid, of
    which every ``read``-th was read along each axis; NaN where the grid has it. A grid (rows, cols) at points that
    close goes on at its seam, with columns that are written twice once, and beyond its northern fold (``turn``: with
    the other sign); each part between gaps is smoothed by itself. Of a box (z, y, x) ``at`` is None (normalized
    convolution: Knutsson and Westin, 1993)."""
    if steps <= 0:
        return grid
    sigma = [steps / every for every in read or (1,) * grid.ndim]
    if at is None:
        return _means(grid, sigma, False)
    cols, around = grid.shape[1], once_round(at)
    first = (cols - around) // 2 if around else 0  # of columns that are written twice those farthest from the edges
    own = slice(first, first + (around or cols))
    once = grid[:, own].copy()
    where = (np.arange(cols) - first) % (around or cols)
    for col in (*range(first), *range(own.stop, cols)):  # one may be known where the other is not
        once[:, where[col]] = np.where(np.isfinite(once[:, where[col]]), once[:, where[col]], grid[:, col])
    out = _folded(once, at.part(slice(None), own), sigma, around > 0, turn)[:, where]
    return np.where(np.isfinite(grid), out, np.nan)


def _folded(once: np.ndarray, at: Points, sigma: Sequence[float], around: bool, turn: bool) -> np.ndarray:
    """A grid (rows, cols) smoothed with what lies beyond its fold, at the end of its rows or at their beginning."""
    cut, rows = cuts(at), len(once)
    last = fold(at) if around and not cut.any else None
    first = fold(at.part(slice(None, None, -1), slice(None))) if around and not cut.any and last is None else None
    found = last or first
    if found is None:
        return _by_parts(once, cut, sigma, around)
    upward = once if last else once[::-1]
    depth = min(found.most(rows), math.ceil(REACH * sigma[0]))
    whole = np.concatenate([upward, found.beyond(upward, depth, -1.0 if turn else 1.0)])
    out = _means(whole, sigma, around)[:rows]
    return out if last else out[::-1]


def _by_parts(grid: np.ndarray, cut: Cuts, sigma: Sequence[float], around: bool) -> np.ndarray:
    """A grid (rows, cols) whose parts between gaps are smoothed each by itself; around: whether its columns close."""
    if around and cut.cols.any():  # it is turned until a gap is at its edges, and has no seam then
        turn = int(np.flatnonzero(cut.cols)[0]) + 1
        gaps = Cuts(cut.rows, np.roll(np.append(cut.cols, False), -turn)[:-1])
        return np.roll(_by_parts(np.roll(grid, -turn, axis=1), gaps, sigma, False), turn, axis=1)
    out = np.empty_like(grid)
    rows, cols = (
        itertools.pairwise([0, *(np.flatnonzero(gaps) + 1), size])
        for gaps, size in zip((cut.rows, cut.cols), grid.shape, strict=True)
    )
    for (top, end), (left, right) in itertools.product(rows, cols):
        out[top:end, left:right] = _means(grid[top:end, left:right], sigma, around)
    return out


def _means(grid: np.ndarray, sigma: Sequence[float], around: bool) -> np.ndarray:
    """The weighted means of what is known, NaN where nothing is; around: whether the columns close."""
    from scipy.ndimage import gaussian_filter

    known = np.isfinite(grid)
    middle = float(grid[known].mean()) if known.any() else 0.0
    mode = ["constant"] * grid.ndim
    if around:
        mode[1] = "wrap"
    total, weight = (
        gaussian_filter(part, sigma, mode=mode) for part in (np.where(known, grid - middle, 0.0), known.astype(float))
    )
    out = np.full(grid.shape, np.nan)
    out[known] = total[known] / weight[known] + middle
    return out


def told(names: Sequence[str], steps: float, read: Sequence[int]) -> str:
    """What was done, in a sentence."""
    what = f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} smoothed"
    large = ""
    if max(read) > 1:
        large = f"; of so large a grid one point in {' x '.join(map(str, read))} was read"
    return f"{what} by a Gaussian of {steps:g} steps of the file's grid, where known (smooth={steps:g}){large}."
