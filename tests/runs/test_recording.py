"""Recorders: checkpoints, time left, throttling, and the line on a terminal."""

from __future__ import annotations

import io
import json
import threading
import time

import numpy as np
import pytest
import torch

from npf_engine.errors import Cancelled, InputError
from npf_engine.runs import reading
from npf_engine.runs.console import ConsoleRecorder, duration
from npf_engine.runs.recording import FolderRecorder
from npf_engine.studies.factorization import cost
from npf_engine.studies.factorization.spec import TrainingSpec, preset, with_values
from npf_engine.tasks import layout
from npf_engine.tasks.progress import STAGES, Board


def test_checkpoints_hold_everything_a_training_needs(tmp_path):
    network = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    generator = torch.Generator().manual_seed(5)
    state = {
        "step": 3,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": generator.get_state(),
        "loss": np.float64(0.5),
        "points": np.arange(6, dtype=np.float32).reshape(2, 3),
        "nested": [{"a": (1, 2.5, "x", None, True)}],
    }
    FolderRecorder(tmp_path).save("u", state)
    kept = FolderRecorder(tmp_path).load("u")
    assert kept is not None
    assert kept["step"] == 3 and kept["loss"] == 0.5 and kept["nested"] == state["nested"]
    torch.testing.assert_close(kept["network"], dict(network.state_dict()), rtol=0, atol=0)
    assert torch.equal(kept["points"], torch.arange(6.0).reshape(2, 3))
    torch.optim.Adam(network.parameters()).load_state_dict(kept["optimiser"])
    assert torch.equal(kept["random"], generator.get_state())
    assert FolderRecorder(tmp_path).load("v") is None
    assert sorted(path.name for path in (tmp_path / layout.CHECKPOINTS).iterdir()) == ["u.pt"]


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    recorder = FolderRecorder(tmp_path)
    (tmp_path / layout.CHECKPOINTS).mkdir()
    torch.save({"trap": Trap()}, tmp_path / layout.CHECKPOINTS / "u.pt")
    assert recorder.load("u") is None
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(ValueError, match="key"):
        recorder.save("../u", {})


def test_checkpoints_are_due_by_time(tmp_path, monkeypatch):
    assert not FolderRecorder(tmp_path).checkpoint_due()
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "0.05")
    recorder = FolderRecorder(tmp_path)
    time.sleep(0.06)
    assert recorder.checkpoint_due()
    recorder.save("u", {"step": 1})
    assert not recorder.checkpoint_due()
    time.sleep(0.06)
    assert not ConsoleRecorder(stream=io.StringIO()).checkpoint_due()  # no folder, nothing to keep
    assert ConsoleRecorder(tmp_path, stream=io.StringIO()).load("u") == {"step": 1}


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        FolderRecorder(tmp_path / "file" / "run")


def test_many_steps_make_few_writes(tmp_path):
    recorder = FolderRecorder(tmp_path)
    began = time.process_time()
    for step in range(20_000):
        recorder.check()
        recorder.progress("m", step + 1, 20_000, loss=float("nan") if step < 19_000 else 1.0)
    assert time.process_time() - began < 5
    lines = (tmp_path / layout.EVENTS).read_text().splitlines()
    assert len(lines) < 20
    assert all(json.loads(line, parse_constant=pytest.fail) for line in lines)  # NaN is no JSON
    status = reading.status(tmp_path, 0.0)
    assert status["stage"] == "m" and status["step"] == status["total"] == 20_000 and status["rate"] > 100


def test_cancel_waits_for_a_checkpoint_and_no_longer_than_it_must(tmp_path, monkeypatch):
    recorder = FolderRecorder(tmp_path)
    recorder.stage("field", "started")
    recorder.check()
    (tmp_path / layout.CONTROL).write_text("cancel")
    time.sleep(0.11)
    with pytest.raises(Cancelled):
        recorder.check()  # nothing to save in this stage
    monkeypatch.setattr("npf_engine.runs.recording.SAVE_PATIENCE", 0.3)
    (tmp_path / layout.CONTROL).unlink()
    recorder = FolderRecorder(tmp_path)
    recorder.stage("u", "started")
    assert not recorder.checkpoint_due()
    (tmp_path / layout.CONTROL).write_text("cancel")
    recorder.check()
    assert recorder.checkpoint_due()
    time.sleep(0.35)
    with pytest.raises(Cancelled):
        recorder.check()  # the stage keeps no checkpoints: enough waited


def test_pause_blocks_and_is_left_out_of_the_times(tmp_path):
    recorder = FolderRecorder(tmp_path)
    recorder.stage("report", "started")
    (tmp_path / layout.CONTROL).write_text("pause")
    threading.Timer(0.6, (tmp_path / layout.CONTROL).unlink).start()
    began, work = time.monotonic(), recorder.clock()
    recorder.check()
    assert time.monotonic() - began > 0.5 and recorder.clock() - work < 0.4
    recorder.stage("report", "done")
    assert (recorder.board.stages["report"].seconds or 9.0) < 0.4
    states = [event["state"] for event in reading.events(tmp_path) if event["kind"] == "run"]
    assert states == ["paused", "running"]


def test_time_left_follows_what_was_measured():
    now = [0.0]
    board = Board(clock=lambda: now[0])
    assert board.seconds_left() is None
    board.weights = dict.fromkeys(STAGES, 10.0)
    board.mark("field", "started")
    now[0] += 20
    board.mark("field", "done")  # twice as long as guessed
    assert board.stages["field"].seconds == 20
    board.mark("u", "started")
    for step in range(1, 51):
        now[0] += 0.2
        board.advance("u", step, 100, {})
    assert board.rate == pytest.approx(5.0)
    # u has 50 steps of 0.2 s to go; the five stages behind it are still 10 s each by guess, twice that as measured.
    assert board.seconds_left() == pytest.approx(50 * 0.2 + 5 * 10 * 2, rel=0.01)
    for name in STAGES[1:]:
        board.mark(name, "done", 1.0)
    assert board.seconds_left() == 0.0


def test_parts_of_a_stage_are_within_it(tmp_path):
    recorder = FolderRecorder(tmp_path)
    recorder.plan(dict.fromkeys(STAGES, 10.0))
    recorder.stage("u", "started")
    recorder.progress("u: pairing", 1, 2)
    status = reading.status(tmp_path, 0.0)
    assert status["stage"] == "u: pairing" and {"name": "u", "state": "started", "seconds": None} in status["stages"]
    assert 65 < status["seconds_left"] <= 70  # the part is no measure of the whole
    assert recorder._saves()
    for step in range(1, 101):
        recorder.progress("u", step, 100, **({"sinkhorn": 0.5} if step == 50 else {}), loss=1.0)
    recorder.progress("u", 1, 1, sinkhorn=0.25)
    recorder.stage("u", "done", 3.0)
    states = {stage["name"]: stage["state"] for stage in reading.status(tmp_path, 0.0)["stages"]}
    assert states["u"] == states["u: pairing"] == "done" and states["v"] == "waiting"
    curve = reading.history(tmp_path)["u"]
    assert curve["step"][-1] == 100 and curve["sinkhorn"][-1] == 0.25
    assert 0.5 in [event.get("sinkhorn") for event in reading.events(tmp_path)]


def test_the_console_tells_stage_rate_and_losses():
    stream = io.StringIO()
    recorder = ConsoleRecorder(stream=stream)
    recorder.plan(dict.fromkeys(STAGES, 1.0))
    recorder.stage("u", "started")
    recorder._shown = -100.0
    recorder.progress("u", 5, 10, loss=0.25)
    recorder.stage("u", "done", 65.0)
    assert "u 5/10" in stream.getvalue() and "loss 0.25" in stream.getvalue()
    assert "u done in 1:05 min" in stream.getvalue()
    silent = io.StringIO()
    ConsoleRecorder(stream=silent, quiet=True).note("nothing")
    assert silent.getvalue() == ""
    assert [duration(value) for value in (8.2, 185, 7800)] == ["8 s", "3:05 min", "2:10 h"]


def test_estimate_is_scaled_by_finished_runs():
    quick, paper = TrainingSpec(), preset("paper")
    assert cost.guess(paper)["inverse"] > 3 * cost.guess(quick)["inverse"]
    assert cost.guess(with_values(quick, {"u.method": "dual", "solver": "published"}))["u"] > cost.guess(quick)["u"]
    rough = cost.by_finished(quick, [])
    assert rough.runs == 0 and rough.total == pytest.approx(sum(rough.stages.values()))
    measured = {name: 3.0 * seconds for name, seconds in cost.guess(quick).items()}
    known = cost.by_finished(paper, [(quick, measured), (quick, {})])
    assert known.runs == 2
    assert known.stages["u"] == pytest.approx(3 * cost.guess(paper)["u"])


def test_curves_grow_by_the_seconds_of_work_however_long_the_machine_is_up(tmp_path, monkeypatch):
    """An event every half second, and rarer once a stage is long; the machine's own clock, which counts from its start,
    made a server that was up for ten days wait for three quarters of an hour."""
    monkeypatch.setattr("npf_engine.runs.recording.time.monotonic", lambda: 1e6)
    recorder = FolderRecorder(tmp_path)
    for step, now in enumerate((0.0, 0.4, 0.6, 0.8, 1.2, 600.0, 601.0, 601.9, 602.1), 1):
        monkeypatch.setattr(recorder.board, "clock", lambda now=now: now)
        recorder.progress("u", step, 100, loss=1.0)
    assert list(reading.history(tmp_path)["u"]["step"]) == [1, 3, 5, 6, 9]
