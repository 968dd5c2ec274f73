"""What people did on a server for a group: one line of JSON each, only ever added to, for its administrators."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

from npf_engine.runs.access import Viewer

log = logging.getLogger(__name__)

FILE = "audit.jsonl"  # in the home folder
TAIL_BYTES = 400_000  # of the file, that are looked through for the newest lines


def note(home: Path, viewer: Viewer, what: str, run: str = "") -> None:
    """Add a line: who, when (unix seconds), what, which run. Nothing where nobody signs in. A disk without room costs
    the line, and is told in the log."""
    if viewer.alone:
        return
    line = {"at": round(time.time(), 3), "who": viewer.id, "title": viewer.title, "what": what, "run": run}
    try:
        file = os.open(home / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, (json.dumps(line) + "\n").encode())
        finally:
            os.close(file)
    except OSError as error:
        log.warning("what %s did could not be noted (%s): %s %s", viewer.id, error, what, run)


def newest(home: Path, most: int = 200) -> list[dict[str, object]]:
    """The lines added last, the newest first; what is no line of ours is left out."""
    try:
        with open(home / FILE, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return []
    found: list[dict[str, object]] = []
    for line in reversed(lines):
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and len(found) < most:
            found.append(told)
    return found
