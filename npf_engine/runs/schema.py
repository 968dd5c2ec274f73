"""The table of runs: SQLite in WAL mode, on one host. What a row is, and how it is read and written."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npf_engine.errors import InputError
from npf_engine.evaluation.verdict import level_of_row
from npf_engine.limits import MAX_NAME
from npf_engine.runs import kinds
from npf_engine.runs.bundle_schema import clean, clean_metrics, clean_seconds, clean_text
from npf_engine.runs.process import Identity

STATES = ("queued", "running", "paused", "cancelled", "failed", "interrupted", "done")
ACTIVE = ("queued", "running", "paused")
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
COLUMNS = (
    *("id", "name", "state", "source", "spec", "created", "queued", "started", "finished"),
    *("verdict", "metrics", "seconds", "error", "pid", "pid_start", "slot", "cancel", "origin"),
)
SELECT = f"SELECT {', '.join(COLUMNS)} FROM runs"
LATEST = 4e9  # unix seconds: no run is from later
JSON_COLUMNS = ("metrics", "seconds")
RACY = 50_000_000  # nanoseconds: clocks of file systems are coarse
ROWS_KEPT = 4096  # decoded rows that are kept: some 20 kB each


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
        return self.state in ACTIVE

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
        self._kept: dict[tuple[str, ...], tuple[tuple[int, ...], tuple[Row, ...]]] = {}  # by states, with a signature
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
                db.text_factory = _text
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
            found = db.execute(f"{SELECT} WHERE id = ?", [run_id]).fetchone()
        return None if found is None else _row(self.folder, *found)

    def rows(self, *states: str) -> list[Row]:
        """The rows in these states (all, without any), newest first."""
        signature = self._signature()
        kept = self._kept.get(states)
        if kept is not None and signature is not None and kept[0] == signature:
            return list(kept[1])
        where = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        with self._connect() as db:
            found = db.execute(f"{SELECT} {where} ORDER BY created DESC, rowid DESC", states).fetchall()
        rows = [_row(self.folder, *item) for item in found]
        if signature is not None:
            self._kept[states] = (signature, tuple(rows))
        return rows

    def _signature(self) -> tuple[int, ...] | None:
        """Tells whether anybody wrote since: size and time of the file and of its log. None where they changed so
        lately that another write could bear the same time."""
        signature: list[int] = []
        for suffix in ("", "-wal"):
            try:
                stat = os.stat(f"{self.path}{suffix}")
            except OSError:
                signature += [0, 0, 0]
                continue
            if time.time_ns() - stat.st_mtime_ns < RACY:
                return None
            signature += [stat.st_ino, stat.st_size, stat.st_mtime_ns]
        return tuple(signature)

    def origins(self) -> dict[str, str | None]:
        """Id -> origin of the gallery's runs."""
        with self._connect() as db:
            return dict(db.execute("SELECT id, origin FROM runs WHERE source = 'gallery'").fetchall())


@functools.lru_cache(maxsize=ROWS_KEPT)
def _row(folder: Path, *values: Any) -> Row:
    """The row with these columns. A row that has not changed is the same object: a list of a thousand runs, read at
    every rerun of a page, decodes what is new and nothing else. So nobody may change what a Run holds.

    SQLite holds any type in any column: what cannot be shown is left out, for one bad row must not cost the others.
    """
    item = dict(zip(COLUMNS, values, strict=True))
    run_id = str(item["id"])
    verdict, error = item["verdict"], item["error"]
    run = Run(
        id=run_id,
        name=_line(item["name"]) or run_id,
        state=_line(item["state"]),
        created=_time(item["created"]) or 0.0,
        started=_time(item["started"]),
        finished=_time(item["finished"]),
        folder=folder / (Path(run_id).name or "_"),
        settings=_decode(item["spec"]) or {},
        verdict=None if verdict is None else level_of_row(_line(verdict)),
        metrics=clean_metrics(_decode(item["metrics"])),
        seconds=clean_seconds(_decode(item["seconds"])),
        error=None if error is None else clean_text(error),
        source=_line(item["source"]),
    )
    pid = item["pid"]
    worker = Identity(pid, str(item["pid_start"])) if isinstance(pid, int) and 0 < pid < 2**31 else None
    return Row(run, _time(item["queued"]), worker, item["slot"], _time(item["cancel"]), item["origin"])


def _encode(columns: dict[str, Any]) -> list[Any]:
    return [
        json.dumps(value) if name in JSON_COLUMNS and value is not None else value for name, value in columns.items()
    ]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _line(value: Any) -> str:
    """A short text of one line."""
    return " ".join(clean_text(value, MAX_NAME).split())


def _time(value: Any) -> float | None:
    """Unix seconds of this century and the next, or None."""
    known = isinstance(value, int | float) and 0 <= value <= LATEST
    return float(value) if known else None


def _decode(text: Any) -> dict[str, Any] | None:
    try:
        data = json.loads(text) if text else None
    except (ValueError, TypeError, RecursionError):
        return None
    return clean(data) if isinstance(data, dict) else None
