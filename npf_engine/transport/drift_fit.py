"""The lab's way through a constrained drift: which network, which functional, and all seeds at once.

It works in units in which both clouds have mean 0 and unit size, but where the target's potential is known; a map
between those is one between the clouds, and the gradient of a convex function stays one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.errors import InputError
from npf_engine.networks.activation import raw_of
from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.ensemble import Ensemble
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.potential import Potential
from npf_engine.seeds import generator as stream
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.coordinates import Units
from npf_engine.transport.drift_config import DriftConfig, own, published
from npf_engine.transport.drift_guard import Guard
from npf_engine.transport.drift_settings import (
    DENSITY,
    GAUSSIAN,
    ICNN,
    KL,
    LSE,
    MMD,
    RANDOM,
    SAMPLES,
    SINKHORN,
    DriftSettings,
)
from npf_engine.transport.drifting import drift
from npf_engine.transport.fit_report import STEPS, TIME, FitInfo
from npf_engine.transport.functionals import EnergyDistance, Guarded, KullbackLeibler, SinkhornDrift
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.map import PotentialMap
from npf_engine.transport.methods.method import LOOKS, Budget, Law, show

KERNEL_POINTS, SINKHORN_TOLERANCE = 1000, 1e-4  # of the target, where only samples are known
CHECK_POINTS, START_POINTS = 1000, 20_000  # of the target: by which values are looked at, and of both for the start
NARROW, BROAD, OWN, NARROW_MAX_D = 20, 64, 32, 4  # widths: seed 003's, and beyond so many dimensions; with a quadratic
SHARP, PLAIN = 6.0, 2.0  # spread of the layers beside a quadratic: in few dimensions laws may have to be torn apart
PIECES, SOFT = 64, 0.1  # of the log-sum-exp
FAINT = 0.2  # of the layers that a Gaussian start leaves: what remains at ours
ENDLESS_OUTER, ENDLESS_STEPS = 100_000, 10_000_000  # more than any time allowed has room for


def drifting_network(settings: DriftSettings, d: int, seed: int) -> Potential:
    """Seed 003's network (2 x 20 softplus, 541 parameters), a wider one with a quadratic term, or log-sum-exp."""
    few = d <= NARROW_MAX_D
    if settings.network == LSE:
        pieces = torch.randn(PIECES, d, generator=stream(seed, "lab.pieces"))
        return LogSumExpPotential(pieces, SOFT)
    if settings.network == ICNN:
        return ClassicalICNN(d, [NARROW if few else BROAD] * 2, seed=seed)
    sharp = settings.guarded and few
    width = OWN if sharp else NARROW if few else BROAD
    terms = Terms(linear=True, rank=d)
    return ClassicalICNN(d, [width, width], terms=terms, spread=SHARP if sharp else PLAIN, seed=seed)


def drifting_functional(settings: DriftSettings, target: Law, d: int, units: Units) -> Guarded:
    """KL where the target's density is known, else the energy distance (for plain descent, which does not go far, the
    Sinkhorn divergence, whose slope is steeper far from the target), unless the settings say otherwise.

    Raises InputError for a density that is not known, and for a functional that has no use for one."""
    sampled = SINKHORN if settings.scheme == "euclidean" else MMD
    kind = settings.functional or (KL if target.grad_V is not None and settings.target != SAMPLES else sampled)
    known = target.grad_V is not None and kind == KL
    where = settings.target or (DENSITY if known else SAMPLES)
    if where == DENSITY and kind != KL:
        raise InputError(
            f"the functional {kind} knows a target by samples alone; set drift.target=samples, or drift.functional=kl"
        )
    if where == DENSITY and target.grad_V is None:
        raise InputError("of this target only samples are known, no density; set drift.target=samples")
    if where == DENSITY and target.grad_V is not None:
        return KullbackLeibler(units.target_slope(target.grad_V), settings.score)
    draw, generator = units.target_sampler(target), stream(0, "lab.drift")
    if kind == KL:
        return KullbackLeibler.of_samples(draw(KERNEL_POINTS, generator), settings.score)
    check = draw(CHECK_POINTS, generator)

    def fresh(n: int) -> Tensor:
        return draw(n, generator)

    if kind == MMD:
        return EnergyDistance(check, fresh)
    return SinkhornDrift(check, SINKHORN_TOLERANCE, fresh)


def begun(settings: DriftSettings, source: Law, target: Law, units: Units, seeds: Sequence[int]) -> Ensemble[Potential]:
    """A network a seed: random, or near the closed-form Gaussian map, in model units.

    Raises InputError for a network that cannot begin there."""
    networks = [drifting_network(settings, len(units.at.mean), seed) for seed in seeds]
    if settings.start != GAUSSIAN:
        return Ensemble(networks)
    if settings.network == ICNN:
        raise InputError(
            "the published ICNN has no quadratic term and cannot begin at the Gaussian map; set drift.start=random, or "
            "drift.network=quadratic"
        )
    x, y = (
        sampler(START_POINTS, stream(0, f"lab.drift.{name}"))
        for name, sampler in (("source", units.source_sampler(source)), ("target", units.target_sampler(target)))
    )
    S, m = gaussian_map(x, y)
    for network in networks:
        network.start_at_gaussian(S, m, x, 1.0)
        if isinstance(
            network, ClassicalICNN
        ):  # its layers leave the quadratic less than it needs, unless they are faint
            with torch.no_grad():
                network.raw_w.copy_(raw_of(FAINT * nnf.softplus(network.raw_w)))
            network.start_at_gaussian(S, m, x, 1.0)
    return Ensemble(networks)


def fit_drift(
    source: Law, target: Law, settings: DriftSettings, budget: Budget, seeds: Sequence[int], recorder: Recorder
) -> list[PotentialMap]:
    """A map a seed; the budget's seconds are for each, and the first seed's map is shown on the way."""
    plain = not settings.guarded and target.grad_V is not None  # as published: in the laws' own units
    units = Units.none(source, target) if plain else Units.of(source, target)
    d, config = len(units.at.mean), within_budget(configured(settings), budget)
    functional = drifting_functional(settings, target, d, units)
    ensemble = begun(settings, source, target, units, seeds)
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

    found = drift(ensemble, draw, functional, config, recorder, watch, limit)
    info: FitInfo = {
        "method": settings.scheme,
        "steps": found.steps,
        "seconds": found.seconds / len(seeds),
        "ended": TIME if found.note else STEPS,
    }
    if found.guard is not None:
        info["note"] = _told(found.guard)
    return [PotentialMap(ensemble.member(found.theta, k), units.at, info.copy()) for k in range(len(seeds))]


def _told(guard: Guard) -> str:
    """What should be known of a guarded run; nothing where all went its way."""
    idle = int((~guard.lowered).sum())
    if idle == 0:
        return ""
    return f"of {idle} of {len(guard.lowered)} runs no step lowered the functional: the map is that of the start"


def configured(settings: DriftSettings) -> DriftConfig:
    """The scheme's own settings, or those of its paper, with what is said of them."""
    base = own(settings.scheme) if settings.guarded else published(settings.scheme)
    said = {name: getattr(settings, name) for name in ("tau", "outer", "inner", "rate", "steps", "atoms")}
    given = {name: value for name, value in said.items() if value is not None}
    return replace(base, from_identity=settings.start == RANDOM, **given)


def within_budget(config: DriftConfig, budget: Budget) -> DriftConfig:
    """With seconds: on until they are spent. With steps: as many gradient steps, rounded up to whole outer ones."""
    if budget.seconds is not None:
        return replace(config, outer=ENDLESS_OUTER, steps=ENDLESS_STEPS)
    if budget.steps is not None:
        return replace(config, outer=math.ceil(budget.steps / config.inner), steps=budget.steps)
    return config
