"""The verdict on an accuracy table: which figure counts against the model, and which could not see.

A divergence with its trivial answer near its floor cannot tell the map from one that learned nothing. For u the test
dual then decides, by its gap to the Gaussian map's; and where that too is nothing, the Gaussian map is the truth as far
as can be measured. benchmarks/check_verdict.py prints how often exact answers are condemned and wrong ones missed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from scipy import special

from npf_engine.measures import beyond
from npf_engine.measures.accuracy import Accuracy, Miss
from npf_engine.measures.measured import SURE, Measured
from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE, Verdict, level_by, weakest
from npf_engine.numbers import number

NAMES = {
    "pushforward": "grad u#rho against F#rho",
    "measure_preservation": "M_xi#rho against rho",
    "inverse": "I_psi against the true pre-images",
    "pushforward_sliced": "grad u#rho against F#rho, sliced",
    "measure_preservation_sliced": "M_theta#rho against rho, sliced",
    beyond.LOCAL: "M#rho against rho, cell by cell",
    beyond.GAPS: "the widest hole in M#rho",
}
LAWS = tuple(NAMES)
FOUND = 0.9  # of the exact pre-images of gradients that do occur
BARE = 0.5  # ratio of the inverse below which it certifies nothing
SMALLEST_TEST = 200
SOLVED, HARDLY = 0.95, 0.5  # of the conjugates grad u*(F(x)), from which M, I and V are learned: (good, usable)
CONJUGATES = "of the conjugates grad u*(F(x)) were solved"
ALL_WELL = "no figure is over its limit beyond chance"
FAR = ", and all are far from their trivial answers"


@dataclass
class _Case:
    """What is found about one model: verdicts on single figures, and notes on what could not see."""

    metrics: Accuracy
    found: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    blind: bool = False  # whether some figure could not tell the map from its trivial answer

    def measured(self, name: str) -> Measured | None:
        """The row, where it was measured."""
        row: Measured | None = getattr(self.metrics, name)
        return row

    def say(self, level: str, reason: str, by: str = "") -> None:
        """One verdict more, ``by`` this row of the table; good ones say nothing."""
        if level != GOOD:
            self.found.append(Verdict(level, reason, by))


def judge(metrics: Accuracy, held_out: int, converged: float = 1.0) -> Verdict:
    """The verdict on a report's ``metrics`` with this many test samples. converged: the share of conjugates that were
    solved. Metrics that were not measured (earlier versions, models without M or I) are left out."""
    if held_out < SMALLEST_TEST:
        few = f"only {held_out} test samples: too few to check anything (at least {SMALLEST_TEST} are needed)"
        return Verdict(UNTRUSTED, few)
    if broken := _not_finite(metrics):
        return Verdict(UNTRUSTED, broken)
    case = _Case(metrics)
    _potential(case)
    _conjugates(case, converged)
    _map(case)
    _inverse(case)
    well = Verdict(GOOD, ALL_WELL if case.blind else ALL_WELL + FAR)
    verdict = weakest(case.found) if case.found else well
    return verdict.and_("; ".join(case.notes))


def _not_finite(metrics: Accuracy) -> str | None:
    for name, label in NAMES.items():
        row: Measured | None = getattr(metrics, name)
        if row is not None and not math.isfinite(row.value):
            return f"{label} is not finite: the training diverged; train again with a lower rate"
        if row is not None and not math.isfinite(row.floor):
            return f"the floor of {label} is not finite: the values of F are too large or too uneven to be measured"
    return None


def _potential(case: _Case) -> None:
    """grad u#rho by the divergence and by slices, and the test dual against the Gaussian map's."""
    seen = [_ratio(case, "pushforward"), _share(case, "pushforward_sliced")]
    dual = case.metrics.test_dual
    gap, se, share = dual.gap, dual.gap_se, dual.gap_share
    if gap is None or se is None or share is None:
        if not any(seen):
            case.blind = True
        return
    sure = abs(gap) > float(special.ndtri(SURE)) * se
    if sure and share < -beyond.SHARES["pushforward_sliced"][0]:
        worse = f"by the test dual u is worse than the Gaussian map, by {number(-share, 2)} % of the variance"
        case.say(UNTRUSTED, worse, "test_dual")
    row = case.measured("pushforward")
    if row is None or seen[0] or case.found:
        return
    measure = "a single draw of S_eps" if row.draws == 1 else "S_eps"
    if row.draws in (2, 3):  # so few tell little of their own spread, however far apart the two numbers look
        measure = f"S_eps of {row.draws} draws alone"
    blind = (
        f"{measure} cannot tell grad u from the Gaussian map ({number(row.value)} and {number(row.trivial)}, floor "
        f"{number(row.floor)})"
    )
    if sure and share > 0:
        case.notes.append(
            f"{blind}, the test dual can: u explains {number(share, 2)} ± {number(share * se / gap, 2)} % more of the "
            "variance"
        )
        return
    case.blind = True
    if seen[1]:
        case.notes.append(f"{blind}, nor can the test dual; the sliced distance can")
        return
    slices = case.measured("pushforward_sliced")
    if slices is not None and slices.trivial is not None and _near(slices):
        right = number(max(0.0, slices.trivial - slices.floor) + slices.noise, 2)
        told = f"by slices that map is right to {right} %: here the trivial answer is the truth"
        case.notes.append(f"{blind}, nor can the test dual, and {told}")
        return
    unknown = "whether u learned anything is not known; more samples can tell"
    case.say(USABLE, f"{blind}, nor can the test dual or the sliced distance: {unknown}", "pushforward")


def _near(row: Measured) -> bool:
    """Whether the trivial answer is surely within the limit of "good": few samples cannot say so."""
    assert row.trivial is not None
    return row.trivial - row.floor + row.noise <= beyond.SHARES["pushforward_sliced"][0]


def _ratio(case: _Case, name: str) -> bool:
    """Judge a divergence by its ratio; whether it can tell the map from the trivial answer."""
    row, (good, usable) = case.measured(name), beyond.LIMITS[name]
    if row is None:
        return False
    seen = row.sees_trivial(good)
    above = row.surely_above(good)
    if above and seen and row.trivial is not None and row.value >= row.trivial:
        trivial = f"no better than the trivial answer ({number(row.value)} against {number(row.trivial)})"
        case.say(UNTRUSTED, f"{NAMES[name]} is {trivial}", name)
    elif above and row.ratio is not None:
        level, limit = (UNTRUSTED, usable) if row.surely_above(usable) else (USABLE, good)
        case.say(level, f"{NAMES[name]}: ratio {number(row.ratio)}, above {limit:g}", name)
    elif above and row.gap is not None:
        way = f"{number(100 * row.gap, 2)} % of the way from a floor of 0 to the trivial answer"
        case.say(level_by(row.gap, *beyond.NO_FLOOR), f"{NAMES[name]}: {way}", name)
    return seen


def _share(case: _Case, name: str) -> bool:
    """Judge a sliced distance by what it has above its floor; whether it can tell the map from the trivial answer."""
    row, (good, usable) = case.measured(name), beyond.SHARES[name]
    if row is None or row.trivial is None:
        return False
    sure = beyond.surely(row)
    seen = row.trivial - row.floor - row.noise * row.trivial / max(row.value, 1e-300) > good
    if seen and sure > good and row.value >= row.trivial:
        case.say(UNTRUSTED, f"{NAMES[name]} is no better than the trivial answer ({number(row.value)} %)", name)
    elif sure > good:
        words = f"{number(row.value)} % of the variance unexplained, where a second draw has {number(row.floor)} %"
        level = level_by(sure, good, usable)
        case.say(level, f"{NAMES[name]}: {words}; {_above(sure, good if level == USABLE else usable)}", name)
    return seen


def _conjugates(case: _Case, converged: float) -> None:
    text = f"only {100 * converged:.0f} % {CONJUGATES}; train u for longer"
    if not converged >= HARDLY:
        case.say(UNTRUSTED, text)
    elif converged < SOLVED:
        case.say(USABLE, text)


def _map(case: _Case) -> None:
    """M_xi#rho, M_theta#rho, and M_xi against M_theta point by point, which sees what no law shows."""
    _ratio(case, "measure_preservation")
    _share(case, "measure_preservation_sliced")
    _places(case)
    if case.metrics.map_error is not None:
        error = case.metrics.map_error.value
        level = level_by(error, *beyond.MAP_ERROR)
        off = f"M_xi is off M_theta by {number(100 * error, 2)} % of the spread of M"
        off += f", above {100 * beyond.MAP_ERROR[level == UNTRUSTED]:g} %"
        case.say(level, "M_theta sends all test samples to one place" if math.isnan(error) else off, "map_error")
    rebuilt = case.metrics.reconstruction
    if rebuilt is not None and rebuilt.trivial:
        share = rebuilt.l2 / rebuilt.trivial
        text = f"F - grad u o M_xi is {100 * share:.0f} % of what F's mean would leave"
        case.say(level_by(share, *beyond.RECONSTRUCTION), text, "reconstruction")


def _places(case: _Case) -> None:
    """Crowded and bare places of M#rho, which a divergence blurs and slices add up."""
    cells, hole = case.measured(beyond.LOCAL), case.measured(beyond.GAPS)
    if cells is not None:
        sure = beyond.misplaced(cells)
        text = (
            f"M crowds some places and leaves others bare: {number(cells.value)} % of the mass is in a wrong cell, "
            f"where a second draw has {number(cells.floor)} %"
        )
        level = level_by(sure, *beyond.MISPLACED)
        case.say(level, f"{text}; {_above(sure, beyond.MISPLACED[level == UNTRUSTED])}", beyond.LOCAL)
    if hole is not None and hole.surely_above(beyond.HOLE):
        sure = beyond.surely(hole)
        text = (
            f"M leaves a hole of {number(hole.value)} % of the spread of rho, where a second draw has "
            f"{number(hole.floor)} %"
        )
        level = level_by(sure, *beyond.WIDE)
        case.say(level, f"{text}; {_above(sure, beyond.WIDE[level == UNTRUSTED])}", beyond.GAPS)


def _above(sure: float, limit: float) -> str:
    """What is left beyond chance, and the limit that it is over."""
    return f"{number(sure)} % beyond chance, above {limit:g} %"


def _inverse(case: _Case) -> None:
    """I_psi by its neighbourhoods, and by where its draws lead. The neighbourhoods have two blind sides: at eps they do
    not see errors below a fifth of the region, and a value far below its floor is no merit."""
    _ratio(case, "inverse")
    leads = _leads(case)
    row = case.measured("inverse")
    if row is not None and row.ratio is not None and row.surely_below(BARE):
        below = (
            f"the inverse's ratio of {number(row.ratio, 2)} says nothing, as other true draws cannot be so near: the "
            "draws are narrower than the law of pre-images, or that law is nearly a point"
        )
        if leads is None:
            case.say(USABLE, f"{below}; F at the draws {_unknown(case)}", "inverse")
        elif leads == GOOD:
            case.notes.append(f"{below}; F at the draws is what was asked for, which decides")


def _unknown(case: _Case) -> str:
    """Why F at the draws does not decide."""
    if case.metrics.inverse_miss:
        return "is known to M_xi only, which is off itself"
    if case.metrics.inverse_cosine:
        return "was measured by its direction only, which is not near enough to decide"
    return "was not measured"


def _leads(case: _Case) -> str | None:
    """The level of F at drawn pre-images, by inverse_miss, else by the cosine; None where neither can decide."""
    miss, cosine = case.metrics.inverse_miss, case.metrics.inverse_cosine
    if miss is not None:
        return _by_miss(case, miss)
    if cosine is None:
        return None
    left = (1 - cosine.mean) / max(1 - cosine.trivial, 1e-12)  # of the best constant direction's error
    if cosine.mean > 1 - 1e-6:
        return GOOD
    level = UNTRUSTED if left >= 1 else USABLE if left > 0.9 else GOOD
    against = "no better than" if left >= 1 else "barely above"
    case.say(
        level,
        f"F at drawn pre-images has mean cosine {cosine.mean:.2f} with the value asked for, {against} that of the "
        f"best constant direction ({cosine.trivial:.2f})",
        "inverse_cosine",
    )
    return GOOD if left <= 0.1 else None


def _by_miss(case: _Case, miss: Miss) -> str | None:
    """The level of the mean miss. None where F is known on samples only and what stands in for it, grad u o M_xi, is
    off by so much itself that F may miss by more than the limit."""
    mean, trivial, own = miss.mean, miss.trivial, miss.own_error
    stands_in = miss.known == "network"
    what = "grad u o M_xi" if stands_in else "F"
    if not math.isfinite(mean):
        case.say(UNTRUSTED, f"{what} at drawn pre-images is not finite", "inverse_miss")
        return UNTRUSTED
    lost = trivial is not None and mean > beyond.MISS[1] * trivial
    level = UNTRUSTED if lost else level_by(mean, beyond.MISS[0], math.inf)
    text = f"{what} at drawn pre-images misses the value asked for by {number(mean, 2)} of F's spread"
    if stands_in and own is not None:
        text += f" (it stands in for F, from which it is {number(own, 2)} away at the test samples)"
    if trivial is not None:
        text += f", where a random place misses by {number(trivial, 2)}"
    if miss.floor is not None:
        text += f" and the samples nearest in M by {number(miss.floor, 2)}"
    if level != GOOD and case.metrics.inverse is not None:
        text += " (the inverse's ratio cannot see errors below a fifth of the region)"
    case.say(level, text, "inverse_miss")
    if miss.exact is not None and miss.exact.found < FOUND:
        few = f"exact pre-images were found from only {100 * miss.exact.found:.0f} % of the draws"
        case.say(USABLE, few, "inverse_miss")
    return None if level == GOOD and stands_in and mean + float(own or 0.0) > beyond.MISS[0] else level
