"""RunStore: everything that a page or a script may ask of runs, or do to them."""

from __future__ import annotations

import copy
import hashlib
import math
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from npf_engine import resources
from npf_engine.errors import InputError
from npf_engine.runs import access, reading, rebuilding, uploads
from npf_engine.runs.access import Viewer
from npf_engine.runs.executors import Executors, Worker, jobs
from npf_engine.runs.executors.registry import offered
from npf_engine.runs.imported import Importer
from npf_engine.runs.quotas import Quotas, used
from npf_engine.runs.scheduler import Scheduler
from npf_engine.runs.schema import ACTIVE, Row, Run, Table
from npf_engine.runs.states import STATES
from npf_engine.runs.submitting import Submitting
from npf_engine.runs.watch import keep_watch
from npf_engine.settings import limits
from npf_engine.studies import kinds
from npf_engine.tasks import layout

__all__ = ["Run", "RunStore"]

Runs = list[Run]  # inside the class, ``list`` is its method

LOOK_SECONDS = 0.5  # accesses closer together than this share one look at the gallery
GALLERY = resources.gallery()
_opening = threading.Lock()  # two visitors of one server may ask for a model at once


@dataclass
class _Look:
    """The last look at the gallery: when, and what stood in the way of listing it."""

    at: float = -math.inf
    trouble: str | None = None


class RunStore(Submitting):
    """The runs of one home folder: folders below ``runs/`` and a table beside it.

    Objects are cheap and hold nothing that matters: several may look at one home, in several processes. Asking starts
    and moves nothing: that is the queue's (runs/scheduler.py), which ``watch`` keeps awake in this process.
    One is of the one user of a home where nobody signs in; for anybody else it is asked through ``seen_by``.
    Methods that name a run raise InputError when there is none of that id, or none that the viewer may read.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        *,
        command: Sequence[str] | None = None,
        gallery: Path | None = GALLERY,
    ) -> None:
        """``home`` (default NPF_HOME or ~/.npf); ``command`` starts a worker (see Executor); ``gallery`` is a
        folder of bundles listed as read-only runs.
        """
        self.home = layout.home() if home is None else Path(home).resolve()
        self.folder = self.home / layout.RUNS
        with layout.writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self.table = Table(self.home / layout.TABLE, self.folder)
        self.scheduler = Scheduler(self.home, self.table, Executors(self.home, command))
        self.importer = Importer(self.folder, self.table, gallery)
        self._command = None if command is None else tuple(command)
        self._gallery = _Look()

    def watch(self) -> RunStore:
        """Keep the queue of this home moving for as long as this process lives, by a light thread. Returns self."""
        keep_watch(self.home, self._command)
        return self

    def seen_by(self, viewer: Viewer) -> RunStore:
        """The same runs as ``viewer`` may see and change them (runs/access.py)."""
        seen = copy.copy(self)
        seen.viewer = viewer
        return seen

    def given_to(self, executor: str) -> RunStore:
        """The same, with what is submitted done by this executor; an empty name is the usual one. Raises InputError for
        one that NPF_EXECUTOR does not offer."""
        there = offered()
        if executor and executor not in there:
            raise InputError(f"runs cannot be given to {limits.shown(executor)} here, only to {', '.join(there)}")
        given = copy.copy(self)
        given.executor = executor
        return given

    # asking

    def trouble(self) -> str | None:
        """Why runs can only be looked at now, in a sentence: no room, no right to write, a table that is held. None
        where all is well."""
        self._list_gallery()
        if layout.is_full(self.table.path):
            return f"the disk that holds {self.home} is full: trainings wait and go on by themselves; free some space"
        try:
            self.table.rows("running")  # it is known by asking
        except InputError as error:
            return str(error)
        return self.table.stale or self._gallery.trouble or self.scheduler.hindrance()

    def notice(self) -> str | None:
        """What was done to the table of runs since somebody last looked; ``dismiss`` when it was read."""
        return rebuilding.notice(self.table.path)

    def dismiss(self) -> None:
        """The notice was read."""
        rebuilding.dismiss(self.table.path)

    def list(self, kind: str | None = None) -> Runs:
        """All runs, or those of one kind (``train``, ...), newest first; the gallery last."""
        self._list_gallery()
        runs = [row.run for row in self._rows() if kind is None or row.run.kind == kind]
        return sorted(runs, key=lambda run: run.source == "gallery")

    def get(self, run_id: str) -> Run:
        """One run."""
        self._list_gallery()
        return self._row(run_id).run

    def find(self, run_id: str) -> Run | None:
        """One run, or None where there is none of that id for the viewer."""
        self._list_gallery()
        row = self.table.find(run_id)
        return row.run if row is not None and access.may_read(self.viewer, row.run) else None

    def active(self) -> Runs:
        """The viewer's runs that wait, work or rest, of every kind, newest first; and those that are everybody's."""
        return [row.run for row in self._rows(*ACTIVE)]

    def status(self, run_id: str) -> reading.Status:
        """The newest state of a run; complete even where the worker has not written, or wrote rubbish."""
        row = self._row(run_id)
        kind = kinds.find(row.run.kind)
        stages = () if kind is None else kind.stages
        told = reading.status(row.run.folder, row.run.created, stages)
        if row.run.state == "running" and not told["waiting"] and layout.is_full(row.run.folder):
            # The worker has no room to say so itself.
            told["waiting"] = f"the disk that holds {self.home} is full; the run waits for room"
        if row.run.state == "queued":
            told["waiting"] = (jobs.read(row.run.folder) or jobs.Job("")).waits or self._held(row)
        cancelling, pausing = row.cancel is not None, self._pausing(row)
        return {
            **told,
            "state": row.run.state,
            "error": row.run.error,
            "ahead": self._ahead(row),
            "stopping": cancelling or pausing,
            "pausing": pausing and not cancelling,
        }

    def log(self, run_id: str) -> str:
        """The end of the log, at most 200 kB, from where the run is worked on."""
        return self.scheduler.executors.log(self._row(run_id).run.folder)

    # doing

    def pause(self, run_id: str) -> Run:
        """Let a run rest: its process waits, keeps its memory and gives up its slot. One in the queue just waits."""
        with self.scheduler.lock().held():
            row = self._own(run_id, "paused")
            self._must_be(row, "paused", "queued", "running")
            worker = self.scheduler.executors.find(row.run.folder, row.worker)
            waited = row.run.state == "queued" and self._withdraw(row, worker)  # as in ``cancel``
            if worker is not None:
                self._wish(row, "pause")
            if row.run.state == "queued":
                self.table.update(run_id, state="paused", **({"slot": None} if waited else {}))
        return self.get(run_id)

    def resume(self, run_id: str) -> Run:
        """Put a paused, interrupted, cancelled or failed run back in the queue; it goes on from its last checkpoint."""
        with self.scheduler.lock().held():
            row = self._own(run_id, "resumed")
            if row.run.state == "running" and self._pausing(row):
                (row.run.folder / layout.CONTROL).unlink(missing_ok=True)  # the pause was not yet heard
                return row.run
            self._must_be(row, "resumed", "paused", "interrupted", "cancelled", "failed")
            if row.run.source != "trained":
                raise InputError(f"run {row.run.name!r} was not trained here; retry it to train it anew")
            with self._admitted(int(not row.run.active)):
                self._give(row)
                self.scheduler.requeue(row, queued=self.scheduler.last_place(), crashes=0, told=None)
            self.scheduler.advance()
        return self._row(run_id).run

    def cancel(self, run_id: str) -> Run:
        """Stop a run: it saves a checkpoint and ends; one that does not is ended after a while."""
        with self.scheduler.lock().held():
            row = self._own(run_id, "cancelled")
            self._must_be(row, "cancelled", "queued", "running", "paused")
            worker = self.scheduler.executors.find(row.run.folder, row.worker)
            waited = self._withdraw(row, worker)  # first: after a cluster's refusal the run is as it was, unwished
            if worker is not None:
                self._wish(row, "cancel")
            if worker is None or waited:
                self.table.update(run_id, state="cancelled", finished=time.time(), cancel=None)
            else:
                state = "running" if row.run.state == "queued" else row.run.state
                self.table.update(run_id, state=state, cancel=row.cancel or time.time())
        return self.get(run_id)

    def delete(self, run_id: str) -> None:
        """Forget a run and remove its folder, ending its worker first, and the uploaded files that no other run names.

        Asks nothing; a gallery run stays.
        """
        with self.scheduler.lock().held():
            row = self._own(run_id, "deleted")
            worker = self.scheduler.executors.find(row.run.folder, row.worker)
            if worker is not None:
                self.scheduler.executors.end(row.run.folder, worker)
            trash = self.home / f".deleted-{run_id}-{secrets.token_hex(3)}"
            if row.run.folder.exists():
                with layout.writing(row.run.folder):
                    row.run.folder.rename(trash)
            shutil.rmtree(trash, ignore_errors=True)  # first: the table may need the room
            self.table.remove(run_id)
            uploads.forget(self.home, row.run, [other.run for other in self.table.rows()])
            self.scheduler.advance()

    def import_bundle(self, path: Path | str) -> Run:
        """Take a bundle in as a finished run; the file is copied. Raises InputError where it is not sound."""
        with self._room(2 * used([Path(path)])):
            run_id = self.importer.take(Path(path), source="imported", owner=self.viewer.id)
        self._noted("imported", run_id)
        return self._row(run_id).run

    def open_model(self, run_id: str) -> Run:
        """The factorization that a run of another kind left, as a finished run of its own: taken in the first time and
        found again later, by what is in the file. Raises InputError where there is none."""
        path = self.left_model(run_id)
        if path is None:
            raise InputError(f"run {self._row(run_id).run.name!r} left no model")
        content, me = hashlib.sha256(path.read_bytes()).hexdigest(), self.viewer.id  # two people each have their own
        with _opening:
            found = (row.run.id for row in self.table.rows() if (row.origin, row.run.owner) == (content, me))
            own = next(found, None)
            if own is None:
                with self._room(2 * used([path])):
                    own = self.importer.take(path, source="imported", origin=content, owner=me)
                self._noted("imported", own)
        return self._row(own).run

    # inside

    def _list_gallery(self) -> None:
        look = self._gallery
        if time.monotonic() - look.at > LOOK_SECONDS:
            try:
                self.importer.register_gallery(self.scheduler.lock())
                look.trouble = None
            except InputError as error:  # what is there can be looked at all the same
                look.trouble = str(error)
            look.at = time.monotonic()

    @staticmethod
    def _must_be(row: Row, verb: str, *states: str) -> None:
        # A state that this version does not know must not hold a run fast.
        known = row.run.state in STATES or verb not in ("resumed", "cancelled")
        if known and row.run.state not in states:
            raise InputError(f"run {row.run.name!r} is {row.run.state} and cannot be {verb}")

    def _withdraw(self, row: Row, worker: Worker | None) -> bool:
        """Take back a job that has not begun; whether it was one."""
        if worker is None or worker.waits is None:
            return False
        self.scheduler.executors.cancel(row.run.folder, worker, now=True)
        return True

    @staticmethod
    def _wish(row: Row, word: str) -> None:
        layout.write_atomic(row.run.folder / layout.CONTROL, word.encode())

    @staticmethod
    def _pausing(row: Row) -> bool:
        return row.run.state == "running" and (row.run.folder / layout.CONTROL).exists()

    def _ahead(self, row: Row) -> int:
        if row.run.state != "queued":
            return 0
        order = [other.run.id for other, _ in self.scheduler.in_turn()]
        return order.index(row.run.id) if row.run.id in order else 0

    def _held(self, row: Row) -> str | None:
        rounds = {other.run.id: rounds for other, rounds in self.scheduler.in_turn()}
        return (row.run.owner and Quotas.from_environment().waits(rounds.get(row.run.id, 0))) or None
