"""The lab's way through a constrained drift: which network, which functional, and all seeds at once.

It works in units in which both clouds have mean 0 and unit size, but where the target's potential is known; a map
between those is one between the clouds, and the gradient of a convex function stays one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.ensemble import Ensemble
from npf_engine.seeds import generator as stream
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.coordinates import Units
from npf_engine.transport.drifting import DriftConfig, drift, published
from npf_engine.transport.fit_report import STEPS, TIME, FitInfo
from npf_engine.transport.map import PotentialMap
from npf_engine.transport.methods.method import LOOKS, Budget, Law, show
from npf_engine.transport.scores import Functional, KullbackLeibler, SinkhornDrift

if TYPE_CHECKING:
    from npf_engine.transport.methods.drifting import DriftSettings

KERNEL_POINTS, SINKHORN_POINTS, SINKHORN_TOLERANCE = 1000, 256, 1e-4  # of the target, where only samples are known
NARROW, BROAD, NARROW_MAX_D = 20, 64, 4  # widths of the network: seed 003's, and beyond so many dimensions
ENDLESS_OUTER, ENDLESS_STEPS = 100_000, 10_000_000  # more than any time allowed has room for
KERNEL_MAX_D = 4  # beyond, a kernel's score of a sample says little


def drifting_network(settings: DriftSettings, d: int, seed: int) -> ClassicalICNN:
    """Seed 003's network (2 x 20 softplus, 541 parameters), or the same with a quadratic term beside it."""
    width = NARROW if d <= NARROW_MAX_D else BROAD
    if not settings.quadratic:
        return ClassicalICNN(d, [width, width], seed=seed)
    return ClassicalICNN(d, [width, width], terms=Terms(linear=True, rank=d), spread=2.0, seed=seed)


def drifting_functional(settings: DriftSettings, target: Law, d: int, units: Units) -> Functional:
    """KL where the target's potential is known, and from samples in few dimensions; else the Sinkhorn divergence."""
    if target.grad_V is not None:
        return KullbackLeibler(target.grad_V, settings.score)
    draw = units.target_sampler(target)
    if d <= KERNEL_MAX_D:
        return KullbackLeibler.of_samples(draw(KERNEL_POINTS, stream(0, "lab.drift")))
    return SinkhornDrift(draw(SINKHORN_POINTS, stream(0, "lab.drift")), tolerance=SINKHORN_TOLERANCE)


def fit_drift(
    source: Law, target: Law, settings: DriftSettings, budget: Budget, seeds: Sequence[int], recorder: Recorder
) -> list[PotentialMap]:
    """A map a seed; the budget's seconds are for each, and the first seed's map is shown on the way."""
    units = Units.none(source, target) if target.grad_V is not None else Units.of(source, target)
    d, config = len(units.at.mean), within_budget(published(settings.scheme), budget)
    ensemble = Ensemble([drifting_network(settings, d, seed) for seed in seeds])
    # Shared starts: network and atoms depend on the seed only, not on the method.
    generators = [stream(seed, "lab.atoms") for seed in seeds]
    sampler = units.source_sampler(source)

    def draw(n: int) -> Tensor:
        return torch.stack([sampler(n, generator) for generator in generators])

    began, shown = recorder.clock(), 0
    limit = None if budget.seconds is None else budget.seconds * len(seeds)
    gap = max(1.0, limit / LOOKS) if limit else 0.0
    every = max(1, config.gradient_steps // LOOKS)

    def watch(step: int, theta: Tensor) -> None:
        nonlocal shown
        due = recorder.clock() - began > gap * (shown + 1) if gap else step % every == 0 or step == 1
        if due:
            shown += 1
            first = theta[:1]
            show(recorder, step, units.map(lambda x: ensemble.gradient(first, x[None])[0]))

    found = drift(ensemble, draw, drifting_functional(settings, target, d, units), config, recorder, watch, limit)
    info: FitInfo = {
        "method": settings.scheme,
        "steps": found.steps,
        "seconds": found.seconds / len(seeds),
        "ended": TIME if found.note else STEPS,
    }
    return [PotentialMap(ensemble.member(found.theta, k), units.at, info.copy()) for k in range(len(seeds))]


def within_budget(config: DriftConfig, budget: Budget) -> DriftConfig:
    """With seconds: on until they are spent. With steps: as many gradient steps, rounded up to whole outer ones."""
    if budget.seconds is not None:
        return replace(config, outer=ENDLESS_OUTER, steps=ENDLESS_STEPS)
    if budget.steps is not None:
        return replace(config, outer=math.ceil(budget.steps / config.inner), steps=budget.steps)
    return config
