"""A measured value between its floor and its trivial answer: each figure by hand, limits from both sides."""

from __future__ import annotations

import math

import pytest

from npf_engine.evaluation.measured import Measured, margin
from npf_engine.evaluation.verdict import GOOD, UNTRUSTED, USABLE, Verdict, level_by, level_of_row, rank, weakest


def test_the_margin_is_students_quantile() -> None:
    assert margin(8) == pytest.approx(3.4995, abs=1e-3) and margin(64) == pytest.approx(2.6561, abs=1e-3)
    assert margin(None) == pytest.approx(2.5758, abs=1e-3)
    assert margin(2) == pytest.approx(63.657, abs=1e-2) and margin(1) == math.inf


def test_figures_of_draws_by_hand() -> None:
    """Means 3, 2, 8; residuals value - 1.5 floor = -1, 1, 0, whose deviation is 1: se = 1 / sqrt(3) / 2."""
    row = Measured.of_draws([(2.0, 2.0, 7.0), (4.0, 2.0, 9.0), (3.0, 2.0, 8.0)], 11, 0.3)
    assert (row.value, row.floor, row.trivial, row.n, row.eps, row.draws) == (3.0, 2.0, 8.0, 11, 0.3, 3)
    assert row.ratio == 1.5 and row.se == pytest.approx(1 / math.sqrt(3) / 2)
    assert row.gap == pytest.approx(1 / 6) and row.excess == 1.0
    assert row.noise == pytest.approx(row.se * 2.0 * margin(3))
    assert Measured.of_json(row.to_json()) == row
    assert Measured.of_draws([(2.0, 2.0, 7.0)], 11, 0.3).se is None
    flat = Measured.of_draws([(1.0, 0.0, 2.0), (1.0, 0.0, 2.0)], 5, None)
    assert flat.ratio is None and flat.se is None and flat.noise == 0.0
    assert Measured.of_json(None) is None and Measured.of_json({"value": 1.0}) is None
    assert Measured.of_json({"value": None, "self_distance": 1.0}) is None


def test_there_is_no_gap_where_floor_and_trivial_answer_are_one() -> None:
    for trivial in (None, math.nan, math.inf, 2.0, 1.0):
        assert Measured(3.0, 2.0, trivial).gap is None
    assert Measured(2.0, 2.0, 4.0).gap == 0.0 and Measured(4.0, 2.0, 4.0).gap == 1.0


def test_limits_are_passed_beyond_chance_only() -> None:
    row = Measured(3.0, 2.0, 40.0, 0.1, draws=8)  # the noise is 0.1 * 2 * 3.5 = 0.7
    assert row.noise == pytest.approx(0.69990, abs=1e-4)
    assert row.surely_above(1.14) and not row.surely_above(1.16) and not row.surely_above(1.5)
    assert row.surely_below(1.86) and not row.surely_below(1.84) and not row.surely_below(1.5)
    # The trivial answer's own noise is in proportion: 40 - 0.7 * 40 / 3 = 30.7, 15.33 floors.
    assert row.sees_trivial(15.3) and not row.sees_trivial(15.4)
    assert not Measured(3.0, 2.0).sees_trivial(1.0) and not Measured(0.0, 2.0, 9.0).sees_trivial(1.0)


def test_the_ladder_of_levels() -> None:
    assert [level_by(f, 0.1, 0.5) for f in (0.0, 0.1, 0.11, 0.5, 0.51, math.nan)] == [
        GOOD,
        GOOD,
        USABLE,
        USABLE,
        UNTRUSTED,
        UNTRUSTED,
    ]
    assert [rank(level) for level in (GOOD, USABLE, UNTRUSTED)] == [0, 1, 2]
    a, b, c = Verdict(GOOD, "a"), Verdict(USABLE, "b"), Verdict(USABLE, "c")
    assert weakest([a, b, c]) is b and weakest([a]) is a
    assert a.and_("more").reason == "a; more" and a.and_("") is a and a.to_json()["verdict"] == GOOD
    assert level_of_row("failure") == UNTRUSTED and level_of_row("better than trivial") == USABLE
    assert level_of_row(GOOD) == GOOD and level_of_row(None) is None and level_of_row("odd") is None
    with pytest.raises(ValueError, match="no level"):
        Verdict("odd", "")
