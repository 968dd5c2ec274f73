"""Averaged weights, looked at on samples kept apart: what tells a fit how good it is, and which weights to return."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from npf_engine.networks.potential import Potential
from npf_engine.settings import reading
from npf_engine.transport.conjugate import conjugate

TOLERANCE = 1e-4
SOLVED = 0.95  # of the conjugates: with fewer the dual is under-estimated, and the look counts for nothing


def follow(average: list[Tensor], parameters: list[Tensor], decay: float, step: int | None = None) -> None:
    """Add the present weights to a running average that forgets the start with the usual warm-up, ``step`` counted
    from 0; None: one that keeps it in mind."""
    torch._foreach_lerp_(average, parameters, 1 - (decay if step is None else min(decay, (1 + step) / (10 + step))))


class HeldOut:
    """The dual of u as it is, on samples x (n, d), y (n, d) kept apart, in u's own precision: seen often and compared
    with itself, where ``held_out_dual`` is the figure to report.

    start (n, d): first guesses of grad u*(y); a look starts its conjugates at those of the look before. solved: share
    of the conjugates that must converge for a look to count.
    """

    def __init__(
        self,
        u: Potential,
        x: Tensor,
        y: Tensor,
        start: Tensor | None,
        method: str,
        *,
        tolerance: float = TOLERANCE,
        max_iterations: int = 200,
        solved: float = SOLVED,
    ) -> None:
        self.u, self.x, self.y = u, x, y
        self.method, self.tolerance, self.max_iterations, self.solved = method, tolerance, max_iterations, solved
        self.memory = torch.full_like(y, torch.nan) if start is None else start.clone()
        self.first = math.nan  # the first dual that counted
        self.converged = 1.0  # of the last look's conjugates

    def dual(self) -> float:
        """mean u(x) + u*(y); infinite where too few conjugates converged."""
        guess = None if self.memory.isnan().any() else self.memory
        found = conjugate(
            self.u, self.y, guess, method=self.method, tolerance=self.tolerance, max_iterations=self.max_iterations
        )
        self.memory, self.converged = found.x, float(found.converged.float().mean())
        if self.converged < self.solved:
            return math.inf
        with torch.no_grad():
            star = (found.x * self.y).sum(1) - self.u(found.x)
            value = float(self.u(self.x).cpu().double().mean() + star.cpu().double().mean())  # MPS has no float64
        if math.isnan(self.first):
            self.first = value
        return value


class Validation:
    """The duals of the averaged weights at each validation, and the best of these weights.

    patience: validations without a gain after which it is ``stale``. gain: share of the dual's distance to its first
    value that counts as one; a ``held_out`` that served another fit before measures by that one's first value.
    """

    def __init__(self, held_out: HeldOut, patience: int, gain: float) -> None:
        self.held_out, self.patience, self.gain = held_out, patience, gain
        self.duals: list[float] = []
        self._seen = False
        self.best_dual, self.best_converged, self.best = math.inf, 1.0, list[Tensor]()

    def validate(self, parameters: list[Tensor], average: list[Tensor]) -> float:
        """The dual of the averaged weights, which are kept where they are the best so far."""
        present = [p.clone() for p in parameters]
        torch._foreach_copy_(parameters, average)
        dual = self.held_out.dual()
        torch._foreach_copy_(parameters, present)
        self.duals.append(dual)
        if dual < self.best_dual or not self.best:
            self.best_dual, self.best_converged = min(self.best_dual, dual), self.held_out.converged
            self.best = [a.clone() for a in average]
        return dual

    def stale(self, since: int = 0) -> bool:
        """Whether the last duals are no better than those before them, the first ``since`` not asked."""
        before, late = self.duals[since : -self.patience], self.duals[-self.patience :]
        if not before or not math.isfinite(min(before)) or not math.isfinite(min(late)):
            return False
        return min(late) >= min(before) - self.gain * abs(self.held_out.first - self.best_dual)

    def seen(self) -> bool:
        """Whether any validation but that at the start could be judged."""
        self._seen = self._seen or any(math.isfinite(dual) for dual in self.duals[1:])
        return self._seen

    def state(self) -> dict[str, object]:
        """What ``restore`` needs."""
        return {
            "duals": self.duals,
            "seen": self.seen(),
            "best_dual": self.best_dual,
            "best_converged": self.best_converged,
            "best": self.best,
            "memory": self.held_out.memory,
            "first": self.held_out.first,
        }

    def restore(self, state: Mapping[str, object]) -> None:
        """Go on where ``state`` was taken; what was best since then is not forgotten."""
        self._seen = self.seen() or reading.flag(state, "seen")
        self.duals = reading.numbers(state, "duals")
        best_dual = reading.number(state, "best_dual")
        if not self.best or best_dual < self.best_dual:
            self.best_dual, self.best_converged = best_dual, reading.number(state, "best_converged")
            self.best = [best.to(self.held_out.x) for best in reading.each_of(state, "best", Tensor)]
        self.held_out.memory = reading.of(state, "memory", Tensor).to(self.held_out.x)
        self.held_out.first = reading.number(state, "first")
