"""A measured value between its floor and its trivial answer: each figure by hand, limits from both sides."""

from __future__ import annotations

import math

import pytest

from npf_engine.measures.measured import Measured, margin
from npf_engine.measures.verdict import GOOD, UNTRUSTED, USABLE, Verdict, level_by, level_of_row, rank, weakest


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
    # exp(0.1 / 1.5 * 3.4995) = 1.2628, and 1.5 over it is 1.188, times it 1.894
    assert row.doubt == pytest.approx(1.2628, abs=1e-4)
    assert row.surely_above(1.187) and not row.surely_above(1.189) and not row.surely_above(1.5)
    assert row.surely_below(1.895) and not row.surely_below(1.893) and not row.surely_below(1.5)
    # The trivial answer's own doubt is the value's: 20 / 1.2628 = 15.84 floors.
    assert row.sees_trivial(15.83) and not row.sees_trivial(15.85)
    assert not Measured(3.0, 2.0).sees_trivial(1.0) and not Measured(0.0, 2.0, 9.0).sees_trivial(1.0)


def test_a_wild_floor_does_not_hide_a_value_far_above_it() -> None:
    """Four draws of a value of sixteen floors, the floor known to a quarter: no chance makes that a ratio of 2."""
    assert Measured(16.0, 1.0, 16.4, 4.1, draws=4).surely_above(2.0)
    assert not Measured(2.5, 1.0, 16.4, 0.6, draws=4).surely_above(2.0)
    assert not Measured(16.0, 1.0, 16.4, 4.1, draws=2).surely_above(2.0), "two draws know no standard error"
    assert Measured(1.0, 0.0, 2.0, None, draws=4).doubt == 1.0


def test_a_ratio_below_one_has_its_doubt_and_none_or_less_has_none() -> None:
    assert Measured(0.5, 1.0, 9.0, 0.1, draws=8).doubt == pytest.approx(math.exp(0.2 * margin(8)))
    for value in (0.0, -0.5):
        assert Measured(value, 1.0, 9.0, 0.1, draws=8).doubt == 1.0
    assert Measured(1.0, 1.0, 9.0, 300.0, draws=8).doubt == math.inf and Measured(1.0, 1.0, 9.0, 0.1).doubt > 1.29


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


def test_figures_of_draws_whose_floors_differ_and_are_small() -> None:
    """Values 3, 5, 4 over floors 1, 3, 2: the ratio 2, residuals 1, -1, 0 of deviation 1; and a hundredth of all."""
    for size in (1.0, 0.01):
        row = Measured.of_draws([(3 * size, size, 1.0), (5 * size, 3 * size, 1.0), (4 * size, 2 * size, 1.0)], 7, None)
        assert row.ratio == pytest.approx(2.0) and row.se == pytest.approx(1 / math.sqrt(3) / 2)
        assert row.noise == pytest.approx(1 / math.sqrt(3) / 2 * 2 * size * margin(3))


def test_a_single_draw_leaves_everything_open() -> None:
    one, two = (Measured(9.0, 1.0, 20.0, 0.1, draws=draws) for draws in (1, 2))
    assert one.noise == one.doubt == math.inf
    assert two.noise == pytest.approx(0.1 * margin(2)) and two.doubt == pytest.approx(math.exp(0.1 / 9 * margin(2)))
    unknown = Measured(9.0, 1.0, 20.0, None)
    assert unknown.noise == 0.0 and unknown.doubt == 1.0
