"""Every training here is one ``optimise``: Adam on a cosine over a budget of steps or of seconds.

Draws are seeded; progress, checkpoints, weight averages and the way back from numbers that are no longer finite are the
same for all. A training that is broken off and started again with the same recorder continues from its last checkpoint
and, where its budget is in steps, ends with the same numbers: parameters, moments, random state and the loss' own
memory are all kept.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from npf_engine import seeds
from npf_engine.settings import reading
from npf_engine.tasks.recorder import Recorder
from npf_engine.tasks.restoring import WRONG, all_finite, check, fit, reason
from npf_engine.transport.adam import Adam
from npf_engine.transport.schedule import (
    At,
    Budget,
    Derived,
    Loss,
    Schedule,
    Stage,
    Steps,
    Stop,
    cosine,
    spent,
)
from npf_engine.transport.setbacks import EVERY, Setbacks
from npf_engine.transport.validation import follow

Numbers = Callable[[int], Mapping[str, float | Tensor]]  # of a step
SHOWN = 10  # steps between two reports of progress
LOOKED = 100  # steps between two looks at the loss where the host would have to wait for the device
AVERAGE = 0.99  # decay of the weight average that is validated


@dataclass(frozen=True)
class Optimised:
    """Seconds of work, those before an interruption included; steps."""

    seconds: float
    steps: int


def optimise(
    loss: Loss | Derived,
    modules: Mapping[str, nn.Module],
    schedule: Schedule,
    budget: Budget,
    recorder: Recorder,
    stage: Stage,
    *,
    stop: Stop | None = None,
    memory: Mapping[str, Tensor] | None = None,
) -> Optimised:
    """Minimise ``loss(at, generator)``, which returns the scalar to differentiate and numbers to show, or a loss that
    knows its gradients. The generator is one of the modules' device: a seed repeats on the same device.

    Leaves the averaged weights in the modules when there is an average, and the answer of ``stop`` with one. memory:
    tensors that steps change in place and that a resume must restore. Where the loss or a weight is no longer finite it
    goes back with half the rate, and at last raises TrainingDiverged.
    """
    work = _Work(modules, schedule, budget, recorder, stage, stop, dict(memory or {}))
    work.run(loss)
    return Optimised(work.seconds, work.step)


class _Work:
    """What a training changes: weights, moments, random state, averages, and the loss' own memory."""

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        schedule: Schedule,
        budget: Budget,
        recorder: Recorder,
        stage: Stage,
        stop: Stop | None,
        memory: Mapping[str, Tensor],
    ) -> None:
        """From the last checkpoint, where there is one that fits."""
        self.modules, self.schedule, self.budget = modules, schedule, budget
        self.recorder, self.stage, self.stop, self.memory = recorder, stage, stop, memory
        trained = {name: list(module.parameters()) for name, module in modules.items()}
        self.rates = [schedule.of(name) for name in trained]
        self.trained = [p for parameters in trained.values() for p in parameters]
        self.parameters = [p.detach() for p in self.trained]
        self.ema = schedule.ema or (AVERAGE if stop else 0.0)
        self.average = [p.clone() for p in self.parameters] if self.ema else []
        betas = [own.betas for own in self.rates]
        self.optimiser = Adam(list(zip(trained.values(), betas, strict=True)))
        self.generator = seeds.generator(stage.seed, stage.key, self.parameters[0].device)
        self.looked = SHOWN if self.parameters[0].device.type == "cpu" else LOOKED
        self.loss = math.nan  # at the last look
        self.setbacks = Setbacks(stage.title)
        self.step, self.seconds, self.last = 0, 0.0, recorder.clock()
        kept = recorder.load(stage.key)
        if kept is not None:
            self._take_up(kept)

    def run(self, loss: Loss | Derived) -> None:
        """All steps."""
        self.last = self.recorder.clock()
        if self.stop and not self.step:
            self.stop.validate(self.at(), self.parameters, self.average)
        if not self.setbacks.points:
            self.setbacks.keep(self.state())
        self._count()
        while not self._over():
            self.recorder.check()  # blocks while paused, which is not work
            self.last = self.recorder.clock()
            if not self._take_step(loss):
                self._go_back()
            self._count()
            if self.recorder.checkpoint_due() and not self._over():
                if not self._finite():
                    self._go_back()
                self.recorder.save(self.stage.key, self.state() | {"setbacks": self.setbacks.state()})
        if self.average and self.step:
            torch._foreach_copy_(self.parameters, self.stop.weights(self.average) if self.stop else self.average)
        said = self.stop.sentence(self.at()) if self.stop and self.step else ""
        if said:
            self.recorder.note(f"{self.stage.title}: {said}")

    def at(self) -> At:
        """Where it is."""
        share = spent(self.budget, self.step, self.seconds)
        position = self.stop.position(share) if self.stop else share
        return At(self.step, self.seconds, share, position, cosine(position, self.schedule.floor))

    def _count(self) -> None:
        """Add the time since it was last asked."""
        now = self.recorder.clock()
        self.seconds, self.last = self.seconds + now - self.last, now

    def _over(self) -> bool:
        return spent(self.budget, self.step, self.seconds) >= (self.stop.end() if self.stop else 1.0)

    def _differentiate(self, loss: Loss | Derived, at: At) -> tuple[Tensor, Numbers]:
        """Give every parameter its gradient; the loss, and what tells numbers to show."""
        if not isinstance(loss, Derived):
            value, shown = loss(at, self.generator)
            self.optimiser.forget()
            value.backward()
            return value.detach(), lambda step: shown
        with torch.no_grad():
            value, gradients = loss.step(self.generator)
        for parameter, gradient in zip(self.trained, gradients, strict=True):
            # The fused kernel reads memory as it lies, whatever a gradient's strides say.
            parameter.grad = None if gradient is None else gradient.contiguous()
        return value, loss.between

    def _take_step(self, loss: Loss | Derived) -> bool:
        """One step of the optimiser; False where numbers are no longer finite, as far as was looked."""
        at = self.at()
        rise = min(1.0, (at.step + 1) / self.schedule.warm_up) if self.schedule.warm_up else 1.0
        rise *= self.setbacks.share
        rates = [own.rate * (cosine(at.position, own.floor) * rise) for own in self.rates]
        try:
            value, numbers = self._differentiate(loss, at)
            self.optimiser.step(rates)
        except (torch.linalg.LinAlgError, ValueError):
            if self._finite():
                raise
            return False  # a solver may not wait for the next look at the loss
        if self.ema:
            follow(self.average, self.parameters, self.ema, None if self.schedule.from_start else self.step)
        self.step += 1
        self._count()
        if self.stop and self.stop.due(self.at()):
            self.stop.validate(self.at(), self.parameters, self.average)
            self._count()
        return self._looked(value, numbers)

    def _looked(self, value: Tensor, numbers: Numbers) -> bool:
        """Tell of the progress now and then, and remember states that are good; False for one that is not."""
        done = self.step - 1
        if done % SHOWN == 0 or self._over():
            shown = numbers(done)
            if done % self.looked == 0 or self._over() or not math.isfinite(self.loss):
                self.loss = float(value)  # elsewhere a GPU need not wait for it
                told = {name: float(number) for name, number in shown.items()}
            else:
                told = {name: number for name, number in shown.items() if not isinstance(number, Tensor)}
            if not math.isfinite(self.loss) or (self._over() and not self._finite()):
                return False
            self.recorder.progress(self.stage.title, self.step, self._planned(), loss=self.loss, **told)
        if done % EVERY == 0 and done:
            if not self._finite():
                return False
            self.setbacks.keep(self.state())
        return True

    def _planned(self) -> int:
        """How many steps it will be, by what is spent so far."""
        share = spent(self.budget, self.step, self.seconds)
        end = self.stop.likely_end(share) if self.stop else 1.0
        most = self.budget.count if isinstance(self.budget, Steps) and math.isinf(self.budget.seconds) else 0
        return max(self.step, round(end * most if most else end * self.step / max(share, 1e-9)))

    def _finite(self) -> bool:
        """Whether all weights are."""
        return all_finite([*self.parameters, *self.average])

    def _go_back(self) -> None:
        """To the last state that was good, with half the rate; what is spent of the time stays spent."""
        step = self.step
        self._put(self.setbacks.back(step))
        self.recorder.note(self.setbacks.sentence(step, self.step))

    def state(self) -> dict[str, object]:
        """All of it; the tensors are those at work, not copies."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimiser": self.optimiser.state(),
            "generator": self.generator.get_state(),
            "average": self.average,
            "memory": self.memory,
            "plateau": self.stop.state() if self.stop else {},
        }

    def _take_up(self, kept: dict[str, object]) -> None:
        """Go on from a checkpoint; one that does not fit is told of, and changes nothing."""
        start = copy.deepcopy(self.state())
        try:
            self._must_fit(kept)
            self._put(kept)
            if "setbacks" in kept:
                self.setbacks.restore(reading.mapping(kept, "setbacks"))
            self.seconds = reading.number(kept, "seconds")
        except WRONG as error:
            self._put(start)
            self.setbacks = Setbacks(self.stage.title)
            self.recorder.note(
                f"the checkpoint of stage {self.stage.title!r} does not fit ({reason(error)}); it starts again"
            )

    def _must_fit(self, kept: dict[str, object]) -> None:
        """Raise for tensors of other shapes, precision, or not finite."""
        modules, memory = reading.mapping(kept, "modules"), reading.mapping(kept, "memory")
        for name, module in self.modules.items():
            fit(reading.named(modules, name, Tensor), module.state_dict())
        for number, (tensor, like) in enumerate(zip(reading.items(kept, "average"), self.average, strict=True)):
            check(f"average {number}", tensor, like)
        for name, like in self.memory.items():
            check(name, memory[name], like, finite=False)  # NaN: not known yet
        for index, moments in reading.of(reading.mapping(kept, "optimiser"), "state", dict).items():
            for name in ("exp_avg", "exp_avg_sq"):
                check(f"moment {index}", moments[name], self.parameters[index])
        most = self.budget.count if isinstance(self.budget, Steps) else math.inf
        step = reading.whole(kept, "step")
        if not 0 <= step <= most:
            raise ValueError(f"it is at step {step} of {most}")

    def _put(self, state: dict[str, object]) -> None:
        """Go on where ``state``, which belongs to this training from now on, was taken."""
        modules, memory = reading.mapping(state, "modules"), reading.mapping(state, "memory")
        for name, module in self.modules.items():
            module.load_state_dict(reading.named(modules, name, Tensor))
        self.optimiser.restore(reading.of(state, "optimiser", dict))
        self.generator.set_state(reading.of(state, "generator", Tensor))
        for target, source in zip(self.average, reading.each_of(state, "average", Tensor), strict=True):
            target.copy_(source)
        for name, tensor in self.memory.items():
            tensor.copy_(reading.of(memory, name, Tensor))
        if self.stop:
            self.stop.restore(reading.mapping(state, "plateau"))
        self.step = reading.whole(state, "step")
