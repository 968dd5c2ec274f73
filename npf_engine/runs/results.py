"""What a run leaves behind, and what it tells while it works: read from its folder, whatever its kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.bundle import archive
from npf_engine.bundle.cleaning import clean_record
from npf_engine.errors import InputError
from npf_engine.runs import access, audit, reading
from npf_engine.runs.access import ALONE, Viewer
from npf_engine.runs.schema import Row, Run, Table
from npf_engine.studies import kinds
from npf_engine.studies.kind import Result, ResultT
from npf_engine.tasks import layout

if TYPE_CHECKING:
    from npf_engine.fields.field import Field
    from npf_engine.polar import PolarFactorization

Events = list[dict[str, object]]
Runs = list[Run]
Rows = list[Row]


class Results:
    """The folders of the runs in a table, as far as ``viewer`` may look at them. Methods raise InputError where there
    is no run of that id for him."""

    home: Path
    table: Table
    viewer: Viewer = ALONE

    def events(self, run_id: str, after: int = 0) -> Events:
        """The events behind line ``after``, each with its line number ``i``; lines that are no JSON are left out."""
        return reading.events(self._row(run_id).run.folder, after)

    def history(self, run_id: str) -> dict[str, dict[str, np.ndarray]]:
        """Curves for plots: stage -> {"step", "t" (unix s), "worked" (s), and every scalar}, (k,) float32 arrays,
        NaN where not told.

        Steps that were done again after a break appear once.
        """
        return reading.history(self._row(run_id).run.folder)

    @staticmethod
    def curve(run: Run, scalar: str) -> reading.Curves:
        """Stage -> (step, value) of one scalar of a run, thinned out; quick, for many runs over one another."""
        return reading.kept_curve(run.folder, scalar)

    def several(self, run_ids: Sequence[str]) -> Runs:
        """These runs, in this order; those that are not there are left out."""
        found = {row.run.id: row.run for row in self.table.several(run_ids) if access.may_read(self.viewer, row.run)}
        return [found[run_id] for run_id in run_ids if run_id in found]

    def snapshot(self, run_id: str) -> dict[str, np.ndarray] | None:
        """The newest live picture: its arrays, and ``name``, which says what it shows; None where there is none."""
        return reading.snapshot(self._row(run_id).run.folder)

    def log(self, run_id: str) -> str:
        """The end of the log, at most 200 kB."""
        return reading.log(self._row(run_id).run.folder)

    def report(self, run_id: str) -> dict[str, object] | None:
        """What ``train --json``, or the command of another kind, would print; None until the run is done."""
        return clean_record(layout.read_json(self._row(run_id).run.folder / layout.REPORT))

    def outcome(self, run_id: str) -> Result | None:
        """The same as its kind's own type; None until the run is done, and where the report is not one of its kind."""
        run, report = self._row(run_id).run, self.report(run_id)
        try:
            return None if report is None else kinds.get(run.kind).result_of(report)
        except (KeyError, TypeError, ValueError):
            return None

    def answer(self, run_id: str, of: type[ResultT]) -> ResultT:
        """The same where it must be there and an ``of``. Raises InputError where it is not."""
        made = self.outcome(run_id)
        if not isinstance(made, of):
            run = self._row(run_id).run
            raise InputError(f"run {run.name!r} has no report that can be read: it is {run.state}; repeat it")
        return made

    def result(self, run_id: str, name: str) -> Path:
        """The result file ``name`` of a run. Raises InputError where there is none (yet)."""
        run = self._row(run_id).run
        found = archive.result_files(run.folder, kinds.get(run.kind).files)
        if name not in found:
            raise InputError(f"run {run.name!r} has no {name}: it is {run.state}")
        return found[name]

    def so_far(self, run_id: str, name: str) -> dict[str, object] | None:
        """The object in the run's JSON file ``name`` as it is now; None where there is none yet."""
        return layout.read_json(self._row(run_id).run.folder / name)

    def field(self, run_id: str) -> Field:
        """The field that a run was trained on. Raises InputError where it was not kept, as for an imported bundle."""
        from npf_engine.fields.storage import load_field

        return load_field(self._row(run_id).run.folder / layout.FIELD)

    def archive(self, run_id: str) -> bytes:
        """What a run leaves, to download: a training's bundle; else settings, report and result files, zipped.

        Raises InputError where there is nothing (yet).
        """
        run = self._row(run_id).run
        kind = kinds.get(run.kind)
        self._noted("downloaded", run_id)
        if kind.bundled:
            return self.bundle(run_id).read_bytes()
        patterns = kind.files
        if run.state != "done" and (run.active or not archive.result_files(run.folder, patterns)):
            raise InputError(f"run {run.name!r} has no results yet: it is {run.state}")
        return archive.archive(run.folder, patterns)

    def bundle(self, run_id: str) -> Path:
        """The zip of a finished training. Raises InputError where there is none yet."""
        run = self._row(run_id).run
        found = sorted(run.folder.glob("npf-*.zip"))
        if run.state != "done":
            raise InputError(f"run {run.name!r} has no bundle: it is {run.state}")
        if not found:
            raise InputError(
                f"run {run.name!r} is done, but its bundle is missing from {run.folder.name}; train it again with the "
                "same settings, or delete it on the Models page"
            )
        return found[0]

    def left_model(self, run_id: str) -> Path | None:
        """The bundle of a factorization that a run of another kind left beside its results; None without one."""
        run = self._row(run_id).run
        if run.state != "done" or kinds.get(run.kind).bundled:
            return None
        return next(iter(sorted(run.folder.glob("npf-*.zip"))), None)

    def model(self, run_id: str) -> PolarFactorization:
        """The trained factorization, freshly loaded: keep it, loading takes a moment."""
        from npf_engine.polar import PolarFactorization

        return PolarFactorization.load(self.bundle(run_id))

    def _row(self, run_id: str) -> Row:
        """The row of a run that the viewer may read; of any other he hears no more than of one that is not there."""
        row = self.table.find(run_id)
        if row is None or not access.may_read(self.viewer, row.run):
            if row is not None:
                self._noted("was refused to look at", run_id)
            raise InputError(f"there is no run {run_id!r}; it may have been deleted")
        return row

    def _noted(self, what: str, run_id: str) -> None:
        """Note in the audit log what the viewer did."""
        audit.note(self.home, self.viewer, what, run_id)

    def _rows(self, *states: str) -> Rows:
        """The rows of the viewer's lists, in these states (all, without any), newest first."""
        return [row for row in self.table.rows(*states) if access.may_list(self.viewer, row.run)]
