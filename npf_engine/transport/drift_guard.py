"""Steps of a drift that cannot run away: one that plainly raises the functional is taken back, the next is shorter.

The functional is looked at on atoms that stay the same (the probe), map against map, so that chance has little to say:
with e_i the part of atom i in it, a map T is held against the best so far, T*, by the mean of e_i(T) - e_i(T*). A step
is taken back, to T*, where that is above RISE standard errors and above SLACK of what was won since the start: rates
that are still large make a map come and go around a better one. tau then falls to half; with a new best it grows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

RISE, SLACK = 2.0, 0.1
SHORTER, LONGER = 0.5, 1.25
LARGEST, SMALLEST = 64.0, 1e-3  # of the first tau

Energies = Callable[[Tensor], Tensor]  # theta (S, P) -> the parts of the atoms (S, n)


class Guard:
    """What is kept of each seed: its best theta (S, P), and how far its next step may go (S, 1)."""

    def __init__(self, energies: Energies, theta: Tensor) -> None:
        self.energies = energies
        self.kept, self.parts = theta.detach().clone(), energies(theta.detach())
        self.first = self.parts.mean(1)
        self.reach = torch.ones_like(theta[:, :1])
        self.taken_back = torch.zeros(len(theta), dtype=torch.long)
        self.lowered = torch.zeros(len(theta), dtype=torch.bool)

    @torch.no_grad()
    def judge(self, theta: Tensor, slack: float = SLACK) -> Tensor:
        """theta (S, P) where it may stay, and the best so far where it plainly raised the functional."""
        parts = self.energies(theta)
        rise = parts - self.parts
        error = rise.std(1) / rise.shape[1] ** 0.5
        won = self.first - self.parts.mean(1)
        fine = torch.isfinite(theta).all(1) & torch.isfinite(parts).all(1)
        stays = (fine & (rise.mean(1) <= torch.maximum(RISE * error, slack * won)))[:, None]
        better = (fine & (rise.mean(1) < 0))[:, None]
        self.taken_back += ~stays[:, 0]
        self.lowered |= better[:, 0]
        answer = torch.where(stays, theta, self.kept)
        self.kept = torch.where(better, theta, self.kept)
        self.parts = torch.where(better, parts, self.parts)
        grown = torch.where(better, LONGER, 1.0)
        self.reach = (self.reach * torch.where(stays, grown, SHORTER)).clamp(SMALLEST, LARGEST)
        return answer.clone()
