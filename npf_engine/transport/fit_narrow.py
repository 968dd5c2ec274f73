"""fit_brenier_map with the papers' network, on paired minibatches or on the dual, planned from a few timed steps."""

from __future__ import annotations

import time
from dataclasses import replace

import torch
from torch import Tensor

from npf_engine.networks.icnn import ConvexPotential
from npf_engine.recorder import Recorder
from npf_engine.settings import ConjugateConfig, PotentialConfig
from npf_engine.transport.brenier_map import BrenierMap, Clouds
from npf_engine.transport.dual import collect_pairs, copy_as, fit_dual, fit_to_pairs
from npf_engine.transport.gaussian import gaussian_map


def _start(x: Tensor, y: Tensor, config: PotentialConfig, seed: int) -> ConvexPotential:
    S, mean = gaussian_map(x, y)
    u = ConvexPotential(x.shape[1], config.hidden, rank=config.rank, activation=config.activation, seed=seed)
    scale = float((y - y.mean(0)).square().sum(1).mean().sqrt()) or 1.0
    if config.start == "identity":
        u.set_identity_start(scale)
    else:
        u.set_gaussian_start(S.float(), mean.float(), scale)
    return u.to(x)


def _pairs(x: Tensor, y: Tensor, config: PotentialConfig, seed: int, until: float) -> tuple[Tensor, Tensor]:
    """Assignments one after another until the configured number is there or the time is up; at least one."""
    size = min(config.pair_size, len(x))
    if until - time.perf_counter() < 4:  # network simplex: about a second for 1600 points, a tenth for 500
        size = min(size, 500)
    found: list[tuple[Tensor, Tensor]] = []
    while not found or (len(found) < config.pairings and time.perf_counter() < until):
        found.append(collect_pairs(x, y, size, 1, seed + len(found), Recorder()))
    return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])


def fit_narrow(clouds: Clouds, config: PotentialConfig, seed: int, until: float) -> BrenierMap:
    """The papers' network within the time left: a few steps are timed on a copy, the rest is planned from them."""
    at, solver = clouds.plain(), ConjugateConfig()
    x, y = at.source(clouds.x), at.target(clouds.y)
    count = min(len(x), len(y))
    x, y = x[:count], y[:count]
    u = _start(x, y, config, seed)
    left = until - time.perf_counter()
    if left <= 0:
        raise FloatingPointError("the time allowed ended before the fit began; give it more seconds")

    def steps(model: ConvexPotential, count: int) -> None:
        if config.method == "dual":
            fit_dual(model, x, y, count, config.dual_lr, config, solver, seed, Recorder())
        else:
            fit_to_pairs(model, pairs[0], pairs[1], replace(config, regression_steps=count), seed, Recorder())

    if config.method != "dual":
        pairs = _pairs(x, y, config, seed, until - 0.6 * left)
    trial, begin = 5, time.perf_counter()
    steps(copy_as(u, u.raw_w.dtype), trial)
    each = (time.perf_counter() - begin) / trial
    affordable = max(1, int(0.85 * (until - time.perf_counter()) / each))
    # The dual goes on improving; the regression only until it has learned its pairs.
    steps(u, affordable if config.method == "dual" else min(affordable, config.regression_steps))
    return BrenierMap(u, at, {"method": "icnn"})
