"""What is asked for becomes a run: a folder with its spec, and a row in the queue."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from npf_engine.errors import DiskFull, InputError
from npf_engine.runs import marks
from npf_engine.runs.catalogue import Catalogue
from npf_engine.runs.executors import jobs
from npf_engine.runs.quotas import Quotas
from npf_engine.runs.scheduler import Scheduler
from npf_engine.runs.schema import Row, Run
from npf_engine.runs.states import ACTIVE
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.studies.sweep import Sweep
from npf_engine.tasks import layout
from npf_engine.tasks.processes import FileLock

Runs = list[Run]
IMPORT_SECONDS = 120.0  # that somebody's import waits for another one of his


class Submitting(Catalogue):
    """The part of the store that takes specs in."""

    folder: Path
    scheduler: Scheduler
    executor: str = ""  # that does what is submitted; empty: the usual one, as it is when the run starts

    def submit(self, spec: Spec, name: str = "") -> Run:
        """Put a run in the queue: a spec of any kind; ``name``: unless the spec has one.

        It starts at once where a slot is free. Raises InputError.
        """
        self._check_files(spec)
        return self._submit(spec, name)

    def submit_sweep(self, sweep: Sweep, name: str = "") -> Runs:
        """Put all runs of a sweep in the queue, one entry of the list under the name of the sweep; all or none.

        ``name``: begins the names of its runs. Raises InputError.
        """
        name = name.strip() or kinds.of(sweep.base).run_name(sweep.base)
        members = sweep.named(name)
        self._check_queue(len(members))
        for member in members:
            self._check_files(member.spec)
        whole = self.table.free_sweep(f"{name}, {sweep.title}"[: limits.MAX_NAME - 8], self.viewer.id)
        made: Runs = []
        try:
            for member in members:
                made.append(self._submit(member.spec, f"{name}, {member.label}"[: limits.MAX_NAME], sweep=whole))
        except BaseException:
            for run in made:
                self.delete(run.id)
            raise
        return made

    def retry(self, run_id: str, changes: dict[str, object] | None = None) -> Run:
        """A new run with the settings of an old one and some changed, e.g. {"u.pair_size": 1000}. Raises InputError."""
        old = self._row(run_id).run
        spec = kinds.get(old.kind).with_values(old.spec, changes or {})
        same_field = getattr(spec, "field", None) == getattr(old.spec, "field", None)
        self._check_files(spec, old.spec)
        return self._submit(spec, field=old.folder / layout.FIELD if same_field else None)

    def delete(self, run_id: str) -> None:
        """Forget a run and remove its folder."""
        raise NotImplementedError

    def _check_queue(self, more: int) -> None:
        waiting = len(self.table.rows(*ACTIVE))
        if waiting + more > limits.MAX_WAITING:
            raise InputError(
                f"{waiting} runs wait or are at work already, and {limits.MAX_WAITING} is the most; wait until some "
                "are done, or cancel some"
            )
        if not self.viewer.alone:
            own = sum(row.run.owner == self.viewer.id for row in self.table.rows(*ACTIVE))
            Quotas.from_environment().check_queue(own, more)
            self.check_disk()

    @contextlib.contextmanager
    def _admitted(self, more: int) -> Iterator[None]:
        """For the block in which ``more`` runs come into the queue: they are counted, and nobody else's come in
        between. Raises InputError where they are too many."""
        with FileLock(self.home / layout.ENTRY_LOCK).held():
            self._check_queue(more)
            yield

    @contextlib.contextmanager
    def _room(self, more: int) -> Iterator[None]:
        """For the block in which ``more`` bytes come in: one at a time of a person whose disk is counted. Raises
        InputError where there is no room."""
        if self.viewer.alone or Quotas.from_environment().disk is None:
            yield
            return
        with FileLock(self.home / f"{layout.ENTRY_LOCK}.{self.viewer.id[:32]}").held(IMPORT_SECONDS):
            self.check_disk(more)
            yield

    def _give(self, row: Row) -> None:
        """Where this store gives its runs to an executor, one that nobody is at goes on there."""
        if self.executor and self.scheduler.executors.find(row.run.folder, row.worker) is None:
            jobs.give(row.run.folder, self.executor)

    def _submit(self, spec: Spec, name: str = "", field: Path | None = None, sweep: str | None = None) -> Run:
        kind = kinds.of(spec)
        kind.with_values(spec, {})  # nothing changes: it is checked
        name = name.strip()
        limits.check_text("a run's name", name, limits.MAX_NAME)
        name = name or kind.run_name(spec)[: limits.MAX_NAME]
        layout.check_room(self.folder)
        run_id = layout.new_id(name)
        folder = self.folder / run_id
        with self._admitted(1):
            try:
                with layout.writing(folder):
                    folder.mkdir(parents=True)
                layout.write_json(folder / layout.SPEC, kinds.spec_to_json(spec), durable=True)
                if self.executor:
                    jobs.write(folder, jobs.Job(self.executor))
                if field is not None and field.exists():
                    with layout.writing(folder):
                        shutil.copyfile(field, folder / layout.FIELD)
                now = time.time()
                marks.write(folder, name=name, source="trained", created=now, sweep=sweep, owner=self.viewer.id)
                text, place = json.dumps(kinds.spec_to_json(spec)), self.scheduler.last_place()
                own = self.table.insert(
                    id=run_id,
                    name=name,
                    state="queued",
                    source="trained",
                    spec=text,
                    created=now,
                    queued=place,
                    sweep=sweep,
                    owner=self.viewer.id,
                )
                if own != name:
                    marks.write(folder, name=own)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        self._noted("submitted", run_id)
        with contextlib.suppress(DiskFull):  # it is in the queue, and starts when there is room
            self.scheduler.tick(wait=5.0)
        return self._row(run_id).run
