"""fit_brenier_map: the optimal map between two samples, with the settings chosen from n, d and the time allowed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from npf_engine.networks.icnn import ConvexPotential
from npf_engine.recorder import Recorder
from npf_engine.settings import ConjugateConfig, PotentialConfig
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.dual import collect_pairs, copy_as, fit_dual, fit_to_pairs, held_out_dual, in_chunks
from npf_engine.transport.gaussian import gaussian_map

Sampler = Callable[[int, torch.Generator], Tensor]
DRAWN = 100_000
DEFAULT_SECONDS = 60.0
HELD_OUT = 0.1
MAX_VALIDATION = 4096
PAIRING_MAX_D = 4


@dataclass
class BrenierMap:
    """grad u from source to target, and back. ``info`` tells how it was found: method, seconds, duals, and a
    sentence."""

    u: ConvexPotential
    centre: Tensor
    size: float
    info: dict[str, Any] = field(default_factory=dict)

    def potential(self, x: Tensor) -> Tensor:
        """u(x) (n,) with grad u = forward; x (n, d) in the source's units."""
        return self.size * in_chunks(self.u, self._model(x))

    def forward(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        return in_chunks(self.u.gradient, self._model(x))

    def inverse(self, y: Tensor) -> Tensor:
        """grad u*(y) (n, d): where forward sends to y."""
        return conjugate(self.u, y.to(self.u.raw_w), tolerance=1e-5).x * self.size + self.centre

    def _model(self, x: Tensor) -> Tensor:
        return (x.to(self.u.raw_w) - self.centre) / self.size


def fit_brenier_map(
    source: Tensor | Sampler,
    target: Tensor | Sampler,
    *,
    seed: int = 0,
    budget_seconds: float | None = None,
    config: PotentialConfig | None = None,
) -> BrenierMap:
    """The convex potential whose gradient sends ``source`` to ``target`` at least quadratic cost.

    source, target: samples (n, d) and (m, d), or callables (n, generator) -> (n, d). budget_seconds: wall time for
    the fit
    (60 by default). config overrides the settings chosen from d. A fit that is not finite or no better than the
    closed-form Gaussian
    map on held-out samples falls back to that map and says so in ``info["note"]``. Raises ValueError for clouds of
    different
    dimension, with fewer than 4 points, or with values that are not finite.

    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> x = torch.randn(4000, 2, generator=g)
    >>> T = fit_brenier_map(x, 2 * torch.randn(4000, 2, generator=g) + 1, budget_seconds=5)
    >>> bool((T.forward(x) - (2 * x + 1)).square().mean() < 0.1)
    True
    """
    begin = time.perf_counter()
    budget = DEFAULT_SECONDS if budget_seconds is None else float(budget_seconds)
    if not budget > 0:
        raise ValueError(f"budget_seconds must be positive, not {budget_seconds!r}")
    x, y = _draw(source, seed, "source"), _draw(target, seed + 1, "target")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"source has dimension {x.shape[1]} and target {y.shape[1]}; a Brenier map needs them equal")
    centre = x.mean(0)
    size = float((x - centre).square().sum(1).mean().sqrt()) / x.shape[1] ** 0.5 or 1.0
    x = (x - centre) / size
    x_fit, x_check = _hold_out(x, seed)
    y_fit, y_check = _hold_out(y, seed + 1)
    count = min(len(x_fit), len(y_fit))
    x_fit, y_fit = x_fit[:count], y_fit[:count]
    linear = _start(x_fit, y_fit, config or choose(x.shape[1]), seed)
    best = BrenierMap(linear, centre, size, {"method": "gaussian", "d": x.shape[1], "n": count})
    linear_dual = held_out_dual(linear, x_check, y_check, tolerance=1e-5).value
    fitted, note = _fit(
        copy_as(linear, linear.raw_w.dtype), x_fit, y_fit, config or choose(x.shape[1]), seed, begin + budget
    )
    dual = float("inf")
    if note is None:
        dual = held_out_dual(fitted, x_check, y_check, tolerance=1e-5).value
        if dual < linear_dual:
            best = BrenierMap(fitted, centre, size, {"method": "icnn", "d": x.shape[1], "n": count})
        else:
            note = "no better than the Gaussian map on held-out samples, so that the Gaussian map is returned"
    best.info |= {
        "held_out_dual": min(dual, linear_dual), "gaussian_dual": linear_dual, "note": note or "",
        "seconds": time.perf_counter() - begin,
    }  # fmt: skip
    return best


def choose(d: int) -> PotentialConfig:
    """Settings for a dimension: exact pairs for d <= 4, the dual beyond (assignments of a subsample are biased
    there)."""
    if d <= PAIRING_MAX_D:
        return PotentialConfig()
    width = 64 if d <= 32 else 128
    return PotentialConfig(hidden=(width,) * 3, method="dual", activation="softplus", dual_lr=5e-3, batch=1024)


def _draw(cloud: Tensor | Sampler, seed: int, name: str) -> Tensor:
    points = cloud if isinstance(cloud, Tensor) else cloud(DRAWN, torch.Generator().manual_seed(seed))
    if points.ndim != 2 or points.shape[0] < 4:
        raise ValueError(f"the {name} must be (n, d) with n >= 4, not {tuple(points.shape)}")
    if not torch.isfinite(points).all():
        raise ValueError(f"the {name} holds values that are not finite")
    return points.detach().float()


def _hold_out(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    kept = min(MAX_VALIDATION, max(1, int(HELD_OUT * len(x))))
    return x[order[kept:]], x[order[:kept]]


def _start(x: Tensor, y: Tensor, config: PotentialConfig, seed: int) -> ConvexPotential:
    S, mean = gaussian_map(x, y)
    u = ConvexPotential(x.shape[1], config.hidden, rank=config.rank, activation=config.activation, seed=seed)
    scale = float((y - y.mean(0)).square().sum(1).mean().sqrt()) or 1.0
    if config.start == "identity":
        u.set_identity_start(scale)
    else:
        u.set_gaussian_start(S.float(), mean.float(), scale)
    return u


def _pairs(x: Tensor, y: Tensor, config: PotentialConfig, seed: int, until: float) -> tuple[Tensor, Tensor]:
    """Assignments one after another until the configured number is there or the time is up; at least one."""
    size = min(config.pair_size, len(x))
    if until - time.perf_counter() < 4:  # network simplex: about a second for 1600 points, a tenth for 500
        size = min(size, 500)
    found: list[tuple[Tensor, Tensor]] = []
    while not found or (len(found) < config.pairings and time.perf_counter() < until):
        found.append(collect_pairs(x, y, size, 1, seed + len(found), Recorder()))
    return torch.cat([f[0] for f in found]), torch.cat([f[1] for f in found])


def _fit(
    u: ConvexPotential, x: Tensor, y: Tensor, config: PotentialConfig, seed: int, until: float
) -> tuple[ConvexPotential, str | None]:
    """Fit within the time left: a few steps are timed on a copy, and the rest of the budget is planned from them."""
    solver = ConjugateConfig()
    left = until - time.perf_counter()
    if left <= 0:
        return u, "the time allowed ended before the fit began; give it more seconds"

    def steps(model: ConvexPotential, count: int) -> None:
        if config.method == "dual":
            fit_dual(model, x, y, count, config.dual_lr, config, solver, seed, Recorder())
        else:
            fit_to_pairs(model, pairs[0], pairs[1], replace(config, regression_steps=count), seed, Recorder())

    try:
        if config.method != "dual":
            pairs = _pairs(x, y, config, seed, until - 0.6 * left)
        trial, begin = 5, time.perf_counter()
        steps(copy_as(u, u.raw_w.dtype), trial)
        each = (time.perf_counter() - begin) / trial
        affordable = max(1, int(0.85 * (until - time.perf_counter()) / each))
        # The dual goes on improving; the regression only until it has learned its pairs.
        steps(u, affordable if config.method == "dual" else min(affordable, config.regression_steps))
    except FloatingPointError as error:
        return u, f"the fit was stopped ({error}), so that the Gaussian map is returned"
    if not all(torch.isfinite(p).all() for p in u.parameters()):
        return u, "the fit ended with values that are not finite, so that the Gaussian map is returned"
    return u, None
