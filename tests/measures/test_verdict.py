"""Which figures count against a model, which cannot see, and that exact answers pass where wrong ones do not."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy.stats import norm, t

from benchmarks.check_verdict import CAUGHT, rates, rows_of
from benchmarks.exact_models import BUILDERS, wrong_i, wrong_m, wrong_u
from npf_engine.measures.accuracy import Accuracy
from npf_engine.measures.accuracy_verdict import judge
from npf_engine.measures.measured import Measured, margin
from npf_engine.measures.report import accuracy_report
from npf_engine.measures.sliced import directions, sliced_measure, sliced_share
from npf_engine.measures.verdict import GOOD, LEVELS, UNTRUSTED, USABLE, Verdict, level_by, level_of_row, weakest
from npf_engine.settings.stages import ReportConfig

SMALL = ReportConfig(draws=6, n=160, neighbourhoods=16, neighbourhood_size=48)


def row(
    value: float, floor: float = 1.0, trivial: float = 20.0, se: float | None = 0.1, draws: int | None = 64
) -> dict[str, Any]:
    return Measured(value, floor, trivial, se, 2048, 0.1, draws).to_json()


def metrics(**changes: Any) -> dict[str, Any]:
    """An accuracy table without a fault."""
    fine = {name: row(1.0) for name in ("pushforward", "measure_preservation", "inverse")}
    fine |= {"pushforward_sliced": row(0.5, 0.5, 8.0), "measure_preservation_sliced": row(0.3, 0.3, 8.0)}
    fine |= {
        "map_error": {"value": 0.02, "trivial": 1.0},
        "reconstruction": {"l2": 0.1, "trivial": 10.0},
        "test_dual": {"value": 5.0, "max_residual": 1e-7, "gap": 0.1, "gap_se": 0.01, "gap_share": 6.0},
        "inverse_miss": {
            "mean": 0.1,
            "median": 0.05,
            "beyond_half": 0.01,
            "self_distance": 0.06,
            "trivial": 1.4,
            "n": 200,
            "exact": {"mean": 0.001, "median": 0.0, "found": 1.0},
        },
    }
    return fine | changes


def miss(**changes: Any) -> dict[str, Any]:
    return metrics()["inverse_miss"] | changes


def table(mean: float, own_error: float) -> dict[str, Any]:
    """Of a field that is known on samples only."""
    return miss(mean=mean, known="network", own_error=own_error, exact=None)


def dual(share: float, se: float = 0.01) -> dict[str, Any]:
    return {"value": 5.0, "max_residual": 1e-7, "gap": share / 60, "gap_se": se, "gap_share": share}


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({}, GOOD, "far from their trivial answers"),
        # a table in ten dimensions: the divergence of the map is that of the Gaussian map
        ({"pushforward": row(6.07, 5.45, 6.07), "pushforward_sliced": row(9.0, 8.8, 9.1, 0.2)}, GOOD, "test dual can"),
        (
            {
                "pushforward": row(6.07, 5.45, 6.07),
                "pushforward_sliced": row(9.0, 8.8, 30.0, 0.01),
                "test_dual": dual(0),
            },
            GOOD,
            "the sliced distance can",
        ),
        (
            {
                "pushforward": row(6.07, 5.45, 6.07),
                "pushforward_sliced": row(9.0, 8.8, 9.1, 0.02),
                "test_dual": dual(0),
            },
            GOOD,
            "the trivial answer is the truth",
        ),
        (
            {
                "pushforward": row(6.07, 5.45, 6.07),
                "pushforward_sliced": row(40.0, 38.0, 45.0, 0.5),
                "test_dual": dual(0),
            },
            USABLE,
            "is not known",
        ),
        ({"test_dual": dual(-5.0)}, UNTRUSTED, "worse than the Gaussian map"),
        ({"test_dual": dual(-5.0, se=1.0)}, GOOD, ""),
        # a linear field: the trivial answer is the truth, and chance leaves both 1.6 times the floor
        ({"measure_preservation": row(1.6, 1.0, 1.59, 0.3, 8)}, GOOD, ""),
        ({"pushforward": row(1.6)}, USABLE, "ratio 1.6"),
        ({"pushforward": row(1.6, se=0.2)}, GOOD, ""),
        ({"pushforward": row(3.0)}, UNTRUSTED, "above 2"),
        ({"inverse": row(21.0)}, UNTRUSTED, "no better than the trivial answer"),
        ({"pushforward_sliced": row(2.0, 0.5, 8.0)}, USABLE, "2 % of the variance"),
        ({"pushforward_sliced": row(14.0, 0.5, 20.0)}, UNTRUSTED, "above 10 %"),
        ({"measure_preservation_sliced": row(9.0, 0.3, 8.0)}, UNTRUSTED, "no better than the trivial answer"),
        # a second draw misplaces 6 %: chance; 16 % and 40 % are piles; a hole counts by its width and by its ratio
        ({"measure_preservation_local": row(10.0, 6.0, 50.0, 0.1, 8)}, GOOD, ""),
        ({"measure_preservation_local": row(16.0, 6.0, 50.0, 0.1, 8)}, USABLE, "16 % of the mass is in a wrong cell"),
        ({"measure_preservation_local": row(40.0, 6.0, 50.0, 0.1, 8)}, UNTRUSTED, "above 25 %"),
        ({"measure_preservation_hole": row(10.0, 4.0, 50.0, 0.2, 8)}, GOOD, ""),
        ({"measure_preservation_hole": row(16.0, 4.0, 50.0, 0.2, 8)}, USABLE, "a hole of 16 % of the spread"),
        ({"measure_preservation_hole": row(60.0, 4.0, 50.0, 0.2, 8)}, UNTRUSTED, "a second draw has 4 %"),
        ({"measure_preservation_hole": row(120.0, 90.0, 150.0, 0.02, 8)}, GOOD, ""),  # many dimensions
        ({"measure_preservation_local": row(math.nan, 6.0, 50.0)}, UNTRUSTED, "not finite"),
        ({"map_error": {"value": 0.05}}, USABLE, "off M_theta by 5 %"),
        ({"map_error": {"value": 0.3}}, UNTRUSTED, "above 20 %"),
        ({"reconstruction": {"l2": 3.0, "trivial": 10.0}}, USABLE, "30 %"),
        ({"reconstruction": {"l2": 8.0, "trivial": 10.0}}, UNTRUSTED, "80 %"),
        ({"inverse_miss": miss(mean=0.46)}, USABLE, "below a fifth of the region"),
        ({"inverse_miss": miss(mean=1.33)}, UNTRUSTED, "a random place misses by 1.4"),
        ({"inverse_miss": miss(mean=math.nan)}, UNTRUSTED, "not finite"),
        ({"inverse_miss": miss(exact={"mean": 0.0, "median": 0.0, "found": 0.5})}, USABLE, "only 50 %"),
        ({"inverse_miss": miss(exact=None)}, GOOD, ""),
        # far below the floor: no merit by itself, F at the draws decides
        ({"inverse": row(0.18, se=0.01)}, GOOD, "which decides"),
        ({"inverse": row(0.18, se=0.01), "inverse_miss": None}, USABLE, "F at the draws was not measured"),
        ({"inverse": row(0.18, se=0.01), "inverse_miss": miss(mean=0.46)}, USABLE, "misses the value asked for"),
        ({"inverse_miss": None, "inverse_cosine": {"mean": 0.97, "trivial": 0.96}}, GOOD, ""),
        ({"inverse_miss": None, "inverse_cosine": {"mean": 0.5, "trivial": 0.48}}, USABLE, "barely above"),
        ({"inverse_miss": None, "inverse_cosine": {"mean": 0.4, "trivial": 0.48}}, UNTRUSTED, "no better than that"),
        (
            {"inverse_miss": None, "inverse_cosine": {"mean": 0.6, "trivial": 0.3}, "inverse": row(0.01, se=0.001)},
            USABLE,
            "by its direction only",
        ),
        # a table: what stands in for F is named, and decides nothing where it is off itself
        ({"inverse_miss": table(0.4, 0.1)}, USABLE, "grad u o M_xi at drawn pre-images misses"),
        ({"inverse_miss": table(0.4, 0.1)}, USABLE, "it is 0.1 away at the test samples"),
        ({"inverse": row(0.18, se=0.01), "inverse_miss": table(0.1, 0.1)}, GOOD, "which decides"),
        ({"inverse": row(0.18, se=0.01), "inverse_miss": table(0.1, 0.18)}, USABLE, "M_xi only, which is off itself"),
        # a floor of 0 has no ratio: the way from it to the trivial answer counts
        ({"pushforward": row(1e-9, 0.0, 20.0, None, None)}, GOOD, ""),
        ({"pushforward": row(4.0, 0.0, 20.0, None, None)}, USABLE, "20 % of the way from a floor of 0"),
        ({"pushforward": row(12.0, -1e-12, 20.0, None, None)}, UNTRUSTED, "60 % of the way from a floor of 0"),
        ({"pushforward_sliced": row(1.0, math.nan, 8.0)}, UNTRUSTED, "the floor of grad u#rho against F#rho, sliced"),
        ({"map_error": {"value": math.nan}}, UNTRUSTED, "all test samples to one place"),
        # of a single draw nothing is sure: the test dual decides
        ({"pushforward": row(3.0, 1.0, 20.0, None, 1)}, GOOD, "a single draw of S_eps cannot tell"),
        ({"inverse": row(9.0, 1.0, 20.0, None, 1)}, GOOD, ""),
        (
            {"inverse_miss": None, "inverse_cosine": {"mean": 1.0, "trivial": 0.99}, "inverse": row(0.01, se=0.001)},
            GOOD,
            "which decides",
        ),
    ],
)
def test_each_figure_counts_where_it_can_see(changes: dict[str, Any], level: str, words: str) -> None:
    found = judge(Accuracy.of_json(metrics(**changes)), held_out=5000)
    assert (found.level, words in found.reason) == (level, True), found


def test_exact_answers_pass_and_each_fault_is_caught() -> None:
    torch.set_num_threads(1)
    for name in ("linear, disc", "fold"):
        case = BUILDERS[name](3)
        assert accuracy_report(case.model, case.field, SMALL, 3, known=case.known).verdict.level == GOOD
        for wrong in (wrong_u(case, 0.03, "bend"), wrong_m(case, 0.05, "turn"), wrong_i(case)):
            assert wrong is not None
            found = accuracy_report(wrong.model, wrong.field, SMALL, 3, known=wrong.known).verdict
            assert found.level != GOOD, (wrong.name, found)


def test_rates_count_what_was_condemned_and_what_was_missed() -> None:
    total = {"disc": {"exact": {GOOD: 197, UNTRUSTED: 1, USABLE: 2}, "fault": {GOOD: 1, UNTRUSTED: 19, USABLE: 0}}}
    found = rates(rows_of(total))  # type: ignore[arg-type]
    assert found["exact condemned"] == pytest.approx(1 / 200) and found["exact called good"] == pytest.approx(197 / 200)
    assert found["faults missed"] == pytest.approx(1 - CAUGHT) and found["kept"]
    total["disc"]["fault"] = {GOOD: 2, UNTRUSTED: 18, USABLE: 0}
    assert not rates(rows_of(total))["kept"]  # type: ignore[arg-type]


def test_the_ladder() -> None:
    assert LEVELS == ("good", "usable", "not trustworthy")
    assert [level_by(x, 1, 2) for x in (1.0, 1.5, 2.5, math.nan)] == [GOOD, USABLE, UNTRUSTED, UNTRUSTED]
    parts = [Verdict(GOOD, "a"), Verdict(UNTRUSTED, "b"), Verdict(UNTRUSTED, "c"), Verdict(USABLE, "d")]
    assert weakest(parts) == parts[1] and weakest(parts[:1]).and_("so") == Verdict(GOOD, "a; so")
    assert [level_of_row(word) for word in ("good", "failure", "better than trivial", "perfect", None)] == [
        GOOD,
        UNTRUSTED,
        USABLE,
        None,
        None,
    ]
    with pytest.raises(ValueError, match="no level"):
        Verdict("perfect", "")


def test_a_part_without_the_rare_values_of_f_has_a_sliced_distance() -> None:
    """One value in a hundred is not 0, and most of the eight parts of thirty have none: an exact map is at its floor,
    one without the rare values is off by all of the variance."""
    y = torch.zeros(480, 1)
    y[:5] = 100.0
    exact = sliced_measure(y, torch.zeros_like(y), y, 0)
    assert exact is not None and math.isfinite(exact.value) and exact.value == pytest.approx(exact.floor)
    assert exact.trivial == pytest.approx(100.0, rel=0.7)
    assert math.isnan(sliced_share(y[5:9], y[5:9], directions(1)))


def test_the_margin_is_students_and_a_single_draw_proves_nothing() -> None:
    assert margin(8) == pytest.approx(t.ppf(0.995, 7)) and margin(None) == pytest.approx(norm.ppf(0.995), rel=1e-3)
    assert margin(1) == math.inf
    one = Measured(9.0, 1.0, 20.0, se=0.1, draws=1)
    assert not one.surely_above(2) and Measured(9.0, 1.0, 20.0, se=0.1, draws=9).surely_above(2)


def test_gap_and_excess() -> None:
    assert Measured(2.0, 1.0, 5.0).gap == 0.25 and Measured(2.0, 1.0, 5.0).excess == 1.0
    assert Measured(2.0, 1.0, 1.0).gap is None and Measured(2.0, 1.0).gap is None and Measured(2.0, 0.0).ratio is None
    same = Measured(2.0, 1.0, 5.0, 0.1, 10, 0.2, 8)
    assert Measured.of_json(same.to_json()) == same and Measured.of_json({"value": 1.0}) is None


def test_slices_see_shifts_and_stretches_exactly() -> None:
    """Shifted by h the share is 100 |h|^2 / Var, stretched by 1 + a about the mean 100 a^2, in any dimension."""
    g = torch.Generator().manual_seed(0)
    for d in (1, 2, 7):
        y = torch.randn(500, d, generator=g) * torch.linspace(1, 3, d) + 50
        along = directions(d)
        assert torch.allclose(along.T[:d] @ along[:, :d], torch.eye(d, dtype=torch.float64), atol=1e-12)
        variance = float((y - y.mean(0)).double().square().sum(1).mean())
        assert sliced_share(y + 0.5, y, along) == pytest.approx(100 * d * 0.25 / variance, rel=1e-4)
        centre = y.mean(0)
        assert sliced_share(centre + 1.1 * (y - centre), y, along) == pytest.approx(1.0, rel=0.1)
        assert sliced_share(y.flip(0), y, along) == pytest.approx(0, abs=1e-12)


def test_the_sliced_floor_is_of_independent_halves() -> None:
    g = torch.Generator().manual_seed(1)
    y = torch.randn(8000, 2, generator=g)
    found = sliced_measure(torch.randn(8000, 2, generator=g), y + 1, y, 0)
    assert found is not None and found.n == 500 and found.draws == 8
    assert abs(found.excess) <= found.noise and found.trivial is not None
    assert found.trivial - found.floor == pytest.approx(100, rel=0.1)
    assert sliced_measure(y[:100], y[:100], y[:100], 0) is None
    assert sliced_measure(y, y, torch.ones_like(y), 0) is None
