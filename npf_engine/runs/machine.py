"""What a training runs on: the device, and how many threads serve it best right now."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import torch

from npf_engine.errors import InputError
from npf_engine.networks.mlp import MLP
from npf_engine.transport.adam import Adam
from npf_engine.transport.regression import Regression

MEASURE_SECONDS = 0.3  # for each of the two candidates


def resolve_device(name: str, able: Sequence[str] = ()) -> str:
    """``cpu``, ``cuda`` or ``mps`` for a spec's device; ``auto`` takes the fastest there is, among those that the work
    is ``able`` to run on (all, where none are named).

    Raises InputError for a device that this machine lacks.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, found in there.items() if found and (device in able or not able))
    if not there.get(name, False):
        found = " and ".join(device for device, is_there in there.items() if is_there)
        raise InputError(
            f"device {name!r} is not on this machine, which has {found}; set device=auto to take what is there"
        )
    return name


def check_devices(devices: int, device: str) -> None:
    """InputError, one sentence, where a training cannot be divided over so many devices of this machine."""
    there = {"cuda": torch.cuda.device_count, "mps": lambda: 1, "cpu": _cores}[device]()
    if devices > there:
        what = {"cuda": "CUDA device", "mps": "accelerator (MPS)", "cpu": "processor core"}[device]
        raise InputError(
            f"devices={devices} asks for more than this machine gives this run, which is {there} {what}"
            f"{'s' * (there > 1)}; set devices={there}{' or less' * (there > 1)}"
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_threads() -> int:
    """1 or as many as torch would take, whichever trains a small network faster right now (under a second).

    Small matrices under load run several times slower on two spinning threads than on one, so this is
    measured, once a run; the answer is kept in the run's spec, because it is part of what fixes the numbers.
    """
    most = torch.get_num_threads()
    if most == 1:
        return 1
    speeds = {count: _steps_per_second(count) for count in (1, most)}
    # A tie goes to one thread: it leaves the other cores to the pages.
    return most if speeds[most] > 1.15 * speeds[1] else 1


def _steps_per_second(threads: int) -> float:
    """Training steps a second of a perceptron of the usual size at the usual batch."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        network, generator = MLP(2, 2, (256, 256)), torch.Generator().manual_seed(0)
        x = torch.rand(1024, 2, generator=generator)
        loss, adam = Regression(network, x, x, 1024), Adam([(list(network.parameters()), (0.9, 0.999))])
        for _ in range(3):
            loss.take(adam, generator)
        began = time.perf_counter()
        steps = 0
        while (elapsed := time.perf_counter() - began) < MEASURE_SECONDS:
            loss.take(adam, generator)
            steps += 1
        return steps / elapsed
    finally:
        torch.set_num_threads(before)
