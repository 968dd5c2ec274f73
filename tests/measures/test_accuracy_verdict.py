"""The verdict on an accuracy table at the edges of its limits: each figure from both sides, and what is said of it.

A standard error of s at a floor of f counts s f 2.656 (Student's, 64 draws).
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from npf_engine.measures.accuracy import Accuracy
from npf_engine.measures.accuracy_verdict import ALL_WELL, FAR, judge
from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE
from tests.measures.test_verdict import dual, metrics, miss, row

BLIND = row(6.07, 5.45, 6.07)  # the divergence of the map is that of the trivial answer
DULL = row(9.0, 8.8, 9.1, 0.02)  # so is its sliced distance
WELL = ALL_WELL + FAR
NARROW = row(0.18, se=0.01)  # an inverse far below its floor


def cosine(mean: float, trivial: float, inverse: dict[str, Any] = NARROW) -> dict[str, Any]:
    return {"inverse_miss": None, "inverse_cosine": {"mean": mean, "trivial": trivial}, "inverse": inverse}


@pytest.mark.parametrize(
    ("changes", "level", "reason"),
    [
        ({}, GOOD, WELL),
        # what was not measured says nothing, and where nothing could see that is not called far from trivial
        ({"pushforward": None}, GOOD, WELL),
        ({"test_dual": None}, GOOD, WELL),
        ({"test_dual": dual(6.0) | {"gap_se": None}}, GOOD, WELL),
        ({"test_dual": None, "pushforward": BLIND}, GOOD, WELL),
        ({"test_dual": None, "pushforward_sliced": DULL}, GOOD, WELL),
        ({"test_dual": None, "pushforward": None, "pushforward_sliced": None}, GOOD, ALL_WELL),
        ({"test_dual": None, "pushforward": BLIND, "pushforward_sliced": DULL}, GOOD, ALL_WELL),
        (
            {"test_dual": None, "pushforward": BLIND, "pushforward_sliced": row(0.5, 0.5) | {"trivial": None}},
            GOOD,
            ALL_WELL,
        ),
        # 1.5 - 0.3 - 0.1 * 1.5 / 0.5 is below 1: the noise of the trivial answer is three times the value's
        ({"test_dual": None, "pushforward": BLIND, "pushforward_sliced": row(0.5, 0.3, 1.5, 0.1255)}, GOOD, ALL_WELL),
        # a gap of 2.5 standard errors is chance, one of 2.6 is not; of less than a percent it does not matter
        ({"test_dual": dual(-5.0, se=5 / 60 / 2.5)}, GOOD, WELL),
        (
            {"test_dual": dual(-5.0, se=5 / 60 / 2.6)},
            UNTRUSTED,
            "by the test dual u is worse than the Gaussian map, by 5 % of the variance",
        ),
        ({"test_dual": dual(-0.9, se=1e-4)}, GOOD, WELL),
        ({"test_dual": dual(0.5, se=1e-4)}, GOOD, WELL),
        # slices: 1.1 less a noise of 0.13 is below 1, 1.5 less it is not; the trivial answer must be seen to be met
        ({"pushforward_sliced": row(1.6, 0.5, 8.0)}, GOOD, WELL),
        (
            {"pushforward_sliced": row(2.0, 0.5, 8.0)},
            USABLE,
            "grad u#rho against F#rho, sliced: 2 % of the variance unexplained, where a second draw has 0.5 %; 1.37 % "
            "beyond chance, above 1 %",
        ),
        (
            {"pushforward_sliced": row(14.0, 0.5, 20.0)},
            UNTRUSTED,
            "grad u#rho against F#rho, sliced: 14 % of the variance unexplained, where a second draw has 0.5 %; 13.4 % "
            "beyond chance, above 10 %",
        ),
        (
            {"measure_preservation_sliced": row(9.0, 0.3, 8.0, 1.506)},
            UNTRUSTED,
            "M_theta#rho against rho, sliced is no better than the trivial answer (9 %)",
        ),
        (
            {"measure_preservation_sliced": row(9.0, 0.3, 8.0, 9.538)},
            USABLE,
            "M_theta#rho against rho, sliced: 9 % of the variance unexplained, where a second draw has 0.3 %; 1.1 % "
            "beyond chance, above 1 %",
        ),
        # divergences
        ({"pushforward": row(1.6)}, USABLE, "grad u#rho against F#rho: ratio 1.6, above 1.25"),
        ({"pushforward": row(3.0)}, UNTRUSTED, "grad u#rho against F#rho: ratio 3, above 2"),
        ({"measure_preservation": row(1.5)}, GOOD, WELL),
        ({"measure_preservation": row(2.1)}, USABLE, "M_xi#rho against rho: ratio 2.1, above 1.6"),
        ({"measure_preservation": row(4.0)}, UNTRUSTED, "M_xi#rho against rho: ratio 4, above 3"),
        ({"inverse": row(1.4)}, GOOD, WELL),
        ({"inverse": row(2.0)}, USABLE, "I_psi against the true pre-images: ratio 2, above 1.5"),
        ({"inverse": row(3.5)}, UNTRUSTED, "I_psi against the true pre-images: ratio 3.5, above 2.5"),
        (
            {"measure_preservation_sliced": row(14.0, 0.5, 20.0)},
            UNTRUSTED,
            "M_theta#rho against rho, sliced: 14 % of the variance unexplained, where a second draw has 0.5 %; 13.4 % "
            "beyond chance, above 10 %",
        ),
        (
            {"inverse": row(21.0)},
            UNTRUSTED,
            "I_psi against the true pre-images is no better than the trivial answer (21 against 20)",
        ),
        # M
        ({"map_error": None}, GOOD, WELL),
        ({"map_error": {"value": None}}, GOOD, WELL),
        ({"map_error": {"value": 0.04}}, GOOD, WELL),
        ({"map_error": {"value": 0.05}}, USABLE, "M_xi is off M_theta by 5 % of the spread of M, above 4 %"),
        ({"map_error": {"value": 0.3}}, UNTRUSTED, "M_xi is off M_theta by 30 % of the spread of M, above 20 %"),
        ({"reconstruction": None}, GOOD, WELL),
        ({"reconstruction": {"l2": 1.0, "trivial": 0.0}}, GOOD, WELL),
        ({"reconstruction": {"l2": 1.0}}, GOOD, WELL),
        ({"reconstruction": {"l2": 2.0, "trivial": 10.0}}, GOOD, WELL),
        (
            {"reconstruction": {"l2": 3.0, "trivial": 10.0}},
            USABLE,
            "F - grad u o M_xi is 30 % of what F's mean would leave",
        ),
        # F at the draws: 1.05 is three quarters of a random place's 1.4
        ({"inverse_miss": miss(mean=0.25)}, GOOD, WELL),
        (
            {"inverse_miss": miss(mean=1.0)},
            USABLE,
            "F at drawn pre-images misses the value asked for by 1 of F's spread, "
            "where a random place misses by 1.4 and "
            "the samples nearest in M by 0.06 (the inverse's ratio cannot see errors below a fifth of the region)",
        ),
        (
            {"inverse_miss": miss(mean=1.1, self_distance=None), "inverse": None},
            UNTRUSTED,
            "F at drawn pre-images misses the value asked for by 1.1 of F's spread, where a random place misses by 1.4",
        ),
        (
            {"inverse_miss": miss(mean=9.0, trivial=None, self_distance=None), "inverse": None},
            USABLE,
            "F at drawn pre-images misses the value asked for by 9 of F's spread",
        ),
        ({"inverse_miss": miss(mean=0.1, trivial=None)}, GOOD, WELL),
        ({"inverse_miss": miss(mean=math.inf)}, UNTRUSTED, "F at drawn pre-images is not finite"),
        ({"inverse_miss": miss(exact={"found": 0.9})}, GOOD, WELL),
        ({"inverse_miss": miss(exact={"found": None})}, GOOD, WELL),
        (
            {"inverse_miss": miss(exact={"found": 0.89})},
            USABLE,
            "exact pre-images were found from only 89 % of the draws",
        ),
        ({"inverse_miss": None}, GOOD, WELL),
        # by the cosine, where F at the draws was not measured
        (cosine(0.97, 0.96, row(1.0)), GOOD, WELL),
        (
            cosine(0.53, 0.5, row(1.0)),
            USABLE,
            "F at drawn pre-images has mean cosine 0.53 with the value asked for, "
            "barely above that of the best constant "
            "direction (0.50)",
        ),
        (cosine(1 - 1e-7, 1 - 1e-7, row(1.0)), GOOD, WELL),
        ({"inverse_miss": {"mean": None}} | {"inverse_cosine": {"mean": 0.97, "trivial": 0.96}}, GOOD, WELL),
    ],
)
def test_what_is_said_of_each_figure(changes: dict[str, Any], level: str, reason: str) -> None:
    found = judge(Accuracy.of_json(metrics(**changes)), held_out=5000)
    assert (found.level, found.reason) == (level, reason)


BELOW = (
    "the inverse's ratio of 0.18 says nothing, as other true draws cannot be so near: the draws are narrower than the "
    "law of pre-images, or that law is nearly a point"
)
DECIDES = f"{WELL}; {BELOW}; F at the draws is what was asked for, which decides"
UNMEASURED = f"{BELOW}; F at the draws was not measured"
DIRECTION = f"{BELOW}; F at the draws was measured by its direction only, which is not near enough to decide"


@pytest.mark.parametrize(
    ("changes", "level", "reason"),
    [
        ({"inverse": NARROW}, GOOD, DECIDES),
        ({"inverse": NARROW, "inverse_miss": None}, USABLE, UNMEASURED),
        # a cosine decides where it leaves a tenth of a constant direction's error, or nothing
        (cosine(0.97, 0.96), USABLE, DIRECTION),
        (cosine(0.85, 0.0), USABLE, DIRECTION),
        (cosine(0.95, 0.0), GOOD, DECIDES),
        (cosine(1 - 1e-7, 1 - 1e-7), GOOD, DECIDES),
        (cosine(1.0, 1.0), GOOD, DECIDES),
        # F at the draws is wrong: that is said, and the narrow draws are not
        (
            {"inverse": NARROW, "inverse_miss": miss(mean=0.4, trivial=None, self_distance=None)},
            USABLE,
            "F at drawn pre-images misses the value asked for by 0.4 of F's "
            "spread (the inverse's ratio cannot see errors "
            "below a fifth of the region)",
        ),
        ({"inverse": row(0.55, se=0.01)}, GOOD, WELL),
    ],
)
def test_a_ratio_far_below_one_is_no_merit(changes: dict[str, Any], level: str, reason: str) -> None:
    found = judge(Accuracy.of_json(metrics(**changes)), held_out=5000)
    assert (found.level, found.reason) == (level, reason)


def stand_in(mean: float, own: float | None, **changes: Any) -> dict[str, Any]:
    """F is known on samples only: grad u o M_xi stands in for it."""
    return {"inverse": NARROW, "inverse_miss": miss(mean=mean, known="network", own_error=own, exact=None, **changes)}


@pytest.mark.parametrize(
    ("changes", "level", "reason"),
    [
        # 0.1 and what M_xi and u are off by themselves: together within a quarter of the spread, or not
        (stand_in(0.1, 0.15), GOOD, DECIDES),
        (stand_in(0.1, None), GOOD, DECIDES),
        (stand_in(0.1, 0.16), USABLE, f"{BELOW}; F at the draws is known to M_xi only, which is off itself"),
        (
            stand_in(0.3, 0.02, self_distance=None),
            USABLE,
            "grad u o M_xi at drawn pre-images misses the value asked for by 0.3 "
            "of F's spread (it stands in for F, from "
            "which it is 0.02 away at the test samples), where a random place "
            "misses by 1.4 (the inverse's ratio cannot "
            "see errors below a fifth of the region)",
        ),
        (
            stand_in(0.3, None, self_distance=None, trivial=None) | {"inverse": None},
            USABLE,
            "grad u o M_xi at drawn pre-images misses the value asked for by 0.3 of F's spread",
        ),
        (stand_in(math.nan, 0.1), UNTRUSTED, "grad u o M_xi at drawn pre-images is not finite"),
        # a cosine at or below that of the best constant direction is no better than trivial
        (
            cosine(0.5, 0.5, row(1.0)),
            UNTRUSTED,
            "F at drawn pre-images has mean cosine 0.50 with the value asked for, no better than that of the best "
            "constant direction (0.50)",
        ),
        (
            cosine(0.54, 0.5, row(1.0)),
            USABLE,
            "F at drawn pre-images has mean cosine 0.54 with the value asked for, "
            "barely above that of the best constant "
            "direction (0.50)",
        ),
        (cosine(0.56, 0.5, row(1.0)), GOOD, WELL),
    ],
)
def test_where_f_is_not_known_beyond_its_samples(changes: dict[str, Any], level: str, reason: str) -> None:
    found = judge(Accuracy.of_json(metrics(**changes)), held_out=5000)
    assert (found.level, found.reason) == (level, reason)


CANNOT = "S_eps cannot tell grad u from the Gaussian map (6.07 and 6.07, floor 5.45)"
UNKNOWN = (
    f"{CANNOT}, nor can the test dual or the sliced distance: whether u learned anything is not known; "
    "more samples can tell"
)


@pytest.mark.parametrize(
    ("sliced", "share", "level", "reason"),
    [
        (DULL, dual(6.0), GOOD, f"{WELL}; {CANNOT}, the test dual can: u explains 6 ± 0.6 % more of the variance"),
        (
            DULL,
            dual(0.5, se=1e-4),
            GOOD,
            f"{WELL}; {CANNOT}, the test dual can: u explains 0.5 ± 0.006 % more of the variance",
        ),
        (row(0.5, 0.5, 8.0), dual(0.0), GOOD, f"{ALL_WELL}; {CANNOT}, nor can the test dual; the sliced distance can"),
        (
            row(0.5, 0.5, 8.0),
            dual(0.5, se=1.0),
            GOOD,
            f"{ALL_WELL}; {CANNOT}, nor can the test dual; the sliced distance can",
        ),
        # half a percent above the floor, and a noise of a tenth: within the 1 % of what is good
        (
            row(38.6, 38.0, 38.5, 0.001),
            dual(0.0),
            GOOD,
            f"{ALL_WELL}; {CANNOT}, nor can the test dual, and by slices that map is right to 0.6 %: here the trivial "
            "answer is the truth",
        ),
        (
            row(38.6, 38.0, 37.0, 0.001),
            dual(0.0),
            GOOD,
            f"{ALL_WELL}; {CANNOT}, nor can the test dual, and by slices that map is right to 0.1 %: here the trivial "
            "answer is the truth",
        ),
        # below the floor by chance, of so few samples that it could be 2 % off: nothing is known
        (row(40.0, 38.0, 37.0, 0.02), dual(0.0), USABLE, UNKNOWN),
        # 5 above the floor, and a noise of 9
        (row(40.0, 38.0, 43.0, 0.0892), dual(0.0), USABLE, UNKNOWN),
        (None, dual(0.0), USABLE, UNKNOWN),
        (row(0.5, 0.5) | {"trivial": None}, dual(0.0), USABLE, UNKNOWN),
    ],
)
def test_where_the_divergence_is_blind_the_dual_and_the_slices_see(
    sliced: dict[str, Any] | None, share: dict[str, Any], level: str, reason: str
) -> None:
    found = judge(
        Accuracy.of_json(metrics(pushforward=BLIND, pushforward_sliced=sliced, test_dual=share)), held_out=5000
    )
    assert (found.level, found.reason) == (level, reason)


def test_conjugates_and_samples_at_their_limits() -> None:
    levels = [judge(Accuracy.of_json(metrics()), 5000, share).level for share in (1.0, 0.95, 0.94, 0.5, 0.49, math.nan)]
    assert levels == [GOOD, GOOD, USABLE, USABLE, UNTRUSTED, UNTRUSTED]
    assert judge(Accuracy.of_json(metrics()), 5000, 0.94).reason == (
        "only 94 % of the conjugates grad u*(F(x)) were solved; train u for longer"
    )
    assert judge(Accuracy.of_json(metrics()), 200).level == GOOD and judge(Accuracy.of_json(metrics()), 199).reason == (
        "only 199 test samples: too few to check anything (at least 200 are needed)"
    )
    broken = judge(Accuracy.of_json(metrics(inverse=row(1.0) | {"value": math.nan})), 5000)
    assert broken.reason == (
        "I_psi against the true pre-images is not finite: the training diverged; train again with a lower rate"
    )
    assert judge(Accuracy.of_json(metrics(inverse={"value": None, "self_distance": 1.0})), 5000).level == GOOD
