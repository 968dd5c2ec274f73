"""One training loop for every stage: Adam with a falling rate, seeded draws, progress, checkpoints, weight averages.

A loop that is broken off and started again with the same recorder continues from its last checkpoint and
ends with the same numbers: parameters, moments, random state and the stage's own memory are all kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from npf_engine.recorder import Recorder
from npf_engine.transport.looks import follow
from npf_engine.transport.plateau import Plateau

SHOWN = 10  # steps between two reports of progress
AVERAGE = 0.99  # decay of the weight average that a plateau looks at


@dataclass
class Loop:
    """``stage``: name for progress; ``key``: name of the checkpoint; modules: what is trained and saved.

    rate, floor: cosine decay from rate to floor * rate over ``steps``. ema in [0, 1): decay of the weight average, 0
    for none. memory: tensors that steps change in place and that a resume must restore. plateau: ends the loop before
    ``steps`` on held-out samples, with the best averaged weights it saw, in place of the cosine. from_start: the
    average begins at the first weights and keeps them in mind, as it should where these are nearly right. A loss that
    is not finite is raised as FloatingPointError with the step.
    """

    stage: str
    key: str
    modules: dict[str, nn.Module]
    steps: int
    rate: float
    seed: int
    recorder: Recorder
    floor: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    ema: float = 0.0
    memory: dict[str, Tensor] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)  # a module's own rate, where it differs
    seconds: float = 0.0
    plateau: Plateau | None = None
    from_start: bool = False

    def run(self, loss: Callable[[int, torch.Generator], tuple[Tensor, dict[str, float]]]) -> float:
        """Minimise; ``loss(step, generator)`` returns the scalar to differentiate and numbers to show. Returns seconds
        of work, those before an interruption included. Leaves the averaged weights in the modules when ema > 0, and the
        best of them with a plateau."""
        groups: list[dict[str, Any]] = [
            {"params": list(m.parameters()), "base": self.rates.get(name, self.rate)}
            for name, m in self.modules.items()
        ]
        # The fused kernel is one pass over the parameters: a third of the step's cost for small networks.
        optimiser = torch.optim.Adam(groups, lr=self.rate, betas=self.betas, fused=True)
        generator = torch.Generator().manual_seed(self.seed)
        parameters = [p.detach() for g in groups for p in g["params"]]
        ema = self.ema or (AVERAGE if self.plateau else 0.0)
        average = [p.clone() for p in parameters] if ema else []
        step = self._restore(optimiser, generator, average)
        end = self.plateau.end if self.plateau else self.steps
        if self.plateau and not step:
            last = time.perf_counter()
            self.plateau.look(0, parameters, average)
            self.seconds += time.perf_counter() - last
        while step < end:
            self.recorder.check()  # blocks while paused, which is not work
            last = time.perf_counter()
            for group in optimiser.param_groups:
                group["lr"] = group["base"] * self._share(step)
            value, shown = loss(step, generator)
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            optimiser.step()
            if ema:
                follow(average, parameters, ema, None if self.from_start else step)
            step += 1
            if self.plateau and self.plateau.due(step):
                self.plateau.look(step, parameters, average)
                end = self.plateau.end
            if (step - 1) % SHOWN == 0 or step == end:
                number = float(value.detach())
                if not math.isfinite(number):
                    raise FloatingPointError(f"the loss of stage {self.stage!r} is not finite at step {step - 1}")
                total = self.plateau.planned(step) if self.plateau else end
                self.recorder.progress(self.stage, step, total, loss=number, **shown)
            self.seconds += time.perf_counter() - last
            if self.recorder.checkpoint_due() and step < end:
                self.recorder.save(self.key, self._state(step, optimiser, generator, average))
        if ema and end:
            torch._foreach_copy_(parameters, self.plateau.weights(average) if self.plateau else average)
        if self.plateau and end:
            self.recorder.note(f"{self.stage}: {self.plateau.sentence()}")
        return self.seconds

    def _share(self, step: int) -> float:
        if self.plateau:
            return self.plateau.share(step)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * step / self.steps))

    def _state(self, step: int, optimiser: Any, generator: torch.Generator, average: list[Tensor]) -> dict[str, Any]:
        return {
            "step": step,
            "seconds": self.seconds,
            "modules": {name: m.state_dict() for name, m in self.modules.items()},
            "optimiser": optimiser.state_dict(),
            "generator": generator.get_state(),
            "average": average,
            "memory": self.memory,
            "plateau": self.plateau.state() if self.plateau else {},
        }

    def _restore(self, optimiser: Any, generator: torch.Generator, average: list[Tensor]) -> int:
        state = self.recorder.load(self.key)
        if state is None:
            return 0
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        optimiser.load_state_dict(state["optimiser"])
        generator.set_state(state["generator"])
        for target, source in zip(average, state["average"], strict=True):
            target.copy_(source)
        for name, tensor in self.memory.items():
            tensor.copy_(state["memory"][name])
        if self.plateau:
            self.plateau.restore(state["plateau"])
        self.seconds = state["seconds"]
        return int(state["step"])
