"""The one protocol of where workers run: slots, start, find, cancel, log.

An executor starts the same command on the same run folder wherever it is, and says whether that still lives. What
became of the run is told by the folder and the table alone, never by the executor's own records.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from npf_engine.errors import InputError
from npf_engine.runs import reading
from npf_engine.runs.executors.command import worker_command
from npf_engine.runs.executors.node import Node
from npf_engine.tasks.processes import Identity

PATIENCE = 3.0, 5.0  # seconds that a worker has to end: when it was asked, and when it was made to


class NotNow(InputError):
    """The executor cannot take a run just now: it keeps its place in the queue, and is tried again."""


@dataclass(frozen=True)
class Worker:
    """Who is at a run folder, as its executor knows it.

    process: where it is one of this machine; job: its id, where it is one of a cluster; host: where it works, as far
    as known; waits: why it has not begun, in words, None where it has.
    """

    process: Identity | None = None
    job: str = ""
    host: str = ""
    waits: str | None = None


@dataclass(frozen=True)
class Loss:
    """How an executor tells a worker's end that the run did not wish: ``sentence``, empty where it knows nothing that
    the folder does not; ``again``: the run goes back into the queue by itself."""

    sentence: str = ""
    again: bool = False


class Executor(ABC):
    """Starts, finds and ends workers. Objects are cheap, and several may serve one home, in several processes."""

    name: ClassVar[str]  # as NPF_EXECUTOR says it
    title: ClassVar[str]  # for people
    # Its workers live elsewhere: they outlive the server's machine, may wait in a queue of their own after ``start``,
    # end where they are paused instead of resting in memory, and never touch the table. ``jobs.py`` keeps their ids.
    remote: ClassVar[bool] = False

    def __init__(self, home: Path, command: Sequence[str] | None = None) -> None:
        """``command`` with ``{folder}`` in it starts a worker; the default is ``python -m npf_engine worker``."""
        self.home = home
        self.command = list(command) if command is not None else worker_command()
        self.on_exit: Callable[[], None] | None = None  # called when a worker has ended, where that is noticed

    @abstractmethod
    def slots(self, device: str) -> list[str]:
        """The slots that a run with this setting of ``device`` may take, by names that no other executor uses."""

    def width(self, device: str, devices: int) -> int:
        """How many of its slots a run that is divided over so many devices takes, joined by ``+`` for ``start``.

        One where a slot is no device: what a cluster gives a job is asked of it by ``start``."""
        return 1

    @abstractmethod
    def start(self, folder: Path, slot: str) -> Worker:
        """Start a worker on a run folder, its output going to log.txt. Raises NotNow where it may work later, and
        InputError where it will not."""

    @abstractmethod
    def find(self, folder: Path, known: Identity | None) -> Worker | None:
        """The living worker of a run folder, or None. ``known``: the process of this machine that the table has.

        One of which it cannot be told now whether it lives (the cluster does not answer) counts as living."""

    @abstractmethod
    def cancel(self, worker: Worker, *, now: bool = False) -> None:
        """Ask a worker to save and end; ``now``: end it at once. Returns before it is gone."""

    def log(self, folder: Path) -> str:
        """What the worker printed, at most the last 200 kB."""
        return reading.log(folder)

    def look(self) -> None:  # noqa: B027  # nothing to do where nobody has to be asked
        """Called before a tick of the queue, outside its lock: the time to ask a cluster for all jobs at once."""

    def nodes(self) -> list[Node]:
        """The computers that it has, as far as it tells. Raises InputError where it cannot be asked now."""
        return []

    def loss(self, folder: Path) -> Loss:
        """Why the worker of a folder is gone that was not wished away, as far as the executor knows."""
        return Loss()

    def end(self, folder: Path, worker: Worker) -> None:
        """Ask, wait a moment, then make it end; returns when it is gone, or will not go."""
        for now, seconds in zip((False, True), PATIENCE, strict=True):
            self.cancel(worker, now=now)
            deadline = time.monotonic() + seconds
            while self.find(folder, worker.process) is not None:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            else:
                return
