"""What a training is told: how much it may spend, how its rate falls, and what says when it is done."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Steps:
    """A budget of so many steps of the optimiser, and of no more than ``seconds`` of the recorder's clock: what is
    spent is the larger share of the two, so that a rate that falls by it has fallen where time ends the training."""

    count: int
    seconds: float = math.inf


@dataclass(frozen=True)
class Seconds:
    """A budget of seconds of the recorder's clock, which stands still while a training is paused."""

    count: float


Budget = Steps | Seconds


def spent(budget: Budget, step: int, seconds: float) -> float:
    """The share of the budget that so many steps and seconds have spent: at 1 or more it is over."""
    if isinstance(budget, Seconds):
        return seconds / budget.count if budget.count > 0 else 1.0
    of_time = 0.0 if math.isinf(budget.seconds) else (seconds / budget.seconds if budget.seconds > 0 else 1.0)
    return max(step / budget.count if budget.count > 0 else 1.0, of_time)


def cosine(position: float, floor: float) -> float:
    """From 1 at position 0 to ``floor`` at 1 by half a period of the cosine."""
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * position))


@dataclass(frozen=True)
class Own:
    """The first rate, floor and betas of one module that is trained beside others."""

    rate: float
    floor: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class Schedule:
    """Adam's first rate, which falls by a cosine to floor * rate over the budget.

    own: by the name of a module, what it has in place of rate, floor and betas; warm_up: steps over which the rate
    rises at the beginning. ema in [0, 1): decay of the weight average, 0 for none; from_start: the average begins at
    the first weights and keeps them in mind, as it should where these are nearly right.
    """

    rate: float
    floor: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    ema: float = 0.0
    from_start: bool = False
    warm_up: int = 0
    own: Mapping[str, Own] = field(default_factory=dict)

    def of(self, module: str) -> Own:
        """What this module is trained by."""
        return self.own.get(module) or Own(self.rate, self.floor, self.betas)


@dataclass(frozen=True)
class Stage:
    """title: what progress calls it; key: the name of its checkpoint, and of its stream of draws from ``seed``."""

    title: str
    key: str
    seed: int


@dataclass(frozen=True)
class At:
    """Where a training is: steps done, the seconds they took, the share of its budget that is spent, how far along the
    cosine its rate is (0 to 1), and the share of the first rate that it has there."""

    step: int
    seconds: float
    spent: float
    position: float
    share: float


Shown = dict[str, float]
Loss = Callable[[At, torch.Generator], tuple[Tensor, Mapping[str, float | Tensor]]]
Gradients = Sequence[Tensor | None]


class Derived(ABC):
    """A loss with its gradients by hand, of few operations, none of which waits for the device.

    ``step`` is called without autograd, and must be the same operations at each call: what looks at numbers, or
    depends on the clock, belongs into ``between``.
    """

    @abstractmethod
    def step(self, generator: torch.Generator) -> tuple[Tensor, Gradients]:
        """The loss of a batch drawn by ``generator``, on its device, and its gradients in the order of the modules'
        parameters; None where it does not depend on one."""

    def between(self, step: int) -> Mapping[str, float | Tensor]:
        """Called on the host after ``step``, every ``optimise.SHOWN`` steps and at the end: numbers to show."""
        return {}


class Stop(ABC):
    """Validates the averaged weights on the way, says by what is seen how the rest of a budget is spent, and which
    weights are the answer."""

    @abstractmethod
    def due(self, at: At) -> bool:
        """Whether to validate now; ``at.spent`` is of the budget."""

    @abstractmethod
    def validate(self, at: At, parameters: list[Tensor], average: list[Tensor]) -> None:
        """Look at the averaged weights."""

    @abstractmethod
    def position(self, spent: float) -> float:
        """Where on the cosine the rate is, when this share of the budget is spent."""

    @abstractmethod
    def end(self) -> float:
        """The share of the budget at which the training ends, as far as is known."""

    @abstractmethod
    def weights(self, average: list[Tensor]) -> list[Tensor]:
        """The answer, where ``average`` is the newest."""

    def likely_end(self, spent: float) -> float:
        """The same as a guess for progress: no less than such a training usually takes."""
        return max(spent, self.end())

    def sentence(self, at: At) -> str:
        """How it came to its end, for the log; empty for none."""
        return ""

    @abstractmethod
    def state(self) -> dict[str, object]:
        """What ``restore`` needs."""

    @abstractmethod
    def restore(self, state: Mapping[str, object]) -> None:
        """Go on where ``state`` was taken."""
