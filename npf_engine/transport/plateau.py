"""When a fit of u is done: once the dual on samples kept apart no longer improves.

Two ways to spend a budget by what is seen. ``Plateau``: the rate stays where it is until the averaged weights have
stopped to gain, then falls over as much of the budget as was taken; a rate that falls from the first step on has to
know beforehand how many there will be. ``Hasten``: the rate falls from the first step on, and once nothing is gained
the rest is run through faster: what looks like the end is often only the noise of the rate. Of a budget of steps
nothing hangs on the clock, so that a training ends where it did when it is repeated, or broken off and resumed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from npf_engine.settings import reading
from npf_engine.settings.stages import EARLY
from npf_engine.transport.schedule import At, Stop
from npf_engine.transport.validation import HeldOut, Validation

VALIDATIONS = 100  # in all of the budget
CLOSEST = 20  # steps between two
# Of the dual's distance to its first value: less is no gain. With half of it and a patience of four Chamonix takes 17
# to 22 s for 13 (three seeds), and 0.005 % of the dual is all that it brings.
GAIN = 2e-3
ROUNDING = 1e-9  # of the budget: sums of shares are not exact


class Plateau(Stop):
    """The whole rate until the dual of ``held_out`` is flat, at the latest until half of the budget is spent.

    patience: validations without a gain after which the rate falls. A ``held_out`` that served an earlier fit measures
    gains by that one's first dual.
    """

    def __init__(self, held_out: HeldOut, patience: int) -> None:
        self.validation = Validation(held_out, patience, GAIN)
        self.last, self.last_spent = 0, 0.0  # step and share at the last validation
        self.turn, self.turn_step = 0.0, 0  # where the rate begins to fall; 0 while it does not
        self.until = 1.0
        self.flat = False  # whether it falls because the dual no longer improved

    def due(self, at: At) -> bool:
        """Every hundredth of the budget, not closer than CLOSEST steps, and at the end."""
        far = at.spent - self.last_spent >= 1 / VALIDATIONS - ROUNDING and at.step - self.last >= CLOSEST
        return far or at.spent >= self.until

    def validate(self, at: At, parameters: list[Tensor], average: list[Tensor]) -> None:
        """Keep the best averaged weights, and see whether they still gain."""
        self.validation.validate(parameters, average)
        self.last, self.last_spent = at.step, at.spent
        if not self.turn:
            self.flat = self.validation.stale()
            if self.flat or 2 * at.spent >= 1:
                self.turn, self.turn_step, self.until = at.spent, at.step, min(1.0, 2 * at.spent)

    def position(self, spent: float) -> float:
        """0 until the turn, then the share of the rest."""
        if not self.turn or self.until <= self.turn:
            return 0.0
        return min(1.0, (spent - self.turn) / (self.until - self.turn))

    def end(self) -> float:
        """Twice what was spent at the turn."""
        return self.until

    def likely_end(self, spent: float) -> float:
        """No less than such a fit usually takes."""
        return self.until if self.turn or spent >= self.until else min(1.0, max(2 * spent, EARLY))

    def sentence(self, at: At) -> str:
        """How it came to its end."""
        if self.flat:
            most = round(at.step / at.spent)
            return f"{at.step} of at most {most} steps, for the held-out dual was flat after {self.turn_step}"
        if not self.validation.seen():
            return f"all {at.step} steps, for too few held-out conjugates converged to see when it was done"
        return f"all {at.step} steps; the held-out dual was not flat before half of them, and more may bring more"

    def weights(self, average: list[Tensor]) -> list[Tensor]:
        """The best of those validated; the newest where none but that at the start could be judged."""
        return self.validation.best if self.validation.seen() else average

    def state(self) -> dict[str, object]:
        """What ``restore`` needs."""
        own = {name: getattr(self, name) for name in ("last", "last_spent", "turn", "turn_step", "until", "flat")}
        return own | self.validation.state()

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on where ``state`` was taken."""
        self.last, self.last_spent = reading.whole(state, "last"), reading.number(state, "last_spent")
        self.turn, self.turn_step = reading.number(state, "turn"), reading.whole(state, "turn_step")
        self.until, self.flat = reading.number(state, "until"), reading.flag(state, "flat")
        self.validation.restore(state)


class Hasten(Stop):
    """The cosine over all of the budget, whose rest is run through ``haste`` times faster once ``patience`` validations
    brought no gain; haste 1: never. count: validations in all."""

    def __init__(self, validation: Validation, count: int, haste: float) -> None:
        self.validation, self.count, self.haste = validation, count, haste
        self.curve: list[tuple[float, float]] = []  # (seconds, dual)
        self.since = math.inf  # share of the budget at which it was hastened

    @property
    def hastened(self) -> bool:
        """Whether it ends before its time."""
        return self.since < math.inf

    def due(self, at: At) -> bool:
        """At equal distances along the schedule, its end included."""
        return at.position >= len(self.curve) / self.count - ROUNDING

    def validate(self, at: At, parameters: list[Tensor], average: list[Tensor]) -> None:
        """Keep the best averaged weights. The very first is not asked for a gain: from a start that is at its rest
        already, the first steps always lose a little."""
        self.curve.append((at.seconds, self.validation.validate(parameters, average)))
        if self.haste > 1 and not self.hastened and at.spent < 1 and self.validation.stale(since=1):
            self.since = at.spent

    def position(self, spent: float) -> float:
        """The share of the budget, and from where it was hastened on more."""
        return min(1.0, spent + (self.haste - 1) * max(0.0, spent - self.since))

    def end(self) -> float:
        """Where the schedule is through."""
        return self.since + (1 - self.since) / self.haste if self.hastened else 1.0

    def weights(self, average: list[Tensor]) -> list[Tensor]:
        """The best of those validated."""
        return self.validation.best

    def state(self) -> dict[str, object]:
        """What ``restore`` needs."""
        return {"curve": list(self.curve), "since": self.since} | self.validation.state()

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on where ``state`` was taken."""
        pairs = [reading.numbers({"curve": pair}, "curve") for pair in reading.items(state, "curve")]
        self.curve, self.since = [(seconds, dual) for seconds, dual in pairs], reading.number(state, "since")
        self.validation.restore(state)
