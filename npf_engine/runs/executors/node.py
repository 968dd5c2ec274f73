"""A computer that runs may be worked on, as its executor knows it."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass

import psutil


@dataclass(frozen=True)
class Node:
    """state: in the executor's own word; cores, and how many are at work; memory and what is free of it, in bytes;
    gpus: a name each. None where the executor does not tell."""

    name: str
    state: str
    cores: int | None = None
    busy: float | None = None
    memory: int | None = None
    free: int | None = None
    gpus: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """All of it."""
        return asdict(self)


def this_machine(gpus: tuple[str, ...]) -> Node:
    """The one that this process runs on; busy: the load of the last minute, at most all cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory, load = psutil.virtual_memory(), psutil.getloadavg()[0]
    return Node(platform.node() or "here", "up", cores, min(load, float(cores)), memory.total, memory.available, gpus)
