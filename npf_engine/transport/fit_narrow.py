"""fit_brenier_map with the papers' network, on paired minibatches or on the dual, planned from a few timed steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.potential import Potential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import PATIENCE, POLISH_RATE, SMALL, ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.clouds import Clouds
from npf_engine.transport.dual import collect_pairs, copy_as, fit_dual, fit_to_pairs
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.map import PotentialMap
from npf_engine.transport.pairing import LOOKUP_MAX_D, source_of_nearest
from npf_engine.transport.validation import HeldOut

# For two dimensions, before a wide network (fit.py): as the presets fit u, which says more of a rough field in a given
# time than the dual alone; twice their most steps, for the time ends it.
PAIRED = PotentialConfig(
    hidden=SMALL, regression_steps=8000, polish_steps=1200, polish_lr=POLISH_RATE, patience=PATIENCE
)
MARGIN = 0.85  # of the time that the steps timed before leave
LOOKS = 0.65  # the same where the held-out dual is looked at between them
HURRIED, FEW_PAIRS = 4.0, 500  # seconds within which an assignment has no more points: a tenth of 1600 points' second
FOR_PAIRS, FOR_REGRESSION = 0.4, 0.7  # of the time, and of what the pairs leave where a polish follows


def _start(x: Tensor, y: Tensor, config: PotentialConfig, seed: int) -> QuadraticICNN:
    S, mean = gaussian_map(x, y)
    u = QuadraticICNN(x.shape[1], config.hidden, rank=config.rank, activation=config.activation, seed=seed)
    scale = float((y - y.mean(0)).square().sum(1).mean().sqrt()) or 1.0
    if config.start == "identity":
        u.start_at_identity(x, scale)
    else:
        u.start_at_gaussian(S, mean, x, scale)
    return u.to(x)


def _pairs(
    x: Tensor, y: Tensor, config: PotentialConfig, seed: int, until: float, recorder: Recorder
) -> tuple[Tensor, Tensor]:
    """Assignments one after another until the configured number is there or the time is up; at least one."""
    size = min(config.pair_size, len(x))
    if until - recorder.clock() < HURRIED:
        size = min(size, FEW_PAIRS)
    found: list[tuple[Tensor, Tensor]] = []
    while not found or (len(found) < config.pairings and recorder.clock() < until):
        found.append(collect_pairs(x, y, size, 1, seeds.child(seed, f"pairs.{len(found)}"), recorder))
    return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])


def fit_narrow(
    clouds: Clouds, config: PotentialConfig, seed: int, until: float, recorder: Recorder | None = None
) -> PotentialMap:
    """The papers' network within the time left: a few steps are timed on a copy, the rest is planned from them."""
    recorder = recorder or Recorder()
    at, solver = clouds.plain(), ConjugateConfig()
    x, y = at.source(clouds.x), at.target(clouds.y)
    count = min(len(x), len(y))
    x, y = x[:count], y[:count]
    u = _start(x, y, config, seed)
    left = until - recorder.clock()
    if left <= 0:
        raise FloatingPointError("the time allowed ended before the fit began; give it more seconds")

    if config.method == "dual":

        def dual(model: Potential, count: int) -> None:
            fit_dual(model, x, y, count, config.dual_lr, config, solver, seed, recorder)

        dual(u, _affordable(u, dual, until, MARGIN, recorder))
        return PotentialMap(u, at, {"method": "icnn"})
    source, target = _pairs(x, y, config, seed, until - (1 - FOR_PAIRS) * left, recorder)
    near, held_out = clouds.d <= LOOKUP_MAX_D, None
    if config.patience:
        x_check, y_check = at.source(clouds.x_check), at.target(clouds.y_check)
        first = source_of_nearest(source, target, y_check) if near else None
        held_out = HeldOut(u, x_check, y_check, first, "auto")
    share = LOOKS if config.patience else MARGIN

    def regress(model: Potential, count: int) -> None:
        look = held_out if model is u else None
        fit_to_pairs(model, source, target, replace(config, regression_steps=count), seed, recorder, held_out=look)

    now = recorder.clock()
    end = now + (FOR_REGRESSION if config.polish_steps else 1.0) * (until - now)
    regress(u, min(_affordable(u, regress, end, share, recorder), config.regression_steps))
    if config.polish_steps:
        start = source_of_nearest(source, target, y) if near else None

        def polish(model: Potential, count: int) -> None:
            look = held_out if model is u else None
            fit_dual(model, x, y, count, config.polish_lr, config, solver, seed, recorder, start=start, held_out=look)

        polish(u, min(_affordable(u, polish, until, share, recorder), config.polish_steps))
    return PotentialMap(u, at, {"method": "icnn"})


def _affordable(
    u: Potential, steps: Callable[[Potential, int], None], until: float, share: float, recorder: Recorder
) -> int:
    """How many steps fit into a share of the time left, by what a few on a copy of u take; at least one."""
    seconds = []
    for count in (1, 1, 11):  # the very first is slower than all others
        model, begin = copy_as(u, u.like.dtype), recorder.clock()
        steps(model, count)
        seconds.append(recorder.clock() - begin)
    each = max((seconds[2] - seconds[1]) / 10, seconds[2] / 22)  # where the one was slow by chance, as the others
    return max(1, int((share * (until - recorder.clock()) - seconds[1]) / each))
