"""The samples (x, grad g(x)) that networks are updated with while a chain runs (NPF Algorithm 2, line 12).

``Ring`` is the paper's: the particles themselves, rho is their cloud, the oldest forgotten first. ``Spread`` keeps the
law of rho on Omega: a particle takes the place of a sample of its own small cell, so that networks see where particles
are without a change of the measure that the factorization preserves.
"""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine.settings import reading

CELLS = 64  # cells along an axis of a Spread


class Ring:
    """The last ``capacity`` samples: x, f (capacity, d), and the last conjugate of each, NaN where unknown."""

    def __init__(self, capacity: int, d: int, like: Tensor) -> None:
        self.x = torch.zeros(capacity, d, dtype=like.dtype, device=like.device)
        self.f = torch.zeros_like(self.x)
        self.xhat = torch.full_like(self.x, torch.nan)
        self.filled = self.place = 0

    def add(self, x: Tensor, f: Tensor, generator: torch.Generator) -> None:
        """Remember x, f (n, d); samples that are not finite are left out."""
        good = torch.isfinite(f).all(dim=1) & torch.isfinite(x).all(dim=1)
        x, f = x[good].to(self.x), f[good].to(self.x)
        x, f = x[-len(self.x) :], f[-len(self.x) :]
        at = (self.place + torch.arange(len(x), device=self.x.device)) % len(self.x)
        self.x[at], self.f[at], self.xhat[at] = x, f, torch.nan
        self.place = (self.place + len(x)) % len(self.x)
        self.filled = min(len(self.x), self.filled + len(x))

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n indices into the samples."""
        return torch.randint(max(1, self.filled), (n,), generator=generator).to(self.x.device)

    def state_dict(self) -> dict[str, object]:
        """For a checkpoint."""
        return {name: getattr(self, name) for name in ("x", "f", "xhat", "filled", "place")}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self.filled, self.place = reading.whole(state, "filled"), reading.whole(state, "place")
        for name in ("x", "f", "xhat"):
            getattr(self, name).copy_(reading.of(state, name, Tensor))


class Spread(Ring):
    """Samples of rho on [-1, 1]^d (d <= 3), each of which only a particle from its own cell can replace."""

    def __init__(self, x: Tensor, f: Tensor) -> None:
        """Start from samples x (n, d) of rho, f (n, d) = grad g(x)."""
        order = torch.argsort(self._cell(x))
        super().__init__(len(x), x.shape[1], x)
        self.x.copy_(x[order])
        self.f.copy_(f[order])
        self.filled = len(x)
        self.cells = self._cell(self.x)

    @staticmethod
    def _cell(x: Tensor) -> Tensor:
        index = ((x + 1) / 2 * CELLS).floor().long().clamp(0, CELLS - 1)
        powers = CELLS ** torch.arange(x.shape[1], device=x.device)
        return (index * powers).sum(dim=1)

    def add(self, x: Tensor, f: Tensor, generator: torch.Generator) -> None:
        """Each particle (n, d) takes a random place of its cell; where the cell has none it is left out."""
        good = torch.isfinite(f).all(dim=1) & torch.isfinite(x).all(dim=1)
        x, f = x[good].to(self.x), f[good].to(self.x)
        cell = self._cell(x)
        first = torch.searchsorted(self.cells, cell)
        count = torch.searchsorted(self.cells, cell, right=True) - first
        pick = torch.rand(len(x), generator=generator, dtype=torch.float64).to(x.device)
        at = first + (pick * count).long()
        there = count > 0
        self.x[at[there]], self.f[at[there]], self.xhat[at[there]] = x[there], f[there], torch.nan
