"""Streamlines of a field in the plane: evenly spaced lines that are everywhere along F, each with a head in its middle.

A line is followed both ways from a free cell of a coverage grid by the midpoint rule, in steps of one length on the
screen, until it leaves the region, comes near another line or stops; lines that stay short are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from npf_engine.fields.field import Units
from npf_engine.figures import palette
from npf_engine.figures.layout import aspect, float32, position_axes
from npf_engine.figures.terrain import mean_on_cells

CELLS = 26  # of the coverage grid along each side: no two lines share one
STEP = 0.35  # of such a cell
SHORTEST, LONGEST = 5.0, 60.0  # in such cells
BINS = 96  # of the grid on which F is averaged
TURNS = 6  # steps in one cell, of which a straight line takes four at most
STILL = 1e-6  # of the largest |F|: there a line ends
Array = np.ndarray


def streamlines(
    x: Array, f: Array, units: Units, low: Sequence[float], high: Sequence[float], *, cells: int = CELLS
) -> go.Figure:
    """The streamlines of samples x (n, 2), F (n, 2) over Omega's box."""
    parts = [mean_on_cells(x, f[:, k].astype(np.float64), low, high, BINS)[0] for k in (0, 1)]
    ratio = (aspect(units, low, high) or 1.0) * (high[1] - low[1]) / (high[0] - low[0])
    found = lines(np.stack(parts, axis=-1), ratio, cells)
    corner, width = np.asarray(low, dtype=float), np.asarray(high, dtype=float) - np.asarray(low, dtype=float)
    figure = go.Figure()
    if found:
        gap = np.full((1, 2), np.nan)
        drawn = corner + np.vstack([np.vstack([line, gap]) for line in found]) * width
        figure.add_trace(
            go.Scatter(
                x=float32(drawn[:, 0]),
                y=float32(drawn[:, 1]),
                mode="lines",
                line={"color": palette.COLOURS["field"], "width": 1.4},
                hoverinfo="skip",
                showlegend=False,
            )
        )
        middles = np.array([line[len(line) // 2] for line in found])
        ahead = np.array([line[len(line) // 2] - line[len(line) // 2 - 1] for line in found]) * (1.0, ratio)
        figure.add_trace(
            go.Scatter(
                x=float32((corner + middles * width)[:, 0]),
                y=float32((corner + middles * width)[:, 1]),
                mode="markers",
                marker={
                    "symbol": "arrow",
                    "size": 9,
                    "angle": np.degrees(np.arctan2(ahead[:, 0], ahead[:, 1])),
                    "color": palette.COLOURS["field"],
                },
                hoverinfo="skip",
                showlegend=False,
            )
        )
    return position_axes(figure, units, low, high, "streamlines")


def lines(values: Array, ratio: float = 1.0, cells: int = CELLS) -> list[Array]:
    """Lines (k, 2) in [0, 1]^2 along a field given on the cells of the square, (rows, cols, 2), rows running north, NaN
    where it is not known. ratio: height of the square over its width on the screen."""
    field = _Field(values, ratio)
    taken = np.zeros((cells, cells), dtype=bool)
    step = STEP / cells
    order = np.random.default_rng(0).permutation(cells * cells)
    found = []
    for start in order:
        row, column = divmod(int(start), cells)
        if taken[row, column]:
            continue
        seed = np.array([(column + 0.5) / cells, (row + 0.5) / cells])
        own: set[tuple[int, int]] = set()
        back = _follow(field, seed, -step, taken, own)
        line = np.array([*back[::-1], seed, *_follow(field, seed, step, taken, own)])
        if len(line) * STEP >= SHORTEST:
            found.append(line)
            for cell in own:
                taken[cell] = True
    return found


class _Field:
    """Directions of F between the middles of its cells, bilinear, of one length on the screen."""

    def __init__(self, values: Array, ratio: float) -> None:
        self.values, self.ratio = values.astype(np.float64), ratio
        size = np.linalg.norm(self.values, axis=-1)
        self.least = STILL * float(np.nanmax(size, initial=0.0))

    def direction(self, at: Array) -> Array | None:
        """None outside of the square, where F is not known, and where it is still."""
        rows, cols = self.values.shape[:2]
        if not (0.0 <= at[0] <= 1.0 and 0.0 <= at[1] <= 1.0):
            return None
        x, y = min(max(at[0] * cols - 0.5, 0.0), cols - 1.0), min(max(at[1] * rows - 0.5, 0.0), rows - 1.0)
        i, j = min(int(y), rows - 2), min(int(x), cols - 2)
        s, t = x - j, y - i
        v = self.values
        f = (1 - t) * ((1 - s) * v[i, j] + s * v[i, j + 1]) + t * ((1 - s) * v[i + 1, j] + s * v[i + 1, j + 1])
        size = float(np.hypot(f[0], f[1]))
        if not size > self.least:  # NaN too
            return None
        return np.array([f[0] / size, f[1] / size / self.ratio])


def _follow(field: _Field, seed: Array, step: float, taken: Array, own: set[tuple[int, int]]) -> list[Array]:
    """The points after ``seed``, as far as the line goes; the cells that it passes are put into ``own``."""
    points: list[Array] = []
    cells, at = len(taken), seed
    here, within = _cell(seed, cells), 0
    for _ in range(int(LONGEST / STEP)):
        first = field.direction(at)
        second = None if first is None else field.direction(at + step / 2 * first)
        if second is None:
            break
        at = at + step * second
        if not ((at >= 0.0) & (at <= 1.0)).all():
            break
        cell = _cell(at, cells)
        within = within + 1 if cell == here else 0
        if within > TURNS:  # at a summit of a potential a line runs to and fro
            del points[-within:]
            break
        if taken[cell] or (cell != here and cell in own):  # another line, or its own beginning: it has gone round
            break
        here = cell
        own.add(cell)
        points.append(at)
    return points


def _cell(at: Array, cells: int) -> tuple[int, int]:
    """Row and column of the coverage grid."""
    return min(int(at[1] * cells), cells - 1), min(int(at[0] * cells), cells - 1)
