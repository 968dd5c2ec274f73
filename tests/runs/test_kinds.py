"""Runs of a kind of their own: one entry in KINDS, and queue, progress, results and settings are as for a training."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import random
import signal
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import Cancelled, InputError
from npf_engine.runs.estimate import estimate
from npf_engine.runs.job import run_job
from npf_engine.runs.recording import FolderRecorder
from npf_engine.runs.store import RunStore
from npf_engine.settings.dotted import dotted_values
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import TrainingSpec, with_values
from npf_engine.studies.kind import Result, named
from npf_engine.tasks import layout
from tests.runs.conftest import counting, state, wait_for, worker_of
from tests.runs.tiny_kind import DICE, DiceSpec, Die

ROOT = Path(__file__).parents[2]
kinds.KINDS.pop("dice", None)  # which its import has registered: only some tests know it


@pytest.fixture
def dice(make_store: Callable[..., RunStore], monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A store whose workers, which are those of the program, know the dice."""
    monkeypatch.setitem(kinds.KINDS, "dice", DICE)
    monkeypatch.setenv("NPF_EXTENSIONS", str(ROOT / "tests/runs/tiny_kind.py"))
    return make_store(command=[sys.executable, "-m", "npf_engine", "worker", "{folder}"])


@pytest.mark.parametrize("name", kinds.KINDS)
def test_every_kind_is_complete(name: str):
    kind = kinds.get(name)
    spec = kind.default()
    assert kind.name == name and kind.title
    assert callable(named(kind.run))
    assert kinds.of(spec) is kind
    assert kind.run_name(spec)
    assert {"seed", "first_seed"} & set(dotted_values(spec))  # a repeat gives the same numbers
    assert kinds.spec_from_json(json.loads(json.dumps(kinds.spec_to_json(spec)))) == spec


def test_spec_in_json_and_back(monkeypatch):
    monkeypatch.setitem(kinds.KINDS, "dice", DICE)
    spec = DiceSpec(name="x", seed=3, loaded=True, target=0.5, die=Die(8, (0.5, 4.0)))
    data = json.loads(json.dumps(kinds.spec_to_json(spec)))
    assert data["kind"] == "dice" and data["die"] == {"faces": 8, "marks": [0.5, 4.0]}
    assert kinds.spec_from_json(data) == spec
    assert kinds.spec_to_json(TrainingSpec())["kind"] == "train"
    # versions before wrote no kind for a training
    assert kinds.spec_from_json({"seed": 4}) == with_values(TrainingSpec(), {"seed": 4})
    assert kinds.spec_from_json({"kind": "train"}) == TrainingSpec()


def test_settings_as_text_and_refused_ones(monkeypatch):
    monkeypatch.setitem(kinds.KINDS, "dice", DICE)
    typed = {"throws": "7", "loaded": "true", "way": "right", "target": "none", "die.marks": "1, 2", "die.faces": "4"}
    assert DICE.with_values(DiceSpec(target=1.0), typed) == DiceSpec(
        throws=7, loaded=True, way="right", target=None, die=Die(4, (1.0, 2.0))
    )
    refused = {
        "throws": ("7.5", "throws must be of type int"),
        "loaded": ("maybe", "loaded must be of type bool"),
        "way": ("up", "way must be one of left, right, not 'up'"),
        "die.faces": (1, "die.faces must be 2 or more, not 1"),
        "die": (1, "group of settings"),
        "dye.faces": (1, "unknown setting 'dye.faces'; there are name, seed, throws"),
    }
    for key, (value, sentence) in refused.items():
        with pytest.raises(InputError, match=sentence.replace(".", r"\.")):
            DICE.with_values(DiceSpec(), {key: value})
    with pytest.raises(InputError, match="knows no run of kind 'cards'"):
        kinds.spec_from_json({"kind": "cards"})
    with pytest.raises(InputError, match="is no spec of a run"):
        kinds.of(Die())
    assert kinds.lenient_spec({"kind": "dice", "throws": 9, "way": "up", "gone": 1}) == DiceSpec(throws=9)


def sum_of(result: Result) -> int:
    return int(result.to_json()["sum"])


def expected(spec: DiceSpec) -> int:
    """The sum of the throws, by the dice alone."""
    numbers = random.Random(spec.seed)
    return sum(numbers.randint(1, spec.die.faces) for _ in range(spec.throws))


def test_a_run_from_queue_to_zip_through_a_kill_and_a_cancel(dice: RunStore):
    spec = DiceSpec(seed=5, throws=150)
    run = dice.submit(spec)
    assert run.kind == "dice" and run.name == "150 throws" and run.spec == spec
    blank = dice.status(run.id)["stages"]
    assert [stage["name"] for stage in blank] == ["throw", "write"]
    with pytest.raises(InputError, match="has no results yet"):
        dice.archive(run.id)

    def saved() -> bool:
        return (run.folder / layout.CHECKPOINTS / "throw.pt").exists() and dice.status(run.id)["step"] > 20

    wait_for(saved)
    assert dice.status(run.id)["seconds_left"] is not None
    os.kill(worker_of(run).pid, signal.SIGKILL)
    wait_for(lambda: state(dice, run.id) == "interrupted")
    dice.resume(run.id)
    wait_for(lambda: state(dice, run.id) == "running" and worker_of(run).alive())
    dice.cancel(run.id)
    wait_for(lambda: state(dice, run.id) == "cancelled" and not worker_of(run).alive())
    dice.resume(run.id)
    wait_for(lambda: state(dice, run.id) == "done")
    done = dice.get(run.id)
    assert done.verdict == "good" and done.seconds == {"total": 0.5} and done.error is None
    report = dice.report(run.id)
    assert report is not None and report["sum"] == expected(spec) and report["spread"] is None
    assert DICE.result_of(report).sum == expected(spec) and DICE.result_of(report).verdict.level == "good"
    assert dice.history(run.id)["throw"]["mean"][-1] == pytest.approx(report["mean"], rel=1e-6)
    assert not (run.folder / layout.CHECKPOINTS).exists()
    assert estimate(dice, TrainingSpec()).runs == 0  # what a training takes is told by trainings
    with zipfile.ZipFile(io.BytesIO(dice.archive(run.id))) as content:
        assert sorted(content.namelist()) == ["dice.npz", "report.json", "spec.json"]
        assert "out" not in json.loads(content.read("report.json"))  # a path of this machine
        settled = kinds.spec_from_json(json.loads(content.read("spec.json")))
    assert settled.threads >= 1 and settled.throws == 150
    assert int(np.load(dice.result(run.id, "dice.npz"))["total"][0]) == expected(spec)
    for name in ("notes.txt", layout.SNAPSHOT, "../table"):
        with pytest.raises(InputError, match="has no"):
            dice.result(run.id, name)
    with pytest.raises(InputError, match="bundle is missing"):
        dice.bundle(run.id)


def test_a_failure_is_a_sentence_and_the_run_can_be_repeated_with_edits(dice: RunStore):
    run = dice.submit(DiceSpec(throws=3, way="right"))
    wait_for(lambda: state(dice, run.id) == "failed")
    assert dice.get(run.id).error == "the dice fell off the table; throw to the left"
    again = dice.retry(run.id, {"way": "left"})
    assert again.kind == "dice" and again.spec == DiceSpec(throws=3)
    wait_for(lambda: state(dice, again.id) == "done")
    with pytest.raises(InputError, match="must be 2 or more"):
        dice.submit(DiceSpec(die=Die(faces=0)))
    dice.delete(run.id)
    assert [item.id for item in dice.list()] == [again.id]


def test_kinds_stand_in_one_queue_and_are_told_apart(dice: RunStore, monkeypatch):
    dice.scheduler.executor.command = [sys.executable, "-c", "import time; time.sleep(600)"]
    first, second = dice.submit(counting(name="a training")), dice.submit(DiceSpec(throws=10))
    assert state(dice, second.id) == "queued" and dice.status(second.id)["ahead"] == 0
    assert [run.id for run in dice.list("train")] == [first.id]
    assert [run.id for run in dice.list("dice")] == [second.id]
    monkeypatch.delitem(kinds.KINDS, "dice")  # as a version sees it that does not know them
    unknown = next(run for run in dice.list() if run.id == second.id)
    assert unknown.kind == "dice" and unknown.name == "10 throws"
    with pytest.raises(InputError, match="knows no run of kind 'dice'"):
        _ = unknown.spec
    assert dice.status(second.id)["state"] == "queued"
    dice.delete(second.id)
    dice.delete(first.id)
    assert dice.list() == []


def test_names_of_runs(monkeypatch, dice: RunStore):
    dice.scheduler.executor.command = [sys.executable, "-c", "pass"]
    assert dice.submit(DiceSpec(name=" mine ")).name == "mine"
    assert dice.submit(DiceSpec(name="mine"), "yours").name == "yours"
    by_name = dataclasses.replace(DICE, naming="{name} by {throws}")
    monkeypatch.setitem(kinds.KINDS, "dice", by_name)  # now the leaf says what is thrown, not what the run is called
    assert dice.submit(DiceSpec(name="ivory", throws=7)).name == "ivory by 7"


def test_a_folder_keeps_to_its_run(monkeypatch, tmp_path):
    monkeypatch.setitem(kinds.KINDS, "dice", DICE)
    spec = DiceSpec(throws=2)
    recorder = FolderRecorder(tmp_path, DICE.stages)
    assert sum_of(run_job(spec, tmp_path, recorder)) == expected(spec)
    with pytest.raises(InputError, match=r"holds another dice \(throws is 2 there, not 3\)"):
        run_job(DiceSpec(throws=3), tmp_path, recorder)
    assert sum_of(run_job(DiceSpec(name="another name", throws=2), tmp_path, recorder)) == expected(spec)
    monkeypatch.setitem(kinds.KINDS, "dice", dataclasses.replace(DICE, naming="{name} by {throws}"))
    with pytest.raises(InputError, match=r"name is 'another name' there, not ''"):
        run_job(spec, tmp_path, recorder)
    with pytest.raises(InputError, match="it is of kind dice, not train"):
        run_job(counting(), tmp_path, recorder)


def test_a_stage_that_does_not_save_is_stopped_at_once(tmp_path):
    recorder = FolderRecorder(tmp_path, ("walk",), ())
    recorder.stage("walk", "started")
    recorder.check()
    (tmp_path / layout.CONTROL).write_text("cancel")
    recorder._control_at = 0.0
    with pytest.raises(Cancelled):
        recorder.check()
