"""The verdict on a landscape run: its draws against exp(-c g) or, where that was asked for, the method's own law."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE, Verdict, level_by, weakest
from npf_engine.numbers import number
from npf_engine.sampling import sampler
from npf_engine.studies.landscape.result import Expected, LandscapeResult, Mode, Near
from npf_engine.studies.landscape.spec import OWN

ERRORS = 0.05, 0.10  # largest error of a basin's share, and share of draws in the wrong basin, that is good
CHANCE = 0.01  # no smaller error of a share condemns: where nearly all mass is in one basin, staying there is right
NEAR = 0.04, 0.15  # shortfall of the share of draws near modes: (good, usable)
FLOORS, OF_ONE_BASIN = 5.0, 0.05  # an energy distance is good below so many floors, or this share of one basin's


def judge(result: LandscapeResult) -> Verdict | None:
    """The verdict on a run; None where no law is known.

    Three figures decide, each between what exact draws have and the trivial answer, a sampler that never leaves one
    basin: the basins' shares, the share of draws truly near modes, and the energy distance. A basin's share alone says
    little: it counts a draw on a saddle to a mode.
    """
    truth, own = result.truth, result.law == OWN
    if truth is None or not result.modes or (own and truth.own is None):
        return None
    against = truth.own.near if own and truth.own is not None else truth.near
    parts = [part for part in (_shares(result.modes, own), _nearness(result, against), _energy(result, truth)) if part]
    reason = "; ".join(part.reason for part in parts)
    if own:
        reason = f"against its own law, as asked for: {reason}"
    warning = _warning(result)
    if warning:
        reason += f"; {warning}"
    return Verdict(weakest(parts).level, reason)


def unjudged(result: LandscapeResult) -> tuple[str, ...]:
    """Sentences on a run without a verdict: that the law asked for is not known, and that a sampler has another law
    than exp(-c g)."""
    told = []
    if result.law == OWN and (result.truth is None or result.truth.own is None):
        told.append(
            "The sampler's own law is not known here, so there is no verdict; "
            + (
                "nor are the weights of exp(-c g)"
                if result.truth is None
                else "all figures are against exp(-c g), which law = target judges by"
            )
        )
    warning = _warning(result)
    return tuple(f"{text}." for text in (*told, *([warning] if warning else [])))


def _warning(result: LandscapeResult) -> str:
    found = sampler.known().get(result.method)
    return "" if found is None else found.warning


def _shares(modes: Sequence[Mode], own: bool) -> Verdict | None:
    """The basins' shares; None for one basin, where there is nothing to get wrong."""
    if len(modes) < 2:
        return None
    target = np.array([mode.own_law if own else mode.target for mode in modes])
    occupancy = np.array([mode.occupancy for mode in modes])
    error, wrong = float(np.abs(occupancy - target).max()), float(np.abs(occupancy - target).sum() / 2)
    trivial = 1 - float(target.max())  # both figures of particles that never leave the heaviest basin
    stuck = error > CHANCE and (error >= trivial or wrong >= trivial)
    level = UNTRUSTED if stuck else GOOD if error <= ERRORS[0] and wrong <= ERRORS[1] else USABLE
    law = "the law" if own else "exp(-c g)"
    return Verdict(
        level,
        f"a basin's share misses that of {law} by {100 * error:.1f} % at most; particles that never leave the best "
        "basin miss "
        f"by {100 * trivial:.1f} %",
    )


def _nearness(result: LandscapeResult, against: Near) -> Verdict | None:
    if against.modes is None:  # not known in more than two dimensions
        return None
    short = (against.modes or 0.0) - (result.near.modes or 0.0)
    short = abs(short) if result.law == OWN else short
    level = level_by(short, *NEAR)
    found, expected = (
        f"{_percent(near.modes)} of the draws are near a mode, {_percent(near.saddles)} near a saddle "
        f"and {_percent(near.maxima)} near a maximum"
        for near in (result.near, against)
    )
    if level == GOOD:
        return Verdict(level, f"{found}, as they should be")
    return Verdict(level, f"{found}, where {expected.replace(' of the draws', '').replace(' are', ' should be', 1)}")


def _energy(result: LandscapeResult, truth: Expected) -> Verdict | None:
    value, floor, trivial = result.energy_distance, truth.energy_floor or 0.0, truth.energy_trivial
    if result.law == OWN and truth.own is not None:
        value, trivial = truth.own.energy_distance, None
    if value is None:
        return None
    good = max(FLOORS * floor, OF_ONE_BASIN * (trivial or 0.0))
    level = level_by(value, good, math.inf if trivial is None else trivial)
    clause = f"energy distance {number(value, 2)} where exact samples have {number(floor, 2)}"
    return Verdict(level, clause + (f" and one basin has {number(trivial, 2)}" if trivial is not None else ""))


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0.0):.0f} %"
