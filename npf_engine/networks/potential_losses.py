"""The two losses that a convex potential u is trained by, with their gradients: by autograd, or by its own hand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from npf_engine.networks.potential import Potential

Answer = tuple[Tensor, list[Tensor | None]]


class PotentialLosses(ABC):
    """Values and gradients, these in the order of u's parameters; None where a loss does not depend on one. Points x
    are (n, d). Nothing waits for the device."""

    @abstractmethod
    def pairs(self, x: Tensor, target: Tensor) -> Answer:
        """mean |grad u(x) - target|^2 / scale^2 for targets (n, d)."""

    @abstractmethod
    def values(self, x: Tensor, shares: Tensor) -> Answer:
        """sum shares u(x) / scale for shares (n, 1) that sum to 0: the dual's gradient."""


class LossesByAutograd(PotentialLosses):
    """Of any potential."""

    def __init__(self, u: Potential) -> None:
        self.u, self.parameters = u, list(u.parameters())

    def _answer(self, value: Tensor) -> Answer:
        return value.detach(), list(torch.autograd.grad(value, self.parameters, allow_unused=True))

    def pairs(self, x: Tensor, target: Tensor) -> Answer:
        """mean |grad u(x) - target|^2 / scale^2 for targets (n, d)."""
        with torch.enable_grad():
            return self._answer(((self.u.gradient(x) - target) / self.u.scale).square().sum(1).mean())

    def values(self, x: Tensor, shares: Tensor) -> Answer:
        """sum shares u(x) / scale for shares (n, 1)."""
        with torch.enable_grad():
            return self._answer((shares[:, 0] * self.u(x)).sum() / self.u.scale)
