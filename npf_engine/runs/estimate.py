"""How long a training will take on this machine: by the runs it has finished, else by a short measurement."""

from __future__ import annotations

import dataclasses
import functools
import heapq
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import torch

from npf_engine.networks.mlp import MLP
from npf_engine.runs.store import RunStore
from npf_engine.settings.stages import MapConfig
from npf_engine.studies.factorization import cost
from npf_engine.studies.factorization.cost import Cost
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.kinds import TRAIN
from npf_engine.transport.adam import Adam
from npf_engine.transport.regression import Regression

WIDTHS = (256, 256)
BATCH = 1024
MEASURE_SECONDS = 0.25
BUSY_SECONDS = 60.0  # that a measurement beside other work is believed
BUSY = 0.5  # of the cores: a training by itself has one, of two
STEPS = 1000
LOOKED_AT = 20  # of the newest finished runs: what older ones took says little of today
ALIKE = 2.5  # runs whose size differs by less than this factor are asked


def estimate(store: RunStore, spec: TrainingSpec) -> Cost:
    """What training ``spec`` will cost here.

    Only finished runs of about its size are asked: what a run of seconds takes is start-up, and tells nothing
    about one of hours.
    """
    size = sum(cost.guess(spec).values())
    finished = (run.id for run in store.summaries() if (run.kind, run.state, run.source) == (TRAIN, "done", "trained"))
    done = filter(None, map(store.find, itertools.islice(finished, LOOKED_AT)))
    alike = (
        (run.spec_of(TrainingSpec), run.seconds)
        for run in done
        if run.seconds and size / ALIKE < sum(cost.guess(run.spec_of(TrainingSpec)).values()) < size * ALIKE
    )
    found = cost.by_finished(spec, alike)
    if found.runs:
        return found
    at_work = busy()
    factor = slowness(int(time.monotonic() // BUSY_SECONDS) if at_work else None)
    return Cost({name: seconds * factor for name, seconds in found.stages.items()}, 0, at_work)


def busy() -> bool:
    """Whether other work keeps this machine's cores, on the average of the last minute."""
    return psutil.getloadavg()[0] > BUSY * (psutil.cpu_count() or 1)


@dataclass(frozen=True)
class Whole:
    """What several trainings cost: ``each`` run's seconds, of which the machine does ``at_once`` at a time."""

    each: tuple[float, ...]
    at_once: int

    @property
    def runs(self) -> int:
        """How many."""
        return len(self.each)

    @property
    def work(self) -> float:
        """Seconds in all."""
        return sum(self.each)

    @property
    def seconds(self) -> float:
        """Until the last one is done, where nothing else waits: each begins where a slot is free first."""
        slots = [0.0] * min(self.at_once, self.runs)
        for run in self.each:
            heapq.heapreplace(slots, slots[0] + run)
        return max(slots)


def whole(store: RunStore, specs: Sequence[TrainingSpec]) -> Whole:
    """What these trainings will cost by this machine's pace, one after another in the slots of where they go."""
    each: dict[TrainingSpec, float] = {}
    for spec in specs:
        alike = dataclasses.replace(spec, seed=0, name="")  # which change no cost
        if alike not in each:
            each[alike] = estimate(store, spec).total
    costs = tuple(each[dataclasses.replace(spec, seed=0, name="")] for spec in specs)
    executors = store.scheduler.executors
    executor = executors.named(store.executor) if store.executor else executors.usual
    return Whole(costs, max(1, len(executor.slots(specs[0].device))))


@functools.lru_cache(maxsize=4)
def slowness(moment: int | None = None) -> float:
    """Measured over modelled seconds of one training step of a perceptron, on one thread; measured once a process, and
    where other work slows it once for each ``moment``.

    Takes a quarter of a second. The median step is what counts: other work on the machine comes in bursts.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        network, generator = MLP(2, 2, WIDTHS), torch.Generator().manual_seed(0)
        x = torch.rand(BATCH, 2, generator=generator)
        loss, adam = Regression(network, x, x, BATCH), Adam([(list(network.parameters()), (0.9, 0.999))])
        seconds: list[float] = []
        began = time.perf_counter()
        while time.perf_counter() - began < MEASURE_SECONDS or len(seconds) < 5:
            start = time.perf_counter()
            loss.take(adam, generator)
            seconds.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return sorted(seconds)[len(seconds) // 2] / modelled()


def modelled() -> float:
    """Seconds of the same step by the rough model: the difference between two trainings of M_xi by that many steps."""
    few, many = (TrainingSpec(m=MapConfig(hidden=WIDTHS, batch=BATCH, steps=steps)) for steps in (STEPS, 2 * STEPS))
    return (cost.guess(many)["m"] - cost.guess(few)["m"]) / STEPS
