"""The lab's methods by name: each takes a ``Work`` and returns one ``Fitted`` a seed.

Methods work in units in which both clouds have mean 0 and unit size; a map between those is one between the clouds,
and the gradient of a convex function stays one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.ensemble import Ensemble
from npf_engine.networks.sizes import count_parameters
from npf_engine.studies.lab.dual_methods import DUAL, fit_by_dual
from npf_engine.studies.lab.progress import SeedRecorder
from npf_engine.studies.lab.references import entropic_map, exact_map
from npf_engine.studies.lab.tasks import Sampler, Task
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.drifting import SCHEMES, DriftConfig, drift, published
from npf_engine.transport.fit import fit_brenier_map
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.scores import Functional, KullbackLeibler, Map, SinkhornDrift

LOOKS = 12  # points of a curve
UNIT_POINTS = 2000  # of each law, by which its centre and size are known
GAUSSIAN_POINTS, EXACT_POINTS, ENTROPIC_POINTS = 20_000, 800, 1000
KERNEL_POINTS, SINKHORN_POINTS, SINKHORN_TOLERANCE = 1000, 256, 1e-2  # of the target, where only samples are known
NARROW, BROAD, NARROW_MAX_D = 20, 64, 4  # widths of the drifting network: seed 003's, and beyond so many dimensions
ENDLESS_OUTER, ENDLESS_STEPS = 100_000, 10_000_000  # more than any time allowed has room for
KERNEL_MAX_D = 4  # beyond, a kernel's score of a sample says little
MONOTONE = ("cmgn", "mmgn")
METHODS = (*SCHEMES, *MONOTONE, *DUAL, "entropic", "exact", "gaussian", "fit")
DEFAULT_FIT_SECONDS = 20.0


@dataclass
class Fitted:
    """One run's map. forward, jacobian: (n, d) -> (n, d), (n, d, d); curve: (seconds, step, value) on the way."""

    forward: Map
    jacobian: Map
    parameters: int
    seconds: float
    note: str = ""
    curve: list[tuple[float, int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Work:
    """One method's job. seconds: allowed for each seed; steps: of gradient; None: the method's own settings.

    look(forward) -> the metric on a few points, for curves.
    """

    task: Task
    seeds: Sequence[int]
    recorder: Recorder
    seconds: float | None = None
    steps: int | None = None
    look: Callable[[Map], float] = lambda forward: math.nan

    def available(self, n: int) -> int:
        """n, or all points where the task has only a cloud of fewer."""
        return n if self.task.cloud is None else min(n, self.task.cloud)


@dataclass(frozen=True)
class Units:
    """x = centre + size x_hat for both clouds."""

    source: tuple[Tensor, float]
    target: tuple[Tensor, float]

    @staticmethod
    def of(task: Task, keep: bool) -> Units:
        """From UNIT_POINTS points of each law; ``keep``: the units as they are, where the potential is known."""
        if keep:
            zero = torch.zeros(task.d)
            return Units((zero, 1.0), (zero, 1.0))
        clouds = (law(UNIT_POINTS, seeds.generator(0, "lab.units")) for law in (task.source, task.target))
        return Units(*((c.mean(0), float(c.var(0).mean().sqrt()) or 1.0) for c in clouds))

    def source_sampler(self, draw: Sampler) -> Sampler:
        """Draws in model units."""
        centre, size = self.source
        return lambda n, generator: (draw(n, generator) - centre) / size

    def target_sampler(self, draw: Sampler) -> Sampler:
        """Draws in model units."""
        centre, size = self.target
        return lambda n, generator: (draw(n, generator) - centre) / size

    def map(self, inner: Map) -> Map:
        """A map of model units in the task's."""
        (a, s), (b, t) = self.source, self.target

        def forward(x: Tensor) -> Tensor:
            with torch.no_grad():
                return b + t * inner((x - a) / s)

        return forward

    def jacobian(self, inner: Map) -> Map:
        """Its Jacobian in the task's units."""
        (a, s), (_, t) = self.source, self.target

        def jacobian(x: Tensor) -> Tensor:
            with torch.no_grad():
                return t / s * inner((x - a) / s)

        return jacobian


def run_method(name: str, work: Work) -> list[Fitted]:
    """The runs of a method, one a seed. Raises ValueError (InputError) for what it cannot do."""
    if name in SCHEMES:
        return _drifting(name, work)
    references = {"entropic": _entropic, "exact": _exact, "gaussian": _gaussian, "fit": _fit}
    out, count = [], len(work.seeds)
    for index, seed in enumerate(work.seeds):
        work.recorder.check()
        one = replace(work, recorder=SeedRecorder(work.recorder, name, index, count))
        if name in references:
            out.append(references[name](one, seed))
        else:
            out.append((_dual if name in DUAL else _monotone)(name, one, seed))
        work.recorder.progress(name, index + 1, count)
    return out


# --- constrained drifting: all seeds at once ---


def drifting_network(task: Task, scheme: str, seed: int) -> ClassicalICNN:
    """Seed 003's network (2 x 20 softplus, 541 parameters) on its own task; else with a quadratic term beside it."""
    width = NARROW if task.d <= NARROW_MAX_D else BROAD
    if task.metric == "mmd" and scheme != "gauss-newton":
        return ClassicalICNN(task.d, [width, width], seed=seed)
    return ClassicalICNN(task.d, [width, width], terms=Terms(linear=True, rank=task.d), spread=2.0, seed=seed)


def drifting_functional(task: Task, units: Units, scheme: str) -> Functional:
    """KL with the published score on seed 003's task; KL with the calibrated one elsewhere; from samples in many
    dimensions the Sinkhorn divergence."""
    if task.grad_V is not None:
        own = task.metric == "mmd" and scheme != "gauss-newton"
        return KullbackLeibler(task.grad_V, "self-entropic" if own else "calibrated")
    draw = units.target_sampler(task.target)
    if task.d <= KERNEL_MAX_D:
        return KullbackLeibler.of_samples(draw(KERNEL_POINTS, seeds.generator(0, "lab.drift")))
    return SinkhornDrift(draw(SINKHORN_POINTS, seeds.generator(0, "lab.drift")), tolerance=SINKHORN_TOLERANCE)


def _drifting(scheme: str, work: Work) -> list[Fitted]:
    task = work.task
    units = Units.of(task, keep=task.grad_V is not None)
    ensemble = Ensemble([drifting_network(task, scheme, seed) for seed in work.seeds])
    # Shared starts: network and atoms depend on the seed only, not on the method.
    generators = [seeds.generator(seed, "lab.atoms") for seed in work.seeds]
    sampler = units.source_sampler(task.source)

    def draw(n: int) -> Tensor:
        return torch.stack([sampler(n, generator) for generator in generators])

    config = _within_budget(published(scheme), work)
    curve: list[tuple[float, int, float]] = []
    began = work.recorder.clock()
    gap = max(1.0, work.seconds * len(work.seeds) / LOOKS) if work.seconds else 0.0
    every = max(1, config.gradient_steps // LOOKS)

    def watch(step: int, theta: Tensor) -> None:
        due = work.recorder.clock() - began > gap * (len(curve) + 1) if gap else step % every == 0 or step == 1
        if due:
            first = theta[:1]
            value = work.look(units.map(lambda x: ensemble.gradient(first, x[None])[0]))
            curve.append(((work.recorder.clock() - began) / len(work.seeds), step, value))

    limit = None if work.seconds is None else work.seconds * len(work.seeds)
    result = drift(ensemble, draw, drifting_functional(task, units, scheme), config, work.recorder, watch, limit)
    out = []
    for index in range(len(work.seeds)):
        network = ensemble.member(result.theta, index)
        shared = result.seconds / len(work.seeds)
        forward, jacobian = units.map(network.gradient), units.jacobian(network.hessian)
        out.append(Fitted(forward, jacobian, count_parameters(network), shared, "", [] if index else curve))
    return out


def _within_budget(config: DriftConfig, work: Work) -> DriftConfig:
    """With seconds: on until they are spent. With steps: as many gradient steps, rounded up to whole outer ones."""
    if work.seconds is not None:
        return replace(config, outer=ENDLESS_OUTER, steps=ENDLESS_STEPS)
    if work.steps is not None:
        return replace(config, outer=math.ceil(work.steps / config.inner), steps=work.steps)
    return config


# --- one seed at a time ---


def _dual(name: str, work: Work, seed: int) -> Fitted:
    units = Units.of(work.task, keep=False)
    began = work.recorder.clock()
    curve: list[tuple[float, int, float]] = []

    def watch(step: int, u: Any) -> None:
        curve.append((work.recorder.clock() - began, step, work.look(units.map(u.gradient))))

    u = fit_by_dual(
        name, units.source_sampler(work.task.source), units.target_sampler(work.task.target), work.task.d, seed,
        work.recorder, work.seconds, work.steps, watch if seed == work.seeds[0] else None,
    )  # fmt: skip
    seconds = work.recorder.clock() - began
    return Fitted(units.map(u.gradient), units.jacobian(u.hessian), count_parameters(u), seconds, "", curve)


def _monotone(name: str, work: Work, seed: int) -> Fitted:
    from npf_engine.transport.monotone_fit import fit_monotone

    began = work.recorder.clock()
    curve: list[tuple[float, int, float]] = []

    def watch(step: int, forward: Map) -> None:
        curve.append((work.recorder.clock() - began, step, work.look(forward)))

    fitted = fit_monotone(
        work.task.source, work.task.target, kind=name, steps=work.steps, budget_seconds=work.seconds, seed=seed,
        recorder=work.recorder, watch=watch if seed == work.seeds[0] else None,
    )  # fmt: skip
    return Fitted(fitted.forward, fitted.jacobian, fitted.parameters, float(fitted.info["seconds"]), "", curve)


def _fit(work: Work, seed: int) -> Fitted:
    seconds = work.seconds or DEFAULT_FIT_SECONDS
    fitted = fit_brenier_map(
        work.task.source, work.task.target, seed=seed, budget_seconds=seconds, recorder=work.recorder
    )
    return Fitted(
        fitted.forward, fitted.jacobian, fitted.report.parameters, float(fitted.info["seconds"]),
        str(fitted.info.get("note", "")),
    )  # fmt: skip


def _two_clouds(work: Work, seed: int, most: int) -> tuple[Tensor, Tensor]:
    n = work.available(most)
    # One generator each, with the same seed: two identical clouds give identical draws.
    return tuple(law(n, seeds.generator(seed, "lab.cloud")) for law in (work.task.source, work.task.target))  # type: ignore[return-value]


def _gaussian(work: Work, seed: int) -> Fitted:
    began = work.recorder.clock()
    S, m = gaussian_map(*_two_clouds(work, seed, GAUSSIAN_POINTS))
    S, m, d = S.float(), m.float(), work.task.d
    return Fitted(
        lambda x: x @ S + m, lambda x: S.expand(len(x), d, d), d * (d + 1) // 2 + d, work.recorder.clock() - began
    )


def _exact(work: Work, seed: int) -> Fitted:
    began = work.recorder.clock()
    found = exact_map(*_two_clouds(work, seed, EXACT_POINTS))
    return Fitted(found.forward, found.jacobian, found.parameters, work.recorder.clock() - began)


def _entropic(work: Work, seed: int) -> Fitted:
    began = work.recorder.clock()
    found = entropic_map(*_two_clouds(work, seed, ENTROPIC_POINTS))
    return Fitted(found.forward, found.jacobian, found.parameters, work.recorder.clock() - began, found.note)
