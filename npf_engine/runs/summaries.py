"""What the list of runs shows of each: a few words and numbers, kept in the row so that ten thousand are listed at
once. What a report says is looked up when it is first asked for, and again when there is a new one."""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from npf_engine.bundle.cleaning import clean_record, clean_text
from npf_engine.errors import InputError
from npf_engine.measures.verdict import GOOD, level_of_row
from npf_engine.runs import cells
from npf_engine.runs.row import PRIVATE, visibility
from npf_engine.runs.schema import Table, select
from npf_engine.runs.states import ACTIVE
from npf_engine.settings import reading
from npf_engine.studies import kinds
from npf_engine.tasks import layout

VERSION = 2  # of what a summary holds: one of another version is made anew
COLUMNS = (
    "id",
    "name",
    "state",
    "source",
    "created",
    "verdict",
    "tags",
    "notes",
    "sweep",
    "owner",
    "visibility",
    "summary",
)
UNKNOWN = '"unknown": true'  # in a summary: its kind was not loaded
AT_ONCE = 20_000  # summaries made by one call, the others by the next: SQLite takes so many names
KEPT = 20_000  # summaries in memory, a kilobyte each


@dataclass(frozen=True)
class Summary:
    """A run in the list. subject: what it is about, a field, a task, a picture; preset: where its settings start from;
    why: what keeps it from a better verdict; measures: by the names of its kind's; seconds: of the whole run; created:
    unix seconds; sweep: the id of the sweep that it belongs to; owner and visibility: as of a Run. Nothing where that
    is not known."""

    id: str
    name: str
    kind: str
    state: str
    source: str
    created: float
    verdict: str | None = None
    tags: tuple[str, ...] = ()
    notes: str = ""
    sweep: str | None = None
    owner: str = ""
    visibility: str = PRIVATE
    subject: str = ""
    preset: str = ""
    seed: int | None = None
    seconds: float | None = None
    why: str = ""
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether the run waits for a slot, runs or is paused."""
        return self.state in ACTIVE

    @functools.cached_property
    def words(self) -> str:
        """All that a search looks at, in small letters."""
        parts = (self.name, self.subject, self.preset, self.kind, self.verdict, self.source, self.state, self.notes)
        return " ".join(filter(None, (*parts, *self.tags))).lower()


def listed(table: Table) -> list[Summary]:
    """All runs, newest first. Raises InputError where the table cannot be read."""
    rows = table.ask(lambda db: db.execute(f"{select(db, COLUMNS)} ORDER BY rowid DESC").fetchall())
    if missing := [row[0] for row in rows if not _current(row[-1])]:
        made = _made(table, missing)
        rows = [(*row[:-1], made.get(row[0], row[-1])) for row in rows]
    return [_summary(*row) for row in rows]


def _current(summary: object) -> bool:
    """Whether a kept summary is of this version, and of a kind that was known when it was made or still is not."""
    if not isinstance(summary, str) or not summary.startswith(f'{{"v": {VERSION},'):
        return False
    return UNKNOWN not in summary or kinds.find(str(json.loads(summary).get("kind"))) is None


def _made(table: Table, ids: list[str]) -> dict[str, str]:
    """Summaries of runs that have none, kept for the next time where the table can be written."""
    ids = ids[:AT_ONCE]
    marks = ", ".join("?" * len(ids))
    wanted = f"SELECT id, state, verdict, spec, metrics, seconds, summary FROM runs WHERE id IN ({marks})"
    found = table.ask(lambda db: db.execute(wanted, ids).fetchall())
    made = {str(row[0]): json.dumps(_facts(table.folder, *row[:-1])) for row in found}

    def keep(db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        # Not over one that was dropped or made meanwhile, when the run came to its end.
        change = "UPDATE runs SET summary = ? WHERE id = ? AND state = ? AND summary IS ?"
        db.executemany(change, [(made[str(row[0])], row[0], row[1], row[-1]) for row in found])
        db.execute("COMMIT")

    with contextlib.suppress(InputError):
        table.ask(keep, write=True)
    return made


def _facts(folder: Path, run_id: str, state: object, verdict: object, *told: object) -> dict[str, object]:
    """What is kept of a row: what its settings and its report say."""
    settings, metrics, seconds = map(cells.plain, told)
    settings = settings if isinstance(settings, dict) else {}
    kind = kinds.find(kinds.name_in(settings))
    report: Mapping[str, object] = {}
    if state == "done":
        bundled = kind is not None and kind.bundled and isinstance(metrics, dict)
        in_row = {"metrics": metrics, "verdict": verdict} if bundled else {}
        if not in_row or verdict != GOOD:  # why it is not good, the row does not say
            report = layout.read_json(folder / (Path(run_id).name or "_") / layout.REPORT) or {}
        report = report or in_row
    facts: dict[str, object] = {"v": VERSION, "kind": kinds.name_in(settings), "preset": settings.get("preset")}
    facts["seed"] = next((settings[key] for key in ("seed", "first_seed") if key in settings), None)
    facts["seconds"] = seconds.get("total") if isinstance(seconds, dict) else seconds
    if kind is None:
        facts["unknown"] = True
    with contextlib.suppress(Exception):  # whatever is wrong with what was written, its row is shown
        facts["measures"] = {} if kind is None else kind.measured(report)
    with contextlib.suppress(Exception):
        facts["why"] = "" if kind is None else kind.why(report)
    with contextlib.suppress(Exception):
        facts["subject"] = "" if kind is None else kind.subject_of(settings)
    return layout.finite(facts)  # type: ignore[no-any-return]  # a record stays one


@functools.lru_cache(maxsize=KEPT)
def _summary(*row: object) -> Summary:
    """A row as the list shows it; what cannot be shown is left out."""
    told = dict(zip(COLUMNS, row, strict=True))
    facts = clean_record(cells.plain(told["summary"])) or {}
    measures = reading.maybe_mapping(facts, "measures") if isinstance(facts.get("measures"), dict) else {}
    seed, seconds = facts.get("seed"), facts.get("seconds")
    return Summary(
        id=str(told["id"]),
        name=cells.line(told["name"]) or str(told["id"]),
        kind=cells.line(facts.get("kind")) or kinds.TRAIN,
        state=cells.line(told["state"]),
        source=cells.line(told["source"]),
        created=cells.unix(told["created"]) or 0.0,
        verdict=None if told["verdict"] is None else level_of_row(cells.line(told["verdict"])),
        tags=cells.words(told["tags"]),
        notes=clean_text(told["notes"]),
        sweep=cells.line(told["sweep"]) or None,
        owner=cells.line(told["owner"]),
        visibility=visibility(told["visibility"]),
        subject=cells.line(facts.get("subject")),
        preset=cells.line(facts.get("preset")),
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        seconds=float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else None,
        why=" ".join(clean_text(facts.get("why")).split()),
        measures={key: float(value) for key, value in measures.items() if isinstance(value, int | float)},
    )
