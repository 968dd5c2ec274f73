"""LMC-NPF (NPF Algorithm 2): Langevin steps on g, and every N steps a jump through the convex u.

    y = M_theta(x) = grad u*(grad g(x)),   y <- LMC(u, tau, y, N),   x = I_psi(y, noise)

The networks are updated with the particles' (x, grad g(x)) as the chain runs. The law of such a chain is its own: a
jump alone samples exp(-c u(M(x))), with weights 1/|det Hessian| over all critical points, saddles included, and not
exp(-c g). sampling/corrected.py has the sampler with the law exp(-c g).
"""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine.sampling.chain import ChainState, Oracle, Vectorial
from npf_engine.sampling.langevin import Langevin, LangevinSettings, Region, langevin_move
from npf_engine.sampling.npf_networks import NpfNetworks
from npf_engine.settings import reading


class LmcNpf:
    """Algorithm 2: step k jumps when k mod N = 0, otherwise it is a Langevin step on g."""

    def __init__(
        self, oracle: Oracle, settings: LangevinSettings, networks: NpfNetworks, region: Region | None = None
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
        y = networks.m_theta(torch.where(known[:, None], state.gradient, 0.0))
        y = langevin_on_u(networks.u.gradient, y, state, self.u_settings(), self.region)
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
