"""The table of runs as a file, kept safe: what is in it, looked over, and copied beside itself."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import time
from pathlib import Path

from npf_engine.errors import InputError

log = logging.getLogger(__name__)

COLUMNS = {
    "id": "TEXT PRIMARY KEY",
    "name": "TEXT NOT NULL",
    "state": "TEXT NOT NULL",
    "source": "TEXT NOT NULL",
    "spec": "TEXT NOT NULL",
    "created": "REAL NOT NULL",
    "queued": "REAL",
    "started": "REAL",
    "finished": "REAL",
    "verdict": "TEXT",
    "metrics": "TEXT",
    "seconds": "TEXT",
    "error": "TEXT",
    "pid": "INTEGER",
    "pid_start": "TEXT",
    "slot": "TEXT",
    "cancel": "REAL",
    "origin": "TEXT",
    "crashes": "INTEGER",
    "told": "TEXT",
    "tags": "TEXT",
    "notes": "TEXT",
    "sweep": "TEXT",
    "summary": "TEXT",
    "owner": "TEXT",
    "visibility": "TEXT",
}
# columns that tables of earlier versions lack
LATER = ("crashes", "told", "tags", "notes", "sweep", "summary", "owner", "visibility")
CREATE = f"CREATE TABLE IF NOT EXISTS runs ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"
JSON_COLUMNS = ("metrics", "seconds", "tags")
VERSION = 1
BACKUP_SECONDS = 60.0  # between two copies, where something has changed
SIDES = ("-wal", "-shm")


class Newer(InputError):
    """The table is of a later version of the program: nothing is wrong with it."""


def trouble(path: Path) -> str | None:
    """What is wrong with the table at ``path``, in a few words; None where it is sound.

    Raises Newer for a later version's, and sqlite3.Error where it cannot be looked at now (locked, unreadable).
    """
    if not path.exists():
        return "is missing"
    if path.is_dir() or any(side(path, end).is_dir() for end in SIDES):
        return "has a folder in its place"
    if path.stat().st_size == 0:
        return "was empty"
    try:
        with contextlib.closing(opened(path)) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            columns = {row[1] for row in db.execute("PRAGMA table_info(runs)")}
    except sqlite3.DatabaseError as error:
        if broken(error):
            return "was damaged"
        raise
    if found != "ok":
        return "was damaged"
    if version > VERSION:
        raise Newer(f"{path} was written by a newer version of this program; update it or set NPF_HOME")
    return "is not a table of runs" if COLUMNS.keys() - set(LATER) - columns else None


def broken(error: sqlite3.Error) -> bool:
    """Whether the error says that the file itself is at fault, and not the disk, a lock or a permission."""
    text = str(error)
    return any(word in text for word in ("malformed", "not a database", "no such table", "no such column", "corrupt"))


def side(path: Path, end: str) -> Path:
    """A file that SQLite keeps beside its database."""
    return path.with_name(path.name + end)


def backup_path(path: Path) -> Path:
    """Where the copy of a table is."""
    return side(path, ".backup")


def opened(path: Path, *, read_only: bool = False, wait: float = 5.0) -> sqlite3.Connection:
    """A connection to an existing database; read-only ones need no right to write, nor files beside it."""
    mode = "ro&immutable=1" if read_only else "rw"
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=wait, isolation_level=None)


# -- the copy beside it -----------------------------------------------------------------------------------------------


def back_up(path: Path) -> bool:
    """Copy the table beside itself where it has changed since, at most once a minute; whether it was copied.

    The old copy is replaced by one that was looked over, at once. A disk without room costs the copy, and no more.
    """
    copy = backup_path(path)
    with contextlib.suppress(OSError):
        changed = max(file.stat().st_mtime for file in (path, side(path, "-wal")) if file.exists())
        age = changed - copy.stat().st_mtime if copy.exists() else None
        if age is not None and (age <= 0 or abs(time.time() - copy.stat().st_mtime) < BACKUP_SECONDS):
            return False
    part = side(path, ".backup.part")
    try:
        with contextlib.closing(opened(path)) as db, contextlib.closing(sqlite3.connect(part)) as to:
            db.backup(to)
            to.execute("PRAGMA journal_mode=DELETE")  # one file, that can be read where nothing can be written
        if trouble(part) is not None:
            return False
        os.replace(part, copy)
    except (sqlite3.Error, OSError, InputError) as error:
        log.warning("the table of runs could not be copied: %s", error)
        return False
    finally:
        for file in (part, side(part, "-journal"), *(side(part, end) for end in SIDES)):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
    return True


def create(db: sqlite3.Connection) -> None:
    """An empty table of runs, or the columns that an older one lacks."""
    db.execute(CREATE)
    there = {row[1] for row in db.execute("PRAGMA table_info(runs)")}
    for name in LATER:
        if name not in there:
            db.execute(f"ALTER TABLE runs ADD COLUMN {name} {COLUMNS[name]}")
    db.execute(f"PRAGMA user_version={VERSION}")


def insert(db: sqlite3.Connection, columns: dict[str, object]) -> None:
    """Add a row of plain values."""
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", list(columns.values()))


def report_columns(report: dict[str, object]) -> dict[str, object]:
    """What a row takes from its run's report."""
    seconds = report.get("seconds")
    return {
        "verdict": report.get("verdict"),
        "metrics": report.get("metrics"),
        "seconds": {"total": seconds} if isinstance(seconds, int | float) else seconds,
    }


def encoded(columns: dict[str, object]) -> dict[str, object]:
    """As SQLite keeps it."""
    return {
        name: json.dumps(value) if name in JSON_COLUMNS and value is not None else value
        for name, value in columns.items()
    }
