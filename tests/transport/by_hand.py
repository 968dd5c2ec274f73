"""A clock that only a test moves, for what is planned by the time; and a training by steps in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.optimise import optimise
from npf_engine.transport.schedule import At, Schedule, Stage, Steps, Stop


class ByHand(Recorder):
    """At 50 s to begin with: what forgets to subtract the beginning is off by it."""

    now = 50.0

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []
        self.shown: list[dict[str, float]] = []
        self.notes: list[str] = []

    def clock(self) -> float:
        return self.now

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        self.told.append((stage, step, total))
        self.shown.append(scalars)

    def note(self, text: str) -> None:
        self.notes.append(text)


class Training:
    """``optimise`` over a number of steps, of a loss of the step alone."""

    def __init__(
        self,
        title: str,
        key: str,
        modules: Mapping[str, nn.Module],
        steps: int,
        rate: float,
        seed: int,
        recorder: Recorder,
        *,
        stop: Stop | None = None,
        memory: Mapping[str, Tensor] | None = None,
        **schedule: Any,
    ) -> None:
        self.modules, self.schedule, self.steps = modules, Schedule(rate, **schedule), steps
        self.recorder, self.stage, self.stop, self.memory = recorder, Stage(title, key, seed), stop, memory

    def run(self, loss: Callable[[int, torch.Generator], tuple[Tensor, dict[str, float]]]) -> float:
        """Its seconds."""

        def of_step(at: At, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
            return loss(at.step, generator)

        budget, more = Steps(self.steps), {"stop": self.stop, "memory": self.memory}
        return optimise(of_step, self.modules, self.schedule, budget, self.recorder, self.stage, **more).seconds  # type: ignore[arg-type]
