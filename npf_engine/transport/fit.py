"""fit_brenier_map: the optimal map between two samples, with the settings chosen from n, d and the time allowed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from npf_engine.networks.framed import frame_of
from npf_engine.networks.icnn import ConvexPotential
from npf_engine.networks.wide import WidePotential
from npf_engine.recorder import Recorder
from npf_engine.settings import ConjugateConfig, PotentialConfig
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.dual import collect_pairs, copy_as, fit_dual, fit_to_pairs, held_out_dual, in_chunks
from npf_engine.transport.gaussian import gaussian_map
from npf_engine.transport.mixture_start import mixture_of, start_at_mixture
from npf_engine.transport.timed import TimedFit, minimise_dual

Sampler = Callable[[int, torch.Generator], Tensor]
DRAWN = 250_000  # of each side: in 64 dimensions a convex network still learns what is chance in 100,000
DEFAULT_SECONDS = 60.0
SHORT, MANY = 20.0, 16  # seconds in which there is no time for several networks; that many and more in higher d
HELD_OUT = 0.1
STARTS = ("auto", "gaussian", "mixture", "identity")
SEARCH = 0.1  # of the time for the mixture's components
TRIAL = 0.3  # of the time for all of several networks together, after which the best goes on
RANK, UNIT_RANK = 16, 8  # with 32 pieces as much work as a layer of 512, and of 256
MOST_RATE = 0.1
MIXTURE_RATE = 0.1  # of the rate: a start that is nearly right is not to be shaken
MAX_VALIDATION = 4096
WIDE_VALIDATION = 2048


@dataclass(frozen=True)
class WideConfig:
    """The WidePotential and its training on the dual.

    start: ``gaussian`` (both clouds in the coordinates in which the Gaussian map is the identity), ``mixture`` (in
    these, a Gaussian map for each component of the target, mixture_start.py), ``auto`` (the one of these whose
    held-out dual is lower after a short time) or ``identity`` (u = |x|^2 / 2 in the clouds' own coordinates, at one
    scale). rank, unit_rank: of the quadratics of the pieces and of the first layer's units; both None for the best of
    no quadratics, RANK and UNIT_RANK after a trial, where there is time for one. rate: Adam's first; batch: samples a
    step.
    """

    hidden: tuple[int, ...] = (128, 64)
    pieces: int = 32
    rank: int | None = None
    unit_rank: int | None = None
    start: str = "auto"
    rate: float = 0.1
    batch: int = 1024


@dataclass(frozen=True)
class Coordinates:
    """x' = (x - centre) P, and u(x) = factor u'(x') + <mean, x>: grad u(x) = factor grad u'(x') P^T + mean.

    <x, y> is kept, so that u is optimal exactly if u' is.
    """

    centre: Tensor
    P: Tensor
    factor: float
    mean: Tensor

    def source(self, x: Tensor) -> Tensor:
        """The network's x' of x (n, d)."""
        return (x.to(self.P) - self.centre) @ self.P

    def target(self, y: Tensor) -> Tensor:
        """The network's y' of y (n, d)."""
        return torch.linalg.solve(self.P.double(), (y.double() - self.mean).T).T.to(self.P) / self.factor


@dataclass
class BrenierMap:
    """grad u from source to target, and back. ``info`` tells how it was found: method, seconds, duals, and a
    sentence. ``trained``: the network's map, where the closed-form Gaussian map was returned in its place."""

    u: ConvexPotential | WidePotential
    at: Coordinates
    info: dict[str, Any] = field(default_factory=dict)
    trained: BrenierMap | None = None

    def potential(self, x: Tensor) -> Tensor:
        """u(x) (n,) with grad u = forward; x (n, d) in the source's units."""
        x = x.to(self.at.P)
        return self.at.factor * in_chunks(self.u, self.at.source(x)) + x @ self.at.mean

    def forward(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        return self.at.factor * in_chunks(self.u.gradient, self.at.source(x)) @ self.at.P.T + self.at.mean

    def hessian(self, x: Tensor) -> Tensor:
        """Hessian of u, the Jacobian of ``forward`` (n, d, d); symmetric, positive definite."""
        return self.at.factor * self.at.P @ in_chunks(self.u.hessian, self.at.source(x)) @ self.at.P.T

    def inverse(self, y: Tensor) -> Tensor:
        """grad u*(y) (n, d): where forward sends to y."""
        solved = conjugate(self.u, self.at.target(y), tolerance=1e-5)
        return torch.linalg.solve(self.at.P.double().T, solved.x.double().T).T.to(self.at.P) + self.at.centre


def fit_brenier_map(
    source: Tensor | Sampler,
    target: Tensor | Sampler,
    *,
    seed: int = 0,
    budget_seconds: float | None = None,
    config: PotentialConfig | WideConfig | None = None,
) -> BrenierMap:
    """The convex potential whose gradient sends ``source`` to ``target`` at least quadratic cost.

    source, target: samples (n, d) and (m, d), or callables (n, generator) -> (n, d). budget_seconds: wall time for
    the whole call (60 by default); it ends earlier when the held-out dual no longer improves. Without a config the
    settings follow from d and the budget: a WidePotential on the dual. config: a WideConfig, or a PotentialConfig for
    the papers' network (its ``method`` pairing or dual).
    A fit that is not finite or no better than the closed-form Gaussian map on held-out samples falls back to that map
    and says so in ``info["note"]``. Raises ValueError for clouds of different dimension, with fewer than 4 points, or
    with values that are not finite.

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
    clouds = _Clouds(x, y, seed)
    linear, linear_dual = _gaussian(clouds)
    until = begin + budget - 1.5 * (time.perf_counter() - begin)  # the same looks again at the end
    config = config or choose(until - time.perf_counter(), clouds.d)
    try:
        if isinstance(config, WideConfig):
            fitted = _fit_wide(clouds, config, seed, until)
        else:
            fitted = _fit_narrow(clouds, config, seed, until)
        note = fitted.info.get("note", "")
        dual = clouds.dual(fitted) if all(torch.isfinite(p).all() for p in fitted.u.parameters()) else math.nan
        if not math.isfinite(dual):
            note = "the fit ended with values that are not finite, so that the Gaussian map is returned"
        elif not dual < linear_dual:
            note = "no better than the Gaussian map on held-out samples, so that the Gaussian map is returned"
    except FloatingPointError as error:
        fitted, dual, note = linear, math.nan, f"the fit was stopped ({error}), so that the Gaussian map is returned"
    best = fitted if dual < linear_dual else replace(linear, trained=fitted if math.isfinite(dual) else None)
    best.info |= {
        "d": x.shape[1], "n": len(clouds.x), "held_out_dual": dual if dual < linear_dual else linear_dual,
        "gaussian_dual": linear_dual, "note": note, "seconds": time.perf_counter() - begin,
    }  # fmt: skip
    return best


class _Clouds:
    """Both samples, split into those to fit on and those to judge by, with the moments of the first."""

    def __init__(self, x: Tensor, y: Tensor, seed: int) -> None:
        self.x, self.x_check = _hold_out(x, seed)
        self.y, self.y_check = _hold_out(y, seed + 1)
        self.d = x.shape[1]
        self.S, self.mean = gaussian_map(self.x, self.y)
        self.x_mean, self.y_mean = self.x.mean(0), self.y.mean(0)
        spread = (self.x - self.x_mean).square().sum(1).mean()
        self.size = float(spread.sqrt()) / self.d**0.5 or 1.0

    def plain(self) -> Coordinates:
        """Centred, and the source at unit variance; the map x + const is then |x|^2 / 2."""
        P = torch.eye(self.d) / self.size
        return Coordinates(self.x_mean, P, self.size**2, self.y_mean)

    def balanced(self) -> Coordinates:
        """The coordinates in which the Gaussian map is the identity: P P^T = S up to a unit, along S's axes."""
        P, _, unit = frame_of(self.S.double(), self.x.double())
        return Coordinates(self.x_mean, (P / unit).float(), unit**2, self.y_mean)

    def dual(self, fitted: BrenierMap) -> float:
        """The dual objective on the held-out samples, in the units of <x, y>."""
        at = fitted.at
        inner = held_out_dual(fitted.u, at.source(self.x_check), at.target(self.y_check), tolerance=1e-4).value
        # u(x) + u*(y) = factor (u' + u'*) + <mean, x> + <centre, y - mean>
        ends = (self.x_check @ at.mean).mean() + ((self.y_check - at.mean) @ at.centre).mean()
        return at.factor * inner + float(ends)


def _gaussian(clouds: _Clouds) -> tuple[BrenierMap, float]:
    """The closed-form Gaussian map, and its held-out dual."""
    at = clouds.balanced()
    linear = BrenierMap(_Quadratic(clouds.d), at, {"method": "gaussian"})
    x, y = at.source(clouds.x_check).double(), at.target(clouds.y_check).double()
    inner = float(x.square().sum(1).mean() + y.square().sum(1).mean()) / 2
    ends = (clouds.x_check @ at.mean).mean() + ((clouds.y_check - at.mean) @ at.centre).mean()
    return linear, at.factor * inner + float(ends)


class _Quadratic(WidePotential):
    """|x|^2 / 2, exactly: the Gaussian map in balanced coordinates."""

    def __init__(self, d: int) -> None:
        super().__init__(d, (), pieces=0, share=0.0, strong_convexity=0.0)


def _fit_wide(clouds: _Clouds, config: WideConfig, seed: int, until: float) -> BrenierMap:
    """A WidePotential on the dual until the time is up."""
    if until - time.perf_counter() < 0.2:
        raise FloatingPointError("the time allowed ended before the fit began; give it more seconds")
    at = clouds.plain() if config.start == "identity" else clouds.balanced()
    x, y = at.source(clouds.x), at.target(clouds.y)
    x_check, y_check = at.source(clouds.x_check[:WIDE_VALIDATION]), at.target(clouds.y_check[:WIDE_VALIDATION])
    batch = min(config.batch, 4 * len(x))

    def improve(u: WidePotential, start: str, end: float) -> TimedFit:
        rate = config.rate * (MIXTURE_RATE if start == "mixture" else 1.0)
        return minimise_dual(u, x, y, x_check, y_check, end, seed=seed, rate=rate, batch=batch)

    candidates = _candidates(config, x, y, x_check, y_check, seed, until)
    if len(candidates) > 1:  # each gets a short time; a good start is not always the better way
        trial = TRIAL / len(candidates) * (until - time.perf_counter())
        duals = [improve(u, start, time.perf_counter() + trial).best for start, u in candidates]
        candidates = [candidates[min(range(len(duals)), key=duals.__getitem__)]]
    ((start, u),) = candidates
    fit = improve(u, start, until)
    note = ""
    if config.start == "mixture" and start != "mixture":
        note = "no separate clusters were found in the target, so that the fit began at the Gaussian map"
    if fit.converged < 0.5:
        note = f"only {100 * fit.converged:.0f} % of the held-out conjugates converged; give it more seconds"
    info = {
        "method": "wide icnn", "steps": fit.steps, "converged": fit.converged, "looks": fit.looks,
        "ended_early": fit.ended_early, "start": start, "rank": u.rank,
        "unit_rank": u.unit_rank,
        "parameters": sum(p.numel() for p in u.parameters()), "note": note,
    }  # fmt: skip
    return BrenierMap(u, at, info)


def _candidates(
    config: WideConfig, x: Tensor, y: Tensor, x_check: Tensor, y_check: Tensor, seed: int, until: float
) -> list[tuple[str, WidePotential]]:
    """The networks that come into question before their first step, with their start. All in the network's
    coordinates."""
    if config.start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(STARTS)}, not {config.start!r}")
    found: list[tuple[str, WidePotential]] = []
    left = until - time.perf_counter()
    d = x.shape[1]
    of_pieces, of_units = min(RANK, d) if config.pieces else 0, min(UNIT_RANK, d) if config.hidden else 0
    ranks = [(config.rank or 0, config.unit_rank or 0)]
    if config.rank is None and config.unit_rank is None and left > SHORT * max(1.0, d / MANY):
        ranks = sorted({(0, 0), (of_pieces, 0), (0, of_units)})

    def network(rank: int, unit_rank: int) -> WidePotential:
        return WidePotential(d, config.hidden, pieces=config.pieces, rank=rank, unit_rank=unit_rank, seed=seed)

    if config.start == "mixture" or (config.start == "auto" and left > SHORT):
        mixture = mixture_of(y, time.perf_counter() + SEARCH * left)
        if mixture is not None and len(mixture.weights) <= config.pieces:
            # It is the pieces that hold the mixture.
            u = network(of_pieces if config.rank is None and left > SHORT else ranks[0][0], ranks[0][1])
            start_at_mixture(u, x, y, mixture)
            plain = float(x_check.square().sum(1).mean() + y_check.square().sum(1).mean()) / 2  # of |x|^2 / 2
            if config.start == "mixture" or held_out_dual(u, x_check, y_check, tolerance=1e-3).value < plain:
                found.append(("mixture", u))
    if config.start == "mixture" and found:
        return found
    for each in ranks:
        u = network(*each)
        with torch.no_grad():  # the layers' mean slope is no part of the start
            u.b.sub_((u.gradient(x[:4096]) - x[:4096]).mean(0))
        found.append(("identity" if config.start == "identity" else "gaussian", u))
    return found


def choose(seconds: float, d: int) -> WideConfig:
    """The settings for a time and a dimension: a short time is better spent on more steps of a smaller network; the
    more directions move together, the smaller their steps and the larger the noise of a batch."""
    return WideConfig(
        hidden=(64, 32) if seconds < SHORT else (128, 64),
        rate=min(MOST_RATE, 2.0 / d),
        batch=1024 if d < 32 else 2048,
    )


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


def _fit_narrow(clouds: _Clouds, config: PotentialConfig, seed: int, until: float) -> BrenierMap:
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
