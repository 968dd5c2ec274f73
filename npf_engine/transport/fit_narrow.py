"""fit_brenier_map with the papers' network, on paired minibatches or on the dual."""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.settings.stages import PATIENCE, POLISH_RATE, SMALL, ConjugateConfig, PotentialConfig
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.clouds import Clouds
from npf_engine.transport.dual import DualPlan, collect_pairs, fit_dual, fit_to_pairs
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.map import PotentialMap
from npf_engine.transport.pairing import LOOKUP_MAX_D, source_of_nearest
from npf_engine.transport.schedule import Seconds, Steps
from npf_engine.transport.validation import HeldOut

# For two dimensions, before a wide network (fit.py): as the presets fit u, which says more of a rough field in a given
# time than the dual alone; twice their most steps, for the time ends it.
PAIRED = PotentialConfig(
    hidden=SMALL, regression_steps=8000, polish_steps=1200, polish_lr=POLISH_RATE, patience=PATIENCE
)
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
    """The papers' network until the recorder's clock reaches ``until``, or as many steps as the config says."""
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
        fit_dual(u, x, y, DualPlan.of(config, solver, Seconds(left)), seed, recorder)
        return PotentialMap(u, at, {"method": "icnn"})
    pairs = _pairs(x, y, config, seed, until - (1 - FOR_PAIRS) * left, recorder)
    near, held_out = clouds.d <= LOOKUP_MAX_D, None
    if config.patience:
        x_check, y_check = at.source(clouds.x_check), at.target(clouds.y_check)
        first = source_of_nearest(*pairs, y_check) if near else None
        held_out = HeldOut(u, x_check, y_check, first, "auto")
    allowed = (FOR_REGRESSION if config.polish_steps else 1.0) * (until - recorder.clock())
    fit_to_pairs(u, pairs, config, seed, recorder, budget=Steps(config.regression_steps, allowed), held_out=held_out)
    if config.polish_steps:
        start = source_of_nearest(*pairs, y) if near else None
        budget = Steps(config.polish_steps, until - recorder.clock())
        fit_dual(u, x, y, DualPlan.polish(config, solver, start, budget), seed, recorder, held_out=held_out)
    return PotentialMap(u, at, {"method": "icnn"})
