"""Where runs are worked on: executors with their slots and nodes, what is at work and what waits, and what each run has
cost. For the page Machines and for ``npf machines``."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs import access
from npf_engine.runs.executors import jobs
from npf_engine.runs.executors.executor import Executor
from npf_engine.runs.executors.node import Node
from npf_engine.runs.executors.registry import offered
from npf_engine.runs.launching import taken
from npf_engine.runs.row import Row, Run
from npf_engine.runs.store import RunStore
from npf_engine.settings import reading
from npf_engine.tasks import layout, steady

NEWEST = 100  # runs whose cost is told
HOUR = 3600.0
FRESH, FAILED = 10.0, 30.0  # seconds for which what a cluster says of its nodes is good, and that it says nothing
CPU, ANY = "cpu", "auto"  # what a run may ask to run on; all slots are those of the two

_asked: dict[tuple[str, Path], tuple[float, tuple[Node, ...] | InputError]] = {}


@dataclass(frozen=True)
class Cost:
    """Hours of processor cores and of GPUs."""

    core_hours: float = 0.0
    gpu_hours: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.core_hours + other.core_hours, self.gpu_hours + other.gpu_hours)


@dataclass(frozen=True)
class Place:
    """An executor. usual: where runs go of which nothing else was said; slots and those that are taken, by name;
    problem: why it cannot be asked, empty where it can."""

    name: str
    title: str
    usual: bool
    slots: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    nodes: tuple[Node, ...] = ()
    problem: str = ""

    @property
    def free(self) -> int:
        """How many slots are."""
        return len(set(self.slots) - set(self.taken))


@dataclass(frozen=True)
class Working:
    """A run that is at work, rests in memory or is over: where, on what, since when (unix seconds), and its cost.

    run: None where it is somebody's whose runs the viewer may not see. slot: empty where it holds none; left: seconds
    until it is done, where they are known."""

    run: Run | None
    state: str
    executor: str
    slot: str
    host: str
    job: str
    device: str
    seconds: float
    left: float | None
    cost: Cost

    def to_json(self) -> dict[str, object]:
        """As ``npf machines --json`` prints it."""
        own = {key: getattr(self, key) for key in ("state", "executor", "slot", "host", "job", "device", "seconds")}
        since = None if self.run is None else self.run.started
        return {**_named(self.run), **own, "left": self.left, "since": since, **dataclasses.asdict(self.cost)}


@dataclass(frozen=True)
class Waiting:
    """A run in the queue: the executor that is to do it, how many runs are before it, and why it waits, where more is
    known than that no slot is free."""

    run: Run | None
    executor: str
    ahead: int
    why: str = ""

    def to_json(self) -> dict[str, object]:
        """As ``npf machines --json`` prints it."""
        return {**_named(self.run), "executor": self.executor, "ahead": self.ahead, "why": self.why}


@dataclass(frozen=True)
class Machines:
    """All of it. spent: the newest runs that have worked, with their cost; cost: of all of those together."""

    places: tuple[Place, ...]
    working: tuple[Working, ...]
    queue: tuple[Waiting, ...]
    spent: tuple[Working, ...]

    @property
    def cost(self) -> Cost:
        """Of the runs in ``spent``."""
        return sum((item.cost for item in self.spent), Cost())

    def ahead(self, executor: str) -> tuple[int, float | None]:
        """How many runs a new one would wait behind, and seconds until the first slot there is free: 0 where one is,
        None where that is not known."""
        waiting = sum(item.executor == executor for item in self.queue)
        if any(place.name == executor and place.free for place in self.places):
            return waiting, 0.0
        left = [item.left for item in self.working if item.executor == executor and item.left is not None]
        return waiting, min(left, default=None)

    def to_json(self) -> dict[str, object]:
        """What ``npf machines --json`` prints."""
        places = [dataclasses.asdict(place) | {"free": place.free} for place in self.places]
        return {
            "executors": places,
            "at_work": [item.to_json() for item in self.working],
            "queue": [item.to_json() for item in self.queue],
            "runs": [item.to_json() for item in self.spent],
            "cost": dataclasses.asdict(self.cost) | {"runs": len(self.spent)},
        }


def machines(store: RunStore) -> Machines:
    """As the store's viewer may see it: what others do is told without its name."""
    table = store.scheduler.table
    running, queued = table.rows("running", "paused"), table.rows("queued")
    queued = [row for row, _ in store.scheduler.in_turn(queued)]
    working = [_working(store, row) for row in reversed(running)]
    names = dict.fromkeys([*_offered(), *(item.executor for item in working)])
    places = [_place(store, name, working) for name in names]
    queue = [_waiting(store, row, ahead) for ahead, row in enumerate(queued)]
    own = [row for row in table.rows() if row.run.source == "trained" and access.may_list(store.viewer, row.run)]
    spent = [_working(store, row) for row in [row for row in own if row.run.started is not None][:NEWEST]]
    return Machines(tuple(places), tuple(working), tuple(queue), tuple(spent))


def choices(store: RunStore) -> dict[str, str]:
    """Name -> title of the executors that a run may be given to, the usual one first."""
    return {name: store.scheduler.executors.named(name).title for name in _offered()}


def cost_of(folder: Path) -> tuple[str, float, Cost]:
    """Device, seconds of work and cost of the run in a folder, as far as it tells."""
    try:
        changed = (folder / layout.STATUS).stat().st_mtime_ns
    except OSError:
        return "", 0.0, Cost()
    return _cost_of(folder, changed)


@functools.lru_cache(maxsize=4096)
def _cost_of(folder: Path, changed: int) -> tuple[str, float, Cost]:
    spec, status = layout.read_json(folder / layout.SPEC) or {}, layout.read_json(folder / layout.STATUS) or {}
    try:
        seconds = max(0.0, float(reading.maybe_number(status, "worked", 0.0)))
        threads, devices = (max(1, reading.maybe_whole(spec, key, 1)) for key in ("threads", "devices"))
        device = reading.maybe_text(spec, "device", CPU)
    except InputError:
        return "", 0.0, Cost()
    cards = 0 if device == CPU else devices
    cores = threads * (devices if cards == 0 else 1)
    return device, seconds, Cost(cores * seconds / HOUR, cards * seconds / HOUR)


def _offered() -> list[str]:
    try:
        return offered()
    except InputError:  # every page says so
        return ["local"]


def _executor(store: RunStore, folder: Path) -> str:
    job = jobs.read(folder)
    return store.scheduler.executors.usual.name if job is None else job.executor


def _working(store: RunStore, row: Row) -> Working:
    run = row.run
    device, seconds, cost = cost_of(run.folder)
    job = jobs.read(run.folder)
    found = store.scheduler.executors.find(run.folder, row.worker) if run.active else None
    return Working(
        run if access.may_list(store.viewer, run) else None,
        run.state,
        _executor(store, run.folder),
        row.slot or "",
        "" if found is None else found.host,
        "" if job is None else job.job,
        device,
        seconds,
        _left(run.folder) if run.state == "running" else None,
        cost,
    )


def _left(folder: Path) -> float | None:
    try:
        return reading.maybe_number(layout.read_json(folder / layout.STATUS) or {}, "seconds_left")
    except InputError:
        return None


def _waiting(store: RunStore, row: Row, ahead: int) -> Waiting:
    job = jobs.read(row.run.folder)
    run = row.run if access.may_list(store.viewer, row.run) else None
    return Waiting(run, _executor(store, row.run.folder), ahead, "" if job is None else job.waits)


def _place(store: RunStore, name: str, working: Iterable[Working]) -> Place:
    busy = [slot for item in working if item.executor == name and item.state == "running" for slot in taken(item.slot)]
    usual = name == store.scheduler.executors.usual.name
    try:
        executor = store.scheduler.executors.named(name)
    except InputError as error:
        return Place(name, name, usual, taken=tuple(busy), problem=str(error))
    place = Place(name, executor.title, usual, taken=tuple(busy))
    try:
        slots = dict.fromkeys([*executor.slots(ANY), *executor.slots(CPU)])
        place = dataclasses.replace(place, slots=tuple(slots))
        return dataclasses.replace(place, nodes=_nodes(executor))
    except InputError as error:
        return dataclasses.replace(place, problem=str(error))


def _nodes(executor: Executor) -> tuple[Node, ...]:
    """Its nodes as they were a moment ago: a cluster is not asked for every visitor, and one that does not answer is
    not waited for each time."""
    key = (executor.name, executor.home)
    at, found = _asked.get(key, (-math.inf, ()))
    if steady.seconds() - at > (FAILED if isinstance(found, InputError) else FRESH):
        try:
            found = tuple(executor.nodes())
        except InputError as error:
            found = error
        _asked[key] = (steady.seconds(), found)
    if isinstance(found, InputError):
        raise found
    return found


def _named(run: Run | None) -> dict[str, object]:
    if run is None:
        return {"id": None, "name": None, "kind": None}
    return {"id": run.id, "name": run.name, "kind": run.kind}
