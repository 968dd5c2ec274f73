"""A clock that leaps must not become a duration."""

from __future__ import annotations

import pytest

from npf_engine.tasks import steady
from npf_engine.tasks.progress import Board
from npf_engine.tasks.steady import SteadyClock

THREE_DAYS = 259_238.0


class Leaping:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_leaps_are_left_out_and_work_is_not():
    source = Leaping()
    clock = SteadyClock(source, most=30.0)
    assert clock.look() == 0.0
    for passed in (1.0, 2.5, THREE_DAYS, 1.0, -THREE_DAYS, 1.0):
        source.now += passed
        clock.look()
    assert clock.look() == pytest.approx(1.0 + 2.5 + 30.0 + 1.0 + 0.0 + 1.0)


def test_rates_and_time_left_survive_a_leap():
    source = Leaping()
    clock = SteadyClock(source, most=30.0)
    board = Board(clock=clock.look, stages=("u",))
    board.plan({"u": 100.0})
    board.mark("u", "started")
    for step in range(1, 51):
        source.now += 1.0 + (THREE_DAYS if step == 25 else 0.0)
        board.advance("u", step, 100, {})
    left = board.seconds_left()
    assert left is not None and left < 60
    board.mark("u", "done")
    assert (board.stages["u"].seconds or 0) < 90


def test_the_clock_of_the_process_goes_on_without_anybody_asking():
    first = steady.seconds()
    assert steady.seconds() >= first
    assert any(thread.is_alive() for thread in steady._beating)
