"""What stands in a cell of the table of runs, as far as it can be shown: SQLite holds any type in any column, and one
bad cell must not cost the others."""

from __future__ import annotations

import json

from npf_engine.bundle.cleaning import clean_record, clean_text
from npf_engine.settings.limits import MAX_NAME

LATEST = 4e9  # unix seconds: no run is from later


def text(data: bytes) -> str:
    """A text as SQLite hands it over, whatever its bytes are."""
    return data.decode("utf-8", "replace")


def line(value: object) -> str:
    """A short text of one line."""
    return " ".join(clean_text(value, MAX_NAME).split())


def unix(value: object) -> float | None:
    """Unix seconds of this century and the next, or None."""
    return float(value) if isinstance(value, int | float) and 0 <= value <= LATEST else None


def record(value: object) -> dict[str, object] | None:
    """An object that was written as JSON, cleaned; None for what is none."""
    return clean_record(plain(value))


def plain(value: object) -> object:
    """What was written as JSON, as it stands there; None for what is none."""
    try:
        return json.loads(value) if isinstance(value, str | bytes) and value else None
    except (ValueError, TypeError, RecursionError):
        return None


def words(value: object) -> tuple[str, ...]:
    """Short texts that were written as a list in JSON."""
    found = plain(value)
    return tuple(filter(None, map(line, found))) if isinstance(found, list) else ()
