"""A part of a reproduction tells the whole run what it does, takes and has taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.runs.recording import FolderRecorder
from npf_engine.studies.reproduction.workshop import PartRecorder
from npf_engine.tasks.recorder import Recorder


class Heard(Recorder):
    """What was told to the whole run; its clock goes by hand."""

    def __init__(self) -> None:
        self.plans: list[dict[str, float]] = []
        self.pictures: list[str] = []
        self.states: dict[str, dict[str, object]] = {}
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def plan(self, weights: dict[str, float]) -> None:
        self.plans.append(weights)

    def snapshot(self, name: str, **arrays: np.ndarray) -> None:
        self.pictures.append(name)

    def save(self, key: str, state: dict[str, object]) -> None:
        self.states[key] = state

    def load(self, key: str) -> dict[str, object] | None:
        return self.states.get(key)


def test_a_parts_plan_and_picture_are_the_runs() -> None:
    whole = Heard()
    part = PartRecorder(whole, "Chamonix", ["London"])
    part.plan({"u": 30.0, "m": 12.0})
    part.snapshot("u", grad_u=np.zeros((2, 2)))
    assert whole.plans == [{"Chamonix": 42.0, "London": 42.0}] and whole.pictures == ["u"]


def test_the_time_left_of_a_part_is_known_and_counts_what_comes_after(tmp_path: Path) -> None:
    whole = FolderRecorder(tmp_path)
    whole.board.stages.clear()
    whole.stage("Chamonix", "started")
    part = PartRecorder(whole, "Chamonix", ["London"])
    part.plan({"u": 3000.0, "m": 1000.0})
    part.progress("u: pairing", 1, 10)
    left = whole.board.seconds_left()
    assert left is not None and left == pytest.approx(8000, rel=0.05)


def test_what_a_part_took_before_it_was_broken_is_its_own() -> None:
    whole = Heard()
    whole.earlier = 500.0  # of the whole run, another part's too
    part = PartRecorder(whole, "Chamonix")
    assert part.earlier == 0.0
    whole.now += 40.0
    part.save("u", {"step": 1})
    again = PartRecorder(whole, "Chamonix")
    assert again.earlier == 40.0 and again.load("u") == {"step": 1}
    whole.now += 5.0
    again.save("u", {"step": 2})
    assert PartRecorder(whole, "Chamonix").earlier == 45.0 and PartRecorder(whole, "London").earlier == 0.0
