"""Parallel tempering, the usual answer to many modes: MALA at several temperatures and swaps between them.

Level l has the law exp(-c_l g) on Omega, c_0 = c and c_l falling geometrically; neighbours exchange places with the
Metropolis probability min(1, exp((c_l - c_{l+1}) (g(x_l) - g(x_{l+1})))), so the first level has exactly exp(-c g).
"""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine.sampling.chain import ChainState, Oracle
from npf_engine.sampling.corrected import mala_move
from npf_engine.sampling.langevin import LangevinSettings, Region
from npf_engine.settings import reading


class Tempering:
    """``levels`` copies of every particle; state.x are those of the first level. A step costs P * levels gradients."""

    def __init__(
        self,
        oracle: Oracle,
        settings: LangevinSettings,
        region: Region | None = None,
        *,
        levels: int = 6,
        ratio: float = 0.35,
        swap_every: int = 5,
    ) -> None:
        self.oracle, self.settings, self.region = oracle, settings, region
        self.levels, self.swap_every = levels, swap_every
        self.factors = [ratio**k for k in range(levels)]
        self.x: Tensor | None = None
        self.value = self.gradient = torch.empty(0)
        self.accepted = self.tried = 0.0

    def _evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """g (n,), infinite outside Omega, and grad g (n, d)."""
        value, gradient = self.oracle.both(x if self.region is None else self.region.confine(x))
        bad = ~(torch.isfinite(value) & torch.isfinite(gradient).all(dim=1))
        if self.region is not None:
            bad = bad | ~self.region.inside(x)
        return torch.where(bad, torch.inf, value), torch.where(bad[:, None], 0.0, gradient)

    def begin(self, x: Tensor) -> None:
        """Start all levels at x (levels * P, d), the first level's particles first."""
        self.x = x
        self.value, self.gradient = self._evaluate(x)

    def step(self, state: ChainState) -> None:
        """MALA at every level, and every few steps swaps of neighbouring levels."""
        count = len(state.x)
        if self.x is None:
            self.begin(state.x.repeat(self.levels, 1))
        assert self.x is not None
        factor = torch.tensor(self.factors).to(state.x).repeat_interleave(count)
        moving = ChainState(self.x, state.generator)
        c = self.settings.coefficient * factor

        def energy(x: Tensor) -> tuple[Tensor, Tensor]:
            value, gradient = self._evaluate(x)
            return c * value, gradient * factor[:, None]

        # The hotter the flatter: tau grows as c falls, but no farther than a step across a few per cent of Omega.
        tau = self.settings.step_sizes(state.x) / factor[:, None]
        if self.region is not None:
            low, high = self.region.corners(state.x)
            tau = torch.minimum(tau, (0.1 * (high - low)).square() / 2)
        x, value, gradient, _ = mala_move(
            energy, self.x, c * self.value, self.gradient * factor[:, None], tau, self.settings.coefficient, moving
        )
        self.x, self.value, self.gradient = x, value / c, gradient / factor[:, None]
        if state.step % self.swap_every == 0:
            self._swap(state, count)
        state.x, state.jumped = self.x[:count], None
        state.step += 1

    def _swap(self, state: ChainState, count: int) -> None:
        """Even and odd pairs of levels in turn."""
        assert self.x is not None
        first = (state.step // self.swap_every) % 2
        for level in range(first, self.levels - 1, 2):
            low, high = slice(level * count, (level + 1) * count), slice((level + 1) * count, (level + 2) * count)
            c = self.settings.coefficient
            gap = c * (self.factors[level] - self.factors[level + 1])
            good = torch.log(state.uniform()) < gap * (self.value[low] - self.value[high])
            for name in ("x", "value", "gradient"):
                values = getattr(self, name)
                a, b = values[low].clone(), values[high].clone()
                mask = good[:, None] if values.ndim == 2 else good
                values[low], values[high] = torch.where(mask, b, a), torch.where(mask, a, b)
            self.accepted += float(good.double().sum())
            self.tried += count

    @property
    def acceptance(self) -> float:
        """Share of accepted swaps."""
        return self.accepted / max(1.0, self.tried)

    def shown(self) -> dict[str, float]:
        """Share of accepted swaps."""
        return {"acceptance": self.acceptance}

    def state_dict(self) -> dict[str, object]:
        """All levels and counts."""
        names = ("x", "value", "gradient", "accepted", "tried")
        return {name: getattr(self, name) for name in names} | {"oracle": self.oracle.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self.oracle.load_state_dict(reading.mapping(state, "oracle"))
        for name in ("x", "value", "gradient", "accepted", "tried"):
            setattr(self, name, state[name])
