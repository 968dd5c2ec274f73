"""Which draws are truly near a critical point: a draw high up a wall still belongs to the basin below it.

A basin's share counts every draw that the gradient flow would bring to its mode, however far away it is. Here a draw x
is near

- a mode k, if it is in its basin and c (g(x) - g_k) is at most LEVEL, or at most what it takes to hold HELD of the
  basin's mass of exp(-c g) where that is more. LEVEL holds HELD of a Gaussian in the plane (c (g - g_k) is then
  exponential with mean 1), so the exact law has a share of HELD or more of its draws near modes on every landscape;
- a saddle or a maximum s, if it is near no mode and in the ellipse of s's own Gaussian, the Hessian's eigenvalues
  taken by their size: c (x - s)^T |H| (x - s) / 2 <= LEVEL. Of several such points, the first in that measure counts.

What exp(-c g) itself has near each is known by quadrature: ``expected``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.sampling.exact import Truth, hessian

HELD = 0.99
LEVEL = -math.log(1 - HELD)
LEAST = 1e-15  # cells of less mass add nothing to what is expected
CHUNK = 4096
ELSEWHERE, SADDLE, MAXIMUM = -1, -2, -3  # where a draw is; a mode's index is 0 or more


@dataclass(frozen=True)
class Shares:
    """Shares of draws near each mode (k,), near saddles and near maxima; what is missing to 1 is elsewhere."""

    each: tuple[float, ...]
    saddles: float
    maxima: float

    @property
    def modes(self) -> float:
        """Near any mode."""
        return float(sum(self.each))

    def to_json(self) -> dict[str, float]:
        """near_modes, near_saddles and near_maxima."""
        return {"near_modes": self.modes, "near_saddles": self.saddles, "near_maxima": self.maxima}


class Nearness:
    """What is near what under exp(-c g) in the plane."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.levels = _levels(truth)
        others = [p for p in truth.critical if p.kind in ("saddle", "maximum")]
        self._codes = torch.tensor([SADDLE if p.kind == "saddle" else MAXIMUM for p in others], dtype=torch.long)
        self._places = torch.tensor([p.location for p in others], dtype=torch.float64).reshape(-1, 2)
        self._forms = _forms(truth, self._places)
        cells = truth.cells
        heavy = cells.mass > LEAST
        where = self._where(cells.points[heavy], truth.labels[heavy], cells.energy[heavy])
        self.expected = self._count(where, cells.mass[heavy])

    def where(self, x: Tensor) -> Tensor:
        """For each of x (n, 2) the index of the mode it is near, SADDLE, MAXIMUM or ELSEWHERE, (n,)."""
        x = x.double().cpu()
        return self._where(x, self.truth.basin(x), self.truth.energy_at(x))

    def shares(self, x: Tensor) -> Shares:
        """Of draws x (n, 2); all 0 without draws."""
        return self._count(self.where(x), torch.full((len(x),), 1.0 / max(1, len(x)), dtype=torch.float64))

    def _where(self, x: Tensor, labels: Tensor, energy: Tensor) -> Tensor:
        found = torch.where(energy <= self.levels[labels], labels, ELSEWHERE)
        if len(self._codes):
            rest = torch.nonzero(found == ELSEWHERE)[:, 0]
            for part in rest.split(CHUNK):
                across, along = (x[part, axis, None] - self._places[:, axis] for axis in (0, 1))
                first, mixed, second = self._forms[:, 0, 0], 2 * self._forms[:, 0, 1], self._forms[:, 1, 1]
                least, nearest = (across * (first * across + mixed * along) + second * along * along).min(dim=1)
                found[part] = torch.where(least <= LEVEL, self._codes[nearest], ELSEWHERE)
        return found

    def _count(self, where: Tensor, mass: Tensor) -> Shares:
        total = torch.zeros(len(self.levels) + 3, dtype=torch.float64).index_add_(0, where + 3, mass).tolist()
        return Shares(tuple(total[3:]), total[SADDLE + 3], total[MAXIMUM + 3])


def _levels(truth: Truth) -> Tensor:
    """The energy c g up to which a point of each basin is near its mode, (modes,)."""
    levels = []
    for k in range(len(truth.modes)):
        own = truth.labels == k
        energy, order = torch.sort(truth.cells.energy[own])
        held = truth.cells.mass[own][order].cumsum(dim=0)
        last = int(torch.searchsorted(held, HELD * held[-1])) if len(held) else 0
        bottom = float(truth.energy_at(torch.tensor([truth.modes[k].location], dtype=torch.float64))[0])
        lowest = min(bottom, float(energy[0])) if len(energy) else bottom
        # A basin without any mass has no level of its own.
        level = float(energy[last]) if len(held) and float(held[-1]) > 0 else -math.inf
        levels.append(max(level, lowest + LEVEL))
    return torch.tensor(levels, dtype=torch.float64)


def _forms(truth: Truth, places: Tensor) -> Tensor:
    """c |H| / 2 at places (k, 2), (k, 2, 2)."""
    if not len(places):
        return torch.zeros(0, 2, 2, dtype=torch.float64)
    low, high = (torch.tensor(side, dtype=torch.float64) for side in (truth.landscape.low, truth.landscape.high))
    values, vectors = torch.linalg.eigh(hessian(truth.landscape.gradient, places, high - low))
    return truth.coefficient * (vectors * values.abs()[:, None, :]) @ vectors.transpose(1, 2) / 2
