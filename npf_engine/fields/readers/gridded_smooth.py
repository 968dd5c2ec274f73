"""Gaussian smoothing of a variable on a grid: of what is known, in steps of the grid."""

from __future__ import annotations

import numpy as np

from npf_engine.fields.readers.gridded_cells import margin
from npf_engine.fields.readers.gridded_place import Points


def smoothed(grid: np.ndarray, at: Points, steps: float) -> np.ndarray:
    """The weighted mean of the known values about each point (rows, cols), by a Gaussian of ``steps`` steps; NaN where
    the grid has it. A grid that closes goes on at its seam (normalized convolution: Knutsson and Westin, 1993)."""
    if steps <= 0:
        return grid
    from scipy.ndimage import gaussian_filter

    known = np.isfinite(grid)
    middle = float(grid[known].mean()) if known.any() else 0.0
    mode = ("constant", "wrap" if margin(at).cols else "constant")
    total, weight = (
        gaussian_filter(part, steps, mode=mode) for part in (np.where(known, grid - middle, 0.0), known.astype(float))
    )
    out = np.full(grid.shape, np.nan)
    out[known] = total[known] / weight[known] + middle
    return out
