"""Gaussian smoothing of a variable on a grid: of what is known, in steps of the grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from npf_engine.fields.readers.gridded_cells import margin
from npf_engine.fields.readers.gridded_place import Points


def smoothed(grid: np.ndarray, at: Points | None, steps: float) -> np.ndarray:
    """The weighted mean of the known values about each point, by a Gaussian of ``steps`` steps; NaN where the grid has
    it. A grid (rows, cols) at points that close goes on at its seam; of a box (z, y, x) ``at`` is None (normalized
    convolution: Knutsson and Westin, 1993)."""
    if steps <= 0:
        return grid
    from scipy.ndimage import gaussian_filter

    known = np.isfinite(grid)
    middle = float(grid[known].mean()) if known.any() else 0.0
    mode = ["constant"] * grid.ndim
    if at is not None and margin(at).cols:
        mode[1] = "wrap"
    total, weight = (
        gaussian_filter(part, steps, mode=mode) for part in (np.where(known, grid - middle, 0.0), known.astype(float))
    )
    out = np.full(grid.shape, np.nan)
    out[known] = total[known] / weight[known] + middle
    return out


def told(names: Sequence[str], steps: float) -> str:
    """What was done, in a sentence."""
    what = f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} smoothed"
    return f"{what} by a Gaussian of {steps:g} steps of the grid, where known (smooth={steps:g})."
