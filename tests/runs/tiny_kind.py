"""A kind of run that only tests know: it throws dice. ``python tiny_kind.py RUN_FOLDER`` is a worker that knows it."""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from npf_engine.errors import InputError
from npf_engine.runs.worker import main
from npf_engine.studies.kinds import KINDS, Kind


@dataclass(frozen=True)
class Die:
    faces: int = 6
    marks: tuple[float, ...] = (1.0, 2.5)


@dataclass(frozen=True)
class DiceSpec:
    name: str = ""
    seed: int = 0
    throws: int = 50
    loaded: bool = False
    way: Literal["left", "right"] = "left"
    target: float | None = None
    device: str = "cpu"
    threads: int = 0
    die: Die = field(default_factory=Die)

    @property
    def default_name(self) -> str:
        return f"{self.throws} throws"

    def validate(self) -> None:
        if self.die.faces < 2:
            raise InputError(f"die.faces must be 2 or more, not {self.die.faces}")


def throw(spec, recorder, folder):
    numbers = random.Random(spec.seed)
    kept = recorder.load("throw") or {"step": 0, "sum": 0, "random": numbers.getstate()}
    numbers.setstate(kept["random"])
    total = kept["sum"]
    recorder.plan({"throw": 1.0, "write": 0.1})
    recorder.stage("throw", "started")
    for step in range(kept["step"], spec.throws):
        recorder.check()
        total += numbers.randint(1, spec.die.faces)
        time.sleep(0.01)
        recorder.progress("throw", step + 1, spec.throws, mean=total / (step + 1))
        if recorder.checkpoint_due():
            recorder.save("throw", {"step": step + 1, "sum": total, "random": numbers.getstate()})
    recorder.stage("throw", "done")
    if spec.way == "right":
        raise InputError("the dice fell off the table; throw to the left")
    recorder.stage("write", "started")
    np.savez(folder / "dice.npz", total=np.array([total]))
    (folder / "notes.txt").write_text("not a result file")
    recorder.stage("write", "done")
    return {"sum": np.int64(total), "mean": np.float32(total / spec.throws), "out": str(folder), "verdict": "good",
            "seconds": 0.5, "spread": float("nan")}  # fmt: skip


DICE = Kind(
    "dice",
    "Dice",
    spec="tests.runs.tiny_kind:DiceSpec",
    run="tests.runs.tiny_kind:throw",
    stages=("throw", "write"),
    files=("*.npz",),
)

if __name__ == "__main__":
    KINDS["dice"] = DICE
    raise SystemExit(main(sys.argv[1]))
