"""The networks of LMC-NPF (NPF Algorithm 2): u, V, X_psi and where there is one M_xi, learned while the chain runs.

Their steps are not an ``optimise``: the chain says when one is due, and each has a batch of what the particles have met
by then; there is no budget, no rate that falls, and no end but the chain's. What both share is the way back from
numbers that are no longer finite (transport/setbacks.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import MLP
from npf_engine.networks.potential import Potential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.sampling.replay import Ring
from npf_engine.settings import reading
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.setbacks import EVERY, Setbacks, finite_gradients

USELESS = 20  # batches in a row without a finite gradient, after which the networks go back


@dataclass(frozen=True)
class NpfSettings:
    """The networks of a chain and their updates. update_every 1 is the paper's; u_tau, u_coefficient None: as on g.

    By default as in Figure 20; batch: samples an update; tolerance: of the conjugates, in units of u.scale; start: of
    their solver within a jump, v (V_phi) or m (M_xi).
    """

    u_hidden: tuple[int, ...] = (128, 128, 128, 128)
    v_hidden: tuple[int, ...] = (512, 512)
    bridge_hidden: tuple[int, ...] = (512, 512)
    fourier: int = 0
    sigma: float = 0.1
    region: str = "free"
    u_rate: float = 1e-4
    v_rate: float = 5e-4
    m_rate: float = 5e-4
    bridge_rate: float = 5e-4
    batch: int = 128
    replay: int = 20_000
    update_every: int = 1
    tolerance: float = 1e-3
    max_iterations: int = 100
    sampler_steps: int = 50
    u_tau: float | None = None
    u_coefficient: float | None = None
    start: str = "v"


class NpfNetworks:
    """u_theta, V_phi, X_psi (and M_xi where there is one), trained from a memory of samples in steps of one batch.

    Positions are model positions, f = grad g there. ``metric`` is not known here: f must be the derivative with
    respect to the same positions.
    """

    def __init__(
        self,
        u: Potential,
        v: MLP,
        bridge: Bridge,
        memory: Ring,
        settings: NpfSettings,
        seed: int,
        m: MLP | None = None,
        focus: Ring | None = None,
    ) -> None:
        """focus: a second memory, of a part of Omega, from which half of the batches of V, M_xi and X_psi come (they
        are conditional on y); the dual of u needs the law of rho and sees ``memory`` alone."""
        self.focus = focus
        self.u, self.v, self.bridge, self.m = u, v, bridge, m
        self.memory, self.settings = memory, settings
        self.generator = seeds.generator(seed, "npf.updates")
        rates = {"u": settings.u_rate, "v": settings.v_rate, "bridge": settings.bridge_rate, "m": settings.m_rate}
        self.modules: dict[str, nn.Module] = {"u": u, "v": v, "bridge": bridge} | ({"m": m} if m is not None else {})
        for module in self.modules.values():
            module.requires_grad_(True)
        groups = [{"params": list(module.parameters()), "lr": rates[name]} for name, module in self.modules.items()]
        self.optimiser = torch.optim.Adam(groups)
        self.rates = [rates[name] for name in self.modules]
        self.updates = 0
        self.loss: dict[str, float] = {}
        self.setbacks = Setbacks("networks")
        self.useless = 0  # batches in a row that gave no finite gradient

    @staticmethod
    def fresh(x: Tensor, f: Tensor, settings: NpfSettings, seed: int) -> NpfNetworks:
        """New networks started at the Gaussian map of a first cloud x (n, d), f (n, d) = grad g(x)."""
        d = x.shape[1]
        u = QuadraticICNN(d, settings.u_hidden, activation="elu", seed=seed)
        S, mean = gaussian_map(x.cpu(), f.cpu())
        u.start_at_gaussian(S, mean, x, float((f - f.mean(0)).square().sum(1).mean().sqrt()))
        v = MLP(d, d, settings.v_hidden, activation="relu", seed=seeds.child(seed, "npf.v"))
        v.centre.copy_(f.mean(0))
        v.spread.copy_(f.std(0).clamp(min=1e-12))
        bridge = Bridge(
            d,
            settings.bridge_hidden,
            fourier=settings.fourier,
            sigma=settings.sigma,
            region=settings.region,
            seed=seeds.child(seed, "npf.bridge"),
        )
        for module in (u, v, bridge):
            module.to(x.device)
        memory = Ring(settings.replay, d, u.like)
        networks = NpfNetworks(u, v, bridge, memory, settings, seed)
        memory.add(x, f, networks.generator)
        return networks

    def grad_u(self, y: Tensor) -> Tensor:
        """grad u(y) (n, d)."""
        return self.u.gradient(y)

    def m_theta(self, f: Tensor, x: Tensor | None = None) -> Tensor:
        """M_theta (n, d) = grad u*(f), the solver started at V_phi(f), or where the settings say so at M_xi(x) (NPF
        3.3)."""
        f = f.to(self.u.like)
        if self.settings.start == "m" and self.m is not None and x is not None:
            start = in_chunks(self.m, x.to(f))
        else:
            start = in_chunks(self.v, f)
        return conjugate(
            self.u, f, start, tolerance=self.settings.tolerance, max_iterations=self.settings.max_iterations
        ).x

    def inverse(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """One draw of I_psi for each row of y (n, d)."""
        return self.bridge.sample(self.bridge.project(y.to(self.u.like)), generator, self.settings.sampler_steps)

    def remember(self, x: Tensor, f: Tensor) -> None:
        """Particles (n, d) and their gradients."""
        for memory in self._memories():
            memory.add(x, f, self.generator)

    def _memories(self) -> list[Ring]:
        return [self.memory] if self.focus is None else [self.memory, self.focus]

    def update(self) -> dict[str, float]:
        """One step on one batch: the dual for u, regressions for V and M_xi, bridge matching for X_psi."""
        settings, memories = self.settings, self._memories()
        share = settings.batch // len(memories)
        picks = [memory.draw(share, self.generator) for memory in memories]
        other = self.memory.draw(share, self.generator)
        x, f, start = (
            torch.cat([getattr(memory, name)[pick] for memory, pick in zip(memories, picks, strict=True)])
            for name in ("x", "f", "xhat")
        )
        guess = self.v(f)
        start = torch.where(torch.isnan(start), guess.detach(), start)
        solved = conjugate(self.u, f, start, tolerance=settings.tolerance, max_iterations=settings.max_iterations)
        xhat = solved.x
        for memory, pick, part in zip(memories, picks, xhat.split(share), strict=True):
            memory.xhat[pick] = part
        t = torch.rand(len(x), 1, generator=self.generator).to(x)
        noise = torch.randn(x.shape, generator=self.generator).to(x)
        losses = {
            "u": (self.u(self.memory.x[other]).mean() - self.u(xhat[:share]).mean()) / self.u.scale,
            "v": (guess - xhat).square().sum(1).mean(),
            "inverse": self.bridge.loss(x, self.bridge.project(xhat), t, noise),
        }
        if self.m is not None:
            losses["m"] = (self.m(x) - xhat).square().sum(1).mean()
        total = torch.stack(list(losses.values())).sum()
        self._learn(total)
        self.updates += 1
        dual = float(losses["u"].detach()) * float(self.u.scale) + float((xhat * f)[:share].sum(1).mean())
        self.loss = {"dual": dual, "converged": float(solved.converged.float().mean())}
        self.loss |= {f"{name}_loss": float(value.detach()) for name, value in losses.items() if name != "u"}
        return self.loss

    def _learn(self, total: Tensor) -> None:
        """A step on the gradient of ``total``. A batch without a finite one teaches nothing, the next may; after many
        in a row the networks go back to where they were, with half the rates. Raises TrainingDiverged in the end."""
        if self.updates % EVERY == 0:
            self.setbacks.keep(self._learnt())
        self.optimiser.zero_grad(set_to_none=True)
        if torch.isfinite(total):
            total.backward()
            if finite_gradients(p for module in self.modules.values() for p in module.parameters()):
                self.optimiser.step()
                self.useless = 0
                return
        self.useless += 1
        if self.useless >= USELESS:
            self._put(self.setbacks.back(self.updates))
            self.useless = 0
            for group, rate in zip(self.optimiser.param_groups, self.rates, strict=True):
                group["lr"] = rate * self.setbacks.share

    def _learnt(self) -> dict[str, object]:
        return {
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimiser": self.optimiser.state_dict(),
        }

    def _put(self, state: dict[str, object]) -> None:
        modules = reading.mapping(state, "modules")
        for name, module in self.modules.items():
            module.load_state_dict(reading.named(modules, name, Tensor))
        self.optimiser.load_state_dict(reading.of(state, "optimiser", dict))

    def train(self, updates: int) -> None:
        """So many updates in a row."""
        for _ in range(updates):
            self.update()

    def state_dict(self) -> dict[str, object]:
        """Networks, optimiser, memory and random state."""
        return self._learnt() | {
            "memories": [memory.state_dict() for memory in self._memories()],
            "generator": self.generator.get_state(),
            "updates": self.updates,
            "setbacks": self.setbacks.state(),
            "useless": self.useless,
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Back to a kept state."""
        self._put(state)
        if "setbacks" in state:
            self.setbacks.restore(reading.mapping(state, "setbacks"))
            self.useless = reading.whole(state, "useless")
        for memory, kept in zip(self._memories(), reading.mappings(state, "memories"), strict=True):
            memory.load_state_dict(kept)
        self.generator.set_state(reading.of(state, "generator", Tensor))
        self.updates = reading.whole(state, "updates")
