"""Steps of a drift that cannot run away: one that surely raises the functional is taken back, and the next is shorter.

The functional is looked at on atoms that stay the same (the probe), map against map, so that chance has little to say:
with e_i the part of atom i in it, a step from T to T' is taken back where the mean of e_i(T') - e_i(T) is above what
chance allows, RISE standard errors of it. tau then falls to half; after a step that lowered the functional it grows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

RISE = 1.0  # standard errors
SHORTER, LONGER = 0.5, 1.25
LARGEST, SMALLEST = 64.0, 1e-3  # of the first tau

Energies = Callable[[Tensor], Tensor]  # theta (S, P) -> the parts of the atoms (S, n)


class Guard:
    """What is kept of each seed: its best theta (S, P), and how far its next step may go (S, 1)."""

    def __init__(self, energies: Energies, theta: Tensor) -> None:
        self.energies = energies
        self.kept, self.parts = theta.detach().clone(), energies(theta.detach())
        self.last, self.last_parts = self.kept, self.parts
        self.reach = torch.ones_like(theta[:, :1])
        self.taken_back = torch.zeros(len(theta), dtype=torch.long)
        self.lowered = torch.zeros(len(theta), dtype=torch.bool)

    @torch.no_grad()
    def judge(self, theta: Tensor) -> Tensor:
        """theta (S, P) where it may stay, and the one before it where it surely raised the functional."""
        parts = self.energies(theta)
        fine = torch.isfinite(theta).all(1) & torch.isfinite(parts).all(1)
        stays = fine & ~_surely_above(parts, self.last_parts) & ~_surely_above(parts, self.parts)
        better = fine & (parts.mean(1) < self.parts.mean(1))
        row = stays[:, None]
        self.taken_back += ~stays
        self.lowered |= better
        back = torch.where(_surely_above(self.last_parts, self.parts)[:, None], self.kept, self.last)
        self.last = torch.where(row, theta, back)
        self.last_parts = torch.where(row, parts, self.last_parts)
        self.kept = torch.where(better[:, None], theta, self.kept)
        self.parts = torch.where(better[:, None], parts, self.parts)
        grown = torch.where(better[:, None], LONGER, 1.0)
        self.reach = (self.reach * torch.where(row, grown, SHORTER)).clamp(SMALLEST, LARGEST)
        return self.last.clone()


def _surely_above(parts: Tensor, before: Tensor) -> Tensor:
    """Whether the mean of ``parts`` (S, n) is above that of ``before`` by more than chance: (S,)."""
    rise = parts - before
    error = rise.std(1) / rise.shape[1] ** 0.5
    return ~(rise.mean(1) <= RISE * error)
