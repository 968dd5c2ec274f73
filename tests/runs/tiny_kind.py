"""A kind of run from outside the package, in one file: it throws dice. NPF_EXTENSIONS names it."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from npf_engine.errors import InputError
from npf_engine.measures.verdict import GOOD, Verdict
from npf_engine.settings.base import Settings, Spec
from npf_engine.settings.setting import device_setting, group, seed_setting, setting, threads_setting
from npf_engine.studies import kinds
from npf_engine.studies.kind import Kind, Stage, Words


@dataclass(frozen=True)
class Die(Settings):
    faces: int = setting(6, "Sides of the die.", least=2, most=1000)
    marks: tuple[float, ...] = setting((1.0, 2.5), "What is written on it.")


@dataclass(frozen=True)
class DiceSpec(Spec):
    name: str = setting("", "What the run is called.")
    seed: int = seed_setting("Fixes every throw.")
    throws: int = setting(50, "How often.", why="a mean needs some")
    loaded: bool = setting(False, "Whether it cheats.")
    way: Literal["left", "right"] = setting("left", "Where it is thrown.")
    target: float | None = setting(None, "What is hoped for.")
    device: str = device_setting("cpu")
    threads: int = threads_setting()
    die: Die = group(Die, "Die", "What is thrown.")

    @property
    def default_name(self) -> str:
        return f"{self.throws} throws"


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
    return DiceResult(total, total / spec.throws, str(folder))


@dataclass(frozen=True)
class DiceResult:
    sum: int
    mean: float
    out: str

    @property
    def verdict(self) -> Verdict:
        return Verdict(GOOD, "dice are fair")

    def to_json(self) -> dict[str, object]:
        numpy = {"sum": np.int64(self.sum), "mean": np.float32(self.mean)}  # as a report may hold them
        rest = {"out": self.out, "seconds": {"total": 0.5}, "spread": float("nan")}
        return numpy | rest | self.verdict.to_json()

    @classmethod
    def of_json(cls, report: Mapping[str, Any]) -> DiceResult:
        return cls(int(report["sum"]), float(report["mean"]), str(report.get("out", "")))


DICE: Kind[DiceSpec, DiceResult] = Kind(
    "dice",
    Words("Dice", "throw dice", stages={"throw": Stage("Throws", "Each die lands.")}),
    spec=DiceSpec,
    run=throw,
    result=DiceResult,
    stages=("throw", "write"),
    files=("*.npz",),
)
kinds.register(DICE)
