"""Visitors' files that runs name, kept for as long as one does."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from npf_engine.fields import stored_files
from npf_engine.runs.schema import Run
from npf_engine.tasks import layout


def forget(home: Path, run: Run, others: Iterable[Run]) -> None:
    """Remove the uploaded files that ``run`` was the last to name."""
    texts = [_text(other) for other in others]
    for path in (home / layout.UPLOADS).glob("*/*"):
        names = (path.relative_to(home).as_posix(), f"{stored_files.PREFIX}{path.parent.name}/{path.name}")
        if _any(names, _text(run)) and not any(_any(names, text) for text in texts):
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()


def _any(names: Iterable[str], text: str) -> bool:
    return any(name in text for name in names)


def _text(run: Run) -> str:
    return json.dumps(run.spec_json)
