"""Langevin Monte Carlo (NPF section 4.2) on batches of particles.

With step tau and coefficient c

    x <- x - tau c grad g(x) + sqrt(2 tau) z,   z ~ N(0, I),

whose law tends to exp(-c g) on Omega as tau -> 0: c is an inverse temperature, tau only discretises.

LMC-NPF (Algorithm 2) is in sampling/npf.py, the corrected sampler in sampling/corrected.py; the loop that runs them,
``run_chain``, in sampling/chain.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.sampling.chain import ChainState, Oracle, Vectorial
from npf_engine.settings import reading

CHECK_EVERY = 10  # steps between two looks for particles that ran away
WILD_SHARE = 0.02  # of the particles in one step: above it the chain is called diverging
FAR = 1e6  # without a box: a particle this many times farther out than the cloud was at the start has run away


class Diverged(InputError):
    """A chain that ran away. The sentence says what to change; the trace so far is with the caller."""


@dataclass(frozen=True)
class Region:
    """Omega as a box, with what happens to a particle that steps out of it: ``reflect`` (keeps the law exp(-c g) on
    Omega) or ``clamp`` (puts mass on the boundary)."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    boundary: Literal["reflect", "clamp"] = "reflect"

    @staticmethod
    def cube(d: int, boundary: Literal["reflect", "clamp"] = "reflect") -> Region:
        """[-1, 1]^d."""
        return Region((-1.0,) * d, (1.0,) * d, boundary)

    def corners(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """low and high (d,) in x's dtype and on its device."""
        return torch.tensor(self.low).to(x), torch.tensor(self.high).to(x)

    def confine(self, x: Tensor) -> Tensor:
        """x (n, d) brought back into the box."""
        low, high = self.corners(x)
        if self.boundary == "clamp":
            return torch.minimum(torch.maximum(x, low), high)
        side = high - low
        folded = torch.remainder(x - low, 2 * side)
        return low + torch.where(folded > side, 2 * side - folded, folded)

    def inside(self, x: Tensor) -> Tensor:
        """Which of x (n, d) lie in the box, (n,) bool."""
        low, high = self.corners(x)
        return ((x >= low) & (x <= high)).all(dim=1)

    def wild(self, x: Tensor) -> Tensor:
        """Which of x (n, d), before ``confine``, are more than a whole side outside (or not finite), (n,) bool."""
        low, high = self.corners(x)
        side = high - low
        return ~((x > low - side) & (x < high + side)).all(dim=1)


@dataclass(frozen=True)
class LangevinSettings:
    """One kernel's numbers. tau: step; coefficient: c; inner: N of Algorithm 2; noise False: gradient descent (5.4).

    metric (d,): tau per axis is tau * metric, for axes of different units (the law stays exp(-c g)).
    """

    tau: float = 1e-3
    coefficient: float = 1.0
    inner: int = 200
    noise: bool = True
    metric: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tau", "coefficient"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be a positive number, not {value}.")
        if self.inner < 1:
            raise InputError(f"inner, the Langevin steps between two jumps, must be 1 or more, not {self.inner}.")

    def step_sizes(self, x: Tensor) -> Tensor:
        """tau for each axis, (d,) or a scalar tensor, in x's dtype."""
        metric = torch.tensor(self.metric or 1.0, dtype=torch.float64)
        return (self.tau * metric).to(x)


class Langevin:
    """Plain LMC, with a box or without."""

    def __init__(self, oracle: Oracle, settings: LangevinSettings, region: Region | None = None) -> None:
        self.oracle, self.settings, self.region = oracle, settings, region
        self._reach = 0.0

    def step(self, state: ChainState) -> None:
        """x <- x - tau c grad g(x) + sqrt(2 tau) z; ``at`` and ``gradient`` keep what was seen. Raises Diverged."""
        state.at = state.x
        state.gradient = self.oracle.gradient(state.x)
        state.value = state.jumped = None
        x = self._settle(langevin_move(state, state.gradient, self.settings), state.step)
        # A few may meet a pole or a kink of g, where it has no gradient: they stay, or they would be lost for good.
        state.x = torch.where(torch.isfinite(x).all(dim=1, keepdim=True), x, state.x)
        state.step += 1

    def _settle(self, x: Tensor, step: int) -> Tensor:
        """Back into the box; raises Diverged when more than a few particles ran away."""
        if self.region is not None:
            # Looked at in every step: once folded back, a wild move can no longer be told from a good one.
            check_wild(self.region.wild(x), step, self.settings)
            return self.region.confine(x)
        if not self._reach:
            self._reach = FAR * max(1.0, float(x.abs().nan_to_num(nan=1.0, posinf=1.0).amax()))
        if step % CHECK_EVERY == 0:
            check_wild(~(x.abs() < self._reach).all(dim=1), step, self.settings)
        return x

    def shown(self) -> dict[str, float]:
        """Nothing to add."""
        return {}

    def state_dict(self) -> dict[str, object]:
        """The count."""
        return {"oracle": self.oracle.state_dict(), "reach": self._reach}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self.oracle.load_state_dict(reading.mapping(state, "oracle"))
        self._reach = float(reading.number(state, "reach"))


def langevin_move(state: ChainState, gradient: Tensor, settings: LangevinSettings) -> Tensor:
    """Where a step of LMC goes from state.x (P, d) with the given gradient (P, d)."""
    tau = settings.step_sizes(state.x)
    x = state.x - tau * settings.coefficient * gradient
    return x + (2 * tau).sqrt() * state.normal() if settings.noise else x


def check_wild(wild: Tensor, step: int, settings: LangevinSettings) -> None:
    """Raise Diverged when more than WILD_SHARE of the particles (and one at least) are wild."""
    count = int(wild.sum())
    if count > WILD_SHARE * len(wild):
        raise Diverged(
            f"The chain diverges: at step {step} {count} of {len(wild)} particles ran out of Omega or to infinity; "
            f"tau * c = {settings.tau * settings.coefficient:.3g} is too large for this landscape, choose a smaller "
            "tau."
        )


def lipschitz(gradient: Vectorial, x: Tensor, seed: int = 0, iterations: int = 8) -> float:
    """The largest |eigenvalue| of the Hessian of g at any of x (n, d), by power iterations on differences of gradients.

    Costs (iterations + 1) n gradients, which no chain's count includes. For a stochastic gradient it is no more than
    a guess.
    """
    generator = seeds.generator(seed, "langevin")
    x = x.double()
    base = gradient(x).double()
    direction = torch.randn(x.shape, generator=generator, dtype=x.dtype).to(x.device)
    size = 1e-5 * (1.0 + float(x.abs().amax()))
    largest = torch.zeros(len(x), dtype=x.dtype, device=x.device)
    for _ in range(iterations):
        direction = direction / direction.norm(dim=1, keepdim=True).clamp(min=1e-300)
        change = (gradient(x + size * direction).double() - base) / size
        largest = change.norm(dim=1)
        direction = torch.where(largest[:, None] > 0, change, direction)
    return float(largest.nan_to_num(nan=0.0, posinf=0.0).amax())


def step_size_warning(settings: LangevinSettings, largest: float) -> str | None:
    """A sentence where tau c L, with L the largest Hessian eigenvalue, is near or above 2, at which LMC diverges."""
    product = settings.tau * settings.coefficient * largest
    good = 0.2 / (settings.coefficient * largest) if largest > 0 else settings.tau
    if product >= 2:
        return (
            f"tau * c * L = {product:.3g} is above 2 (L = {largest:.4g} is the largest Hessian eigenvalue seen): the "
            f"chain diverges there; choose tau near {good:.2g}."
        )
    if product > 0.7:
        return (
            f"tau * c * L = {product:.3g} (L = {largest:.4g}, the largest Hessian eigenvalue seen) is large: the law "
            f"of the chain is visibly wider than exp(-c g); tau near {good:.2g} would be better."
        )
    return None
