"""One training loop for every stage: Adam with a falling rate, seeded draws, progress, checkpoints, weight averages.

A loop that is broken off and started again with the same recorder continues from its last checkpoint and
ends with the same numbers: parameters, moments, random state and the stage's own memory are all kept.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import WRONG, all_finite, check, fit, reason
from npf_engine.transport.plateau import Plateau
from npf_engine.transport.setbacks import EVERY, Setbacks
from npf_engine.transport.validation import follow

SHOWN = 10  # steps between two reports of progress
AVERAGE = 0.99  # decay of the weight average that a plateau looks at


Loss = Callable[[int, torch.Generator], tuple[Tensor, dict[str, float]]]


@dataclass
class Loop:
    """``stage``: name for progress; ``key``: name of the checkpoint; modules: what is trained and saved.

    rate, floor: cosine decay from rate to floor * rate over ``steps``. ema in [0, 1): decay of the weight average, 0
    for none. memory: tensors that steps change in place and that a resume must restore. plateau: ends the loop before
    ``steps`` on held-out samples, with the best averaged weights it saw, in place of the cosine. from_start: the
    average begins at the first weights and keeps them in mind, as it should where these are nearly right. Where the
    loss or a weight is no longer finite, the loop goes back with half the rate, and at last raises TrainingDiverged.
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

    def run(self, loss: Loss) -> float:
        """Minimise; ``loss(step, generator)`` returns the scalar to differentiate and numbers to show. Returns seconds
        of work, those before an interruption included. Leaves the averaged weights in the modules when ema > 0, and the
        best of them with a plateau."""
        work = _Work(self)
        if self.plateau and not work.step:
            last = self.recorder.clock()
            self.plateau.look(0, work.parameters, work.average)
            self.seconds += self.recorder.clock() - last
        if not work.setbacks.points:
            work.setbacks.keep(work.state())
        end = self.plateau.end if self.plateau else self.steps
        while work.step < end:
            self.recorder.check()  # blocks while paused, which is not work
            last = self.recorder.clock()
            try:
                shown = work.take_step(loss)
            except (torch.linalg.LinAlgError, ValueError):
                if work.finite():
                    raise
                end = work.go_back()  # a solver may not wait for the next look at the loss
                continue
            end = self.plateau.end if self.plateau else end
            if (work.step - 1) % SHOWN == 0 or work.step == end:
                number = float(work.loss.detach())
                if not math.isfinite(number) or (work.step == end and not work.finite()):
                    end = work.go_back()
                    continue
                total = self.plateau.planned(work.step) if self.plateau else end
                self.recorder.progress(self.stage, work.step, total, loss=number, **shown)
            if (work.step - 1) % EVERY == 0 and work.step > 1:
                if not work.finite():
                    end = work.go_back()
                    continue
                work.setbacks.keep(work.state())
            self.seconds += self.recorder.clock() - last
            if self.recorder.checkpoint_due() and work.step < end:
                if not work.finite():
                    end = work.go_back()
                self.recorder.save(self.key, work.state() | {"setbacks": work.setbacks.state()})
        if work.average and end:
            best = self.plateau.weights(work.average) if self.plateau else work.average
            torch._foreach_copy_(work.parameters, best)
        if self.plateau and end:
            self.recorder.note(f"{self.stage}: {self.plateau.sentence()}")
        return self.seconds

    def share(self, step: int) -> float:
        """Of the first rate, at this step."""
        if self.plateau:
            return self.plateau.share(step)
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * step / self.steps))


class _Work:
    """What a loop changes: weights, moments, random state, averages, and the stage's own memory."""

    def __init__(self, loop: Loop) -> None:
        """From the loop's last checkpoint, where there is one that fits."""
        self.loop = loop
        groups: list[dict[str, Any]] = [
            {"params": list(m.parameters()), "base": loop.rates.get(name, loop.rate)}
            for name, m in loop.modules.items()
        ]
        self.parameters = [p.detach() for g in groups for p in g["params"]]
        self.ema = loop.ema or (AVERAGE if loop.plateau else 0.0)
        self.average = [p.clone() for p in self.parameters] if self.ema else []
        # The fused kernel is one pass over the parameters: a third of the step's cost for small networks.
        self.optimiser = torch.optim.Adam(groups, lr=loop.rate, betas=loop.betas, fused=True)
        self.generator = seeds.generator(loop.seed, loop.key)
        self.setbacks = Setbacks(loop.stage)
        self.loss = torch.zeros(())
        self.step = 0
        kept = loop.recorder.load(loop.key)
        if kept is not None:
            self._take_up(kept)

    def take_step(self, loss: Loss) -> dict[str, float]:
        """One step of the optimiser; the numbers to show."""
        loop, share = self.loop, self.loop.share(self.step) * self.setbacks.share
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * share
        self.loss, shown = loss(self.step, self.generator)
        self.optimiser.zero_grad(set_to_none=True)
        self.loss.backward()
        self.optimiser.step()
        if self.ema:
            follow(self.average, self.parameters, self.ema, None if loop.from_start else self.step)
        self.step += 1
        if loop.plateau and loop.plateau.due(self.step):
            loop.plateau.look(self.step, self.parameters, self.average)
        return shown

    def finite(self) -> bool:
        """Whether all weights are."""
        return all_finite([*self.parameters, *self.average])

    def go_back(self) -> int:
        """To the last state that was good, with half the rate; the step at which the loop now ends."""
        step = self.step
        self._put(self.setbacks.back(step))
        self.loop.recorder.note(self.setbacks.sentence(step, self.step))
        return self.loop.plateau.end if self.loop.plateau else self.loop.steps

    def state(self) -> dict[str, Any]:
        """All of it; the tensors are those at work, not copies."""
        loop = self.loop
        return {
            "step": self.step,
            "seconds": loop.seconds,
            "modules": {name: m.state_dict() for name, m in loop.modules.items()},
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
            "average": self.average,
            "memory": loop.memory,
            "plateau": loop.plateau.state() if loop.plateau else {},
        }

    def _take_up(self, kept: dict[str, Any]) -> None:
        """Go on from a checkpoint; one that does not fit is told of, and changes nothing."""
        start = copy.deepcopy(self.state())
        try:
            self._must_fit(kept)
            self._put(kept)
            if "setbacks" in kept:
                self.setbacks.restore(kept["setbacks"])
            self.loop.seconds = float(kept["seconds"])
        except WRONG as error:
            self._put(start)
            self.setbacks = Setbacks(self.loop.stage)
            self.loop.recorder.note(
                f"the checkpoint of stage {self.loop.stage!r} does not fit ({reason(error)}); it starts again"
            )

    def _must_fit(self, kept: dict[str, Any]) -> None:
        """Raise for tensors of other shapes, precision, or not finite."""
        for name, module in self.loop.modules.items():
            fit(kept["modules"][name], module.state_dict())
        for number, (tensor, like) in enumerate(zip(kept["average"], self.average, strict=True)):
            check(f"average {number}", tensor, like)
        for name, like in self.loop.memory.items():
            check(name, kept["memory"][name], like, finite=False)  # NaN: not known yet
        for index, moments in kept["optimiser"]["state"].items():
            for name in ("exp_avg", "exp_avg_sq"):
                check(f"moment {index}", moments[name], self.parameters[index])
        if not 0 <= int(kept["step"]) <= self.loop.steps:
            raise ValueError(f"it is at step {kept['step']} of {self.loop.steps}")

    def _put(self, state: dict[str, Any]) -> None:
        """Go on where ``state``, which belongs to this loop from now on, was taken."""
        loop = self.loop
        for name, module in loop.modules.items():
            module.load_state_dict(state["modules"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        for target, source in zip(self.average, state["average"], strict=True):
            target.copy_(source)
        for name, tensor in loop.memory.items():
            tensor.copy_(state["memory"][name])
        if loop.plateau:
            loop.plateau.restore(state["plateau"])
        self.step = int(state["step"])
