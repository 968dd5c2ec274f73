"""5.5: LMC-NPF (Algorithm 2) on the classifier's loss, against plain LMC and restarts from the same particles' warm-up.

All three make the same number of gradient evaluations after the warm-up. Accuracy alone proves little, since
descending anew from anywhere finds good weights too: restarts with the descent between two jumps are the trivial
answer. ``distance_to_warmup`` is the median distance to the *nearest* of the last warm-up particles: a sampler that
hands out copies of them is at 0.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.classifier import SIZES, Classifier, loss_and_gradient
from npf_engine.fields.classifier_sizes import DIMENSION
from npf_engine.fields.digits import CLASSES
from npf_engine.measures.measured import margin
from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE, Verdict
from npf_engine.networks.value_bridge import ValueBridge
from npf_engine.networks.weights import fingerprint
from npf_engine.sampling.chain import ChainState, Kernel, Trace, run_chain, take_up
from npf_engine.sampling.langevin import Langevin, LangevinSettings, Region
from npf_engine.sampling.npf import LmcNpf
from npf_engine.sampling.npf_networks import NpfNetworks, NpfSettings
from npf_engine.settings import reading
from npf_engine.studies.classifier.factorize import oracle_of, start_particles
from npf_engine.studies.classifier.measures import (
    HALF,
    characters,
    distance_to_nearest,
    distances,
    stochasticity,
    summary,
)
from npf_engine.studies.classifier.outcome import Outcome, best_of
from npf_engine.studies.classifier.result import Cosine
from npf_engine.studies.classifier.spec import ExperimentSpec
from npf_engine.tasks.recorder import Recorder, State
from npf_engine.transport.conjugate import quadratic_start

ALIVE = 0.9  # of the loss of a constant answer
JUDGED = 512  # training images by which a particle is called dead
MOSTLY = 0.9  # of the particles above half: as good as can be asked
LOOKS = 10  # at the accuracy, along a chain
Kept = tuple[Tensor, Tensor]


def run_sampling(classifier: Classifier, spec: ExperimentSpec, recorder: Recorder) -> Outcome:
    """5.5: warm-up, networks from its particles, then LMC-NPF, LMC and restarts with one budget."""
    seconds: dict[str, float] = {}
    begin = recorder.clock()
    warm, visited = _warm_up(classifier, spec, recorder)
    seconds["warmup"] = recorder.clock() - begin
    begin = recorder.clock()
    networks = _networks(visited, spec, recorder)
    seconds["networks"] = recorder.clock() - begin
    p = spec.particles
    settings = LangevinSettings(p.tau, p.coefficient, p.inner)
    chains: dict[str, Tensor] = {}
    region = region_of(spec)
    traces: dict[str, Trace] = {}
    evaluations: dict[str, int] = {}
    for name in ("lmc-npf", "lmc"):
        begin = recorder.clock()
        oracle = oracle_of(classifier, spec)
        kernel = LmcNpf(oracle, settings, networks, region) if name == "lmc-npf" else Langevin(oracle, settings, region)
        chains[name], traces[name] = _chain(kernel, warm, p.steps, classifier, spec, recorder, name)
        evaluations[name] = oracle.evaluations
        seconds[name] = recorder.clock() - begin
    # Fresh particles with what one jump leaves a particle: inner - 1 steps of descent.
    oracle = oracle_of(classifier, spec)
    fresh = start_particles(classifier, spec).flip(1)
    chains["restart"], _ = _chain(
        Langevin(oracle, settings, region), fresh, p.inner - 1, classifier, spec, recorder, "restart"
    )
    outcome = _outcome(classifier, spec, warm, chains, traces)
    outcome.samplers["gradient_evaluations"] = evaluations
    _inverted(outcome, networks, chains["lmc-npf"], classifier, spec)
    outcome.seconds |= seconds
    outcome.fingerprint = fingerprint(networks.modules)
    return outcome


def region_of(spec: ExperimentSpec) -> Region | None:
    """Omega = [-1, 1]^222, at which particles are reflected; None where they go where they want."""
    return Region.cube(DIMENSION) if spec.particles.confined else None


def _warm_up(classifier: Classifier, spec: ExperimentSpec, recorder: Recorder) -> tuple[Tensor, Kept]:
    """The last particles (P, 222) of plain Langevin, and those that it visited with their gradients.

    A particle that died, its loss no better than that of a constant answer, has no weight under exp(-c g); it is
    replaced by a copy of one that lives, chosen at random. Its smallest gradients would otherwise stand for all
    critical points: at argmin u, I_psi would hand out dead networks.
    """
    p = spec.particles
    kernel = _Remembering(classifier, spec)
    state = ChainState.start(start_particles(classifier, spec), seeds.child(spec.seed, "particles.warm-up"))
    state = run_chain(kernel, state, p.warmup, recorder, stage="warm-up", trace=Trace(every=10, kept=1))
    generator = seeds.generator(spec.seed, "particles.alive")
    loss = loss_and_gradient(state.x, classifier.draw(generator, JUDGED))[0].cpu()
    alive = (loss < ALIVE * math.log(CLASSES)).nonzero()[:, 0]
    recorder.note(f"{len(alive)} of {p.count} particles came to life in the warm-up")
    if not len(alive):
        raise InputError(
            f"None of {p.count} particles learned anything in {p.warmup} warm-up steps; take more steps or particles."
        )
    dead = torch.ones(p.count, dtype=torch.bool)
    dead[alive] = False
    chosen = torch.arange(p.count)
    chosen[dead] = alive[torch.randint(len(alive), (int(dead.sum()),), generator=generator)]
    kept = alive.to(state.x.device)
    return state.x[chosen.to(kept)], (torch.cat([x[kept] for x in kernel.x]), torch.cat([f[kept] for f in kernel.f]))


class _Remembering(Langevin):
    """Plain LMC that keeps every few steps where the gradient was asked for, and what it was."""

    def __init__(self, classifier: Classifier, spec: ExperimentSpec) -> None:
        p = spec.particles
        super().__init__(
            oracle_of(classifier, spec), LangevinSettings(p.warmup_tau, p.coefficient, p.inner), region_of(spec)
        )
        self.first, self.every = p.first, p.every
        self.most = max(1, p.replay // p.count)
        self.x: list[Tensor] = []
        self.f: list[Tensor] = []

    def step(self, state: ChainState) -> None:
        """A step of LMC."""
        number = state.step
        super().step(state)
        if number >= self.first and number % self.every == 0:
            assert state.at is not None and state.gradient is not None
            self.x, self.f = [*self.x, state.at][-self.most :], [*self.f, state.gradient][-self.most :]

    def state_dict(self) -> dict[str, object]:
        """The count and what was kept."""
        return super().state_dict() | {"kept_x": self.x, "kept_f": self.f}

    def load_state_dict(self, state: State) -> None:
        """Back to a kept state."""
        super().load_state_dict(state)
        self.x, self.f = (
            [reading.of({key: part}, key, Tensor) for part in reading.items(state, key)] for key in ("kept_x", "kept_f")
        )


def _networks(visited: Kept, spec: ExperimentSpec, recorder: Recorder) -> NpfNetworks:
    """u, V and X_psi started at the visited particles' Gaussian map and trained on them before the sampling."""
    p = spec.particles
    settings = NpfSettings(
        bridge_hidden=p.bridge_hidden,
        sigma=p.sigma,
        region="free",
        u_rate=p.u_rate,
        bridge_rate=p.bridge_rate,
        batch=p.batch,
        replay=p.replay,
        update_every=p.update_every,
        u_coefficient=p.u_coefficient or None,
        u_hidden=spec.u.hidden,
        v_hidden=spec.v.hidden,
    )
    base = NpfNetworks.fresh(*visited, settings, seeds.child(spec.seed, "particles.networks"))
    # u starts as a quadratic, whose conjugates are known: only what training changes is left to the solver.
    filled = base.memory.filled
    base.memory.xhat[:filled] = quadratic_start(base.u, base.memory.f[:filled]).detach()
    networks = NpfNetworks(
        base.u,
        base.v,
        _bridge(base, spec) if spec.inverse.values else base.bridge,
        base.memory,
        settings,
        seeds.child(spec.seed, "particles.updates"),
    )
    take_up(recorder, "networks", [("", networks)])
    while networks.updates < p.updates:
        recorder.check()
        networks.update()
        if networks.updates % 10 == 0 or networks.updates == p.updates:
            recorder.progress("networks", networks.updates, p.updates, **networks.loss)
        if recorder.checkpoint_due() or networks.updates == p.updates:
            recorder.save("networks", networks.state_dict())
    return networks


def _bridge(base: NpfNetworks, spec: ExperimentSpec) -> ValueBridge:
    """X_psi that sees grad u(y) beside y."""
    p, like = spec.particles, base.u.like
    bridge = ValueBridge(
        base.u.d,
        p.bridge_hidden,
        blocks=SIZES,
        sigma=p.sigma,
        region="free",
        seed=seeds.child(spec.seed, "particles.bridge"),
    )
    return bridge.to(like.device).attach(base.u)


def _chain(
    kernel: Kernel,
    start: Tensor,
    steps: int,
    classifier: Classifier,
    spec: ExperimentSpec,
    recorder: Recorder,
    name: str,
) -> tuple[Tensor, Trace]:
    trace = Trace(every=max(1, steps // LOOKS), kept=spec.particles.count)

    def watch(state: ChainState) -> dict[str, float]:
        accuracy = classifier.evaluate(state.x)[1]
        return {
            "share_above_half": float((accuracy > HALF).float().mean()),
            "median_accuracy": float(accuracy.median()),
        }

    state = ChainState.start(start, seeds.child(spec.seed, "particles.chain"))
    state = run_chain(kernel, state, steps, recorder, stage=name, trace=trace, watch=watch)
    return state.x, trace


def _outcome(
    classifier: Classifier, spec: ExperimentSpec, warm: Tensor, chains: dict[str, Tensor], traces: dict[str, Trace]
) -> Outcome:
    generator = seeds.generator(spec.seed, "particles.measured")
    uniform = torch.rand(len(warm), warm.shape[1], generator=generator).to(warm) * 2 - 1
    clouds = {"warmup": warm, **chains, "uniform": uniform}
    reached: dict[str, dict[str, float]] = {}
    particles: dict[str, Tensor] = {}
    for name, cloud in clouds.items():
        found = characters(classifier, cloud, generator)
        distance = distance_to_nearest(cloud, warm.cpu())
        reached[name] = summary(found) | {"distance_to_warmup": float(distance.median())}
        particles |= {name: cloud.cpu(), f"{name}_distance": distance}
        particles |= {f"{name}_{key}": values for key, values in found.items()}
    metrics: dict[str, object] = dict(reached)
    metrics["stochasticity"] = stochasticity(classifier, chains["lmc-npf"], generator, spec.report.draws)
    keys = ("share_above_half", "median_accuracy", "distance_to_warmup")
    short = {name: {key: reached[name][key] for key in keys} for name in ("lmc", "lmc-npf", "restart", "uniform")}
    figures = {
        f"{name}_{key}": array for name, trace in traces.items() for key, array in trace.arrays().items() if key != "x"
    }
    best = best_of(chains["lmc-npf"].cpu(), particles["lmc-npf_accuracy"])
    trivial: dict[str, object] = {name: short[name] for name in ("restart", "uniform")}
    samplers: dict[str, object] = {name: short[name] for name in ("lmc", "lmc-npf")}
    return Outcome(metrics, trivial, judge(short, len(warm)), {}, particles, figures, best, samplers=samplers)


def _inverted(outcome: Outcome, networks: NpfNetworks, x: Tensor, classifier: Classifier, spec: ExperimentSpec) -> None:
    """Figure 15: gradients y at the sampled weights x (P, 222), and those at I_psi(grad u*(y)), on new minibatches;
    the networks are kept."""
    generator = seeds.generator(spec.seed, "particles.inverted")
    y, again = classifier.gradient(x, generator), classifier.gradient(x, generator)
    drawn = networks.inverse(networks.m_theta(y), generator).float()
    there = classifier.gradient(drawn, generator)
    known = torch.isfinite(there).all(dim=1).cpu()
    y, again, there = (cloud.cpu()[known] for cloud in (y, again, there))
    direction = torch.nn.functional.normalize(networks.memory.f[: networks.memory.filled].cpu(), dim=1).mean(0)
    cosines = {
        "cosine": cosine_similarity(there, y, dim=1),
        "trivial_cosine": cosine_similarity(direction[None], y, dim=1),
        "ceiling_cosine": cosine_similarity(again, y, dim=1),
    }
    distance = distances(there, again, y, generator)
    mean, trivial, ceiling = (float(values.mean()) for values in cosines.values())
    found = Cosine(mean, float(cosines["cosine"].std()), trivial, ceiling, len(y))
    outcome.metrics["inverse_cosine"] = found.to_json()
    outcome.metrics["inverse_distance"] = {name: float(values.median()) for name, values in distance.items()}
    noise = outcome.metrics["stochasticity"]
    outcome.figures |= {name: values.numpy() for name, values in cosines.items()}
    outcome.figures |= {f"distance_{name}": values.numpy() for name, values in distance.items()}
    outcome.figures["stochasticity"] = np.array(reading.numbers(reading.as_mapping("noise", noise), "values"))
    outcome.networks = {name: module.state_dict() for name, module in networks.modules.items()}


def judge(short: dict[str, dict[str, float]], particles: int) -> Verdict:
    """Better than LMC: farther from the warm-up; better than restarts: more good weights, beyond the chance of a share
    of so many particles."""
    npf, lmc, restart = short["lmc-npf"], short["lmc"], short["restart"]
    ratio = npf["distance_to_warmup"] / max(lmc["distance_to_warmup"], 1e-12)
    told = (
        f"{100 * npf['share_above_half']:.0f} % of LMC-NPF's particles are above half (restarts "
        f"{100 * restart['share_above_half']:.0f} %, LMC {100 * lmc['share_above_half']:.0f} %), {ratio:.1f} times as "
        "far from the warm-up as LMC's"
    )
    shares = npf["share_above_half"], restart["share_above_half"]
    chance = margin(particles) * math.sqrt(sum(share * (1 - share) for share in shares) / particles)
    if not (ratio > 1 and shares[0] - shares[1] > chance):
        return Verdict(UNTRUSTED, told)
    return Verdict(GOOD if shares[0] >= MOSTLY else USABLE, told)
