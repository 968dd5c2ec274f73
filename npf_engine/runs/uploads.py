"""Visitors' files that runs name, kept for as long as one does."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from npf_engine.runs.schema import Run
from npf_engine.tasks import layout


def forget(home: Path, run: Run, others: Iterable[Run]) -> None:
    """Remove the uploaded files that ``run`` was the last to name."""
    texts = [_text(other) for other in others]
    for path in (home / layout.UPLOADS).glob("*/*"):
        name = path.relative_to(home).as_posix()
        if name in _text(run) and not any(name in text for text in texts):
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()


def _text(run: Run) -> str:
    return json.dumps(run.spec_json)
