"""What LMC-NPF is run with on a landscape: networks trained over Omega, u in the landscape's positions, and, for the
correction, all of it frozen with a q(x|y) fitted to particles. The gradients spent on it count like the chain's."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.potential import Potential
from npf_engine.sampling.chain import Vectorial
from npf_engine.sampling.corrected import Frozen
from npf_engine.sampling.known import KnownFactorization
from npf_engine.sampling.landscapes import Landscape
from npf_engine.sampling.langevin import lipschitz
from npf_engine.sampling.npf import Known, Parts
from npf_engine.sampling.npf_networks import NpfNetworks, NpfSettings
from npf_engine.sampling.pretrain import Pretrained, pretrain
from npf_engine.sampling.proposal import FULL_MAX_D, Proposal, ProposalSettings
from npf_engine.sampling.replay import Ring, Spread
from npf_engine.sampling.setting import Chains, Setting
from npf_engine.transport.conjugate import conjugate

U_STEP_SHARE = 0.13  # tau c L of the steps on u
K_U_STEPS, K_U_SHARE = 2, 0.05  # of K_u, and its tau c L
SPACE_SAMPLES = 60_000  # of Omega in more than three dimensions
MOST_SAMPLES_SHARE = 0.3  # of the budget that may go into samples of Omega


def jumping(setting: Setting, chains: Chains) -> Parts:
    """What the jumps of LMC-NPF are made of: the known factorization where there is one, else networks."""
    known = setting.known
    if known is None:
        return learn(setting, chains)
    scale = torch.tensor(setting.landscape.scaling.scale, dtype=torch.float64)
    bottom = known.value_and_gradient(known.conjugate(torch.zeros(1, setting.landscape.d, dtype=torch.float64)))[0]
    chains.lifted = lambda slope: known.value_and_gradient(known.conjugate(slope.double() * scale))[0] - bottom
    metric = max(setting.settings.metric or (1.0,))
    return Known(known, U_STEP_SHARE / (setting.settings.coefficient * steepest_known(known, setting) * metric))


def steepest_known(known: KnownFactorization, setting: Setting) -> float:
    """The largest Hessian eigenvalue of a known u at its minimum, in model units."""
    bottom = known.conjugate(torch.zeros(1, setting.landscape.d, dtype=torch.float64))
    return max(lipschitz(lambda y: known.value_and_gradient(y)[1], bottom), 1e-12)


def frozen_known(known: KnownFactorization, setting: Setting) -> Frozen:
    """A known factorization as the parts of a corrected jump: q(x|y) is exactly the law of x given M(x) + s z."""
    stiff = setting.settings.coefficient * steepest_known(known, setting)
    noise = 0.5 / math.sqrt(stiff)
    return Frozen(known.value_and_gradient, known.m, _Blurred(known, noise), noise, K_U_SHARE / stiff, K_U_STEPS)


@dataclass(frozen=True)
class _Blurred:
    """q(x | y) of a known factorization (sampling/corrected.py: Conditional)."""

    known: KnownFactorization
    noise: float

    def sample(self, y: Tensor, generator: torch.Generator) -> Tensor:
        return self.known.blurred(y, self.noise, generator)

    def log_density(self, x: Tensor, y: Tensor) -> Tensor:
        return self.known.log_blurred(x, y, self.noise)


def learn(setting: Setting, chains: Chains) -> NpfNetworks:
    """The networks of Algorithm 2, trained over Omega before the chain; ``chains`` knows them and u(M(x))."""
    sizes = setting.networks
    if setting.landscape.d > FULL_MAX_D:  # there is no neighbourhood to refine: what it would cost goes into samples
        sizes = replace(sizes, samples=SPACE_SAMPLES, refined=0, bridge_steps=2 * sizes.bridge_steps)
    scale = min(1.0, MOST_SAMPLES_SHARE * setting.budget / (sizes.samples + sizes.refined))
    settings = replace(
        sizes, seed=setting.seed, samples=max(1000, int(scale * sizes.samples)), refined=int(scale * sizes.refined)
    )
    pre = pretrain(setting.landscape, setting.settings.coefficient, setting.oracle, settings, setting.recorder)
    chains.networks = pre.model, pre.field, settings
    networks = _networks(pre, setting)
    chains.lifted = lifted(networks, setting.landscape)
    return networks


def _networks(pre: Pretrained, setting: Setting) -> NpfNetworks:
    """The pretrained networks with a memory that keeps the law of rho, updated every tenth step at small rates."""
    model = pre.model
    assert model.v is not None and model.bridge is not None
    # u is flatter than g (its determinant at the bottom is 1 / sum 1/|det H|), so its steps can be longer.
    metric = max(setting.settings.metric or (1.0,))
    u_tau = U_STEP_SHARE / (setting.settings.coefficient * steepest(model.u) * metric)
    settings = NpfSettings(
        u_tau=u_tau,
        u_rate=2e-5,
        v_rate=2e-4,
        m_rate=2e-4,
        bridge_rate=5e-5,
        batch=256,
        update_every=10,
        sampler_steps=40,
        region="box",
        start=setting.start,
    )
    if pre.model.d > FULL_MAX_D:
        # Particles would take the place of the samples of rho, of which there are too few to fill cells.
        settings = replace(settings, update_every=0)
        memory = Ring(len(pre.x), pre.model.d, pre.x)
    else:
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
    fine = noise = 0.5 / math.sqrt(stiff)
    made = Proposal if setting.density == "mixture" else _flow()
    q = made(d, ProposalSettings(), setting.region, seed=seeds.child(setting.seed, "proposal"))
    with torch.no_grad():
        y = torch.cat([m(part) for part in x.split(8192)])
    if d > FULL_MAX_D:
        # M_xi knows less there: what it is off by would tell q which mode a particle is at, and keep it there.
        noise = max(noise, float(y.std(dim=0).mean()))
    log_q = q.fit(x, y, noise, seeds.child(setting.seed, "proposal.fit"))
    setting.recorder.note(f"q(x|y) fitted to {len(x)} particles, mean log density {log_q:.3g}; all networks are frozen")
    # Short moves of y: exp(-c u) is narrower than the law of M(x), so long ones would be refused.
    short = K_U_SHARE / stiff * (fine / noise) ** 2
    return Frozen(
        lambda points: u.value_and_gradient(points.float()),
        lambda points: m(points.float()).to(points),
        q,
        noise,
        short,
        K_U_STEPS,
    )


def _flow() -> type[Proposal]:
    from npf_engine.sampling.flow import FlowProposal  # zuko takes a moment to import

    return FlowProposal
