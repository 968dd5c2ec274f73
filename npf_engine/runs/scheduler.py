"""The queue: which run goes next, who has died, who must be made to stop. One tick at a time, under a lock.

Ticks come from three sides: a light thread in a server (runs/watch.py), what is done to a run (RunStore), and each
worker as it ends (``python -m npf_engine.runs.watch HOME PID``), so that the queue goes on without a page, and
without an app. Reading the table moves nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import ClassVar

from npf_engine.errors import DiskFull, InputError
from npf_engine.runs import safekeeping
from npf_engine.runs.executors import Executor, Executors, Worker
from npf_engine.runs.schema import Row, Table
from npf_engine.runs.states import FINAL, TOLD_TO_END
from npf_engine.settings import reading
from npf_engine.tasks import layout, steady
from npf_engine.tasks.processes import FileLock, Identity

JOIN = "+"  # between the slots of one run, in its row
KILL_AFTER = 5.0  # seconds from TERM to KILL
GONE = "the worker stopped without a word (killed, out of memory, or the machine went down)"
RESUME_HINT = "resume goes on from the last checkpoint"
TAKEN_UP = "interrupted by a restart, taken up again where its last checkpoint was"
MOST_CRASHES = 2
TOO_OFTEN = (
    "the machine or the server went down twice while this run was at work, so that it is not taken up by itself again; "
    "resume goes on from the last checkpoint"
)

_leaving = threading.Event()  # this process is on its way out, with the machine
log = logging.getLogger(__name__)


def patience() -> float:
    """Seconds from a wish to cancel to TERM (NPF_CANCEL_SECONDS, 15 by default)."""
    return float(os.environ.get("NPF_CANCEL_SECONDS") or 15.0)


def taken(slot: str | None) -> list[str]:
    """The slots of a row: several where its run is divided over devices."""
    return slot.split(JOIN) if slot else []


def devices_of(row: Row) -> int:
    """Over how many devices a run asks to be divided."""
    asked = row.run.spec_json.get("devices")
    return asked if isinstance(asked, int) and asked > 1 else 1


class Scheduler:
    """Moves runs from state to state. Every change of a row happens while ``lock()`` is held."""

    _troubles: ClassVar[dict[Path, str]] = {}  # by home: what the last tick of this process met

    def __init__(self, home: Path, table: Table, executors: Executors) -> None:
        self.home, self.table, self.executors = home, table, executors
        self._asked: dict[tuple[str, float], float] = {}  # when a wish to cancel was first seen
        executors.on_exit(self.tick_safely)

    @property
    def executor(self) -> Executor:
        """The one that runs go to where nothing else is asked for."""
        return self.executors.usual

    def lock(self) -> FileLock:
        """The lock of the queue, between threads and processes."""
        return FileLock(self.home / layout.QUEUE_LOCK)

    def hindrance(self) -> str | None:
        """Why nothing changes hands, in a sentence: what the last tick met, or that the home may not be written to.
        None where all is well."""
        if self._troubles.get(self.home):
            return self._troubles[self.home]
        lock = self.lock()
        try:
            if lock.acquire():
                lock.release()
        except InputError as error:
            return str(error)
        return None

    def tick(self, wait: float = 0.0) -> bool:
        """Bring rows up to date and start what may start; False where somebody else is at it."""
        self.executors.look()
        lock = self.lock()
        if not lock.acquire(wait):
            return False
        try:
            self.advance()
        finally:
            lock.release()
        return True

    def advance(self) -> None:
        """A tick's work; the caller holds the lock."""
        for row in self.table.rows("running", "paused"):
            self._reconcile(row)
        if not _leaving.is_set():
            self._launch()
        safekeeping.back_up(self.table.path)

    # reconciling

    def _reconcile(self, row: Row) -> None:
        run = row.run
        status = layout.read_json(run.folder / layout.STATUS) or {}
        state = status.get("state")
        worker = self.executors.find(run.folder, row.worker)
        if state == "interrupted" and run.state == "paused" and (run.folder / layout.CONTROL).exists():
            if worker is None:
                layout.write_json(run.folder / layout.STATUS, status | {"state": "paused", "error": None})
        elif isinstance(state, str) and state in FINAL:
            self._close(row, state, reading.maybe_text(status, "error"))
        elif worker is not None:
            if row.cancel is not None:
                self._escalate(row, worker)
            elif state == "paused" and (run.folder / layout.CONTROL).exists():
                self._set(row, state="paused")
            elif state in ("running", "paused"):
                self._set(row, state="running")
        elif layout.read_json(run.folder / layout.REPORT) is not None:
            self._close(row, "done", None)  # the report is the last thing a training writes
        elif row.cancel is not None:
            self._close(row, "cancelled", None)
        elif run.state == "paused" and row.worker is not None:
            # Its memory is gone, the wish that it rests is not: a resume starts it anew from its checkpoint.
            self.table.update(run.id, pid=None, pid_start=None, slot=None)
        elif row.worker is not None or run.state == "running":  # a run paused while it waited has no worker to lose
            self._close(row, "interrupted", f"{self._cause(run.folder)}; {RESUME_HINT}")

    def _set(self, row: Row, state: str) -> None:
        if row.run.state != state:
            self.table.update(row.run.id, state=state)

    def _escalate(self, row: Row, worker: Worker) -> None:
        """The flag was not heard in time: TERM, then KILL of the group."""
        now = steady.seconds()  # not the wall clock, which may leap
        waited = now - self._asked.setdefault((row.run.id, row.cancel or 0.0), now)
        if waited > patience() + KILL_AFTER:
            self.executors.cancel(row.run.folder, worker, now=True)
        elif waited > patience():
            self.executors.cancel(row.run.folder, worker)

    def _close(self, row: Row, state: str, error: str | None) -> None:
        report = layout.read_json(row.run.folder / layout.REPORT) if state == "done" else None
        if state == "done" and report is None:
            state, error = "failed", f"the report of the run cannot be read; {RESUME_HINT}"
        columns: dict[str, object] = {"state": state, "error": error, "finished": time.time(), "cancel": None}
        if report is not None:
            columns |= safekeeping.report_columns(report)
        self.table.update(row.run.id, **columns)

    @staticmethod
    def _cause(folder: Path) -> str:
        """Why a worker that said nothing is gone, as far as the folder tells."""
        probe = folder / ".probe"
        try:
            layout.write_atomic(probe, b"0" * 65536)
            probe.unlink()
        except InputError as error:
            return str(error)
        return GONE

    # launching

    def _launch(self) -> None:
        waiting = sorted(self.table.rows("queued"), key=lambda row: row.queued or row.run.created)
        if not waiting:
            return
        busy = {slot for row in self.table.rows("running") for slot in taken(row.slot)}
        for row in waiting:
            try:
                own = self._slots(row)
                free = [slot for slot in own if slot not in busy]
                count = min(len(own), self.executors.of(row.run.folder).width(row.run.device, devices_of(row)))
            except InputError as error:  # its executor is not here
                self.table.update(row.run.id, state="failed", error=str(error), finished=time.time())
                continue
            if len(free) < count:
                busy.update(free)  # what came free waits for the others: smaller runs behind it would take it for ever
            elif free and self._start(row, JOIN.join(free[:count])):
                busy.update(free[:count])

    def _slots(self, row: Row) -> list[str]:
        """A worker that was paused goes on where its memory is; everybody else may go anywhere."""
        if row.slot is not None and self.executors.find(row.run.folder, row.worker) is not None:
            return taken(row.slot)
        return self.executors.of(row.run.folder).slots(row.run.device)

    def _start(self, row: Row, slot: str) -> bool:
        """Start or wake the worker of a queued run; whether it now takes the slot."""
        run = row.run
        worker = self.executors.find(run.folder, row.worker)
        status = layout.read_json(run.folder / layout.STATUS) or {}
        try:
            if worker is not None and status.get("state") in FINAL:
                return False  # the last attempt is still on its way out
            (run.folder / layout.CONTROL).unlink(missing_ok=True)
            if worker is None:
                if status:
                    layout.write_json(run.folder / layout.STATUS, status | {"state": "queued", "error": None})
                worker = self.executors.of(run.folder).start(run.folder, slot)
        except (InputError, OSError) as error:
            known = error if isinstance(error, InputError) else layout.disk_error(error, run.folder)
            if isinstance(known, DiskFull):
                raise known from None  # it keeps its place, and starts when there is room
            sentence = str(known)
            self.table.update(run.id, state="failed", error=sentence, finished=time.time())
            return False
        columns: dict[str, object] = {"slot": slot, "error": None, "pid": None, "pid_start": None}
        if worker.process is not None:
            columns |= {"pid": worker.process.pid, "pid_start": worker.process.start}
        self.table.update(run.id, state="running", started=run.started or time.time(), **columns)
        return True

    # a start of the server, and its end

    def take_up(self) -> list[str]:
        """Put what a restart has interrupted back in the queue, each at its old place; the ids. Ends with a tick.

        A run whose worker was told to end has saved and is taken up each time; one that was at work when everything
        went down without a word may be what brought it down, and is not taken up after the second time.
        """
        taken: list[str] = []
        with self.lock().held():
            lost = {row.run.id for row in self.table.rows("running")}
            for row in self.table.rows("running", "paused"):
                self._reconcile(row)
            for row in self.table.rows("interrupted"):
                told_to_end = row.run.error == TOLD_TO_END
                if row.run.source != "trained" or not (told_to_end or row.run.id in lost):
                    continue
                crashes = row.crashes + (not told_to_end)
                if crashes >= MOST_CRASHES:
                    self.table.update(row.run.id, crashes=crashes, error=TOO_OFTEN)
                    continue
                self.requeue(row, crashes=crashes, told=TAKEN_UP, queued=row.queued or row.run.created)
                taken.append(row.run.id)
            self.advance()
        return taken

    def requeue(self, row: Row, **columns: object) -> None:
        """Put a run that is over, or rests, back in the queue; the caller holds the lock."""
        columns |= {"state": "queued", "cancel": None, "error": None, "finished": None}
        if self.executors.find(row.run.folder, row.worker) is None:
            columns |= {"pid": None, "pid_start": None, "slot": None}
        self.table.update(row.run.id, **columns)

    def last_place(self) -> float:
        """The time to queue a run by, behind all that wait, whatever the clock says."""
        return max([time.time(), *((row.queued or 0.0) + 1e-3 for row in self.table.rows("queued"))])

    def leave(self, patience: float) -> list[str]:
        """The machine goes down: start nothing more, ask all of its workers to save and end, and wait for them at most
        ``patience`` seconds; the ids of the runs that did not make it. What runs elsewhere goes on."""
        _leaving.set()
        waiting: dict[Path, Identity] = {}
        for row in self.table.rows("running", "paused"):
            worker = self.executors.find(row.run.folder, row.worker)
            if worker is not None and worker.process is not None:
                self.executors.cancel(row.run.folder, worker)
                waiting[row.run.folder] = worker.process
        until = steady.seconds() + patience
        while waiting and steady.seconds() < until:
            time.sleep(0.05)
            # What has said its last word has saved; how long the process takes to go does not matter.
            waiting = {
                folder: worker
                for folder, worker in waiting.items()
                if worker.alive() and (layout.read_json(folder / layout.STATUS) or {}).get("state") not in FINAL
            }
        if self.tick(wait=0.5):
            safekeeping.back_up(self.table.path)
        return [folder.name for folder in waiting]

    def tick_safely(self) -> None:
        """A tick that must not end its thread: the queue would stop without a word."""
        try:
            if self.table.path.exists():
                self.tick(wait=1.0)
            self._troubles.pop(self.home, None)
        except Exception as error:
            if str(error) != self._troubles.get(self.home):  # said once, not every two seconds
                log.exception("the queue's tick failed")
            self._troubles[self.home] = str(error)
