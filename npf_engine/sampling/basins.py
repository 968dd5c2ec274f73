"""Basins of the gradient flow of g in the plane, on the cells of a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from npf_engine.sampling.landscapes import Landscape

NEAR_CELLS = 6.0  # an end of the flow this near a mode belongs to it
FLOW_CELLS = 3.0  # how far one step of the discrete gradient flow reaches, in cells


@dataclass
class Mode:
    """A place where the gradient flow ends: kind ``minimum``; ``boundary`` where Omega's edge stops the flow;
    ``degenerate`` where g is flat or has a kink."""

    location: list[float]
    kind: str


def basins(
    landscape: Landscape, points: Tensor, energy: Tensor, minima: list[Mode], side: int
) -> tuple[list[Mode], Tensor]:
    """Modes and, for every cell, the mode where the gradient flow from it ends (pointer doubling on the grid)."""
    pointer = _downhill(landscape, points, energy, side)
    for _ in range(int(math.log2(side * side)) + 1):
        pointer = pointer[pointer]
    pointer = _one_end_each(pointer, side)
    ends = torch.unique(pointer)
    cell = torch.tensor([(b - a) / side for a, b in zip(landscape.low, landscape.high, strict=True)])
    modes = list(minima)
    lookup = torch.zeros(side * side, dtype=torch.long)
    # From the lowest up, so that ends scattered about one mode all join its deepest.
    for end in ends[torch.argsort(energy[ends])].tolist():
        place = points[end]
        if modes:
            away = (place - torch.tensor([mode.location for mode in modes], dtype=torch.float64)).abs() / cell
            nearest = int(away.amax(dim=1).argmin())
        if not modes or float(away[nearest].amax()) > NEAR_CELLS:
            row, column = divmod(end, side)
            edge = min(row, column, side - 1 - row, side - 1 - column) < NEAR_CELLS
            modes.append(Mode(place.tolist(), "boundary" if edge else "degenerate"))
            nearest = len(modes) - 1
        lookup[end] = nearest
    return modes, lookup[pointer]


def _one_end_each(pointer: Tensor, side: int) -> Tensor:
    """Ends that touch are one: on a plateau every cell is an end. Cells (side^2,) then point to its middle cell."""
    ends = torch.zeros(side * side, dtype=torch.bool)
    ends[pointer] = True
    groups, count = ndimage.label(ends.reshape(side, side).numpy(), structure=np.ones((3, 3)))
    middles = np.array(ndimage.center_of_mass(groups > 0, groups, np.arange(1, count + 1)))
    cells = np.argwhere(groups > 0)
    group = groups[tuple(cells.T)] - 1
    away = np.square(cells - middles[group]).sum(axis=1)
    order = np.lexsort((away, group))
    first = order[np.unique(group[order], return_index=True)[1]]
    chosen = torch.from_numpy(cells[first] @ np.array([side, 1]))
    return chosen[torch.from_numpy(groups.reshape(-1)).long()[pointer] - 1]


def _downhill(landscape: Landscape, points: Tensor, energy: Tensor, side: int) -> Tensor:
    """For every cell the cell that the flow reaches next, (side^2,): by a midpoint step of a few cells where that leads
    down, else the lowest of the eight neighbours, else itself (a minimum, perhaps on the edge)."""
    low = torch.tensor(landscape.low, dtype=torch.float64)
    cell = (torch.tensor(landscape.high, dtype=torch.float64) - low) / side
    here = torch.arange(side * side)

    def direction(x: Tensor) -> Tensor:
        slope = torch.cat([landscape.gradient(part) for part in x.split(65_536)]).nan_to_num(nan=0.0) * cell
        return slope / slope.norm(dim=1, keepdim=True).clamp(min=1e-300) * cell

    first = direction(points)
    middle = direction(landscape.region().confine(points - 0.5 * FLOW_CELLS * first))
    pointer = _lowest_neighbour(energy, side)
    for reach, along in ((1.0, first), (FLOW_CELLS, middle)):
        index = ((points - reach * along - low) / cell).floor().long().clamp(0, side - 1)
        target = index[:, 0] * side + index[:, 1]
        pointer = torch.where((energy[target] < energy) & (pointer != here), target, pointer)
    return pointer


def _lowest_neighbour(energy: Tensor, side: int) -> Tensor:
    """For every cell the lowest of itself and its eight neighbours."""
    padded = torch.nn.functional.pad(energy.reshape(side, side), (1, 1, 1, 1), value=torch.inf)
    index = torch.nn.functional.pad(torch.arange(side * side).reshape(side, side), (1, 1, 1, 1), value=0)
    shifts = [(i, j) for i in range(3) for j in range(3)]
    values = torch.stack([padded[i : i + side, j : j + side] for i, j in shifts])
    places = torch.stack([index[i : i + side, j : j + side] for i, j in shifts])
    lowest = values.argmin(dim=0, keepdim=True)
    # Of equal values the cell itself: an index of the padding must never be taken on a plateau of infinity.
    chosen = torch.where(
        values.gather(0, lowest) < energy.reshape(1, side, side), places.gather(0, lowest), places[4:5]
    )
    return chosen.reshape(-1)
