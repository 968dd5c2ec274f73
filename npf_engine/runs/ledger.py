"""What a server for a group must remember of people: what they are called, which files they brought, and
the hashes of their tokens. SQLite beside
the table of runs, on the same disk, made when the first person comes."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from npf_engine.errors import InputError
from npf_engine.runs.access import Viewer
from npf_engine.tasks import layout

T = TypeVar("T")
FILE = "people.sqlite3"  # in the home folder
TABLES = (
    "CREATE TABLE IF NOT EXISTS people (id TEXT PRIMARY KEY, title TEXT NOT NULL, seen REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS uploads (owner TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (owner, source))",
    "CREATE TABLE IF NOT EXISTS tokens (id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, "
    "name TEXT NOT NULL, created REAL NOT NULL, expires REAL NOT NULL, used REAL)",
)


class Ledger:
    """The people of one home. Every call opens, writes and closes, as the table of runs does."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE

    def meet(self, viewer: Viewer) -> None:
        """Note what somebody is called, and that he is here. Raises InputError."""
        row = (viewer.id, viewer.title, time.time())
        self.ask(lambda db: db.execute("INSERT OR REPLACE INTO people VALUES (?, ?, ?)", row))

    def people(self) -> list[tuple[str, str, float]]:
        """Id, title and when he was last here (unix seconds) of all that ever were, the latest first. Raises
        InputError."""
        return self.ask(lambda db: db.execute("SELECT id, title, seen FROM people ORDER BY seen DESC").fetchall())

    def titles(self) -> dict[str, str]:
        """Id -> what people are called, of all that were ever here. Raises InputError."""
        return dict(self.ask(lambda db: db.execute("SELECT id, title FROM people").fetchall()))

    def claim(self, viewer: Viewer, source: str) -> None:
        """Note that somebody brought the file that ``source`` names. Raises InputError."""
        self.ask(lambda db: db.execute("INSERT OR IGNORE INTO uploads VALUES (?, ?)", (viewer.id, source)))

    def claimed(self, viewer: Viewer, source: str) -> bool:
        """Whether he did. Raises InputError."""
        wanted = "SELECT 1 FROM uploads WHERE owner = ? AND source = ?"
        return self.ask(lambda db: db.execute(wanted, (viewer.id, source)).fetchone()) is not None

    def claims(self, viewer: Viewer) -> list[str]:
        """All that he brought. Raises InputError."""
        wanted = "SELECT source FROM uploads WHERE owner = ?"
        return [row[0] for row in self.ask(lambda db: db.execute(wanted, (viewer.id,)).fetchall())]

    def ask(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """``work`` on a connection of its own. Raises InputError where the file cannot be used."""
        try:
            if not self.path.exists():
                with layout.writing(self.path):
                    self.path.touch(0o600)
            with layout.writing(self.path), contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as db:
                for table in TABLES:
                    db.execute(table)
                return work(db)
        except sqlite3.Error as error:
            raise InputError(
                f"the list of people {self.path} cannot be used ({error}); check that it may be written to"
            ) from error
