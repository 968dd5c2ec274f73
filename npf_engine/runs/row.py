"""One run of the table, and its row: what a row is, decoded from what SQLite holds."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from npf_engine.bundle.cleaning import clean_metrics, clean_seconds, clean_text
from npf_engine.measures.verdict import level_of_row
from npf_engine.runs import cells, safekeeping
from npf_engine.runs.states import ACTIVE
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.tasks.processes import Identity

PRIVATE, LINK, PUBLIC = VISIBILITIES = ("private", "link", "public")
ROWS_KEPT = 4096  # decoded rows that are kept: some 20 kB each


@dataclass(frozen=True)
class Run:
    """One run as the table has it. Times are unix seconds.

    state is one of STATES (another only where a later version wrote it), source one of SOURCES; spec_json is what
    was submitted; verdict, metrics and seconds are there once the run is done, as far as its kind tells them;
    error is one sentence where it failed or was interrupted.
    """

    id: str
    name: str
    state: str
    created: float
    started: float | None
    finished: float | None
    folder: Path
    spec_json: dict[str, object]
    verdict: str | None
    metrics: dict[str, object] | None
    seconds: dict[str, float] | None
    error: str | None
    source: str
    told: str | None = None  # what happened to it and is no error
    tags: tuple[str, ...] = ()
    notes: str = ""
    sweep: str | None = None  # the id of the sweep that it belongs to
    owner: str = ""  # the id of the person whose it is; nobody's where nobody signs in
    visibility: str = PRIVATE  # one of VISIBILITIES: who else may look at it

    @property
    def active(self) -> bool:
        """Whether the run waits for a slot, runs or is paused."""
        return self.state in ACTIVE

    @property
    def kind(self) -> str:
        """The name of its kind, see studies/kinds.py."""
        return kinds.name_in(self.spec_json)

    @property
    def device(self) -> str:
        """What it asks to run on: the setting, where its kind's work can run on an accelerator, else ``cpu``."""
        kind = kinds.find(self.kind)
        return "auto" if kind is None else kind.device_of(self.spec_json)

    @functools.cached_property
    def spec(self) -> Spec:
        """What was submitted, of its kind's class. Raises InputError for a kind that this version does not know.

        Read when somebody asks: a list of runs must not load all that its runs would need.
        """
        return kinds.lenient_spec(self.spec_json)

    def spec_of(self, cls: type[kinds.SpecT]) -> kinds.SpecT:
        """The same where it must be a ``cls``. Raises InputError where it is another kind's."""
        return kinds.spec_of(self.spec_json, cls)


@dataclass(frozen=True)
class Row:
    """A run with what only the scheduler needs: its process, its slot and when it was asked to stop."""

    run: Run
    queued: float | None
    worker: Identity | None
    slot: str | None
    cancel: float | None
    origin: str | None
    crashes: int = 0  # times that it was at work when the machine or the server went down


def visibility(cell: object) -> str:
    """Who may look at a run, as its cell says; what says nothing that is known, says private."""
    found = cells.line(cell)
    return found if found in VISIBILITIES else PRIVATE


@functools.lru_cache(maxsize=ROWS_KEPT)
def decoded(folder: Path, *values: object) -> Row:
    """The row with these columns. A row that has not changed is the same object: a list of a thousand runs, read at
    every rerun of a page, decodes what is new and nothing else. So nobody may change what a Run holds.

    SQLite holds any type in any column: what cannot be shown is left out, for one bad row must not cost the others.
    """
    item = dict(zip(safekeeping.COLUMNS, values, strict=True))
    run_id = str(item["id"])
    verdict, error = item["verdict"], item["error"]
    run = Run(
        id=run_id,
        name=cells.line(item["name"]) or run_id,
        state=cells.line(item["state"]),
        created=cells.unix(item["created"]) or 0.0,
        started=cells.unix(item["started"]),
        finished=cells.unix(item["finished"]),
        folder=folder / (Path(run_id).name or "_"),
        spec_json=cells.record(item["spec"]) or {},
        verdict=None if verdict is None else level_of_row(cells.line(verdict)),
        metrics=clean_metrics(cells.record(item["metrics"])),
        seconds=clean_seconds(cells.record(item["seconds"])),
        error=None if error is None else clean_text(error),
        source=cells.line(item["source"]),
        told=None if item["told"] is None else clean_text(item["told"]),
        tags=cells.words(item["tags"]),
        notes=clean_text(item["notes"]),
        sweep=cells.line(item["sweep"]) or None,
        owner=cells.line(item["owner"]),
        visibility=visibility(item["visibility"]),
    )
    pid = item["pid"]
    worker = Identity(pid, str(item["pid_start"])) if isinstance(pid, int) and 0 < pid < 2**31 else None
    crashes = item["crashes"] if isinstance(item["crashes"], int) else 0
    slot, origin = (None if item[name] is None else str(item[name]) for name in ("slot", "origin"))
    return Row(run, cells.unix(item["queued"]), worker, slot, cells.unix(item["cancel"]), origin, crashes)
