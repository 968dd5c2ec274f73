"""The queue: which run goes next, who has died, who must be made to stop. One tick at a time, under a lock.

Ticks come from three sides: a light thread in a server (runs/watch.py), what is done to a run (RunStore), and each
worker as it ends (``python -m npf_engine.runs.watch HOME PID``), so that the queue goes on without a page, and
without an app. Reading the table moves nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import ClassVar

from npf_engine.errors import InputError
from npf_engine.runs import safekeeping
from npf_engine.runs.executors import Executor, Executors, NotNow, Worker
from npf_engine.runs.launching import Launching
from npf_engine.runs.schema import Row, Table
from npf_engine.runs.states import FINAL, TOLD_TO_END
from npf_engine.settings import reading
from npf_engine.tasks import layout, steady
from npf_engine.tasks.processes import FileLock, Identity

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


class Scheduler(Launching):
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
            self.launch()
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
        elif isinstance(state, str) and state in FINAL and not self._more_to_come(run.folder, state, worker):
            self._close(row, state, reading.maybe_text(status, "error"))
        elif worker is not None:
            if row.cancel is not None:
                self._escalate(row, worker)
            elif worker.waits is not None:  # it waits again, in a queue that is not ours
                self._set(row, state="queued")
            elif state == "paused" and (run.folder / layout.CONTROL).exists():
                self._set(row, state="paused")
            elif state in ("running", "paused"):
                self._set(row, state="running")
        elif layout.read_json(run.folder / layout.REPORT) is not None:
            self._close(row, "done", None)  # the report is the last thing a training writes
        elif row.cancel is not None:
            self._close(row, "cancelled", None)
        elif "paused" in (state, run.state) and (run.folder / layout.CONTROL).exists():
            # Its memory is gone, the wish that it rests is not: a resume starts it anew from its checkpoint.
            if run.state != "paused" or row.slot is not None:
                self.table.update(run.id, state="paused", pid=None, pid_start=None, slot=None)
        elif row.worker is not None or run.state == "running":  # a run paused while it waited has no worker to lose
            self._lose(row, reading.maybe_text(status, "error") if state == "interrupted" else None)

    @staticmethod
    def _more_to_come(folder: Path, state: str, worker: Worker | None) -> bool:
        """Whether a cluster's worker was made to end, of which its executor says what that means, or has left a report
        that is not seen yet."""
        if state == "interrupted":
            return worker is None or worker.process is None
        return state == "done" and worker is not None and not worker.process and not (folder / layout.REPORT).exists()

    def _lose(self, row: Row, said: str | None) -> None:
        """The worker is gone unasked; ``said``: its last word."""
        loss = self.executors.loss(row.run.folder)
        if loss.again:
            self.requeue(row, told=loss.sentence or None, queued=row.queued or row.run.created)
        elif loss.sentence or said is None:
            self._close(row, "interrupted", f"{loss.sentence or self._cause(row.run.folder)}; {RESUME_HINT}")
        else:
            self._close(row, "interrupted", said)

    def _set(self, row: Row, state: str) -> None:
        if row.run.state != state:
            self.table.update(row.run.id, state=state)

    def _escalate(self, row: Row, worker: Worker) -> None:
        """The flag was not heard in time: TERM, then KILL of the group."""
        now = steady.seconds()  # not the wall clock, which may leap
        waited = now - self._asked.setdefault((row.run.id, row.cancel or 0.0), now)
        with contextlib.suppress(NotNow):  # it is asked again at the next tick
            if waited > patience():
                self.executors.cancel(row.run.folder, worker, now=waited > patience() + KILL_AFTER)

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
        worker = self.executors.find(row.run.folder, row.worker)
        if worker is None or worker.process is None:
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
