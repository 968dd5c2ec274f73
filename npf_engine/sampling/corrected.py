"""LMC-NPF with the law exp(-c g): the jump through u as a Metropolis-Hastings move, its networks frozen.

A jump draws an auxiliary y ~ r(.|x) = N(M(x), s^2 I), moves it by K_u, a kernel reversible for exp(-c u) (a few steps
of MALA), and comes back by x' ~ q(.|y'). It is accepted with probability

    min(1, exp(-c g(x')) r(y'|x') exp(-c u(y)) q(x|y)  /  [ exp(-c g(x)) r(y|x) exp(-c u(y')) q(x'|y') ]).

On (x, y) with density exp(-c g(x)) r(y|x) the move (x, y) -> (x', y') then satisfies detailed balance, since
exp(-c u(y)) K_u(y, y') is symmetric: whatever M, u and q are, so long as they do not change and q has full support. Bad
networks cost acceptance, not correctness. Between jumps MALA on exp(-c g) moves particles locally.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from npf_engine.sampling.chain import ChainState, Oracle, Vectorial
from npf_engine.sampling.langevin import LangevinSettings, Region
from npf_engine.settings import reading

Both = Callable[[Tensor], tuple[Tensor, Tensor]]


class Conditional(Protocol):
    """q(x | y): draws and their density."""

    def sample(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """One draw (n, d) for each row of y (n, d)."""

    def log_density(self, x: Tensor, y: Tensor) -> Tensor:
        """log q(x | y) (n,)."""


@dataclass(frozen=True)
class Frozen:
    """What a jump is made of, all of it fixed: u with its gradient, M, q, the noise s, K_u's steps and their tau."""

    u: Both
    m: Vectorial
    q: Conditional
    noise: float
    u_tau: float
    u_steps: int = 10


class Mala:
    """Metropolis-adjusted Langevin steps on exp(-c g) restricted to Omega: exactly that law, whatever tau."""

    def __init__(self, oracle: Oracle, settings: LangevinSettings, region: Region | None = None) -> None:
        self.oracle, self.settings, self.region = oracle, settings, region
        self.accepted = self.tried = 0.0

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """c g (P,), infinite outside Omega or where g is not finite, and grad g (P, d); counted."""
        value, gradient = self.oracle.both(x if self.region is None else self.region.confine(x))
        value = self.settings.coefficient * value
        bad = ~(torch.isfinite(value) & torch.isfinite(gradient).all(dim=1))
        if self.region is not None:
            bad = bad | ~self.region.inside(x)
        return torch.where(bad, torch.inf, value), torch.where(bad[:, None], 0.0, gradient)

    def ready(self, state: ChainState) -> tuple[Tensor, Tensor]:
        """Value (P,) and gradient (P, d) at state.x, which the state has from then on."""
        if state.value is None or state.gradient is None or state.at is not state.x:
            state.value, state.gradient = self.evaluate(state.x)
            state.at = state.x
        return state.value, state.gradient

    def step(self, state: ChainState) -> None:
        """One step of MALA."""
        value, gradient = self.ready(state)
        tau, c = self.settings.step_sizes(state.x), self.settings.coefficient
        state.jumped = None
        state.x, state.value, state.gradient, good = mala_move(self.evaluate, state.x, value, gradient, tau, c, state)
        state.at = state.x
        self.accepted += float(good.double().sum())
        self.tried += len(good)
        state.step += 1

    def shown(self) -> dict[str, float]:
        """Share of accepted steps so far."""
        return {"local_acceptance": self.accepted / max(1.0, self.tried)}

    def state_dict(self) -> dict[str, object]:
        """Counts."""
        return {"oracle": self.oracle.state_dict(), "accepted": self.accepted, "tried": self.tried}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self.oracle.load_state_dict(reading.mapping(state, "oracle"))
        self.accepted, self.tried = reading.number(state, "accepted"), reading.number(state, "tried")


class Corrected:
    """Every N-th step a corrected jump, the others MALA on exp(-c g)."""

    def __init__(
        self, oracle: Oracle, settings: LangevinSettings, frozen: Frozen, region: Region | None = None
    ) -> None:
        self.oracle, self.settings, self.frozen, self.region = oracle, settings, frozen, region
        self.local = Mala(oracle, settings, region)
        self.accepted = self.tried = 0.0

    def step(self, state: ChainState) -> None:
        """A jump when step mod N = 0, else a step of MALA."""
        if state.step % self.settings.inner == 0:
            self.jump(state)
            state.step += 1
        else:
            self.local.step(state)

    @torch.no_grad()
    def jump(self, state: ChainState) -> None:
        """The move at the head of this module, for every particle at once; one gradient of g a particle."""
        self.local.ready(state)
        assert state.value is not None and state.gradient is not None
        x, frozen, c = state.x, self.frozen, self.settings.coefficient
        y = frozen.m(x) + frozen.noise * state.normal()
        u_y, y_new, u_new = self._move_y(y, state)
        x_new = frozen.q.sample(y_new, state.generator).to(x)
        value_new, gradient_new = self.local.evaluate(x_new)
        log_ratio = (
            state.value
            - value_new
            + c * (u_new - u_y)
            + self._log_r(y_new, x_new)
            - self._log_r(y, x)
            + frozen.q.log_density(x, y)
            - frozen.q.log_density(x_new, y_new)
        )
        good = torch.log(state.uniform()) < log_ratio  # false where that is not a number
        state.x = torch.where(good[:, None], x_new, x)
        state.value = torch.where(good, value_new, state.value)
        state.gradient = torch.where(good[:, None], gradient_new, state.gradient)
        state.at, state.jumped = state.x, good
        self.accepted += float(good.double().sum())
        self.tried += len(good)

    def _move_y(self, y: Tensor, state: ChainState) -> tuple[Tensor, Tensor, Tensor]:
        """u(y), then y' = K_u(y) and u(y')."""
        c, tau = self.settings.coefficient, torch.tensor(self.frozen.u_tau).to(y)

        def energy(points: Tensor) -> tuple[Tensor, Tensor]:
            value, gradient = self.frozen.u(points)
            return c * value.to(points), gradient.to(points)

        value, gradient = energy(y)
        start = value
        for _ in range(self.frozen.u_steps):
            y, value, gradient, _ = mala_move(energy, y, value, gradient, tau, c, state)
        return start / c, y, value / c

    def _log_r(self, y: Tensor, x: Tensor) -> Tensor:
        """log r(y | x) up to its constant, (P,)."""
        return -(y - self.frozen.m(x)).square().sum(dim=1) / (2 * self.frozen.noise**2)

    @property
    def acceptance(self) -> float:
        """Share of accepted jumps."""
        return self.accepted / max(1.0, self.tried)

    def shown(self) -> dict[str, float]:
        """Both acceptances."""
        return {"acceptance": self.acceptance} | self.local.shown()

    def state_dict(self) -> dict[str, object]:
        """Counts; the frozen parts are kept by whoever made them."""
        return {"local": self.local.state_dict(), "accepted": self.accepted, "tried": self.tried}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self.local.load_state_dict(reading.mapping(state, "local"))
        self.accepted, self.tried = reading.number(state, "accepted"), reading.number(state, "tried")


def mala_move(
    energy: Both, x: Tensor, value: Tensor, gradient: Tensor, tau: Tensor, coefficient: float, state: ChainState
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step of MALA for exp(-energy): the new x (P, d), energy (P,), gradient / coefficient (P, d), accepted (P,).

    energy(x) gives c g(x) and grad g(x); tau is a scalar or one step an axis. Random numbers are the state's.
    """
    noise = torch.randn(x.shape, generator=state.generator, dtype=x.dtype).to(x.device)
    forward = x - tau * coefficient * gradient + (2 * tau).sqrt() * noise
    value_new, gradient_new = energy(forward)
    back = x - forward + tau * coefficient * gradient_new
    log_ratio = value - value_new + 0.5 * noise.square().sum(dim=1) - (back.square() / (4 * tau)).sum(dim=1)
    good = torch.log(state.uniform()) < log_ratio  # false where that is not a number
    keep = good[:, None]
    return (
        torch.where(keep, forward, x),
        torch.where(good, value_new, value),
        torch.where(keep, gradient_new, gradient),
        good,
    )
