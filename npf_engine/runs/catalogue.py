"""The list of runs, and what people say of them: names, tags, notes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from npf_engine.errors import InputError
from npf_engine.runs import marks, summaries
from npf_engine.runs.results import Results
from npf_engine.runs.schema import Row, Run
from npf_engine.runs.summaries import Summary
from npf_engine.settings import limits

Summaries = list[Summary]


class Catalogue(Results):
    """The runs of a table, listed and described. Methods raise InputError where there is no run of that id."""

    def summaries(self) -> Summaries:
        """All runs of all kinds in a few words and numbers, newest first, the gallery last; quick with ten thousand."""
        self._list_gallery()
        return sorted(summaries.listed(self.table), key=lambda run: run.source == "gallery")

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
            marks.write(run.folder, **{"name": run.name, "source": run.source, "created": run.created} | known)

    def _own(self, run_id: str, verb: str) -> Row:
        row = self._row(run_id)
        if row.run.source == "gallery":
            raise InputError(f"{row.run.name!r} belongs to the gallery and cannot be {verb}")
        return row

    def _list_gallery(self) -> None:
        """Whoever has a gallery looks here for what is new in it."""
