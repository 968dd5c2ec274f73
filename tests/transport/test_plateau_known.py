"""When a loop turns, where it ends and what it says, for duals that the test chooses."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
import torch

from npf_engine.transport.plateau import Hasten, Plateau
from npf_engine.transport.schedule import At
from npf_engine.transport.validation import Validation


class Duals:
    """Held-out samples whose dual at each look is the next of these."""

    def __init__(self, values: Iterable[float]) -> None:
        self.values, self.first, self.converged = iter(values), math.nan, 1.0
        self.x = self.memory = torch.zeros(2, 2)

    def dual(self) -> float:
        value = next(self.values)
        if math.isnan(self.first) and math.isfinite(value):
            self.first = value
        return value


def at(step: int, most: int = 1000) -> At:
    return At(step, 0.0, step / most, 0.0, 1.0)


def looked(values: list[float], most: int = 1000) -> tuple[Plateau, list[int]]:
    """After validations at 0, 20, 40, ... until the training ends; and at which steps."""
    plateau, steps = Plateau(Duals(values), 4), [0]  # type: ignore[arg-type]
    plateau.validate(at(0, most), [torch.zeros(1)], [torch.zeros(1)])
    for step in range(1, most + 1):
        if step / most > plateau.end() or len(steps) == len(values):
            break
        if plateau.due(at(step, most)):
            steps.append(step)
            plateau.validate(at(step, most), [torch.zeros(1)], [torch.full((1,), float(step))])
    return plateau, steps


def test_a_dual_that_is_flat_turns_the_rate_and_ends_at_twice_the_steps() -> None:
    plateau, steps = looked([9.0] * 99)
    assert (plateau.turn, plateau.turn_step, plateau.end(), plateau.flat) == (0.08, 80, 0.16, True)
    assert steps == list(range(0, 161, 20))
    assert plateau.sentence(at(160)) == "160 of at most 1000 steps, for the held-out dual was flat after 80"
    assert [plateau.likely_end(k / 1000) for k in (60, 100, 160)] == [0.16] * 3
    later, _ = looked([9.0, 5.0, 4.0, 3.0, 2.0, *[2.0] * 99])
    assert (later.turn, later.end()) == (0.16, 0.32)
    assert float(later.weights([torch.zeros(1)])[0]) == 80.0  # the first of the best


def test_a_dual_that_always_falls_turns_at_half_of_the_most_steps() -> None:
    plateau, steps = looked([1000.0 - 10 * k for k in range(99)], 110)
    assert (plateau.turn_step, plateau.end(), plateau.flat) == (60, 1.0, False)
    assert steps == [0, 20, 40, 60, 80, 100, 110]
    assert "all 110 steps; the held-out dual was not flat before half" in plateau.sentence(at(110, 110))
    assert float(plateau.weights([torch.zeros(1)])[0]) == 110.0
    exact, _ = looked([1000.0 - 10 * k for k in range(99)], 120)
    assert (exact.turn_step, exact.end()) == (60, 1.0)


def test_a_long_budget_is_validated_a_hundred_times() -> None:
    _, steps = looked([1e6 - k for k in range(200)], 7000)
    assert steps == list(range(0, 7001, 70))


@pytest.mark.parametrize(
    ("values", "best", "says"),
    [
        ([5.0, math.inf, math.inf], False, "too few held-out conjugates"),
        ([5.0, 4.0, math.inf], True, "was not flat before half"),
        ([5.0, math.inf, 4.0], True, "was not flat before half"),
        ([math.inf, 4.0, math.inf], True, "was not flat before half"),
    ],
)
def test_weights_are_the_best_that_could_be_judged(values: list[float], best: bool, says: str) -> None:
    plateau, steps = looked(values)
    assert len(steps) == 3 and says in plateau.sentence(at(40))
    newest = [torch.full((1,), 7.0)]
    found = plateau.weights(newest)
    assert (found is newest) != best and (not best or float(found[0]) == 20.0 * values.index(4.0))


def test_a_plateau_is_kept_and_taken_up_again() -> None:
    plateau, _ = looked([9.0, 5.0, 4.0, 4.0])
    other = Plateau(Duals([]), 4)  # type: ignore[arg-type]
    other.restore(plateau.state())
    assert other.state() == plateau.state() and other.validation.duals is not plateau.validation.duals
    assert (other.validation.best_dual, other.validation.held_out.first) == (4.0, 9.0)
    short = Plateau(Duals([]), 4)  # type: ignore[arg-type]
    assert short.position(0.3) == 0.0 and short.likely_end(0.05) == 0.4 and short.likely_end(0.3) == 0.6
    short.turn, short.until = 0.2, 0.4
    assert [short.position(k) for k in (0.2, 0.3, 0.4)] == pytest.approx([0.0, 0.5, 1.0])
    short.until = 0.2
    assert short.position(0.2) == 0.0
    assert [short.likely_end(k) for k in (0.1, 0.2)] == [0.2, 0.2]


def test_what_brings_nothing_more_hastens_the_rest_once() -> None:
    validation = Validation(Duals([9.0, 5.0, 5.0, 5.0, 5.0, *[5.0] * 20]), 2, 1e-3)  # type: ignore[arg-type]
    stop = Hasten(validation, 8, 4.0)
    for k in range(5):
        now = At(k, 10.0 * k, k / 8, stop.position(k / 8), 1.0)
        assert stop.due(now) and not stop.due(At(k, 0.0, (k - 0.1) / 8, (k - 0.1) / 8, 1.0))
        stop.validate(now, [torch.zeros(1)], [torch.full((1,), float(k))])
    assert stop.curve == [(0.0, 9.0), (10.0, 5.0), (20.0, 5.0), (30.0, 5.0), (40.0, 5.0)]
    # At the start and the next nothing is asked; 5 after 5 and 5 is no gain.
    assert stop.hastened and stop.since == 0.375 and stop.end() == pytest.approx(0.53125)
    assert [stop.position(s) for s in (0.25, 0.375, 0.4375, 0.53125)] == pytest.approx([0.25, 0.375, 0.625, 1.0])
    assert float(stop.weights([torch.zeros(1)])[0]) == 1.0
    again = Hasten(Validation(Duals([]), 2, 1e-3), 8, 4.0)  # type: ignore[arg-type]
    again.restore(stop.state())
    assert again.state() == stop.state() and again.end() == stop.end()
    never = Hasten(Validation(Duals([9.0] * 9), 2, 1e-3), 8, 1.0)  # type: ignore[arg-type]
    for k in range(6):
        never.validate(At(k, 0.0, k / 8, k / 8, 1.0), [torch.zeros(1)], [torch.zeros(1)])
    assert not never.hastened and never.end() == 1.0 and never.position(0.7) == 0.7
