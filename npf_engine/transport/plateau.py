"""When a fit of u is done: once the dual on samples kept apart no longer improves.

The rate stays where it is until the averaged weights have stopped to gain, then falls by a cosine over as many steps as
were taken: a rate that falls from the first step on has to know beforehand how many there will be. It counts steps and
not seconds, so that a training ends where it did when it is repeated, or broken off and resumed.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from npf_engine.settings.stages import EARLY
from npf_engine.transport.validation import HeldOut, Looks

LOOKS = 100  # in the most steps that a fit may take
CLOSEST = 20  # steps between two looks
# Of the dual's distance to its first look: less is no gain. With half of it and a patience of four looks Chamonix takes
# 17 to 22 s for 13 (three seeds), and 0.005 % of the dual is all that it brings.
GAIN = 2e-3


class Plateau:
    """The schedule of a loop of at most ``most`` steps that looks at ``held_out``.

    patience: looks without a gain after which the rate falls. A ``held_out`` that served an earlier loop measures gains
    by that one's first look.
    """

    def __init__(self, held_out: HeldOut, most: int, patience: int, floor: float) -> None:
        self.looks, self.most, self.floor = Looks(held_out, patience, GAIN), most, floor
        self.every = max(CLOSEST, most // LOOKS)
        self.turn, self.end = 0, most  # the step at which the rate begins to fall; 0 while it does not
        self.flat = False  # whether it falls because the dual no longer improved

    def share(self, step: int) -> float:
        """Of the first rate, at this step."""
        if not self.turn:
            return 1.0
        spent = (step - self.turn) / max(1, self.end - self.turn)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * spent))

    def due(self, step: int) -> bool:
        """Whether to look after so many steps."""
        return step % self.every == 0 or step == self.end

    def look(self, step: int, parameters: list[Tensor], average: list[Tensor]) -> None:
        """Look at the averaged weights, keep the best, and see whether they still gain."""
        self.looks.look(parameters, average)
        if not self.turn:
            self.flat = self.looks.stale()
            if self.flat or 2 * step >= self.most:
                self.turn, self.end = step, min(self.most, 2 * step)

    def sentence(self) -> str:
        """How the loop came to its end, for the log."""
        if self.flat:
            return f"{self.end} of at most {self.most} steps, for the held-out dual was flat after {self.turn}"
        if not self._seen():
            return f"all {self.most} steps, for too few held-out conjugates converged to see when it was done"
        return f"all {self.most} steps; the held-out dual was not flat before half of them, and more may bring more"

    def planned(self, step: int) -> int:
        """How many steps it will be at least, and no fewer than such a fit usually takes."""
        if self.turn or step >= self.end:
            return self.end
        return min(self.most, max(2 * step, round(EARLY * self.most)))

    def weights(self, average: list[Tensor]) -> list[Tensor]:
        """The best of those looked at; the newest where no look but that at the start could be judged."""
        return self.looks.best if self._seen() else average

    def _seen(self) -> bool:
        return any(math.isfinite(dual) for dual in self.looks.duals[1:])

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs."""
        looks, held_out = self.looks, self.looks.held_out
        return {
            "turn": self.turn, "end": self.end, "flat": self.flat, "duals": looks.duals, "best_dual": looks.best_dual,
            "best": looks.best, "memory": held_out.memory, "first": held_out.first,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken."""
        looks, held_out = self.looks, self.looks.held_out
        self.turn, self.end, self.flat = state["turn"], state["end"], state["flat"]
        looks.duals = list(state["duals"])
        looks.best_dual, looks.best = state["best_dual"], [b.to(held_out.x) for b in state["best"]]
        held_out.memory, held_out.first = state["memory"].to(held_out.x), state["first"]
