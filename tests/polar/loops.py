"""Trainings that take one step, for the tests of what is asked of them."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from npf_engine.transport.optimise import Optimised
from npf_engine.transport.schedule import At, Derived, Schedule, Stage, Steps


def first_loss(loss: Any) -> float:
    """Of the step that the random numbers of seed 3 give."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        return float(loss.step(generator)[0] if isinstance(loss, Derived) else loss(FIRST, generator)[0])


FIRST = At(0, 0.0, 0.0, 0.0, 1.0)


class Loops:
    """In place of a module's ``optimise``: keeps what it was asked for, and the loss of one step with the random
    numbers of seed 3; a training takes ``seconds``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: ModuleType, seconds: float) -> None:
        self.made: dict[str, SimpleNamespace] = {}

        def optimise(
            loss: Any, modules: Any, schedule: Schedule, budget: Steps, recorder: Any, stage: Stage
        ) -> Optimised:
            own = SimpleNamespace(key=stage.key, modules=modules, steps=budget.count, lr=schedule.rate)
            own.seed, own.ema = stage.seed, schedule.ema
            own.loss = first_loss(loss)
            self.made[stage.title] = own
            return Optimised(seconds, budget.count)

        monkeypatch.setattr(module, "optimise", optimise)
