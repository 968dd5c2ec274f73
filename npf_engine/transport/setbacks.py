"""What a training does when its numbers are no longer finite: back to where they were, with half the rate."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
from torch import Tensor

from npf_engine.errors import TrainingDiverged
from npf_engine.settings import reading

EVERY = 100  # steps between two states that are kept in mind
KEPT = 2  # of them: the newest may already be on its way out of bounds
MOST = 2  # times that a training goes back
SLOWER = 0.5  # the rate after each
ADVICE = (
    "choose a smaller learning rate, look at the field for values far out of the ordinary, or try another seed or "
    "dtype=float64"
)


class Setbacks:
    """States of a training in which all numbers were finite, and how often it went back to one.

    They are taken by the count of steps alone, whether or not checkpoints are written, and kept in these: a training
    that is resumed goes back to where one that was never broken off goes.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.count = 0
        self.points: list[dict[str, object]] = []

    @property
    def share(self) -> float:
        """Of the rate that was asked for."""
        return SLOWER**self.count

    def keep(self, state: dict[str, object]) -> None:
        """Remember a state with finite numbers (copied)."""
        self.points = [*self.points, copy.deepcopy(state)][-KEPT:]

    def back(self, step: int) -> dict[str, object]:
        """The state to go on from, after what was seen at ``step``. Raises TrainingDiverged after the last time."""
        if self.count >= MOST:
            raise TrainingDiverged(
                f"the training diverged: the numbers of stage {self.stage!r} were no longer finite at step {step}, "
                f"and not after going back {MOST} times with half the rate either; {ADVICE}"
            )
        self.count += 1
        # Once more from the same place would be from too late a place.
        return copy.deepcopy(self.points.pop() if len(self.points) > 1 else self.points[0])

    def sentence(self, step: int, to: int) -> str:
        """For the log."""
        return (
            f"{self.stage}: the numbers were no longer finite at step {step}; back to step {to} with "
            f"{self.share:g} of the rate"
        )

    def state(self) -> dict[str, object]:
        """What ``restore`` needs."""
        return {"count": self.count, "points": self.points}

    def restore(self, state: dict[str, object]) -> None:
        """Go on where ``state`` was taken."""
        self.count, self.points = reading.whole(state, "count"), reading.mappings(state, "points")


def finite_gradients(parameters: Iterable[Tensor]) -> bool:
    """Whether an optimiser may take a step on these gradients."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return True
    norms = torch._foreach_norm(gradients)
    return bool(torch.isfinite(torch.stack([norm.float() for norm in norms]).sum()))
