"""The table of runs: SQLite in WAL mode, on one host. What a row is, and how it is read and written."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from npf_engine.errors import DiskFull, InputError
from npf_engine.runs import cells, names, rebuilding, safekeeping
from npf_engine.runs.row import Row as Row
from npf_engine.runs.row import Run as Run
from npf_engine.runs.row import decoded
from npf_engine.runs.states import ACTIVE as ACTIVE
from npf_engine.runs.states import STATES as STATES
from npf_engine.tasks import layout

T = TypeVar("T")
SOURCES = ("trained", "imported", "gallery")
RACY = 50_000_000  # nanoseconds: clocks of file systems are coarse
PATIENCE, HURRY = 5.0, 10.0  # seconds to wait for a lock; for how long after one in vain the wait is short


class Table:
    """Rows in a file; every call opens, writes and closes, so that threads and processes can share it.

    A file that is missing, empty, damaged or no table of runs is made again (safekeeping). Where nothing can be
    written, or somebody holds it, rows are still read, from its copy at worst; ``stale`` then says why.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        """``folder`` holds the run folders. Raises InputError where the file cannot be opened."""
        self.path, self.folder = path, folder
        self.stale: str | None = None
        self._kept: dict[tuple[str, ...], tuple[tuple[int, ...], tuple[Row, ...]]] = {}  # by states, with a signature
        self._hurry = 0.0  # until then, nobody waits long for a lock
        with contextlib.suppress(sqlite3.Error):  # who asks it will hear why
            if safekeeping.trouble(path) is not None:
                rebuilding.repair(path, folder)
            with contextlib.closing(safekeeping.opened(path)) as db:
                db.execute("PRAGMA journal_mode=WAL")
                safekeeping.create(db)

    def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """``work`` on a connection that may write."""
        try:
            return self._on(work)
        except sqlite3.Error as error:
            if not self._at_fault(error):
                raise self._sentence(error) from error
        rebuilding.repair(self.path, self.folder)
        try:
            return self._on(work)
        except sqlite3.Error as error:
            raise self._sentence(error) from error

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """``work`` on a connection that reads, whatever it takes."""
        try:
            answer, self.stale = self._ask(work), None
            return answer
        except InputError as error:
            cause = error
        copy = safekeeping.backup_path(self.path)
        for path in (copy,) if "held by another" in str(cause) else (self.path, copy):
            with contextlib.suppress(sqlite3.Error):
                with contextlib.closing(safekeeping.opened(path, read_only=True)) as db:
                    db.text_factory = cells.text
                    answer = work(db)
                self.stale = str(cause)
                return answer
        raise cause

    def _on(self, work: Callable[[sqlite3.Connection], T]) -> T:
        hurried = time.monotonic() < self._hurry
        with contextlib.closing(safekeeping.opened(self.path, wait=0.2 if hurried else PATIENCE)) as db:
            db.text_factory = cells.text
            db.execute("PRAGMA synchronous=NORMAL")
            return work(db)

    def _at_fault(self, error: sqlite3.Error) -> bool:
        """Whether it is the file that is not what it should be."""
        return safekeeping.broken(error) or not self.path.is_file() or self.path.stat().st_size == 0

    def _sentence(self, error: sqlite3.Error) -> InputError:
        text = str(error)
        if "full" in text or ("I/O" in text and layout.is_full(self.path)):
            return DiskFull(f"the disk that holds {self.path} is full; free some space and try again")
        if "locked" in text:
            self._hurry = time.monotonic() + HURRY
            return InputError(
                f"the table of runs {self.path} is held by another program; close what has it open, or try again in a "
                f"moment"
            )
        if "readonly" in text or "unable to open" in text:
            return InputError(
                f"the table of runs {self.path} may not be written to; change its permissions or set NPF_HOME to a "
                f"folder of your own"
            )
        return InputError(
            f"the table of runs {self.path} cannot be used ({error}); check that the folder is writable and on a local "
            f"disk, or move the file away: it is made again from the runs' folders"
        )

    def insert(self, **columns: object) -> str:
        """Add a row; the name that it has got: one that another run of its owner has gets a number."""
        row = safekeeping.encoded(columns)
        return self._ask(lambda db: names.insert(db, row))

    def rename(self, run_id: str, name: str) -> str:
        """Give a row another name; the one that it has got, with a number where another run of its owner has it."""
        return self._ask(lambda db: names.rename(db, run_id, name))

    def free_sweep(self, name: str, owner: str = "") -> str:
        """The name, with a number where another sweep of this owner has it."""
        return self._ask(lambda db: names.free(db, name, owner, column="sweep"))

    def ask(self, work: Callable[[sqlite3.Connection], T], *, write: bool = False) -> T:
        """``work`` on a connection to the table, which is read from its copy at worst. Raises InputError."""
        return self._ask(work) if write else self._read(work)

    def update(self, run_id: str, **columns: object) -> None:
        """Change some columns of a row; what the list shows of it is made anew where it has a new report."""
        columns |= {"summary": None} if "metrics" in columns else {}
        assignments = ", ".join(f"{name} = ?" for name in columns)
        values = [*safekeeping.encoded(columns).values(), run_id]
        self._ask(lambda db: db.execute(f"UPDATE runs SET {assignments} WHERE id = ?", values))

    def remove(self, run_id: str) -> None:
        """Forget a row."""
        self._ask(lambda db: db.execute("DELETE FROM runs WHERE id = ?", [run_id]))

    def find(self, run_id: str) -> Row | None:
        """The row of a run, or None."""
        found = self._read(lambda db: db.execute(f"{select(db)} WHERE id = ?", [run_id]).fetchone())
        return None if found is None else decoded(self.folder, *found)

    def several(self, ids: Sequence[str]) -> list[Row]:
        """The rows of these runs, in no order."""
        where = f"WHERE id IN ({', '.join('?' * len(ids))})"
        found = self._read(lambda db: db.execute(f"{select(db)} {where}", list(ids)).fetchall())
        return [decoded(self.folder, *item) for item in found]

    def rows(self, *states: str) -> list[Row]:
        """The rows in these states (all, without any), newest first: by when they were added, not by the clock, which
        may have been wrong."""
        signature = self._signature()
        kept = self._kept.get(states)
        # While it is held or cannot be written, it is asked each time: how else would it be known that this is over?
        if kept is not None and signature is not None and kept[0] == signature and self.stale is None:
            return list(kept[1])
        where = f"WHERE state IN ({', '.join('?' * len(states))})" if states else ""
        found = self._read(lambda db: db.execute(f"{select(db)} {where} ORDER BY rowid DESC", states).fetchall())
        rows = [decoded(self.folder, *item) for item in found]
        if signature is not None and self.stale is None:
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

    def served(self) -> dict[str, float]:
        """Owner -> unix seconds at which a run of his was started last."""
        last = "SELECT owner, MAX(started) FROM runs WHERE owner != '' AND started IS NOT NULL GROUP BY owner"
        return dict(self._read(lambda db: db.execute(last).fetchall()))

    def origins(self) -> dict[str, str | None]:
        """Id -> origin of the gallery's runs."""
        return dict(
            self._read(lambda db: db.execute("SELECT id, origin FROM runs WHERE source = 'gallery'").fetchall())
        )


def select(db: sqlite3.Connection, columns: Iterable[str] = safekeeping.COLUMNS) -> str:
    """These columns; those that an older table lacks, and that could not be added, are empty."""
    there = {row[1] for row in db.execute("PRAGMA table_info(runs)")}
    lacking = set(safekeeping.LATER) - there
    return f"SELECT {', '.join('NULL' if name in lacking else name for name in columns)} FROM runs"
