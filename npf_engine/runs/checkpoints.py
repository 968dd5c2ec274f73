"""Checkpoints: what a stage needs to go on exactly where it was, in files that hold no code."""

from __future__ import annotations

import io
import os
import pickle
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npf_engine.recorder import Recorder
from npf_engine.runs import files
from npf_engine.runs.progress import STAGES, Board

CHECKPOINT_SECONDS = 10.0


class ProgressRecorder(Recorder):
    """What all recorders of runs share: the board of stages, and checkpoints where there is a folder."""

    def __init__(self, folder: Path | str | None = None, stages: Sequence[str] = STAGES) -> None:
        """``stages`` are those known before they begin."""
        self.folder = None if folder is None else Path(folder)
        self.board = Board(stages=stages)
        self.text = ""
        self.period = float(os.environ.get("NPF_CHECKPOINT_SECONDS") or CHECKPOINT_SECONDS)
        self._saved = time.monotonic()

    def plan(self, weights: dict[str, float]) -> None:
        """Guesses of seconds a stage, for the time left."""
        self.board.plan(weights)

    def working(self, stage: str, done: float, total: float, text: str) -> None:
        """``progress(done, total, text)`` of a loader, in thousandths, with its words."""
        self.text = text
        self.progress(stage, int(1000 * done / total) if total > 0 else 0, 1000)

    def checkpoint_due(self) -> bool:
        """Every ten seconds (NPF_CHECKPOINT_SECONDS), where there is a folder."""
        return self.folder is not None and time.monotonic() - self._saved >= self.period

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Keep ``state`` in checkpoints/<key>.pt, on the disk before this returns. InputError on a full disk."""
        if self.folder is None:
            return
        path = self._checkpoint(key)
        import torch  # here: the queue and the pages' first look at a run do without

        # Into memory first: a full disk is then an OSError of one write, and torch's own message never shows.
        buffer = io.BytesIO()
        torch.save(_plain(state), buffer)
        with files.writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomic(path, buffer.getvalue(), durable=True)
        self._saved = time.monotonic()

    def load(self, key: str) -> dict[str, Any] | None:
        """The state kept under ``key`` on the CPU; None where there is none, or it cannot be read (noted)."""
        if self.folder is None:
            return None
        import torch

        path = self._checkpoint(key)
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError, KeyError) as error:
            self.note(f"checkpoint {path.name} cannot be read ({error}); its stage starts again")
            return None
        return state if isinstance(state, dict) else None

    def _checkpoint(self, key: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", key):
            raise ValueError(f"a checkpoint's key is letters, digits, dots and dashes, not {key!r}")
        assert self.folder is not None
        return self.folder / files.CHECKPOINTS / f"{key}.pt"


def _plain(value: Any) -> Any:
    """numpy scalars and arrays as what a weights-only load accepts."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        import torch

        return torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value
