"""Convex potentials trained by the dual (``transport.dual``): ours, Linear, FQuad and log-sum-exp, by equal rules.

All begin at the identity in model units, learned by regression: nobody is given the Gaussian map, which would be the
answer of some tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.classical_icnn import fquad_icnn, linear_icnn
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.potential import Potential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import ConjugateConfig, PotentialConfig
from npf_engine.studies.lab.tasks import Sampler
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.dual import copy_as, fit_dual
from npf_engine.transport.loop import Loop

DUAL = ("icnn", "icnn-linear", "icnn-fquad", "lse")
STEPS = 400
POOL = 20_000
PIECES = 64
NARROWEST = 32  # width of a network that is not the published one
IDENTITY_STEPS, IDENTITY_RATE, IDENTITY_BATCH = 200, 1e-2, 512
TRIAL, SPENT = 4, 0.9  # steps by which their pace is known; the share of the time left that the others may take
LR_FLOOR, MAX_ITERATIONS = 0.05, 60
TEMPERATURE, LSE_FLOOR = 0.3, 5e-2  # of log-sum-exp, and its strong convexity
FLOOR = 1e-2  # strong convexity: without it a conjugate beyond the network's slopes is infinitely far
RATES = {"icnn": 5e-3, "icnn-linear": 5e-3, "icnn-fquad": 5e-3, "lse": 1e-2}
LOOKS = 12


def dual_network(name: str, d: int, target: Tensor, seed: int, published: bool = False) -> Potential:
    """The network of a name. ``published``: the sizes of NPF Table 3 in any dimension; else at least NARROWEST wide."""
    if name == "icnn":
        width = d if published else max(NARROWEST, d)
        tail = 1 if published else None
        return QuadraticICNN(d, [width] * 4, activation="elu", tail_rank=tail, strong_convexity=FLOOR, seed=seed)
    if name == "lse":
        return LogSumExpPotential(target[:PIECES], temperature=TEMPERATURE, strong_convexity=LSE_FLOOR)
    make = linear_icnn if name == "icnn-linear" else fquad_icnn
    return make(d, width=None if published else max(NARROWEST, 2 * d), strong_convexity=FLOOR, seed=seed)


def fit_by_dual(
    name: str,
    source: Sampler,
    target: Sampler,
    d: int,
    seed: int,
    recorder: Recorder,
    seconds: float | None = None,
    steps: int | None = None,
    watch: Callable[[int, Any], None] | None = None,
    *,
    published: bool = False,
    batch: int = 512,
) -> Any:
    """The trained potential: an identity start, then dual steps until ``steps`` or ``seconds`` are spent."""
    began = recorder.clock()
    x, y = (
        source(POOL, seeds.generator(seed, "lab.dual.source")),
        target(POOL, seeds.generator(seed, "lab.dual.target")),
    )
    u = dual_network(name, d, y, seed, published)
    _identity(u, x, seed, recorder)
    config = PotentialConfig(batch=batch, lr_floor=LR_FLOOR)

    def run(model: Potential, count: int, to: Recorder, look: Callable[[int], dict[str, float]] | None) -> None:
        fit_dual(
            model,
            x,
            y,
            count,
            RATES[name],
            config,
            ConjugateConfig(max_iterations=MAX_ITERATIONS),
            seed,
            to,
            watch=look,
        )

    count = steps or STEPS
    if seconds is not None:
        start = recorder.clock()
        run(copy_as(u, torch.float32), TRIAL, Recorder(), None)
        each = (recorder.clock() - start) / TRIAL
        affordable = int(SPENT * (began + seconds - recorder.clock()) / each)
        count = max(1, affordable if steps is None else min(steps, affordable))
    every = max(1, count // LOOKS)

    def look(step: int) -> dict[str, float]:
        if watch and (step % every == 0 or step + 1 == count):
            watch(step, u)
        return {}

    run(u, count, recorder, look)
    return u


def _identity(u: Any, x: Tensor, seed: int, recorder: Recorder) -> None:
    """Regress grad u on the identity."""

    def loss(step: int, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        points = x[torch.randint(len(x), (IDENTITY_BATCH,), generator=generator)]
        return (u.gradient(points) - points).square().sum(1).mean(), {}

    Loop("identity", "identity", {"u": u}, IDENTITY_STEPS, IDENTITY_RATE, seed, recorder).run(loss)
