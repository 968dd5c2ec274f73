"""The five methods of a landscape run, each stopped where the same budget of gradients of g is spent.

lmc-npf spends some of it on samples of Omega for its networks, lmc-npf-corrected besides on an uncorrected chain whose
particles q(x|y) is fitted to; all of that counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.field import Field
from npf_engine.networks.potential import Potential
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.sampling.chain import ChainState, Kernel, Oracle, Trace, Vectorial, run_chain
from npf_engine.sampling.corrected import Corrected, Frozen, Mala
from npf_engine.sampling.exact import Truth
from npf_engine.sampling.landscapes import Landscape
from npf_engine.sampling.langevin import Langevin, LangevinSettings, Region
from npf_engine.sampling.npf import LmcNpf, NpfNetworks, NpfSettings
from npf_engine.sampling.nuts import sample_nuts
from npf_engine.sampling.pretrain import Pretrained, PretrainSettings, pretrain
from npf_engine.sampling.proposal import Proposal, ProposalSettings
from npf_engine.sampling.replay import Spread
from npf_engine.sampling.tempering import Tempering
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.conjugate import conjugate

U_STEP_SHARE = 0.13  # tau c L of the steps on u
K_U_STEPS, K_U_SHARE = 2, 0.05  # of K_u, and its tau c L
FRAMES = 400  # kept of a chain
LEARNING_INNER = 50  # N of that chain at least: a corrected chain jumps more often than an uncorrected one should
SETTLE_STEPS_SHARE = 0.08  # of them: plain MALA after it
LEARNING_SHARE = 0.25  # of the steps of lmc-npf-corrected: the uncorrected chain that q is fitted to
SETTLING_SHARE = 0.25  # of a chain: frames before that do not count
MOST_SAMPLES_SHARE = 0.3  # of the budget that may go into samples of Omega


@dataclass
class Setting:
    """What all methods share. x (P, d), the oracle and settings are in model positions; budget: gradients in all."""

    landscape: Landscape
    oracle: Oracle
    settings: LangevinSettings
    x: Tensor
    budget: int
    seed: int
    recorder: Recorder
    truth: Truth | None
    networks: PretrainSettings = field(default_factory=PretrainSettings)

    @property
    def region(self) -> Region:
        """Omega in model positions."""
        return Region.cube(self.landscape.d)

    def steps_left(self, cost: int = 1) -> int:
        """Steps that the rest of the budget pays for, at ``cost`` gradients a particle."""
        return max(1, (self.budget - self.oracle.evaluations) // (cost * len(self.x)))


@dataclass
class Chains:
    """What a method leaves behind: traces in the order they ran; only the last one's later frames are draws."""

    traces: list[Trace] = field(default_factory=list)
    settled: float = SETTLING_SHARE
    only: Tensor | None = None  # draws of a method that has no trace
    acceptance: float | None = None
    lifted: Vectorial | None = None
    networks: tuple[PolarFactorization, Field, PretrainSettings] | None = None  # as the chain left them

    def draws(self) -> Tensor:
        """Particles (n, d) of all frames that count."""
        if self.only is not None:
            return self.only
        frames = self.traces[-1].x if self.traces else []
        kept = frames[int(len(frames) * self.settled) :]
        return torch.cat(kept) if kept else torch.empty(0, 2, dtype=torch.float64)

    def last(self) -> Tensor:
        """The last particles (P, d)."""
        return self.only[-1000:] if self.only is not None else self.traces[-1].x[-1]

    def paths(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps (T,), paths (T, P, d) and jumped (T, P) of all traces, one after the other."""
        if self.only is not None or not self.traces:
            return np.empty(0, dtype=np.int64), np.empty((0, 0, 2)), np.empty((0, 0), dtype=bool)
        offset, steps = 0, []
        for trace in self.traces:
            steps += [offset + step for step in trace.steps]
            offset = steps[-1] if steps else offset
        x = torch.cat([torch.stack(trace.x) for trace in self.traces])
        jumped = torch.cat([torch.stack(trace.jumped) for trace in self.traces])
        return np.array(steps, dtype=np.int64), x.numpy(), jumped.numpy()

    def shares(self) -> np.ndarray:
        """Share of the particles in each basin at the moments of ``paths``, (T, modes); NaN where it was not told."""
        told = [trace.scalars for trace in self.traces]
        names = list(dict.fromkeys(name for scalars in told for name in scalars if name.startswith("occupancy_")))
        columns = [
            np.concatenate(
                [scalars.get(name, [np.nan] * len(t.steps)) for t, scalars in zip(self.traces, told, strict=True)]
            )
            for name in names
        ]
        return np.stack(columns, axis=1) if columns else np.empty((0, 0))


def run_method(method: str, setting: Setting, chains: Chains) -> None:
    """Run ``method``; its traces join ``chains`` as they begin, so that nothing is lost where it breaks off."""
    if method == "nuts":
        draws = sample_nuts(
            setting.oracle, setting.settings.coefficient, setting.x.numpy(), setting.budget, setting.seed,
            setting.recorder,
        )  # fmt: skip
        chains.only = torch.from_numpy(draws)
        return
    if method == "lmc":
        kernel: Kernel = Langevin(setting.oracle, setting.settings, setting.region)
        _chain("lmc", kernel, setting, setting.steps_left(), chains)
    elif method == "tempering":
        tempering = Tempering(setting.oracle, setting.settings, setting.region)
        _chain("tempering", tempering, setting, setting.steps_left(tempering.levels), chains)
        chains.acceptance = tempering.acceptance
    else:
        _with_networks(method == "lmc-npf-corrected", setting, chains)


def _chain(
    name: str, kernel: Kernel, setting: Setting, steps: int, chains: Chains, x: Tensor | None = None
) -> ChainState:
    """One chain with its trace, its live pictures and its occupancy as numbers."""
    every = max(1, steps // FRAMES)
    # At all moments between two jumps alike: what comes just before each is the chain at its most relaxed.
    while math.gcd(every, setting.settings.inner) > 1:
        every += 1
    trace = Trace(every=every, kept=1024)
    chains.traces.append(trace)
    state = ChainState.start(setting.x if x is None else x, seeds.child(setting.seed, name))
    watch = _watch(setting, trace, chains)
    return run_chain(
        kernel, state, steps, setting.recorder, key=f"chain.{name}", stage=name, trace=trace, watch=watch,
        budget=setting.budget,
    )  # fmt: skip


def _watch(setting: Setting, trace: Trace, chains: Chains) -> Callable[[ChainState], dict[str, float]]:
    scaling, truth = setting.landscape.scaling, setting.truth

    def watch(state: ChainState) -> dict[str, float]:
        x = scaling.to_user(state.x.detach().cpu())
        jumped = trace.jumped[-1].numpy() if trace.jumped else np.zeros(len(x), dtype=bool)
        setting.recorder.snapshot(
            "landscape", x=x[:2000].numpy().astype(np.float32), jumped=jumped[:2000], step=np.array(state.step)
        )
        if truth is None:
            return {}
        return {f"occupancy_{k}": float(share) for k, share in enumerate(truth.shares(x)[:12])}

    return watch


def _with_networks(corrected: bool, setting: Setting, chains: Chains) -> None:
    """LMC-NPF on networks trained over Omega; then, corrected, the frozen chain."""
    sizes = setting.networks
    scale = min(1.0, MOST_SAMPLES_SHARE * setting.budget / (sizes.samples + sizes.refined))
    settings = replace(
        sizes, seed=setting.seed, samples=max(1000, int(scale * sizes.samples)), refined=int(scale * sizes.refined)
    )
    pre = pretrain(setting.landscape, setting.settings.coefficient, setting.oracle, settings, setting.recorder)
    chains.networks = pre.model, pre.field, settings
    networks = _networks(pre, setting)
    inner = max(setting.settings.inner, LEARNING_INNER) if corrected else setting.settings.inner
    kernel = LmcNpf(setting.oracle, replace(setting.settings, inner=inner), networks, setting.region)
    steps = setting.steps_left()
    chains.lifted = lifted(networks, setting.landscape)
    if not corrected:
        _chain("lmc-npf", kernel, setting, steps, chains)
        return
    state = _chain("learning", kernel, setting, max(1, int(LEARNING_SHARE * steps)), chains)
    # A jump leaves particles at saddles too: q is fitted to what they become under exp(-c g) alone.
    local = Mala(setting.oracle, setting.settings, setting.region)
    state = _chain("settling", local, setting, max(1, int(SETTLE_STEPS_SHARE * steps)), chains, x=state.x)
    frames = chains.traces[-1].x
    frozen = freeze(networks, setting, torch.cat(frames[len(frames) // 2 :]).float())
    chain = Corrected(setting.oracle, setting.settings, frozen, setting.region)
    _chain("corrected", chain, setting, setting.steps_left(), chains, x=state.x)
    chains.acceptance = chain.acceptance


def _networks(pre: Pretrained, setting: Setting) -> NpfNetworks:
    """The pretrained networks with a memory that keeps the law of rho, updated every tenth step at small rates."""
    model = pre.model
    assert model.v is not None and model.bridge is not None
    # u is flatter than g (its determinant at the bottom is 1 / sum 1/|det H|), so its steps can be longer.
    metric = max(setting.settings.metric or (1.0,))
    u_tau = U_STEP_SHARE / (setting.settings.coefficient * steepest(model.u) * metric)
    settings = NpfSettings(
        u_tau=u_tau, u_rate=2e-5, v_rate=2e-4, m_rate=2e-4, bridge_rate=5e-5, batch=256, update_every=10,
        sampler_steps=40, region="box",
    )  # fmt: skip
    memory = Spread(pre.x, pre.f)
    focus = Spread(pre.near_x, pre.near_f) if len(pre.near_x) else None
    return NpfNetworks(
        model.u, model.v, model.bridge, memory, settings, seeds.child(setting.seed, "networks"), m=model.m, focus=focus
    )


def steepest(u: Potential) -> float:
    """The largest Hessian eigenvalue of u at its minimum, in model units."""
    bottom = conjugate(u, torch.zeros(1, u.d)).x
    with torch.no_grad():
        return max(float(torch.linalg.eigvalsh(u.hessian(bottom)[0])[-1]), 1e-12)


def lifted(networks: NpfNetworks, landscape: Landscape) -> Vectorial:
    """grad g in the user's positions (n, d) -> u(M(x)) - min u (n,), by the present u."""
    scale = torch.tensor(landscape.scaling.scale, dtype=torch.float64)

    def function(slope: Tensor) -> Tensor:
        u = networks.u
        f = torch.cat([torch.zeros(1, landscape.d), (slope.double() * scale).float()])
        y = conjugate(u, f).x
        with torch.no_grad():
            value = torch.cat([u(part) for part in y.split(8192)])
        return value[1:] - value[0]

    return function


def freeze(networks: NpfNetworks, setting: Setting, x: Tensor) -> Frozen:
    """Networks as they are, for good, with q(x|y) fitted to particles x (n, d) of an uncorrected chain and their M."""
    u, m = networks.u, networks.m
    assert m is not None
    for module in networks.modules.values():
        module.requires_grad_(False)
    c, d = setting.settings.coefficient, x.shape[1]
    stiff = c * steepest(u)
    # Fine enough that y tells the pre-images apart, coarse enough that q need not be sharper than it can be.
    noise = 0.5 / math.sqrt(stiff)
    q = Proposal(d, ProposalSettings(), setting.region, seed=seeds.child(setting.seed, "proposal"))
    with torch.no_grad():
        y = torch.cat([m(part) for part in x.split(8192)])
    log_q = q.fit(x, y, noise, seeds.child(setting.seed, "proposal.fit"))
    setting.recorder.note(f"q(x|y) fitted to {len(x)} particles, mean log density {log_q:.3g}; all networks are frozen")
    # Short moves of y: exp(-c u) is narrower than the law of M(x), so long ones would be refused.
    return Frozen(
        lambda points: u.value_and_gradient(points.float()), lambda points: m(points.float()).to(points), q, noise,
        K_U_SHARE / stiff, K_U_STEPS,
    )  # fmt: skip
