"""LMC-NPF (NPF Algorithm 2): Langevin steps on g, and every N steps a jump through the convex u.

    y = M_theta(x) = grad u*(grad g(x)),   y <- LMC(u, tau, y, N),   x = I_psi(y, noise)

The networks are updated with the particles' (x, grad g(x)) as the chain runs. The law of such a chain is its own: a
jump alone samples exp(-c u(M(x))), with weights 1/|det Hessian| over all critical points, saddles included, and not
exp(-c g). sampling/corrected.py has the sampler with the law exp(-c g).
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from npf_engine.sampling.chain import ChainState, Oracle, Stateful, Vectorial
from npf_engine.sampling.known import KnownFactorization, preconditioned_step
from npf_engine.sampling.langevin import Langevin, LangevinSettings, Region, langevin_move
from npf_engine.sampling.npf_networks import NpfSettings
from npf_engine.settings import reading


class Parts(Stateful, Protocol):
    """What a jump is made of: u, M and the way back, learned (NpfNetworks) or known (Known)."""

    settings: NpfSettings
    loss: dict[str, float]

    def grad_u(self, y: Tensor) -> Tensor:
        """grad u(y) (n, d)."""

    def m_theta(self, f: Tensor, x: Tensor) -> Tensor:
        """M(x) = grad u*(f) (n, d) where f = grad g(x)."""

    def inverse(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """One draw of the pre-images of each row of y (n, d)."""

    def remember(self, x: Tensor, f: Tensor) -> None:
        """Particles (n, d) and their gradients, to learn from."""

    def update(self) -> dict[str, float]:
        """One step of learning, and its losses."""


class Known:
    """Parts in closed form, which have nothing to learn (NPF 4.2)."""

    def __init__(self, factorization: KnownFactorization, u_tau: float | None = None) -> None:
        self.factorization = factorization
        self.settings = NpfSettings(update_every=0, u_tau=u_tau)
        self.loss: dict[str, float] = {}

    def grad_u(self, y: Tensor) -> Tensor:
        """grad u(y) (n, d)."""
        return self.factorization.value_and_gradient(y)[1]

    def m_theta(self, f: Tensor, x: Tensor) -> Tensor:
        """M(x) (n, d), without grad u*."""
        return self.factorization.m(x)

    def inverse(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """One draw of M^{-1}(y) (n, d)."""
        return self.factorization.inverse(y, generator)

    def remember(self, x: Tensor, f: Tensor) -> None:
        """Nothing to learn."""

    def update(self) -> dict[str, float]:
        """Nothing to learn."""
        return self.loss

    def state_dict(self) -> dict[str, object]:
        """Nothing changes."""
        return {}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Nothing to put back."""


class LmcNpf:
    """Algorithm 2: step k jumps when k mod N = 0, otherwise it is a Langevin step on g."""

    def __init__(
        self, oracle: Oracle, settings: LangevinSettings, networks: Parts, region: Region | None = None
    ) -> None:
        self.oracle, self.settings, self.networks, self.region = oracle, settings, networks, region
        self.local = Langevin(oracle, settings, region)

    def step(self, state: ChainState) -> None:
        """One step of Algorithm 2 and, every ``update_every`` steps, one update of the networks."""
        update = self.networks.settings.update_every
        due = bool(update) and state.step % update == 0
        if state.step % self.settings.inner == 0:
            self.jump(state)
            state.step += 1
        else:
            self.local.step(state)
        if due:
            assert state.at is not None and state.gradient is not None
            self.networks.remember(state.at, state.gradient)
            self.networks.update()

    def jump(self, state: ChainState) -> None:
        """y = M_theta(x), N Langevin steps on u, x = I_psi(y); one gradient of g a particle."""
        networks = self.networks
        state.at, state.gradient = state.x, self.oracle.gradient(state.x)
        known = torch.isfinite(state.gradient).all(dim=1)
        y = networks.m_theta(torch.where(known[:, None], state.gradient, 0.0), state.x)
        y = langevin_on_u(networks.grad_u, y, state, self.u_settings(), self.region)
        x = networks.inverse(y, state.generator).to(state.x)
        # A draw that is not finite leaves its particle where it was, and so does a point where g has no gradient.
        good = torch.isfinite(x).all(dim=1) & known
        x = torch.where(good[:, None], x, state.x)
        state.x = x if self.region is None else self.region.confine(x)
        state.jumped = good

    def u_settings(self) -> LangevinSettings:
        """tau and c of the steps on u; N of them a jump."""
        own, npf = self.settings, self.networks.settings
        return LangevinSettings(
            npf.u_tau or own.tau, npf.u_coefficient or own.coefficient, own.inner, own.noise, own.metric
        )

    def shown(self) -> dict[str, float]:
        """The last losses."""
        return self.networks.loss

    def state_dict(self) -> dict[str, object]:
        """Networks and counts."""
        return {"local": self.local.state_dict(), "networks": self.networks.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self.local.load_state_dict(reading.mapping(state, "local"))
        self.networks.load_state_dict(reading.mapping(state, "networks"))


class Preconditioned:
    """LMC on u instead of g (NPF Appendix B): steps preconditioned by J_M(x), x being the pre-image of y on its own
    branch; every N-th step is the jump of NPF 4.2, on to any branch. To first order the others are those of LMC on g.
    """

    def __init__(self, oracle: Oracle, settings: LangevinSettings, known: Known, region: Region | None = None) -> None:
        self.settings, self.known, self.region = settings, known.factorization, region
        self.jumps = LmcNpf(oracle, settings, known, region)
        self.oracle = oracle

    def step(self, state: ChainState) -> None:
        """A jump when step mod N = 0, else y <- y + J_M(x) (-tau c grad u(y) + sqrt(2 tau) z)."""
        if state.step % self.settings.inner == 0:
            self.jumps.step(state)
            return
        y = self.known.m(state.x)
        _, gradient = self.known.value_and_gradient(y)
        self.oracle.evaluations += len(y)  # grad u(M(x)) is grad g(x)
        tau, jacobian = self.settings.step_sizes(y), self.known.jacobian(state.x)
        y = preconditioned_step(self.settings.coefficient * gradient, y, jacobian, tau, state.normal())
        x = self.known.follow(state.x, y)
        state.at = state.gradient = state.value = state.jumped = None
        state.x = x if self.region is None else self.region.confine(x)
        state.step += 1

    def shown(self) -> dict[str, float]:
        """Nothing to add."""
        return {}

    def state_dict(self) -> dict[str, object]:
        """The count."""
        return {"oracle": self.oracle.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self.oracle.load_state_dict(reading.mapping(state, "oracle"))


@torch.no_grad()
def langevin_on_u(
    gradient: Vectorial, y: Tensor, state: ChainState, settings: LangevinSettings, region: Region | None
) -> Tensor:
    """LMC(u, tau, y, N): N steps from y (P, d), with the chain's random numbers. A particle that is no longer finite
    falls back to its last finite place."""
    moving = ChainState(y, state.generator)
    for _ in range(settings.inner):
        moved = langevin_move(moving, gradient(moving.x), settings)
        if region is not None:
            moved = region.confine(moved)
        moving.x = torch.where(torch.isfinite(moved).all(dim=1, keepdim=True), moved, moving.x)
    return moving.x
