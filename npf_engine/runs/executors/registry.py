"""Which executors there are: every module of this folder, and what extensions register (npf_engine/extensions.py)."""

from __future__ import annotations

import functools
import importlib
import os
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from npf_engine import extensions
from npf_engine.errors import InputError
from npf_engine.runs import reading
from npf_engine.runs.executors import jobs
from npf_engine.runs.executors.executor import Executor, Loss, Worker
from npf_engine.settings import limits
from npf_engine.tasks.processes import Identity

VARIABLE = "NPF_EXECUTOR"  # names with commas between: the first is where runs go, the others may be chosen for a run
E = TypeVar("E", bound=Executor)
_known: dict[str, type[Executor]] = {}


def register(executor: type[E]) -> type[E]:
    """Make a class of executors known, by its name; the last one of a name stands. Usable as a decorator."""
    _known[executor.name] = executor
    return executor


def names() -> list[str]:
    """The names of all that there are."""
    _load_own()
    extensions.load()
    return sorted(_known)


def offered() -> list[str]:
    """Those that NPF_EXECUTOR names, the usual one first; ``local`` where it names none. Raises InputError."""
    asked = [item.strip() for item in (os.environ.get(VARIABLE) or "local").split(",")]
    return [known(name).name for name in dict.fromkeys(filter(None, asked))] or ["local"]


def known(name: str) -> type[Executor]:
    """The class of this name. Raises InputError where there is none."""
    if name not in names():
        why = "; ".join([*extensions.problems(), f"set {VARIABLE} to one of them"])
        raise InputError(f"there is no executor {limits.shown(name)}, only {', '.join(names())}; {why}")
    return _known[name]


@functools.cache
def _load_own() -> None:
    package = __package__ or ""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"{package}.{module.name}")


class Executors:
    """The executors of one home. A run goes to the one that its folder names, or to the usual one."""

    def __init__(self, home: Path, command: Sequence[str] | None = None) -> None:
        """``command`` starts a worker (see Executor). Raises InputError where NPF_EXECUTOR names none."""
        self.home, self._command = home, command
        self._on_exit: Callable[[], None] | None = None
        self._made: dict[str, Executor] = {}
        self.usual = self.named(offered()[0])

    def named(self, name: str) -> Executor:
        """The executor of this name. Raises InputError where there is none."""
        if name not in self._made:
            self._made[name] = known(name)(self.home, self._command)
            self._made[name].on_exit = self._on_exit
        return self._made[name]

    def of(self, folder: Path) -> Executor:
        """The one that does the run of this folder, or is to do it. Raises InputError where that is none of ours."""
        job = jobs.read(folder)
        return self.usual if job is None else self.named(job.executor)

    def name(self, folder: Path) -> str:
        """What the executor of this folder is called, whether there is one of that name or not."""
        job = jobs.read(folder)
        return self.usual.name if job is None else job.executor

    def remote(self, folder: Path) -> bool:
        """Whether the run of this folder is worked on elsewhere."""
        try:
            return self.of(folder).remote
        except InputError:
            return True

    def on_exit(self, call: Callable[[], None]) -> None:
        """Call this when a worker has ended, where that is noticed."""
        self._on_exit = call
        for executor in self._made.values():
            executor.on_exit = call

    def look(self) -> None:
        """Before a tick of the queue, outside its lock."""
        for executor in list(self._made.values()):
            executor.look()

    def find(self, folder: Path, known: Identity | None) -> Worker | None:
        """The living worker of a run folder, wherever it is. One of an executor that is not here counts as living:
        it cannot be asked, and a second one would be at the same folder."""
        try:
            found = self.of(folder).find(folder, known)
        except InputError as error:
            return Worker(waits=str(error))
        job = jobs.read(folder)
        if found is None and (job is None or not job.job):  # begun here, before NPF_EXECUTOR named another
            found = self.named("local").find(folder, known)
        return found

    def log(self, folder: Path) -> str:
        """What the worker printed; what lies in the folder where its executor is not here."""
        try:
            return self.of(folder).log(folder)
        except InputError:
            return reading.log(folder)

    def cancel(self, folder: Path, worker: Worker, *, now: bool = False) -> None:
        """Ask the worker of this folder to save and end; ``now``: end it at once."""
        self._keeper(folder, worker).cancel(worker, now=now)

    def end(self, folder: Path, worker: Worker) -> None:
        """The same, waiting until it is gone."""
        self._keeper(folder, worker).end(folder, worker)

    def loss(self, folder: Path) -> Loss:
        """Why the worker of a folder is gone, as far as its executor knows."""
        return self.of(folder).loss(folder)

    def _keeper(self, folder: Path, worker: Worker) -> Executor:
        return self.of(folder) if worker.process is None else self.named("local")
