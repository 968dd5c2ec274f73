"""Gaussian smoothing of a variable on a grid: of what is known, in steps of the grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npf_engine.fields.readers.gridded_cells import margin
from npf_engine.fields.readers.gridded_place import Points
from npf_engine.fields.readers.gridded_window import strides

LEAST_LEFT = 3  # along each side of a grid of which not all is read


MOST_POINTS = 4_000_000  # of one variable that are smoothed; of larger grids every so many are read first


def read_first(shape: Sequence[int], steps: float) -> tuple[int, ...]:
    """Every which point along each axis is read of a grid that is smoothed: all of them, whatever is thinned later, so
    that F does not depend on how many samples are taken of it; fewer of one that is too large for that."""
    return strides(shape, MOST_POINTS, LEAST_LEFT) if steps > 0 else (1,) * len(shape)


def smoothed(grid: np.ndarray, at: Points | None, steps: float, read: Sequence[int] = ()) -> np.ndarray:
    """The weighted mean of the known values about each point, by a Gaussian of ``steps`` steps of the file's grid, of
    which every ``read``-th was read along each axis; NaN where the grid has it. A grid (rows, cols) at points that
    close goes on at its seam; of a box (z, y, x) ``at`` is None (normalized convolution: Knutsson and Westin, 1993)."""
    if steps <= 0:
        return grid
    from scipy.ndimage import gaussian_filter

    sigma = [steps / every for every in read or (1,) * grid.ndim]
    known = np.isfinite(grid)
    middle = float(grid[known].mean()) if known.any() else 0.0
    mode = ["constant"] * grid.ndim
    if at is not None and margin(at).cols:
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
