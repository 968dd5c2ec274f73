"""When a fit of u is done: once the dual on samples kept apart no longer improves.

The rate stays where it is until the averaged weights have stopped to gain, then falls by a cosine over as many steps as
were taken: a rate that falls from the first step on has to know beforehand how many there will be. It counts steps and
not seconds, so that a training ends where it did when it is repeated, or broken off and resumed.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from npf_engine.networks.icnn import ConvexPotential
from npf_engine.settings import EARLY
from npf_engine.transport.conjugate import conjugate

LOOKS = 100  # in the most steps that a fit may take
CLOSEST = 20  # steps between two looks
# Of the dual's distance to its first look: less is no gain. With half of it and a patience of four looks Chamonix takes
# 17 to 22 s for 13 (three seeds), and 0.005 % of the dual is all that it brings.
GAIN = 2e-3
TOLERANCE = 1e-4
SOLVED = 0.95  # of the conjugates: with fewer the dual is under-estimated, and the look counts for nothing


class HeldOut:
    """The dual of u as it is, on samples x (n, d), y (n, d) kept apart; ``start`` (n, d): first guesses of grad u*(y).

    A look starts its conjugates at those of the look before."""

    def __init__(self, u: ConvexPotential, x: Tensor, y: Tensor, start: Tensor | None, method: str) -> None:
        self.u, self.x, self.y, self.method = u, x, y, method
        self.memory = torch.full_like(y, torch.nan) if start is None else start.clone()
        self.first = math.nan

    def dual(self) -> float:
        """mean u(x) + u*(y); infinite where too few conjugates converged."""
        guess = None if self.memory.isnan().any() else self.memory
        found = conjugate(self.u, self.y, guess, method=self.method, tolerance=TOLERANCE)
        self.memory = found.x
        if float(found.converged.float().mean()) < SOLVED:
            return math.inf
        with torch.no_grad():
            star = (found.x * self.y).sum(1) - self.u(found.x)
            value = float(self.u(self.x).cpu().double().mean() + star.cpu().double().mean())  # MPS has no float64
        if math.isnan(self.first):
            self.first = value
        return value


class Plateau:
    """The schedule of a loop of at most ``most`` steps that looks at ``held_out``.

    patience: looks without a gain after which the rate falls. A ``held_out`` that served an earlier loop measures gains
    by that one's first look.
    """

    def __init__(self, held_out: HeldOut, most: int, patience: int, floor: float) -> None:
        self.held_out, self.most, self.patience, self.floor = held_out, most, patience, floor
        self.every = max(CLOSEST, most // LOOKS)
        self.turn, self.end = 0, most  # the step at which the rate begins to fall; 0 while it does not
        self.flat = False  # whether it falls because the dual no longer improved
        self.duals: list[float] = []
        self.best_dual, self.best = math.inf, list[Tensor]()

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
        present = [p.clone() for p in parameters]
        torch._foreach_copy_(parameters, average)
        dual = self.held_out.dual()
        torch._foreach_copy_(parameters, present)
        self.duals.append(dual)
        if dual < self.best_dual or not self.best:
            self.best_dual, self.best = dual, [a.clone() for a in average]
        if not self.turn:
            self.flat = self._stale()
            if self.flat or 2 * step >= self.most:
                self.turn, self.end = step, min(self.most, 2 * step)

    def _stale(self) -> bool:
        before, late = self.duals[: -self.patience], self.duals[-self.patience :]
        if not before or not math.isfinite(min(before)) or not math.isfinite(min(late)):
            return False
        return min(late) >= min(before) - GAIN * abs(self.held_out.first - self.best_dual)

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
        return self.best if self._seen() else average

    def _seen(self) -> bool:
        return any(math.isfinite(dual) for dual in self.duals[1:])

    def state(self) -> dict[str, Any]:
        """What ``restore`` needs."""
        return {
            "turn": self.turn, "end": self.end, "flat": self.flat, "duals": self.duals, "best_dual": self.best_dual,
            "best": self.best, "memory": self.held_out.memory, "first": self.held_out.first,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken."""
        self.turn, self.end, self.flat = state["turn"], state["end"], state["flat"]
        self.duals = list(state["duals"])
        self.best_dual, self.best = state["best_dual"], [b.to(self.held_out.x) for b in state["best"]]
        self.held_out.memory, self.held_out.first = state["memory"].to(self.held_out.x), state["first"]
