"""The list of runs, and what people say of them: names, tags, notes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from npf_engine.errors import InputError
from npf_engine.runs import access, marks, summaries
from npf_engine.runs.opening import Opening
from npf_engine.runs.row import LINK, VISIBILITIES
from npf_engine.runs.schema import Row, Run
from npf_engine.runs.summaries import Summary
from npf_engine.settings import limits

Summaries = list[Summary]
ID_DIGITS = 16  # random ones at the end of a run's id: who does not have it cannot guess it


class Catalogue(Opening):
    """The runs of a table, listed and described. Methods raise InputError where there is no run of that id."""

    def summaries(self) -> Summaries:
        """All runs of all kinds in a few words and numbers, newest first, the gallery last; quick with ten thousand."""
        self._list_gallery()
        found = [run for run in summaries.listed(self.table) if access.may_list(self.viewer, run)]
        return sorted(found, key=lambda run: run.source == "gallery")

    def everyone(self) -> Summaries:
        """The runs of all people, newest first, for an administrator. Raises InputError for anybody else."""
        if not self.viewer.admin:
            raise InputError("the runs of all are shown to administrators alone; ask one of them")
        return [run for run in summaries.listed(self.table) if run.source != access.GALLERY]

    def rename(self, run_id: str, name: str) -> Run:
        """Give a run another name; one that another run has gets a number."""
        row = self._own(run_id, "renamed")
        name = name.strip()
        if not name:
            raise InputError("a run's name must not be empty")
        limits.check_text("a run's name", name, limits.MAX_NAME)
        own = self.table.rename(row.run.id, name)
        self._note(row.run, name=own)
        return self._row(run_id).run

    def describe(self, run_id: str, tags: Iterable[str] | None = None, notes: str | None = None) -> Run:
        """Give a run these tags, these notes; None leaves them as they are."""
        row = self._own(run_id, "described")
        given: dict[str, object] = {} if tags is None else {"tags": marks.checked_tags(tags)}
        given |= {} if notes is None else {"notes": marks.checked_notes(notes)}
        if given:
            self.table.update(run_id, **given)
            self._note(row.run, **given)
        return self._row(run_id).run

    def _note(self, run: Run, **known: object) -> None:
        with contextlib.suppress(InputError):  # for a table that has to be made again
            marks.write(
                run.folder,
                **{"name": run.name, "source": run.source, "created": run.created, "owner": run.owner} | known,
            )

    def _own(self, run_id: str, verb: str) -> Row:
        row = self._row(run_id)
        if row.run.source == access.GALLERY:
            raise InputError(f"{row.run.name!r} belongs to the gallery and cannot be {verb}")
        if not access.may_change(self.viewer, row.run):
            self._noted(f"was refused: {verb}", run_id)
            raise InputError(
                f"{row.run.name!r} is somebody else's and cannot be {verb}; repeat it as a run of your own"
            )
        self._noted(verb, run_id)
        return row

    def may_change(self, run: Run) -> bool:
        """Whether the viewer may stop, rename, share and delete the run."""
        return access.may_change(self.viewer, run)

    def share(self, run_id: str, visibility: str) -> Run:
        """Say who else may look at a run, one of VISIBILITIES. Raises InputError."""
        row = self._own(run_id, "shared")
        if visibility not in VISIBILITIES:
            raise InputError(f"a run is one of {', '.join(VISIBILITIES)}, not {limits.shown(visibility)}")
        if visibility == LINK and len(run_id.rpartition("-")[2]) < ID_DIGITS:
            raise InputError(
                f"the address of {row.run.name!r} is short enough to be guessed, so that it cannot be shared by it; "
                "make it public, or repeat it"
            )
        self.table.update(run_id, visibility=visibility)
        self._note(row.run, visibility=visibility)
        return self._row(run_id).run

    def _list_gallery(self) -> None:
        """Whoever has a gallery looks here for what is new in it."""
