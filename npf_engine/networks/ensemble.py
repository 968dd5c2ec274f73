"""Many networks of one shape, one for each seed, as one tensor program."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from npf_engine.networks.potential import Potential

P = TypeVar("P", bound=Potential)


class _GradientOf(nn.Module):
    """The potential's gradient, or its Hessian, as a module's forward, for ``functional_call``."""

    def __init__(self, potential: Potential, bends: bool) -> None:
        super().__init__()
        self.potential, self.bends = potential, bends

    def forward(self, x: Tensor) -> Tensor:
        return self.potential.hessian(x) if self.bends else self.potential.gradient(x)


class Ensemble(Generic[P]):
    """S networks of one shape as one tensor program: their parameters are the rows of ``theta`` (S, P).

    Every member is independent of the others: row s of the result depends on row s of theta only. The potentials are
    those whose parameters may carry leading axes: ``ClassicalICNN`` and ``LogSumExpPotential``.
    """

    def __init__(self, members: Sequence[P]) -> None:
        self.template = copy.deepcopy(members[0])
        self.size = len(members)
        self.shapes = [(f"potential.{name}", p.shape) for name, p in self.template.named_parameters()]
        self.theta = torch.stack(
            [torch.cat([p.detach().reshape(-1) for p in member.parameters()]) for member in members]
        )
        self._map, self._bend = _GradientOf(self.template, False), _GradientOf(self.template, True)

    def gradient(self, theta: Tensor, x: Tensor) -> Tensor:
        """grad u_s(x_s) for every member: theta (S, P), x (S, n, d) -> (S, n, d)."""
        return self._called(self._map, theta, x)

    def hessian(self, theta: Tensor, x: Tensor) -> Tensor:
        """The Hessian of u_s at x_s for every member: theta (S, P), x (S, n, d) -> (S, n, d, d)."""
        return self._called(self._bend, theta, x)

    def _called(self, module: nn.Module, theta: Tensor, x: Tensor) -> Tensor:
        parts = theta.split([shape.numel() for _, shape in self.shapes], dim=1)
        named = {
            name: part.reshape(theta.shape[0], *shape) for (name, shape), part in zip(self.shapes, parts, strict=True)
        }
        result: Tensor = torch.func.functional_call(module, named, (x,))
        return result

    def member(self, theta: Tensor, index: int) -> P:
        """The network of row ``index`` by itself."""
        network = copy.deepcopy(self.template)
        torch.nn.utils.vector_to_parameters(theta[index].detach().clone(), network.parameters())
        return network
