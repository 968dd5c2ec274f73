"""The northern fold of an ocean model's grid: beyond its last row the grid goes on with its own rows, turned round.

The last row may be the fold itself, lie half a step before it, or be one of the rows beyond it, written again (Madec
and Imbard, Climate Dynamics 12, 1996: the T- and F-point pivots of ORCA grids).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npf_engine.fields.readers.gridded_cells import SAME, margin, once_round
from npf_engine.fields.readers.gridded_gaps import middle, places
from npf_engine.fields.readers.gridded_place import Points

MOST_AGAIN = 4  # rows that are written again, at most
MOST_SHIFT = 3  # columns by which the turned row lies off, at most
ALIKE = 0.9  # share of the known columns that must lie at the same place


@dataclass(frozen=True)
class Fold:
    """Row n - 1 + t of the grid is its row n - 1 - again - t turned round, and ``shift`` columns on."""

    again: int
    shift: int

    def beyond(self, grid: np.ndarray, rows: int, sign: float) -> np.ndarray:
        """(rows, cols): what lies beyond the last row; sign: -1 for components along the grid, which turn with it."""
        size = grid.shape[0]
        own = [size - 1 - self.again - t for t in range(1, rows + 1)]
        return sign * np.roll(grid[own][:, ::-1], self.shift, axis=1)

    def most(self, rows: int) -> int:
        """How many rows lie beyond the last of a grid of so many."""
        return max(0, rows - 1 - self.again)


def fold(points: Points) -> Fold | None:
    """The fold beyond the last row of a grid that goes round once; None where there is none."""
    rows, cols = points.lon.shape
    if not points.earth or points.rectilinear or rows <= MOST_AGAIN + 1 or once_round(points) != cols:
        return None
    last = places(points.part(slice(rows - 1 - MOST_AGAIN, rows), slice(None)))[::-1]
    with np.errstate(invalid="ignore"):
        step = np.linalg.norm(last[0] - np.roll(last[0], 1, axis=0), axis=1)
        usual = float(middle(step[None], 1)[0])
        for again in range(MOST_AGAIN + 1):
            for shift in range(-MOST_SHIFT, MOST_SHIFT + 1):
                away = np.linalg.norm(last[0] - np.roll(last[again][::-1], shift, axis=0), axis=1)
                known = np.isfinite(away)
                if known.mean() >= 0.5 and (away[known] <= SAME * usual).mean() >= ALIKE:
                    return Fold(again, shift)
    return Fold(-1, 0) if margin(points).last else None
