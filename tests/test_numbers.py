"""How numbers are written."""

from __future__ import annotations

import math

import pytest

from npf_engine.numbers import mean_and_spread, number, percent, place, settled, typed


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6.85e3, "6,850"),
        (6849.7, "6,850"),
        (7.9e-31, "0"),
        (-7.9e-31, "0"),
        (0.0, "0"),
        (0.0123456, "0.0123"),
        (1.0, "1"),
        (0.9996, "1"),
        (999.6, "1,000"),
        (-1234567.0, "-1,230,000"),
        (5.81e-10, "5.81e-10"),
        (1e-5, "1e-5"),
        (1.25, "1.25"),
        (2e15, "2e15"),
        (None, "–"),
        (math.nan, "–"),
        (-math.inf, "–"),
    ],
)
def test_three_digits_as_people_write_them(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "places", "text"),
    [
        (0.861, 0, "86 %"),
        (0.861, 1, "86.1 %"),
        (1.0, 1, "100 %"),
        (0.0, 0, "0 %"),
        (0.9996, 1, "over 99.9 %"),
        (0.996, 0, "over 99 %"),
        (0.0004, 1, "under 0.1 %"),
        (0.004, 0, "under 1 %"),
        (0.0006, 1, "0.1 %"),
        (0.9994, 1, "99.9 %"),
        (0.00114, 2, "0.11 %"),
    ],
)
def test_no_share_is_rounded_to_nothing_or_to_all(share: float, places: int, text: str) -> None:
    assert percent(share, places) == text


def test_rounding_is_nothing() -> None:
    assert settled(7.9e-31) == 0 and settled(-2e-3) == -2e-3 and math.isnan(settled(math.nan))


def test_digits_dash_and_what_counts_as_nothing_can_be_chosen() -> None:
    assert number(8583.14, 5) == "8,583.1" and number(8.58314, 5) == "8.5831"
    assert number(None, dash="-") == "-"
    assert number(1e-30, nothing=0.0) == "1e-30"


@pytest.mark.parametrize("value", [5.0, -0.1, 6.8279167, 1 / 3, 1e-7, 123456.789, 1e300, 0.0])
def test_what_is_typed_is_read_as_the_same_number(value: float) -> None:
    assert float(typed(value)) == value and not typed(value).endswith(".0")


def test_whole_numbers_are_typed_without_a_point() -> None:
    assert [typed(value) for value in (5.0, -5, 0.5)] == ["5", "-5", "0.5"]


def test_places_are_written_as_finely_as_their_region_is_wide() -> None:
    assert place(-84.2667123, 0.34) == "-84.26671" and place(318_892.7, 40_000.0) == "318,893"
    assert place(2.8051181, 10.0) == "2.805" and place(3e-9, 1e-8) == "3e-09"


def test_a_mean_is_written_as_finely_as_its_spread_is_known() -> None:
    assert mean_and_spread(-84.212034, 0.080751) == ("−84.2120", "0.0808")
    assert mean_and_spread(-0.6312, 1.93) == ("−0.63", "1.93")
    assert mean_and_spread(318_892.7, 40_000.0) == ("318,893", "40,000") and mean_and_spread(2.5, 0.0) == ("2.5", "0")
