"""One method on one task, every seed of it: what the lab asks of a way to learn a map, and the curve on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.studies.lab.progress import SeedRecorder
from npf_engine.studies.lab.result import CurvePoints
from npf_engine.studies.lab.tasks import Task
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.map import Map, TransportMap
from npf_engine.transport.methods.method import SLOPE, AnyMethod, Budget, Showing


def fits(
    method: AnyMethod,
    task: Task,
    seeds: Sequence[int],
    budget: Budget,
    recorder: Recorder,
    see: Callable[[int, Map], None],
    groups: object = None,
) -> list[TransportMap]:
    """A map a seed, the first of them shown to ``see`` on the way; with the method's published settings where the task
    is its paper's. groups: a spec whose groups choose among the methods' own settings. Raises InputError where the
    method needs what is not known of the task, and what it raises."""
    source, target = task.laws
    if SLOPE in method.needs and target.grad_V is None:
        raise InputError(f"it needs the gradient of the target's potential, which the task {task.name} does not know")
    own = method.published if task.published and method.published is not None else method.settings
    settings = method.chosen(own, groups)
    count = len(seeds)
    if method.together is not None:
        return list(method.together(source, target, settings, budget, seeds, Telling(recorder, see)))
    found = []
    for index, seed in enumerate(seeds):
        recorder.check()
        to = SeedRecorder(recorder, method.name, index, count, None if index else see)
        found.append(method.learn(source, target, budget, seed, to, settings))
        recorder.progress(method.name, index + 1, count)
    return found


class Telling(Showing):
    """Passes on all progress too: all seeds are one piece of work, with the method's stage for its own."""

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """As the inner recorder."""
        self.inner.progress(stage, step, total, **scalars)

    def note(self, text: str) -> None:
        """As the inner recorder."""
        self.inner.note(text)


class Curve:
    """The metric of the map on the way, on a few points x (n, d), told to the recorder as a picture.

    together: seeds that share the clock, of which each has its part.
    """

    def __init__(
        self, recorder: Recorder, look: Callable[[Map], float], name: str, x: Tensor, together: int = 1
    ) -> None:
        self.recorder, self.look, self.name, self.x, self.together = recorder, look, name, x, together
        self.began = recorder.clock()
        self.told = list[tuple[float, int, float]]()

    def see(self, step: int, forward: Map) -> None:
        """Measure the map as it is after ``step``."""
        value = self.look(forward)
        self.told.append(((self.recorder.clock() - self.began) / self.together, step, value))
        seconds, _, values = np.array(self.told, dtype=np.float32).T
        image = forward(self.x).numpy()
        self.recorder.snapshot("lab", method=np.array(self.name), pushforward=image, seconds=seconds, value=values)

    def points(self) -> CurvePoints:
        """All that was finite."""
        finite = [point for point in self.told if math.isfinite(point[2])]
        return CurvePoints(*([point[k] for point in finite] for k in range(3)))
