"""fit_brenier_map with a WidePotential: which networks and starts come into question, and a trial of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from npf_engine.networks.sizes import count_parameters
from npf_engine.networks.wide import WidePotential
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.balanced_dual import BalancedPlan, DualFit, Samples, minimise_dual
from npf_engine.transport.clouds import Clouds
from npf_engine.transport.dual_value import held_out_dual
from npf_engine.transport.fit_report import FitInfo
from npf_engine.transport.map import PotentialMap
from npf_engine.transport.mixture_start import mixture_of, start_at_mixture
from npf_engine.transport.schedule import Budget, Seconds, Steps

SHORT, MANY = 20.0, 16  # seconds in which there is no time for several networks; that many and more in higher d
STARTS = ("auto", "gaussian", "mixture", "identity")
SEARCH = 0.1  # of the time for the mixture's components
# Of the time for all of several networks together, after which the best goes on; beyond PLENTY dimensions it grows as a
# step's cost does, up to MOST_TRIAL. In 128 dimensions and 300 s a fifth is 280 steps each: too few to tell, for bent
# units led by 1 % of the dual and left 29 % of a maximum of quadratics where pieces, which lead after 560, leave 14.
TRIAL, PLENTY, MOST_TRIAL = 0.2, 64, 0.5
LONGER = 1.5  # times the first network's time that the others may take for as many steps
RANK, UNIT_RANK = 16, 8  # with 32 pieces as much work as a layer of 512, with 128 units as one of 1024
MOST_RATE = 0.1
# Samples a dimension, below which the rate is smaller in proportion. Of 1000 samples in 64 dimensions, 15 s, two seeds:
# 21 and 33 % missed at half the rate for 27 and 34 at the whole (random input-convex networks), 19 and 16 for 20 and 17
# (log-sum-exp). Of 300 in 16 dimensions it is the same, and of 5000 in 64 smaller steps are too slow.
ENOUGH, LEAST_SHARE = 32, 0.1
MIXTURE_RATE = 0.1  # of the rate: a start that is nearly right is not to be shaken
WIDE_VALIDATION = 2048
ROUGH = 1e-3  # residual of the conjugates by which two starts are compared
TOO_SHORT = 0.2  # seconds
CONVERGED = 0.95  # of the held-out conjugates: below it the answer comes with a sentence


@dataclass(frozen=True)
class WideConfig:
    """The WidePotential and its training on the dual.

    start: ``gaussian`` (both clouds in the coordinates in which the Gaussian map is the identity), ``mixture`` (in
    these, a Gaussian map for each component of the target, mixture_start.py), ``auto`` (the one of these whose
    held-out dual is lower after a short time) or ``identity`` (u = |x|^2 / 2 in the clouds' own coordinates, at one
    scale). rank, unit_rank: of the quadratics of the pieces and of the bends of the first layer's units; both None for
    the better of RANK and UNIT_RANK after a trial, where there is time for one, else for neither. rate: Adam's first;
    batch: samples of the last step.
    """

    hidden: tuple[int, ...] = (128, 64)
    pieces: int = 32
    rank: int | None = None
    unit_rank: int | None = None
    start: str = "auto"
    rate: float = 0.1
    batch: int = 2048


def fit_wide(
    clouds: Clouds, config: WideConfig, seed: int, until: float, recorder: Recorder | None = None
) -> PotentialMap:
    """A WidePotential on the dual until the recorder's clock reaches ``until``."""
    recorder = recorder or Recorder()
    if until - recorder.clock() < TOO_SHORT:
        raise FloatingPointError("the time allowed ended before the fit began; give it more seconds")
    at = clouds.plain() if config.start == "identity" else clouds.balanced()
    samples = Samples(
        at.source(clouds.x),
        at.target(clouds.y),
        at.source(clouds.x_check[:WIDE_VALIDATION]),
        at.target(clouds.y_check[:WIDE_VALIDATION]),
    )
    batch = min(config.batch, 4 * len(samples.x))

    def improve(u: WidePotential, start: str, budget: Budget) -> DualFit:
        rate = config.rate * (MIXTURE_RATE if start == "mixture" else 1.0)
        return minimise_dual(u, samples, BalancedPlan(rate, batch), budget, seed=seed, recorder=recorder)

    candidates = _candidates(config, samples, seed, until, recorder)
    if len(candidates) > 1:  # each gets a short time; a good start is not always the better way
        share = min(MOST_TRIAL, TRIAL * max(1.0, clouds.d / PLENTY) ** 2)
        candidates = [_after_trial(candidates, improve, share / len(candidates) * (until - recorder.clock()))]
    ((start, u),) = candidates
    fit = improve(u, start, Seconds(until - recorder.clock()))
    note = ""
    if config.start == "mixture" and start != "mixture":
        note = "no separate clusters were found in the target, so that the fit began at the Gaussian map"
    if fit.diverged:
        note = f"the dual was no longer finite at step {fit.diverged}; the best weights before that are returned"
    elif fit.converged < CONVERGED:
        note = f"only {100 * fit.converged:.0f} % of the held-out conjugates converged; give it more seconds"
    return PotentialMap(u, at, _info(u, fit, start, note))


def _info(u: WidePotential, fit: DualFit, start: str, note: str) -> FitInfo:
    """What is known of the fit, by name."""
    return {
        "method": "wide icnn",
        "steps": fit.steps,
        "converged": fit.converged,
        "curve": fit.curve,
        "ended_early": fit.ended_early,
        "start": start,
        "rank": u.rank,
        "unit_rank": u.unit_rank,
        "parameters": count_parameters(u),
        "note": note,
    }


def _after_trial(
    candidates: list[tuple[str, WidePotential]],
    improve: Callable[[WidePotential, str, Budget], DualFit],
    seconds: float,
) -> tuple[str, WidePotential]:
    """The candidate with the lowest held-out dual. The first, whose steps usually cost most, has this many seconds and
    says by them how many steps all get: in equal time the cheaper network won trials and lost the fit, the more so on a
    busy machine (functions bent along spheres, 64 dimensions: it missed 27 % for 0.5). Raises FloatingPointError where
    the dual of none stayed finite.
    """
    tried: list[tuple[float, str, WidePotential]] = []
    failure, steps = FloatingPointError("no network was tried"), 0
    for start, u in candidates:
        try:
            fit = improve(u, start, Steps(steps, LONGER * seconds) if steps else Seconds(seconds))
        except FloatingPointError as error:
            failure = error
            continue
        steps = steps or fit.steps
        tried.append((fit.best, start, u))
    if not tried:
        raise failure
    return min(tried, key=lambda each: each[0])[1:]


def _candidates(
    config: WideConfig, samples: Samples, seed: int, until: float, recorder: Recorder
) -> list[tuple[str, WidePotential]]:
    """The networks that come into question before their first step, with their start. All in the network's
    coordinates."""
    if config.start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(STARTS)}, not {config.start!r}")
    found: list[tuple[str, WidePotential]] = []
    left = until - recorder.clock()
    d = samples.x.shape[1]
    of_pieces, of_units = min(RANK, d) if config.pieces else 0, min(UNIT_RANK, d) if config.hidden else 0
    ranks = [(config.rank or 0, config.unit_rank or 0)]
    if config.rank is None and config.unit_rank is None and left > SHORT * max(1.0, d / MANY):
        # None without quadratics: on random input-convex networks (64 dimensions) it won a trial by 0.007 of the
        # descent, and after 220 s missed 2.8 % where bent units miss 1.2. Bent units first: their steps cost most.
        ranks = [each for each in ((0, of_units), (of_pieces, 0)) if any(each)] or ranks

    def network(rank: int, unit_rank: int) -> WidePotential:
        return WidePotential(d, config.hidden, pieces=config.pieces, rank=rank, unit_rank=unit_rank, seed=seed)

    if config.start == "mixture" or (config.start == "auto" and left > SHORT):
        mixture = mixture_of(samples.y, recorder.clock() + SEARCH * left, recorder)
        if mixture is not None and len(mixture.weights) <= config.pieces:
            # It is the pieces that hold the mixture.
            u = network(of_pieces if config.rank is None and left > SHORT else ranks[0][0], ranks[0][1])
            start_at_mixture(u, samples.x.cpu(), samples.y.cpu(), mixture)
            u.to(samples.x)
            if config.start == "mixture" or _beats_gaussian(u, samples):
                found.append(("mixture", u))
    if config.start == "mixture" and found:
        return found
    for each in ranks:
        u = network(*each).to(samples.x)
        u.start_at_gaussian(torch.eye(d), torch.zeros(d), samples.x, 1.0)
        found.append(("identity" if config.start == "identity" else "gaussian", u))
    return found


def _beats_gaussian(u: WidePotential, samples: Samples) -> bool:
    """Whether its held-out dual is below that of |x|^2 / 2, the Gaussian map."""
    x, y = samples.x_check, samples.y_check
    plain = float(x.square().sum(1).mean() + y.square().sum(1).mean()) / 2
    return held_out_dual(u, x, y, tolerance=ROUGH).value < plain


def choose(seconds: float, n: int, d: int) -> WideConfig:
    """The settings for a time, a number of samples and a dimension: a short time is better spent on more steps of a
    smaller network; the more directions move together, the smaller their steps; and few samples are learned by heart by
    large steps before the first look at those kept apart."""
    return WideConfig(
        hidden=(64, 32) if seconds < SHORT else (128, 64),
        rate=min(MOST_RATE, 2.0 / d) * min(1.0, max(LEAST_SHARE, n / (ENOUGH * d))),
    )
