"""When a loop turns, where it ends and what it says, for duals that the test chooses."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
import torch

from npf_engine.transport.plateau import Plateau


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


def looked(values: list[float], most: int = 1000) -> tuple[Plateau, list[int]]:
    """After looks at 0, 20, 40, ... until the loop ends; and at which steps."""
    plateau, steps = Plateau(Duals(values), most, 4, 0.1), list[int]()  # type: ignore[arg-type]
    for step in range(most + 1):
        if step > plateau.end or len(steps) == len(values):
            break
        if plateau.due(step):
            steps.append(step)
            plateau.look(step, [torch.zeros(1)], [torch.full((1,), float(step))])
    return plateau, steps


def test_a_dual_that_is_flat_turns_the_rate_and_ends_at_twice_the_steps() -> None:
    plateau, steps = looked([9.0] * 99)
    assert (plateau.turn, plateau.end, plateau.flat) == (80, 160, True) and steps == list(range(0, 161, 20))
    assert plateau.sentence() == "160 of at most 1000 steps, for the held-out dual was flat after 80"
    assert [plateau.planned(k) for k in (60, 100, 160)] == [160, 160, 160]
    later, _ = looked([9.0, 5.0, 4.0, 3.0, 2.0, *[2.0] * 99])
    assert (later.turn, later.end) == (160, 320)
    assert float(later.weights([torch.zeros(1)])[0]) == 80.0  # the first of the best


def test_a_dual_that_always_falls_turns_at_half_of_the_most_steps() -> None:
    plateau, steps = looked([1000.0 - 10 * k for k in range(99)], 110)
    assert (plateau.turn, plateau.end, plateau.flat) == (60, 110, False)
    assert steps == [0, 20, 40, 60, 80, 100, 110]
    assert "all 110 steps; the held-out dual was not flat before half" in plateau.sentence()
    assert float(plateau.weights([torch.zeros(1)])[0]) == 110.0
    exact, _ = looked([1000.0 - 10 * k for k in range(99)], 120)
    assert (exact.turn, exact.end) == (60, 120)


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
    assert len(steps) == 3 and says in plateau.sentence()
    newest = [torch.full((1,), 7.0)]
    found = plateau.weights(newest)
    assert (found is newest) != best and (not best or float(found[0]) == 20.0 * values.index(4.0))


def test_a_plateau_is_kept_and_taken_up_again() -> None:
    plateau, _ = looked([9.0, 5.0, 4.0, 4.0])
    other = Plateau(Duals([]), 1000, 4, 0.1)  # type: ignore[arg-type]
    other.restore(plateau.state())
    assert other.state() == plateau.state() and other.looks.duals is not plateau.looks.duals
    assert (other.looks.best_dual, other.looks.held_out.first) == (4.0, 9.0)
    short = Plateau(Duals([]), 1000, 4, 0.1)  # type: ignore[arg-type]
    short.turn, short.end = 10, 11
    assert [short.share(k) for k in (10, 11)] == pytest.approx([1.0, 0.1])
    short.end = 10
    assert short.share(10) == 1.0
    assert [short.planned(k) for k in (5, 10)] == [10, 10]
