"""The table of runs: SQLite in WAL mode, on one host. What a row is, and how it is read and written."""

from __future__ import annotations

import contextlib
import functools
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npf_engine.errors import InputError
from npf_engine.evaluation.verdict import level_of_row
from npf_engine.runs import kinds
from npf_engine.runs.process import Identity

STATES = ("queued", "running", "paused", "cancelled", "failed", "interrupted", "done")
SOURCES = ("trained", "imported", "gallery")
VERSION = 1

TABLE_SQL = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, source TEXT NOT NULL, spec TEXT NOT NULL,
    created REAL NOT NULL, queued REAL, started REAL, finished REAL,
    verdict TEXT, metrics TEXT, seconds TEXT, error TEXT,
    pid INTEGER, pid_start TEXT, slot TEXT, cancel REAL, origin TEXT
)
"""
JSON_COLUMNS = ("metrics", "seconds")


@dataclass(frozen=True)
class Run:
    """One run as the table has it. Times are unix seconds.

    state is one of STATES, source one of SOURCES; settings are the JSON of what was submitted; verdict, metrics
    and seconds are there once the run is done, as far as its kind tells them; error is one sentence where it failed
    or was interrupted.
    """

    id: str
    name: str
    state: str
    created: float
    started: float | None
    finished: float | None
    folder: Path
    settings: dict[str, Any]
    verdict: str | None
    metrics: dict[str, Any] | None
    seconds: dict[str, Any] | None
    error: str | None
    source: str

    @property
    def active(self) -> bool:
        """Whether the run waits for a slot, runs or is paused."""
        return self.state in ("queued", "running", "paused")

    @property
    def kind(self) -> str:
        """The name of its kind, see kinds.KINDS."""
        return kinds.name_in(self.settings)

    @property
    def device(self) -> str:
        """The setting of that name, ``auto`` for a kind that has none."""
        return str(self.settings.get("device", "auto"))

    @functools.cached_property
    def spec(self) -> Any:
        """What was submitted, of its kind's class. Raises InputError for a kind that this version does not know.

        Read when somebody asks: a list of runs must not load all that its runs would need.
        """
        return kinds.lenient_spec(self.settings)


@dataclass(frozen=True)
class Row:
    """A run with what only the scheduler needs: its process, its slot and when it was asked to stop."""

    run: Run
    queued: float | None
    worker: Identity | None
    slot: str | None
    cancel: float | None
    origin: str | None


class Table:
    """Rows in a file; every call opens, writes and closes, so that threads and processes can share it."""

    def __init__(self, path: Path, folder: Path) -> None:
        """``folder`` holds the run folders. Raises InputError where the file cannot be opened."""
        self.path, self.folder = path, folder
        with self._connect() as db:
            db.execute("PRAGMA journal_mode=WAL")
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version > VERSION:
                raise InputError(f"{path} was written by a newer version of this program; update it or set NPF_HOME")
            db.execute(TABLE_SQL)
            db.execute(f"PRAGMA user_version={VERSION}")

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=15, isolation_level=None)) as db:
                db.row_factory = sqlite3.Row
                db.execute("PRAGMA synchronous=NORMAL")
                yield db
        except sqlite3.Error as error:
            if "full" in str(error):
                raise InputError(f"the disk that holds {self.path} is full; free some space and try again") from error
            raise InputError(
                f"the table of runs {self.path} cannot be used ({error}); check that the folder is writable "
                f"and on a local disk, or move the file away: the runs' folders stay"
            ) from error

    def insert(self, **columns: Any) -> None:
        """Add a row."""
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        with self._connect() as db:
            db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", _encode(columns))

    def update(self, run_id: str, **columns: Any) -> None:
        """Change some columns of a row."""
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with self._connect() as db:
            db.execute(f"UPDATE runs SET {assignments} WHERE id = ?", [*_encode(columns), run_id])

    def remove(self, run_id: str) -> None:
        """Forget a row."""
        with self._connect() as db:
            db.execute("DELETE FROM runs WHERE id = ?", [run_id])

    def find(self, run_id: str) -> Row | None:
        """The row of a run, or None."""
        with self._connect() as db:
            found = db.execute("SELECT * FROM runs WHERE id = ?", [run_id]).fetchone()
        return None if found is None else self._row(found)

    def rows(self, *states: str) -> list[Row]:
        """The rows in these states (all, without any), newest first."""
        where = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        with self._connect() as db:
            found = db.execute(f"SELECT * FROM runs {where} ORDER BY created DESC, rowid DESC", states).fetchall()
        return [self._row(item) for item in found]

    def _row(self, item: sqlite3.Row) -> Row:
        run = Run(
            id=item["id"],
            name=item["name"],
            state=item["state"],
            created=item["created"],
            started=item["started"],
            finished=item["finished"],
            folder=self.folder / item["id"],
            settings=_decode(item["spec"]) or {},
            verdict=level_of_row(item["verdict"]),
            metrics=_decode(item["metrics"]),
            seconds=_decode(item["seconds"]),
            error=item["error"],
            source=item["source"],
        )
        worker = Identity(item["pid"], item["pid_start"]) if item["pid"] else None
        return Row(run, item["queued"], worker, item["slot"], item["cancel"], item["origin"])


def _encode(columns: dict[str, Any]) -> list[Any]:
    return [
        json.dumps(value) if name in JSON_COLUMNS and value is not None else value for name, value in columns.items()
    ]


def _decode(text: str | None) -> dict[str, Any] | None:
    try:
        data = json.loads(text) if text else None
    except ValueError:
        return None
    return data if isinstance(data, dict) else None
