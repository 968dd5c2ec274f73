"""What people say of a run, beside it in its folder: its name, tags and notes, and whose it is. The table has the same;
the file is for one that has to be made again, and goes with the folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.tasks import layout

MAX_TAG, MAX_TAGS = 40, 20
KEPT = ("name", "notes", "sweep", "owner", "visibility")  # texts of the table that the file has too


def write(folder: Path, **known: object) -> None:
    """Note these in the run's folder, atomically; what else is noted there stays. Raises InputError."""
    layout.write_json(folder / layout.ABOUT, (layout.read_json(folder / layout.ABOUT) or {}) | known)


def columns(about: Mapping[str, object]) -> dict[str, object]:
    """Those of the table, as far as the file has them."""
    texts = {name: about[name] for name in KEPT if isinstance(about.get(name), str)}
    return texts | ({"tags": about["tags"]} if isinstance(about.get("tags"), list) else {})


def checked_tags(tags: Iterable[str]) -> list[str]:
    """Each once, without blanks around it. Raises InputError for too many, and for one that is none."""
    found = list(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    if len(found) > MAX_TAGS:
        raise InputError(f"a run has at most {MAX_TAGS} tags, not {len(found)}; take some away")
    for tag in found:
        limits.check_text("a tag", tag, MAX_TAG)
    return found


def checked_notes(notes: str) -> str:
    """Without blanks around them. Raises InputError for what is too long or cannot be shown."""
    limits.check_text("the notes", notes.strip(), limits.MAX_SENTENCE, lines=True)
    return notes.strip()
