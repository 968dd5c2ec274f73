"""The part of the queue that gives waiting runs to executors."""

from __future__ import annotations

import time
from collections.abc import Sequence

from npf_engine.errors import DiskFull, InputError
from npf_engine.runs.executors import Executors, NotNow, Worker, jobs
from npf_engine.runs.fairness import asked, in_turn
from npf_engine.runs.quotas import Quotas
from npf_engine.runs.schema import Row, Table
from npf_engine.runs.states import FINAL
from npf_engine.tasks import layout

JOIN = "+"  # between the slots of one run, in its row


def taken(slot: str | None) -> list[str]:
    """The slots of a row: several where its run is divided over devices."""
    return slot.split(JOIN) if slot else []


def devices_of(row: Row) -> int:
    """Over how many devices a run asks to be divided."""
    asked = row.run.spec_json.get("devices")
    return asked if isinstance(asked, int) and asked > 1 else 1


class Launching:
    """Starts what waits, where a slot is free. The caller holds the queue's lock."""

    table: Table
    executors: Executors

    def launch(self) -> None:
        """Look at the jobs that wait in a cluster, then start what may start, in the order of the queue."""
        waiting = self.table.rows("queued")
        if not waiting:
            return
        handed = {row.run.id for row in waiting if self._handed_over(row)}
        at_work = [*self.table.rows("running"), *(row for row in waiting if row.run.id in handed)]
        quotas = Quotas.from_environment()
        busy = {slot for row in at_work for slot in taken(row.slot)}
        shut: set[str] = set()  # executors that take nothing now
        for row, rounds in self.in_turn(waiting):
            folder = row.run.folder
            name = self.executors.name(folder)
            if row.run.id in handed:
                self._await(row)
            elif name not in shut and not (row.run.owner and quotas.waits(rounds)):
                try:
                    self._give(row, busy)
                except NotNow as error:
                    shut.add(name)
                    jobs.waits(folder, name, str(error))

    def in_turn(self, waiting: Sequence[Row] | None = None) -> list[tuple[Row, int]]:
        """What waits (by default all of it) in the order of the queue, see ``fairness.in_turn``."""
        rows = self.table.rows("queued") if waiting is None else waiting
        handed = [row for row in rows if self._handed_over(row)]
        rest = [row for row in rows if row not in handed]
        at_work = [*self.table.rows("running"), *handed]
        return [*((row, 0) for row in sorted(handed, key=asked)), *in_turn(rest, at_work, self.table.served())]

    def _give(self, row: Row, busy: set[str]) -> None:
        """Start a run where there are slots for it that are not ``busy``."""
        own = self._slots(row)
        if not own:
            return
        free = [slot for slot in own if slot not in busy]
        count = min(len(own), self.executors.of(row.run.folder).width(row.run.device, devices_of(row)))
        if len(free) < count:
            busy.update(free)  # what came free waits for the others: smaller runs behind it would take it for ever
        elif self._start(row, JOIN.join(free[:count])):
            busy.update(free[:count])

    def _handed_over(self, row: Row) -> bool:
        """Whether a waiting run has a job, which waits in a queue that is not ours."""
        return row.slot is not None and row.worker is None and self.executors.remote(row.run.folder)

    def _await(self, row: Row) -> None:
        folder = row.run.folder
        worker = self.executors.find(folder, None)
        if worker is not None and worker.waits is not None:
            jobs.waits(folder, self.executors.name(folder), worker.waits)
        else:  # it has begun, or is gone already: the next look tells
            jobs.waits(folder, self.executors.name(folder), "")
            self.table.update(row.run.id, state="running", started=row.run.started or time.time())

    def _slots(self, row: Row) -> list[str]:
        """A worker that was paused goes on where its memory is; everybody else may go anywhere."""
        if row.slot is not None and self.executors.find(row.run.folder, row.worker) is not None:
            return taken(row.slot)
        try:
            return self.executors.of(row.run.folder).slots(row.run.device)
        except InputError as error:
            self._fail(row, str(error))
            return []

    def _start(self, row: Row, slot: str) -> bool:
        """Start or wake the worker of a queued run; whether it now takes the slot."""
        run = row.run
        worker = self.executors.find(run.folder, row.worker)
        status = layout.read_json(run.folder / layout.STATUS) or {}
        try:
            if worker is not None and status.get("state") in FINAL:
                return False  # the last attempt is still on its way out
            if worker is None and (run.folder / layout.REPORT).exists():
                # It was started before the table could be told, and is done: the next look closes it.
                self.table.update(run.id, state="running", started=run.started or time.time())
                return False
            (run.folder / layout.CONTROL).unlink(missing_ok=True)
            if worker is None:
                if status:
                    layout.write_json(run.folder / layout.STATUS, status | {"state": "queued", "error": None})
                worker = self.executors.of(run.folder).start(run.folder, slot)
        except (InputError, OSError) as error:
            known = error if isinstance(error, InputError) else layout.disk_error(error, run.folder)
            if isinstance(known, DiskFull | NotNow):
                raise known from None  # it keeps its place, and starts when there is room
            self._fail(row, str(known))
            return False
        self.table.update(run.id, **_columns(row, worker, slot))
        return True

    def _fail(self, row: Row, sentence: str) -> None:
        self.table.update(row.run.id, state="failed", error=sentence, finished=time.time())


def _columns(row: Row, worker: Worker, slot: str) -> dict[str, object]:
    """What the table has of a run that has got a worker, or a job that waits."""
    process = worker.process
    columns: dict[str, object] = {"slot": slot, "error": None}
    columns |= {"pid": process.pid if process else None, "pid_start": process.start if process else None}
    if worker.waits is None:
        columns |= {"state": "running", "started": row.run.started or time.time()}
    return columns
