"""The table of runs kept safe: looked over, copied beside itself, and made again from the copy and the run folders."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from npf_engine.errors import InputError
from npf_engine.runs.states import FINAL
from npf_engine.studies import kinds
from npf_engine.tasks import layout
from npf_engine.tasks.processes import FileLock, Identity

log = logging.getLogger(__name__)

COLUMNS = {
    "id": "TEXT PRIMARY KEY", "name": "TEXT NOT NULL", "state": "TEXT NOT NULL", "source": "TEXT NOT NULL",
    "spec": "TEXT NOT NULL", "created": "REAL NOT NULL", "queued": "REAL", "started": "REAL", "finished": "REAL",
    "verdict": "TEXT", "metrics": "TEXT", "seconds": "TEXT", "error": "TEXT", "pid": "INTEGER", "pid_start": "TEXT",
    "slot": "TEXT", "cancel": "REAL", "origin": "TEXT", "crashes": "INTEGER", "told": "TEXT",
}  # fmt: skip
LATER = ("crashes", "told")  # columns that tables of earlier versions lack
CREATE = f"CREATE TABLE IF NOT EXISTS runs ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})"
JSON_COLUMNS = ("metrics", "seconds")
VERSION = 1
BACKUP_SECONDS = 60.0  # between two copies, where something has changed
KEPT_ASIDE = 3  # damaged tables that are kept, in case that somebody wants to look
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


# -- made again -------------------------------------------------------------------------------------------------------


def repair(path: Path, folder: Path) -> None:
    """Make a table that is not sound again, from its copy and the run folders in ``folder``; does nothing where it is
    sound. What it was is moved aside, and ``notice`` says so. For all processes at once. Raises InputError."""
    lock = FileLock(side(path, ".lock"))
    with lock.held():
        wrong = trouble(path)
        if wrong is None:
            return
        fresh = wrong == "is missing" and not backup_path(path).exists() and not _folders(folder)
        with layout.writing(path):
            aside = _move_aside(path)
        rows = _rows(path, folder)
        part = side(path, ".part")
        part.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as db:
            create(db)
            db.execute("BEGIN")
            for row in sorted(rows, key=lambda row: row["created"]):
                insert(db, row)
            db.execute("COMMIT")
        with layout.writing(path):
            os.replace(part, path)
    if fresh:
        return
    count = f"{len(rows)} run{'s' * (len(rows) != 1)}"
    kept = f"; what was there is kept as {aside.name}" if aside is not None else ""
    sentence = f"the table of runs {wrong} and was made again from its backup and the run folders: {count}{kept}"
    log.warning("%s", sentence)
    with contextlib.suppress(InputError):
        layout.write_json(_notice(path), {"sentence": sentence, "at": time.time()})


def create(db: sqlite3.Connection) -> None:
    """An empty table of runs, or the columns that an older one lacks."""
    db.execute(CREATE)
    there = {row[1] for row in db.execute("PRAGMA table_info(runs)")}
    for name in LATER:
        if name not in there:
            db.execute(f"ALTER TABLE runs ADD COLUMN {name} {COLUMNS[name]}")
    db.execute(f"PRAGMA user_version={VERSION}")


def insert(db: sqlite3.Connection, columns: dict[str, Any]) -> None:
    """Add a row of plain values."""
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", list(columns.values()))


def notice(path: Path) -> str | None:
    """What was done to the table, until somebody has read it."""
    told = layout.read_json(_notice(path)) or {}
    return str(told["sentence"]) if "sentence" in told else None


def dismiss(path: Path) -> None:
    """It was read."""
    with layout.writing(path):
        _notice(path).unlink(missing_ok=True)


def _notice(path: Path) -> Path:
    return side(path, ".repaired.json")


def _move_aside(path: Path) -> Path | None:
    """What lies at the table's place and beside it, under a name of its own; the newest few are kept."""
    aside: Path | None = None
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for file in (path, *(side(path, end) for end in SIDES)):
        if file.is_dir() or (file.exists() and file.stat().st_size and file == path):
            aside = side(file, f".damaged-{stamp}-{os.getpid()}")
            file.rename(aside)
        else:
            file.unlink(missing_ok=True)
    for old in sorted(path.parent.glob(f"{path.name}.damaged-*"))[:-KEPT_ASIDE]:
        if old.is_file():
            old.unlink(missing_ok=True)
    return aside


def _folders(folder: Path) -> list[Path]:
    """The run folders."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]


def _rows(path: Path, folder: Path) -> list[dict[str, Any]]:
    """A row for each run folder: what the copy has of it, then what the folder tells itself."""
    known = {row["id"]: row for row in _copied(backup_path(path))}
    found = [_row(run, known.get(run.name)) for run in _folders(folder)]
    return [row for row in found if row is not None]


def _copied(copy: Path) -> list[dict[str, Any]]:
    """The rows of the copy; none where there is none that can be read."""
    try:
        if trouble(copy) is not None:
            return []
        with contextlib.closing(opened(copy, read_only=True)) as db:
            db.row_factory = sqlite3.Row
            return [_of(row) for row in db.execute("SELECT * FROM runs")]
    except (sqlite3.Error, InputError, OSError):
        return []


def _of(row: sqlite3.Row) -> dict[str, Any]:
    there = set(row.keys()) & COLUMNS.keys()
    return {name: row[name] for name in COLUMNS if name in there}


def _row(run: Path, known: dict[str, Any] | None) -> dict[str, Any] | None:
    """The row of a run folder; None for one that holds no run."""
    spec = layout.read_json(run / layout.SPEC)
    about = layout.read_json(run / layout.ABOUT) or {}
    status, report = layout.read_json(run / layout.STATUS) or {}, layout.read_json(run / layout.REPORT)
    if known is None:
        if spec is None and not status and report is None:
            return None
        known = _from_folder(run, spec or {}, about, worked=bool(status))
        if known["source"] == "gallery":
            return None  # listed anew from the gallery
    row = dict(known)
    if isinstance(about.get("name"), str):
        row["name"] = about["name"]
    if report is not None:
        row |= {"state": "done", "error": None, "finished": row.get("finished") or _changed(run / layout.REPORT)}
        row |= encoded(report_columns(report))
    elif status.get("state") in FINAL and status["state"] != "done":
        error = status.get("error")
        finished = row.get("finished") or _number(status.get("updated"))
        row |= {"state": status["state"], "error": error if isinstance(error, str) else None, "finished": finished}
    elif status.get("state") in ("running", "paused"):
        row["state"] = status["state"]
        signed = Identity.from_json(layout.read_json(run / layout.WORKER))
        row |= {"pid": signed.pid, "pid_start": signed.start} if signed else {}
    return row


def report_columns(report: dict[str, Any]) -> dict[str, Any]:
    """What a row takes from its run's report."""
    seconds = report.get("seconds")
    return {
        "verdict": report.get("verdict"),
        "metrics": report.get("metrics"),
        "seconds": {"total": seconds} if isinstance(seconds, int | float) else seconds,
    }


def encoded(columns: dict[str, Any]) -> dict[str, Any]:
    """As SQLite keeps it."""
    return {
        name: json.dumps(value) if name in JSON_COLUMNS and value is not None else value
        for name, value in columns.items()
    }


def _from_folder(run: Path, spec: dict[str, Any], about: dict[str, Any], *, worked: bool) -> dict[str, Any]:
    """A row of which no copy is left."""
    name = about.get("name") or spec.get("name") or _default_name(spec) or run.name.rpartition("-")[0] or run.name
    created = _number(about.get("created")) or _changed(run / layout.SPEC) or _changed(run) or time.time()
    imported = not worked and (run / layout.REPORT).exists()
    guessed = "gallery" if run.name.startswith("gallery-") else "imported" if imported else "trained"
    source = str(about.get("source") or guessed)
    started = _changed(run / layout.WORKER_LOCK) if worked else None
    return {
        "id": run.name, "name": str(name), "state": "queued", "source": source, "spec": json.dumps(spec),
        "created": created, "queued": created, "started": started,
    }  # fmt: skip


def _default_name(spec: dict[str, Any]) -> str:
    try:
        return kinds.get(kinds.name_in(spec)).run_name(kinds.lenient_spec(spec))
    except Exception:  # whatever is wrong with it, its name is not worth the table
        return ""


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
