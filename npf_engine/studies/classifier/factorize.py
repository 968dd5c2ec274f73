"""5.3 and 5.4: factorize the loss gradient, uniformly over Omega or along gradient flows, and invert it.

X_psi sees grad u(y) beside y (networks/value_bridge.py): in 222 dimensions most coordinates of y = M(w) are stretched
minibatch noise. Measured on the embedded digits with u the Gaussian map, after 300 steps of 512 pairs: cosine 0.79 with
these features, 0.62 without, 0.51 for the best constant direction, 0.91 for minibatch noise alone.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from npf_engine import seeds
from npf_engine.fields.classifier import DIMENSION, Classifier
from npf_engine.fields.field import Field, split_indices
from npf_engine.measures.accuracy import AccuracyReport
from npf_engine.measures.accuracy import Cosine as OwnCosine
from npf_engine.measures.measured import Measured, margin
from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE, Verdict
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.train import Trained, train
from npf_engine.sampling.chain import ChainState, Oracle, Trace, run_chain
from npf_engine.sampling.langevin import Langevin, LangevinSettings
from npf_engine.settings import reading
from npf_engine.studies.classifier.data import as_field, uniform_pairs
from npf_engine.studies.classifier.measures import characters, distances, stochasticity, summary
from npf_engine.studies.classifier.outcome import Outcome, best_of
from npf_engine.studies.classifier.result import Cosine
from npf_engine.studies.classifier.spec import ExperimentSpec
from npf_engine.tasks.recorder import Recorder

NEAR = 0.25  # of the way from minibatch noise to the best constant direction: a good cosine
PUSHED = 1.25  # times its floor: a good pushforward
SHOWN = 2048  # test points whose cosine is measured and whose clouds are kept for figures


def run_uniform(classifier: Classifier, spec: ExperimentSpec, recorder: Recorder) -> Outcome:
    """5.3: NPF of G over Omega = [-1, 1]^222."""
    begin = recorder.clock()
    w, g = uniform_pairs(classifier, spec, recorder)
    field = as_field(classifier, w, g, spec, "box", None)
    return _factorize(classifier, field, spec, recorder, recorder.clock() - begin)


def run_flow(classifier: Classifier, spec: ExperimentSpec, recorder: Recorder) -> Outcome:
    """5.4: NPF of G on the trajectories of gradient descent, rho being the cloud of particles.

    The test samples are whole trajectories (15 % of the particles), since neighbours on one are nearly equal.
    """
    begin = recorder.clock()
    w, g, last = flow_pairs(classifier, spec, recorder)
    train_particles, test_particles = split_indices(spec.particles.count, spec.seed)
    owner = torch.arange(len(w)) % spec.particles.count
    split = tuple(torch.isin(owner, part).nonzero()[:, 0] for part in (train_particles, test_particles))
    field = as_field(classifier, w, g, spec, "samples", (split[0], split[1]))
    outcome = _factorize(classifier, field, spec, recorder, recorder.clock() - begin)
    found = characters(classifier, last, seeds.generator(spec.seed, "classifier.critical"))
    outcome.metrics["flow"] = summary(found)
    # Figure 13: the noise at the weights after the descent
    generator = seeds.generator(spec.seed, "classifier.stochasticity")
    drawn = stochasticity(classifier, last, generator, spec.report.draws)
    outcome.metrics["stochasticity"], outcome.figures["stochasticity"] = drawn, np.array(drawn["values"])
    outcome.particles |= {"flow": last} | {f"flow_{name}": values for name, values in found.items()}
    return outcome


def flow_pairs(classifier: Classifier, spec: ExperimentSpec, recorder: Recorder) -> tuple[Tensor, Tensor, Tensor]:
    """(w, G(w)) of gradient descent's particles, every few steps: (n, 222) both, and the last particles (P, 222)."""
    p = spec.particles
    start = start_particles(classifier, spec)
    # Step gamma = tau * c of Figure 19, without noise.
    settings = LangevinSettings(p.warmup_tau, p.coefficient, p.inner, noise=False)
    trace = Trace(every=p.every, kept=p.count)
    state = ChainState.start(start, seeds.child(spec.seed, "classifier.descent"))
    oracle = oracle_of(classifier, spec)
    state = run_chain(Langevin(oracle, settings), state, p.warmup, recorder, stage="flow", trace=trace)
    chosen = [x for step, x in zip(trace.steps, trace.x, strict=True) if step >= p.first]
    w = torch.cat(chosen)
    generator = seeds.generator(spec.seed, "classifier.visits")
    values = []
    for number, x in enumerate(chosen):
        recorder.check()
        values.append(classifier.gradient(x.to(classifier.device), generator, spec.share).cpu())
        recorder.progress("samples", number + 1, len(chosen))
    return w, torch.cat(values), state.x.cpu()


def start_particles(classifier: Classifier, spec: ExperimentSpec) -> Tensor:
    """Where particles begin: uniform on [-start, start]^222."""
    generator = seeds.generator(spec.seed, "classifier.start")
    x = torch.rand(spec.particles.count, DIMENSION, generator=generator) * 2 - 1
    return (spec.particles.start * x).to(classifier.device)


def oracle_of(classifier: Classifier, spec: ExperimentSpec) -> Oracle:
    """G with its own minibatches, and the count."""
    generator = seeds.generator(spec.seed, "classifier.minibatches")
    return Oracle(lambda x: classifier.gradient(x, generator, spec.share), generator=generator)


def _factorize(
    classifier: Classifier, field: Field, spec: ExperimentSpec, recorder: Recorder, prepared: float
) -> Outcome:
    made = train(field, spec.stages, recorder)
    model = made.model
    begin = recorder.clock()
    accuracy, metrics, figures, cosine = _measure(made, field, classifier, spec, recorder)
    generated, particles = _critical_points(model, field, classifier, spec)
    metrics |= generated
    seconds = {"field": prepared, **model.seconds, "report": recorder.clock() - begin}
    push = Measured.of_json(reading.mapping(metrics, "pushforward"))
    assert push is not None
    trivial = {
        "pushforward": push.trivial,
        "inverse": reading.maybe_mapping(metrics, "inverse").get("trivial"),
        "inverse_cosine": cosine.trivial,
        "critical_points": metrics["uniform"],
    }
    best = best_of(particles["generated"], particles["generated_accuracy"])
    return Outcome(metrics, trivial, judge(push, cosine), seconds, particles, figures, best, model, accuracy)


def _measure(
    made: Trained, field: Field, classifier: Classifier, spec: ExperimentSpec, recorder: Recorder
) -> tuple[AccuracyReport, dict[str, object], dict[str, np.ndarray], Cosine]:
    """The accuracy table, Table 2 with floors and trivial answers, the cosine's ceiling, and the arrays of Figure 3."""
    # The measures live a floor above; an experiment is where both meet.
    from npf_engine.measures.inverse import reached
    from npf_engine.measures.report import accuracy_report

    model = made.model

    def progress(done: float, total: float, text: str) -> None:
        recorder.check()
        recorder.progress("report", int(done), int(total))

    accuracy = accuracy_report(model, field, spec.report, spec.seed, progress, made.solved, cosine=False)
    metrics = accuracy.metrics.to_json()
    order = torch.randperm(len(field.x_test), generator=seeds.generator(spec.seed, "classifier.shown"))[:SHOWN]
    x, y = field.x_test[order], field.y_test[order]  # those of a flow stand in the order of its time
    assert field.function is not None
    again, there = field.function(x), reached(model, y, spec.seed)
    assert there is not None
    ceiling, cosines = cosine_similarity(again, y, dim=1), cosine_similarity(there, y, dim=1)
    distance = distances(there, again, y, seeds.generator(spec.seed, "classifier.dealt"))
    # By the mean unit vector of the *training* samples: what can be known without the test samples.
    direction = torch.nn.functional.normalize(field.y_train, dim=1).mean(0)
    trivial = cosine_similarity(direction[None], y, dim=1)
    found = Cosine(
        mean=float(cosines.mean()),
        std=float(cosines.std()),
        trivial=float(trivial.mean()),
        ceiling=float(ceiling.mean()),
        n=len(cosines),
    )
    metrics["inverse_cosine"] = found.to_json()
    metrics["inverse_distance"] = {name: float(values.median()) for name, values in distance.items()}
    generator = seeds.generator(spec.seed, "classifier.stochasticity")
    drawn = stochasticity(classifier, x, generator, spec.report.draws)
    metrics["stochasticity"] = drawn
    image = model.grad_u(x).float()
    figures = {
        "cosine": cosines.numpy(),
        "trivial_cosine": trivial.numpy(),
        "ceiling_cosine": ceiling.numpy(),
        **{f"distance_{name}": values.numpy() for name, values in distance.items()},
        "grad_u": image.numpy(),
        "field": y.numpy(),
        "stochasticity": torch.tensor(drawn["values"]).numpy(),
    }
    told = dataclasses.replace(accuracy.metrics, inverse_cosine=OwnCosine(found.mean, found.trivial, found.std))
    return dataclasses.replace(accuracy, metrics=told), metrics, figures, found


def _critical_points(
    model: PolarFactorization, field: Field, classifier: Classifier, spec: ExperimentSpec
) -> tuple[dict[str, object], dict[str, Tensor]]:
    """I_psi(grad u*(0)): weights whose gradient should be 0, against weights uniform on Omega (Figures 12 and 14)."""
    drawn = model.invert(torch.zeros(DIMENSION), spec.generated, spec.seed).float()
    generator = seeds.generator(spec.seed, "classifier.uniform")
    uniform = torch.rand(spec.generated, DIMENSION, generator=generator) * 2 - 1
    metrics: dict[str, object] = {}
    particles: dict[str, Tensor] = {}
    for name, weights in (("generated", drawn), ("uniform", uniform)):
        found = characters(classifier, weights, generator)
        metrics[name] = summary(found)
        particles |= {name: weights} | {f"{name}_{key}": values for key, values in found.items()}
    return metrics, particles


def judge(push: Measured, cosine: Cosine) -> Verdict:
    """The cosine of generated gradients between a constant direction (trivial) and minibatch noise (the most there is),
    and the pushforward between the Gaussian map and its floor. A figure that is not beyond chance better than its
    trivial answer is a failure."""
    assert push.trivial is not None
    chance = margin(cosine.n) * cosine.std / cosine.n**0.5
    if not cosine.mean - chance > cosine.trivial:
        return Verdict(
            UNTRUSTED,
            f"the cosine of generated gradients, {cosine.mean:.2f}, is no better than that of one constant "
            f"direction, {cosine.trivial:.2f}",
        )
    if not push.value < push.trivial:
        return Verdict(
            UNTRUSTED,
            f"grad u#rho is no nearer to G#rho ({push.value:.4g}) than the Gaussian map's cloud ({push.trivial:.4g})",
        )
    most = max(cosine.ceiling - cosine.trivial, 1e-12)
    near = cosine.ceiling - cosine.mean - chance <= NEAR * most
    reason = (
        f"cosine {cosine.mean:.2f} between {cosine.trivial:.2f} (a constant direction) and "
        f"{cosine.ceiling:.2f} (minibatch noise)"
    )
    if push.ratio is not None:
        reason += (
            f"; pushforward {push.ratio:.2f} times its floor, the Gaussian map {push.trivial / push.floor:.2f} times"
        )
    return Verdict(GOOD if near and not push.surely_above(PUSHED) else USABLE, reason)
