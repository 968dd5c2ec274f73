"""A step of a dimension by its number, its value, its date: the one that is meant, or a sentence."""

from __future__ import annotations

import pytest

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_steps import each_of, step_of

PRESSURES = tuple(f"{p} hPa" for p in (1000, 925, 850, 700, 500, 300, 200, 100, 50, 20, 10, 5))
HEIGHTS = ("0 m", "-5 m", "-10 m", "-15 m", "-20 m", "-25 m")
MONTHS = tuple(f"2020-{month:02}-01" for month in range(1, 13))


@pytest.mark.parametrize(
    ("labels", "wanted", "step"),
    [
        (PRESSURES, "100", 7),
        (PRESSURES, "50", 8),
        (PRESSURES, "20 hPa", 9),
        (PRESSURES, "#10", 10),
        (PRESSURES, "3", 3),
        (PRESSURES, "#-1", 11),
        (HEIGHTS, "-10 m", 2),
        (HEIGHTS, "-10", 2),
        (HEIGHTS, "0", 0),
        (("r10i1", "r1i1"), "r1", 1),
        (("0", "1", "2"), "2", 2),
        (("0.505 m", "0.5 m"), "0.5", 1),
    ],
)
def test_a_value_is_that_value(labels: tuple[str, ...], wanted: str, step: int) -> None:
    assert step_of("level", "lev", labels, wanted) == step


@pytest.mark.parametrize(
    ("labels", "wanted", "says"),
    [
        (PRESSURES, "5", r"step 5 of lev \(300 hPa\), or 5 hPa, which is step 11: write #5 or #11"),
        (("5 m", "0 m", "-1 m", "-10 m"), "-1", "write #3 or #2"),
        (("1", "2", "3"), "1", "write #1 or #0"),
    ],
)
def test_what_may_mean_two_steps_is_refused(labels: tuple[str, ...], wanted: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        step_of("level", "lev", labels, wanted)


def test_a_number_begins_no_other_number() -> None:
    for wanted in ("12.5", "9", "92", "10000"):
        with pytest.raises(InputError, match="none of the 4 steps"):
            step_of("level", "lev", ("1000 hPa", "925 hPa", "125 hPa", "90 hPa"), wanted)


def test_dates_by_their_beginning() -> None:
    assert step_of("time", "time", MONTHS, "2020-10") == 9
    assert step_of("time", "time", MONTHS, "2020") == 0
    assert step_of("time", "time", MONTHS, "-1") == 11
    years = tuple(f"{year}-01-01" for year in range(3000))
    assert step_of("time", "time", years, "2020") == 2020
    with pytest.raises(InputError, match="write #2020 or #20"):
        step_of("time", "time", years[2000:] * 3, "2020")
    with pytest.raises(InputError, match="steps 0 to 11"):
        step_of("time", "time", MONTHS, "#12")


@pytest.mark.parametrize(
    ("kind", "dim", "labels", "each"),
    [
        ("time", "t", MONTHS, "month"),
        ("time", "month", ("January", "February"), "month"),
        ("time", "t", ("2019-01-01", "2020-01-01", "2021-01-01"), "year"),
        ("time", "t", ("2020-02-28 12:00", "2020-02-29 12:00", "2020-03-01 12:00"), "day"),
        ("time", "t", ("2020-02-28", "2020-02-28 06:00"), "time"),
        ("time", "t", ("3 moons", "4 moons"), "time"),
        ("level", "z", ("1000 hPa", "500 hPa"), "level"),
    ],
)
def test_steps_are_counted_as_people_do(kind: str, dim: str, labels: tuple[str, ...], each: str) -> None:
    assert each_of(kind, dim, labels) == each


def test_a_value_in_another_unit_is_none_of_the_labels() -> None:
    labels = ["1000 hPa", "500 hPa", "100 hPa"]
    assert step_of("level", "plev", labels, "500 hPa") == step_of("level", "plev", labels, "500") == 1
    with pytest.raises(InputError, match="none of the 3 steps of plev: 1000 hPa, 500 hPa, 100 hPa;"):
        step_of("level", "plev", labels, "500 m")
    assert step_of("time", "time", ["2020-01-01", "2020-02-01"], "2020-02-01T00:00") == 1
