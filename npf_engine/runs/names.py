"""Names of runs are unique: one that another run has gets a number, in the same write that takes it."""

from __future__ import annotations

import re
import sqlite3

from npf_engine.runs import safekeeping
from npf_engine.settings.limits import MAX_NAME

ROOM = 9  # characters of a number behind a name
NUMBERED = re.compile(r"(?P<base>.*\S) \((?P<number>\d{1,6})\)")


def insert(db: sqlite3.Connection, row: dict[str, object]) -> str:
    """Add a row of plain values under a name of its own, which is returned."""
    db.execute("BEGIN IMMEDIATE")  # nobody takes the name between the look and the write; closing rolls back
    name = free(db, str(row["name"]))
    safekeeping.insert(db, row | {"name": name})
    db.execute("COMMIT")
    return name


def rename(db: sqlite3.Connection, run_id: str, name: str) -> str:
    """Give a row this name, or one with a number, which is returned."""
    db.execute("BEGIN IMMEDIATE")
    name = free(db, name, run_id)
    db.execute("UPDATE runs SET name = ? WHERE id = ?", [name, run_id])
    db.execute("COMMIT")
    return name


def free(db: sqlite3.Connection, name: str, but: str = "", column: str = "name") -> str:
    """The name, with a number where another run than ``but`` has it, or another sweep (``column`` sweep)."""
    found = NUMBERED.fullmatch(name)
    base = (found["base"] if found else name)[: MAX_NAME - ROOM]
    mine = f"SELECT {column} FROM runs WHERE id != ? AND ({column} = ? OR substr({column}, 1, ?) = ?)"
    taken = {str(row[0]) for row in db.execute(mine, [but, name, len(base) + 2, f"{base} ("])}
    number = 2
    while name in taken:
        end = f" ({number})"
        name, number = base[: MAX_NAME - len(end)] + end, number + 1
    return name
