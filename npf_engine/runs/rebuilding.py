"""The table of runs made again, from its copy and the run folders, and the sentence that says so."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import time
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs import marks, safekeeping
from npf_engine.runs.safekeeping import COLUMNS, SIDES, backup_path, encoded, report_columns, side, trouble
from npf_engine.runs.states import FINAL
from npf_engine.settings import reading
from npf_engine.studies import kinds
from npf_engine.tasks import layout
from npf_engine.tasks.files import replacing
from npf_engine.tasks.processes import FileLock, Identity

log = logging.getLogger(__name__)
KEPT_ASIDE = 3  # damaged tables that are kept, in case that somebody wants to look


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
        with (
            layout.writing(path),
            replacing(path) as part,
            contextlib.closing(sqlite3.connect(part, isolation_level=None)) as db,
        ):
            safekeeping.create(db)
            db.execute("BEGIN")
            for row in sorted(rows, key=lambda row: reading.maybe_number(row, "created", 0.0)):
                safekeeping.insert(db, row)
            db.execute("COMMIT")
    if fresh:
        return
    count = f"{len(rows)} run{'s' * (len(rows) != 1)}"
    kept = f"; what was there is kept as {aside.name}" if aside is not None else ""
    sentence = f"the table of runs {wrong} and was made again from its backup and the run folders: {count}{kept}"
    log.warning("%s", sentence)
    with contextlib.suppress(InputError):
        layout.write_json(_notice(path), {"sentence": sentence, "at": time.time()})


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


def _rows(path: Path, folder: Path) -> list[dict[str, object]]:
    """A row for each run folder: what the copy has of it, then what the folder tells itself."""
    known = {row["id"]: row for row in _copied(backup_path(path))}
    found = [_row(run, known.get(run.name)) for run in _folders(folder)]
    return [row for row in found if row is not None]


def _copied(copy: Path) -> list[dict[str, object]]:
    """The rows of the copy; none where there is none that can be read."""
    try:
        if trouble(copy) is not None:
            return []
        with contextlib.closing(safekeeping.opened(copy, read_only=True)) as db:
            db.row_factory = sqlite3.Row
            return [_of(row) for row in db.execute("SELECT * FROM runs")]
    except (sqlite3.Error, InputError, OSError):
        return []


def _of(row: sqlite3.Row) -> dict[str, object]:
    there = set(row.keys()) & COLUMNS.keys()
    return {name: row[name] for name in COLUMNS if name in there}


def _row(run: Path, known: dict[str, object] | None) -> dict[str, object] | None:
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
    row = dict(known) | {"summary": None} | encoded(marks.columns(about))
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


def _from_folder(run: Path, spec: dict[str, object], about: dict[str, object], *, worked: bool) -> dict[str, object]:
    """A row of which no copy is left."""
    name = about.get("name") or spec.get("name") or _default_name(spec) or run.name.rpartition("-")[0] or run.name
    created = _number(about.get("created")) or _changed(run / layout.SPEC) or _changed(run) or time.time()
    imported = not worked and (run / layout.REPORT).exists()
    guessed = "gallery" if run.name.startswith("gallery-") else "imported" if imported else "trained"
    source = str(about.get("source") or guessed)
    started = _changed(run / layout.WORKER_LOCK) if worked else None
    return {
        "id": run.name,
        "name": str(name),
        "state": "queued",
        "source": source,
        "spec": json.dumps(spec),
        "created": created,
        "queued": created,
        "started": started,
    }


def _default_name(spec: dict[str, object]) -> str:
    try:
        return kinds.get(kinds.name_in(spec)).run_name(kinds.lenient_spec(spec))
    except Exception:  # whatever is wrong with it, its name is not worth the table
        return ""


def _changed(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
