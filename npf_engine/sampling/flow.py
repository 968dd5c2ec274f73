"""q(x | y) by a conditional normalizing flow (zuko): a density for what I_psi draws, learned from the same pairs.

    x = T^{-1}(z; y),   z ~ the mixture density network of sampling/proposal.py,
    log q(x | y) = log q_mixture(T(x; y) | y) + log |det dT/dx|

T is a neural spline flow (Durkan and others 2019) in coupling layers, exact and cheap in both directions in any
dimension; it begins near the identity. Its base has several modes, so that T need not tear one cloud apart: flows of a
single Gaussian leave bridges of mass between modes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.sampling.langevin import Region
from npf_engine.sampling.proposal import Proposal, ProposalSettings

TRANSFORMS, BINS, HIDDEN = 3, 8, (64, 64)
START = 0.01  # of the last layers' weights, by which T begins near the identity


class _Transform(Protocol):
    """What a flow of zuko answers for a condition."""

    def __call__(self, x: Tensor) -> Tensor:
        """T(x) (n, d)."""

    def call_and_ladj(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """T(x) (n, d) and log |det dT/dx| (n,)."""

    @property
    def inv(self) -> Callable[[Tensor], Tensor]:
        """T^{-1}."""


class FlowProposal(Proposal):
    """q(x | y) for x, y (n, d) with the draws, the density and the fit of ``Proposal``."""

    middle: Tensor
    spread: Tensor

    def __init__(self, d: int, settings: ProposalSettings, region: Region | None, seed: int = 0) -> None:
        import zuko

        super().__init__(d, settings, region, seed)
        with torch.random.fork_rng(devices=[]):  # zuko's layers begin by torch's own stream
            torch.manual_seed(seeds.child(seed, "flow"))
            flow = zuko.flows.NSF(d, d, transforms=TRANSFORMS, bins=BINS, hidden_features=HIDDEN, passes=2)
        self.flow = flow.transform
        self.register_buffer("middle", torch.zeros(d))
        self.register_buffer("spread", torch.ones(d))
        with torch.no_grad():
            for module in self.flow.modules():
                layers = [layer for layer in module.children() if isinstance(layer, nn.Linear)]
                if layers and isinstance(module, nn.Sequential):
                    for parameter in layers[-1].parameters():
                        parameter.mul_(START)

    def _narrow_log(self, x: Tensor, y: Tensor) -> Tensor:
        z, volume = self._transform(y).call_and_ladj((x - self.middle) / self.spread)
        return super()._narrow_log(self.middle + self.spread * z, y) + volume

    def _narrow_sample(self, y: Tensor, generator: torch.Generator) -> Tensor:
        z = (super()._narrow_sample(y, generator) - self.middle) / self.spread
        return self.middle + self.spread * self._transform(y).inv(z)

    def _transform(self, y: Tensor) -> _Transform:
        """T(.; y) in units of the samples' spread."""
        return cast(_Transform, self.flow((y - self.body.centre) / self.body.spread))

    @torch.no_grad()
    def _place(self, x: Tensor, y: Tensor, generator: torch.Generator) -> None:
        super()._place(x, y, generator)
        self.middle.copy_(x.mean(dim=0))
        self.spread.copy_(x.std(dim=0).clamp(min=1e-6))
