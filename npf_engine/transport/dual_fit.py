"""Convex potentials trained by the dual (``transport.dual``): ours, Linear, FQuad and log-sum-exp, by equal rules.

All begin at the identity in model units, learned by regression: nobody is given the Gaussian map, which would be the
answer of some tasks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.classical_icnn import fquad_icnn, linear_icnn
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.potential import Potential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.coordinates import Units
from npf_engine.transport.dual import DualPlan, fit_dual
from npf_engine.transport.fit_report import STEPS, FitInfo
from npf_engine.transport.map import PotentialMap
from npf_engine.transport.methods.method import LOOKS, Budget, Law, show
from npf_engine.transport.optimise import optimise
from npf_engine.transport.schedule import At, Schedule, Seconds, Stage, Steps, spent

if TYPE_CHECKING:
    from npf_engine.transport.methods.dual import DualSettings

PIECES = 64
NARROWEST = 32  # width of a network that is not the published one
IDENTITY_STEPS, IDENTITY_RATE, IDENTITY_BATCH = 200, 1e-2, 512
MAX_ITERATIONS = 60
TEMPERATURE, LSE_FLOOR = 0.3, 5e-2  # of log-sum-exp, and its strong convexity
FLOOR = 1e-2  # strong convexity: without it a conjugate beyond the network's slopes is infinitely far


def dual_network(settings: DualSettings, d: int, target: Tensor, seed: int) -> Potential:
    """The network of these settings for samples ``target`` (n, d)."""
    name, published = settings.network, settings.table_sizes
    if name == "icnn":
        width = d if published else max(NARROWEST, d)
        rank = 1 if published else None
        return QuadraticICNN(d, [width] * 4, activation="elu", tail_rank=rank, strong_convexity=FLOOR, seed=seed)
    if name == "lse":
        return LogSumExpPotential(target[:PIECES], temperature=TEMPERATURE, strong_convexity=LSE_FLOOR)
    make = linear_icnn if name == "icnn-linear" else fquad_icnn
    return make(d, width=None if published else max(NARROWEST, 2 * d), strong_convexity=FLOOR, seed=seed)


def fit_by_dual(
    source: Law, target: Law, settings: DualSettings, budget: Budget, seed: int, recorder: Recorder
) -> PotentialMap:
    """The map of a potential: an identity start, then dual steps until the steps or seconds of the budget are spent."""
    began = recorder.clock()
    units = Units.of(source, target)
    x = units.source_sampler(source)(settings.pool, seeds.generator(seed, "lab.dual.source"))
    y = units.target_sampler(target)(settings.pool, seeds.generator(seed, "lab.dual.target"))
    u = dual_network(settings, x.shape[1], y, seed)
    _identity(u, x, seed, recorder)
    left = math.inf if budget.seconds is None else began + budget.seconds - recorder.clock()
    by_time = budget.steps is None and budget.seconds is not None
    allowed: Steps | Seconds = Seconds(left) if by_time else Steps(budget.steps or settings.steps, left)
    config, solver = (
        PotentialConfig(batch=settings.batch, lr_floor=settings.lr_floor),
        ConjugateConfig(max_iterations=MAX_ITERATIONS),
    )
    begin, done, shown = recorder.clock(), 0, 0

    def look(step: int) -> dict[str, float]:
        nonlocal done, shown
        if spent(allowed, step, recorder.clock() - begin) * LOOKS >= shown:
            shown += 1
            show(recorder, step, units.map(u.gradient))
        done = step + 1
        return {}

    fit_dual(u, x, y, DualPlan.of(config, solver, allowed, settings.rate), seed, recorder, watch=look)
    show(recorder, done, units.map(u.gradient))
    info: FitInfo = {"method": settings.network, "steps": done, "seconds": recorder.clock() - began, "ended": STEPS}
    return PotentialMap(u, units.at, info)


def _identity(u: Potential, x: Tensor, seed: int, recorder: Recorder) -> None:
    """Regress grad u on the identity."""

    def loss(at: At, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        points = x[torch.randint(len(x), (IDENTITY_BATCH,), generator=generator, device=generator.device)]
        return (u.gradient(points) - points).square().sum(1).mean(), {}

    stage = Stage("identity", "identity", seed)
    optimise(loss, {"u": u}, Schedule(IDENTITY_RATE), Steps(IDENTITY_STEPS), recorder, stage)
