"""Names of runs are unique among those of one owner: one that another run has gets a number, in the same write that
takes it. What others call theirs, a name must not tell."""

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
    name = free(db, str(row["name"]), str(row.get("owner") or ""))
    safekeeping.insert(db, row | {"name": name})
    db.execute("COMMIT")
    return name


def rename(db: sqlite3.Connection, run_id: str, name: str) -> str:
    """Give a row this name, or one with a number, which is returned."""
    db.execute("BEGIN IMMEDIATE")
    found = db.execute("SELECT owner FROM runs WHERE id = ?", [run_id]).fetchone()
    name = free(db, name, str(found[0] or "") if found else "", run_id)
    db.execute("UPDATE runs SET name = ? WHERE id = ?", [name, run_id])
    db.execute("COMMIT")
    return name


def free(db: sqlite3.Connection, name: str, owner: str = "", but: str = "", column: str = "name") -> str:
    """The name, with a number where another run of ``owner`` than ``but`` has it, or another sweep (``column``
    sweep)."""
    found = NUMBERED.fullmatch(name)
    base = (found["base"] if found else name)[: MAX_NAME - ROOM]
    like = f"({column} = ? OR substr({column}, 1, ?) = ?)"
    mine = f"SELECT {column} FROM runs WHERE id != ? AND coalesce(owner, '') = ? AND {like}"
    taken = {str(row[0]) for row in db.execute(mine, [but, owner, name, len(base) + 2, f"{base} ("])}
    number = 2
    while name in taken:
        end = f" ({number})"
        name, number = base[: MAX_NAME - len(end)] + end, number + 1
    return name
