"""Checkpoints: what a stage needs to go on exactly where it was, in files that hold no code."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from npf_engine.settings.dotted import flatten
from npf_engine.tasks import layout
from npf_engine.tasks.progress import STAGES, Board
from npf_engine.tasks.recorder import Recorder, State

MAY_DIFFER = ("name", "device", "threads")  # settings that a run may change on its way, see settle.py
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

    def save(self, key: str, state: State) -> None:
        """Keep ``state`` in checkpoints/<key>.pt, on the disk before this returns. InputError on a full disk."""
        if self.folder is None:
            return
        path = self._checkpoint(key)
        import torch  # here: the queue and the pages' first look at a run do without

        # Into memory first: a full disk is then an OSError of one write, and torch's own message never shows.
        buffer = io.BytesIO()
        torch.save({"of": self._of(key), "state": _plain(state)}, buffer)
        with layout.writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        layout.write_atomic(path, buffer.getvalue(), durable=True)
        self._saved = time.monotonic()

    def load(self, key: str) -> State | None:
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
        if not isinstance(state, dict):
            return None
        if state.keys() != {"of", "state"}:
            return state  # of a version before
        wrong = _difference(state["of"], self._of(key))
        if wrong:
            self.note(f"checkpoint {path.name} belongs to other work ({wrong}); its stage starts again")
            return None
        kept = state["state"]
        return kept if isinstance(kept, dict) else None

    def _of(self, key: str) -> dict[str, object]:
        """What a checkpoint is of: its key, and the settings that the folder has now."""
        assert self.folder is not None
        spec = flatten(layout.read_json(self.folder / layout.SPEC) or {})
        # As text: two versions of a program may write a number or a list in different ways.
        told: dict[str, object] = {"key": key}
        return told | {name: json.dumps(value) for name, value in spec.items() if name not in MAY_DIFFER}

    def _checkpoint(self, key: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", key):
            raise ValueError(f"a checkpoint's key is letters, digits, dots and dashes, not {key!r}")
        assert self.folder is not None
        return self.folder / layout.CHECKPOINTS / f"{key}.pt"


def _difference(there: object, here: dict[str, object]) -> str:
    """Which setting differs, of those that both have; empty where none does."""
    if not isinstance(there, dict):
        return "it does not say of what"
    return next((f"{name} is {there[name]}" for name in there.keys() & here.keys() if there[name] != here[name]), "")


def _plain(value: object) -> object:
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
