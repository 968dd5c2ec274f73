"""What the watchers of a run share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from npf_engine.runs.store import Run
from ui import live


def run(folder: Path, state: str = "running") -> Run:
    return Run("r", "r", state, 1.0, None, None, folder, {}, None, None, None, None, "trained")


def test_watchers_are_shown_what_one_of_them_made(tmp_path):
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    assert live.shared(run(tmp_path), "curve", make) == live.shared(run(tmp_path), "curve", make) == 1
    assert live.shared(run(tmp_path), "picture", make) == 2
    assert live.shared(run(tmp_path, "done"), "curve", make) == 3  # a run that ended is looked at anew
    assert live.shared(run(tmp_path / "other"), "curve", make) == 4


def test_what_was_made_long_ago_is_made_again(tmp_path, monkeypatch):
    values = iter([np.zeros(1), np.ones(1)])
    first = live.shared(run(tmp_path), "x", lambda: next(values))
    live._shared.clear()  # as its time to live does
    assert live.shared(run(tmp_path), "x", lambda: next(values)) != first
