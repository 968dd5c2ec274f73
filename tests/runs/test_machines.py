"""Disks that are full, machines that go down, folders that were tampered with: nothing is lost, and it is told."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from npf_engine.errors import Cancelled, DiskFull
from npf_engine.runs import scheduler, serving
from npf_engine.runs.recording import FolderRecorder
from npf_engine.runs.store import RunStore
from npf_engine.runs.worker import _with_room
from npf_engine.tasks import layout
from tests.runs.conftest import counting, started, state, total, unbroken, wait_for, worker_of


def fill(path: Path) -> None:
    """From now on, writing to ``path`` says that the disk is full."""
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/full")


def test_a_training_waits_for_room_and_goes_on(store):
    expected = unbroken(store, steps=60, seed=7)
    run = store.submit(counting(60, seed=7))
    fill(run.folder / layout.EVENTS)
    wait_for(lambda: store.status(run.id)["waiting"])
    status = store.status(run.id)
    assert status["state"] == "running" and "is full; free some space; the run waits" in status["waiting"]
    assert worker_of(run).alive()
    (run.folder / layout.EVENTS).unlink()
    wait_for(lambda: state(store, run.id) == "done")
    assert total(store, run.id) == expected and store.status(run.id)["waiting"] is None
    assert "there is room on the disk again" in store.log(run.id)


def test_a_training_that_waits_for_room_can_be_stopped(store):
    run = store.submit(counting(2000))
    fill(run.folder / layout.EVENTS)
    wait_for(lambda: store.status(run.id)["waiting"])
    store.cancel(run.id)
    wait_for(lambda: state(store, run.id) == "cancelled")


def test_a_checkpoint_waits_and_the_one_before_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("npf_engine.runs.recording.ROOM_SECONDS", 0.01)
    recorder = FolderRecorder(tmp_path)
    recorder.save("u", {"step": 1})
    real, tries = os.replace, [0]

    def replace(part: Path, path: Path) -> None:
        if str(path).endswith("u.pt"):
            tries[0] += 1
            if tries[0] < 4:
                assert FolderRecorder(tmp_path).load("u") == {"step": 1}
                raise OSError(errno.ENOSPC, "No space left on device")
        real(part, path)

    monkeypatch.setattr(os, "replace", replace)
    recorder.save("u", {"step": 2})
    assert tries[0] == 4 and recorder.load("u") == {"step": 2} and recorder.paused > 0
    assert not list((tmp_path / layout.CHECKPOINTS).glob(".*"))


def test_work_that_found_no_room_for_its_result_is_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr("npf_engine.runs.worker.PATIENCE", (0.02, 0.1))
    monkeypatch.setattr("npf_engine.runs.recording.ROOM_SECONDS", 0.01)
    tries: list[str] = []

    def job(spec: object, folder: Path, recorder: FolderRecorder) -> None:
        tries.append(recorder.waiting or "")
        if len(tries) == 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(folder / "npf-x.zip"))
        if len(tries) == 2:
            raise DiskFull("the disk is full")

    recorder = FolderRecorder(tmp_path)
    _with_room(job, None, tmp_path, recorder)
    assert len(tries) == 3 and recorder.waiting is None
    recorder.terminated = True
    tries.clear()
    with pytest.raises(Cancelled):
        _with_room(job, None, tmp_path, recorder)


def test_a_run_that_finds_no_room_to_start_keeps_its_place(store, monkeypatch):
    def full(*_: object) -> None:
        raise DiskFull("the disk that holds it is full; free some space")

    with monkeypatch.context() as patched:
        patched.setattr(store.scheduler.executor, "start", full)
        patched.setattr("npf_engine.runs.executors.local.LocalExecutor.start", full)
        run = store.submit(counting(3))
        assert run.state == "queued"
        wait_for(lambda: "is full" in (store.trouble() or ""))
        assert store.get(run.id).state == "queued"
    wait_for(lambda: state(store, run.id) == "done")


def test_a_server_that_ends_with_its_machine_lets_the_workers_save(make_store, monkeypatch, not_leaving):
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "1000")  # nothing is saved but for the end
    store = make_store(watch=False)
    expected = unbroken(store, steps=300, seed=5)
    run, waiting = store.submit(counting(300, seed=5)), store.submit(counting(2))
    wait_for(lambda: store.status(run.id)["step"] > 30)
    assert store.scheduler.leave(8.0) == []
    step = store.status(run.id)["step"]
    assert (run.folder / layout.CHECKPOINTS / "u.pt").exists()
    assert state(store, run.id) == "interrupted" and state(store, waiting.id) == "queued"  # nothing new was begun
    wait_for(lambda: not worker_of(run).alive())  # it has said its last word before it is gone
    not_leaving.clear()
    told = store.events(run.id)[-1]["i"]
    assert store.scheduler.take_up() == [run.id]
    again = store.get(run.id)
    assert again.state == "running" and again.error is None and "taken up again" in (again.told or "")
    wait_for(lambda: state(store, run.id) == "done" and state(store, waiting.id) == "done")
    assert total(store, run.id) == expected
    steps = [event["step"] for event in store.events(run.id, after=told) if event["kind"] == "progress"]
    assert min(steps) > step  # not one was lost
    assert store.get(run.id).started < store.get(waiting.id).started


def test_what_a_power_cut_interrupted_is_taken_up_but_not_for_ever(make_store, monkeypatch):
    monkeypatch.setattr(scheduler.Scheduler, "tick_safely", lambda self: None)  # nobody sees a worker end
    store = make_store(watch=False)
    run = store.submit(counting(3000))
    for crash in ("first", "second"):
        wait_for(lambda: started(store, run.id))
        worker = worker_of(run)
        os.kill(worker.pid, signal.SIGKILL)  # and no server saw it
        wait_for(lambda worker=worker: not worker.alive())
        assert make_store(watch=False).scheduler.take_up() == ([run.id] if crash == "first" else [])
    assert state(store, run.id) == "interrupted"
    assert "twice" in (store.get(run.id).error or "") and "resume" in (store.get(run.id).error or "")
    assert store.scheduler.take_up() == []
    store.resume(run.id)  # somebody wants it: it counts from the start
    wait_for(lambda: started(store, run.id))
    assert store.get(run.id).told is None
    store.cancel(run.id)


def test_a_run_that_died_while_the_server_lived_waits_for_its_owner(store):
    run = store.submit(counting(3000))
    wait_for(lambda: started(store, run.id))
    os.kill(worker_of(run).pid, signal.SIGKILL)
    wait_for(lambda: state(store, run.id) == "interrupted")
    assert store.scheduler.take_up() == []


def test_a_paused_run_stays_paused_over_a_restart(make_store, not_leaving):
    store = make_store(watch=False)
    expected = unbroken(store, steps=200, seed=5)
    run = store.submit(counting(200, seed=5))
    wait_for(lambda: started(store, run.id))
    store.pause(run.id)
    wait_for(lambda: state(store, run.id) == "paused")
    assert store.scheduler.leave(8.0) == []
    not_leaving.clear()
    assert store.scheduler.take_up() == [] and state(store, run.id) == "paused"
    store.resume(run.id)
    wait_for(lambda: state(store, run.id) == "done")
    assert total(store, run.id) == expected


def test_workers_end_with_a_container_and_not_with_a_terminal(monkeypatch):
    monkeypatch.delenv(serving.VARIABLE, raising=False)
    assert not serving.workers_end_with_us()
    for text, expected in (("yes", True), ("no", False), ("1", True), (" YES ", True), ("off", False)):
        monkeypatch.setenv(serving.VARIABLE, text)
        assert serving.workers_end_with_us() is expected
    monkeypatch.delenv(serving.VARIABLE)
    monkeypatch.setattr(os, "getpid", lambda: 1)
    assert serving.workers_end_with_us()


BROKEN_SETTINGS = {"is missing": None, "is not JSON": "{ not json", "does not hold": "[1]", "kind 'x'": '{"kind": "x"}'}


def test_broken_settings_are_named_for_that_run_only(store: RunStore):
    first = store.submit(counting(200))
    runs = {told: store.submit(counting(3)) for told in BROKEN_SETTINGS}
    for told, content in BROKEN_SETTINGS.items():
        path = runs[told].folder / layout.SPEC
        path.unlink() if content is None else path.write_text(content)
    for told, run in runs.items():
        wait_for(lambda run=run: state(store, run.id) == "failed")
        assert told in (store.get(run.id).error or "")
    assert state(store, first.id) == "done"
    again = store.retry(runs["is missing"].id)
    wait_for(lambda: state(store, again.id) == "done")


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(tmp_path):
    layout.write_json(tmp_path / layout.SPEC, {"seed": 0, "u": {"hidden": [8, 8]}, "name": "a"})
    recorder = FolderRecorder(tmp_path)
    recorder.save("u", {"step": 5})
    layout.write_json(tmp_path / layout.SPEC, {"seed": 0, "u": {"hidden": [8, 8]}, "name": "b", "new": True})
    assert recorder.load("u") == {"step": 5}  # another name, and a setting that only a later version has
    os.rename(tmp_path / layout.CHECKPOINTS / "u.pt", tmp_path / layout.CHECKPOINTS / "v.pt")
    assert recorder.load("v") is None and "key is u" in (tmp_path / layout.LOG).read_text()
    recorder.save("u", {"step": 5})
    layout.write_json(tmp_path / layout.SPEC, {"seed": 1, "u": {"hidden": [8, 8]}})
    assert recorder.load("u") is None and "seed is 0" in (tmp_path / layout.LOG).read_text()


def test_a_wrong_clock_changes_neither_the_queue_nor_the_list(store, monkeypatch):
    first = store.submit(counting(200))
    second = store.submit(counting(3))
    with monkeypatch.context() as patched:
        patched.setattr("npf_engine.runs.store.time.time", lambda: 1e6)  # 1970
        third = store.submit(counting(3))
    assert [run.id for run in store.list()] == [third.id, second.id, first.id]
    assert [store.status(run.id)["ahead"] for run in (second, third)] == [0, 1]


def test_seconds_are_summed_over_processes(tmp_path):
    first = FolderRecorder(tmp_path)
    first._made -= 100.0  # as if it had worked that long
    first.begin()
    later = FolderRecorder(tmp_path)
    assert later.earlier == pytest.approx(100.0, abs=1.0)
    later.begin()
    assert FolderRecorder(tmp_path).earlier == pytest.approx(100.0, abs=2.0)
