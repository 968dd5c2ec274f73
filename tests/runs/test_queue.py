"""The queue and its workers: real processes, really paused, stopped and killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.runs.executors import Worker, local
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.tasks import layout
from npf_engine.tasks.processes import Identity
from tests.runs.conftest import counting, started, state, total, unbroken, wait_for, worker_of


def test_worker_is_niced_and_leads_its_own_session(store, monkeypatch):
    monkeypatch.delenv("NPF_NICE")
    run = store.submit(counting(200))
    wait_for(lambda: (run.folder / layout.STATUS).exists())
    pid = worker_of(run).pid
    assert os.getsid(pid) == os.getpgid(pid) == pid != os.getsid(0)
    assert os.getpriority(os.PRIO_PROCESS, pid) == 10


def test_queue_has_one_slot_and_keeps_its_order_without_any_access(store, make_store):
    first, second, third = (store.submit(counting(40)) for _ in range(3))
    assert [state(store, run.id) for run in (first, second, third)] == ["running", "queued", "queued"]
    assert [store.status(run.id)["ahead"] for run in (first, second, third)] == [0, 0, 1]
    # Nobody asks the store: only the thread and the finishing workers move the queue.
    wait_for(lambda: (third.folder / layout.REPORT).exists())
    runs = [store.get(run.id) for run in (first, second, third)]
    assert runs[0].started < runs[1].started < runs[2].started
    assert runs[1].started >= (first.folder / layout.REPORT).stat().st_mtime


def test_queue_advances_without_an_app(make_store):
    store = make_store(watch=False)
    store.scheduler.executor.on_exit = None  # as if the app were gone: only the worker's own kick is left
    first, second = store.submit(counting(30)), store.submit(counting(30))
    wait_for(
        lambda: (second.folder / layout.REPORT).exists(),
    )
    assert (first.folder / layout.REPORT).exists()


def test_two_slots_run_two_at_once(store, monkeypatch):
    monkeypatch.setenv("NPF_CPU_SLOTS", "2")
    runs = [store.submit(counting(300)) for _ in range(3)]
    assert [state(store, run.id) for run in runs] == ["running", "running", "queued"]


def test_what_runs_on_the_processor_leaves_the_accelerator_to_trainings(store, monkeypatch):
    """A lab that says auto would wait for the card, and hold it."""
    monkeypatch.setattr(local, "accelerators", lambda: ("cuda0",))
    store.scheduler.executor.command = [sys.executable, "-c", "import time; time.sleep(60)"]
    specs = {
        "lab": LabSpec(device="auto"),
        "training": counting(10, device="auto"),
        "next": counting(10, device="cuda"),
        "other": counting(10, device="cpu"),
    }
    found = {name: store.submit(spec).id for name, spec in specs.items()}
    slots = {name: store.table.find(run_id).slot for name, run_id in found.items()}
    assert slots == {"lab": "cpu0", "training": "cuda0", "next": None, "other": None}
    for run_id in found.values():
        store.delete(run_id)


def test_a_training_over_two_cards_takes_both_and_is_not_starved(store, monkeypatch, tmp_path):
    """What becomes free waits for it: the run behind it, which one card would do for, comes after."""
    monkeypatch.setattr(local, "accelerators", lambda: ("cuda0", "cuda1", "cuda2"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    seen = "import os, sys, time; open(sys.argv[1] + '/seen', 'w').write(os.environ['CUDA_VISIBLE_DEVICES'])"
    store.scheduler.executors.usual.command = [sys.executable, "-c", f"{seen}; time.sleep(60)", "{folder}"]
    ids = [store.submit(counting(10, device="cuda", devices=devices)).id for devices in (1, 1, 2, 1)]
    assert [store.table.find(run_id).slot for run_id in ids] == ["cuda0", "cuda1", None, None]
    store.delete(ids[1])
    assert [store.table.find(run_id) and store.table.find(run_id).slot for run_id in ids[2:]] == ["cuda1+cuda2", None]
    wait_for(lambda: (store.get(ids[2]).folder / "seen").exists())
    wait_for(lambda: (store.get(ids[2]).folder / "seen").read_text() == "5,7")
    store.delete(ids[0])
    assert store.table.find(ids[3]).slot == "cuda0"
    for run_id in ids[2:]:
        store.delete(run_id)


def test_killed_worker_is_seen_within_ten_seconds_and_resumes_to_the_same_result(store):
    expected = unbroken(store, steps=400, seed=7)
    run = store.submit(counting(400, seed=7))
    for _ in range(2):
        wait_for(lambda: started(store, run.id))
        os.kill(worker_of(run).pid, signal.SIGKILL)
        assert wait_for(lambda: state(store, run.id) == "interrupted") < 10
        assert "resume" in store.get(run.id).error
        assert store.resume(run.id).state == "running"
    wait_for(lambda: state(store, run.id) == "done")
    assert total(store, run.id) == expected
    assert store.get(run.id).error is None
    steps = store.history(run.id)["u"]["step"]
    assert (steps[1:] > steps[:-1]).all() and steps[-1] == 400


def test_pause_gives_the_slot_away_and_resume_goes_on_in_the_same_process(store):
    run = store.submit(counting(400, seed=7))
    wait_for(lambda: started(store, run.id))
    worker = worker_of(run)
    store.pause(run.id)
    wait_for(lambda: state(store, run.id) == "paused")
    assert worker.alive()
    step = store.status(run.id)["step"]
    other = store.submit(counting(100))
    assert state(store, other.id) == "running"
    assert store.status(run.id)["step"] == step
    store.resume(run.id)
    assert state(store, run.id) == "queued"  # the slot is taken
    store.pause(other.id)
    wait_for(lambda: state(store, other.id) == "paused")
    wait_for(lambda: state(store, run.id) == "done")
    assert worker_of(run) == worker
    store.resume(other.id)
    wait_for(lambda: state(store, other.id) == "done")
    assert total(store, run.id) == unbroken(store, steps=400, seed=7)


def test_pause_in_the_queue_needs_no_worker(store):
    first, second = store.submit(counting(50)), store.submit(counting(10))
    assert store.pause(second.id).state == "paused"
    wait_for(lambda: state(store, first.id) == "done")
    time.sleep(0.6)
    assert state(store, second.id) == "paused"
    store.resume(second.id)
    wait_for(lambda: state(store, second.id) == "done")


def test_cancel_saves_first_and_resume_goes_on(store, monkeypatch):
    expected = unbroken(store, steps=400, seed=3)
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "1000")
    run = store.submit(counting(400, seed=3))
    wait_for(lambda: store.status(run.id)["step"] >= 20)
    store.cancel(run.id)
    wait_for(lambda: state(store, run.id) == "cancelled")
    assert (run.folder / layout.CHECKPOINTS / "u.pt").exists()  # saved because of the cancel
    wait_for(lambda: not worker_of(run).alive())
    stopped_at, told = store.status(run.id)["step"], store.events(run.id)[-1]["i"]
    store.resume(run.id)
    wait_for(lambda: state(store, run.id) == "done")
    assert total(store, run.id) == expected
    again = [event["step"] for event in store.events(run.id, after=told) if event["kind"] == "progress"]
    assert min(again) > stopped_at  # not one step was done twice


def test_cancel_ends_a_worker_that_does_not_listen(store, monkeypatch):
    monkeypatch.setenv("NPF_CANCEL_SECONDS", "0.3")
    monkeypatch.setattr("npf_engine.runs.scheduler.KILL_AFTER", 0.5)
    run = store.submit(counting(3000, source="deaf"))
    wait_for(lambda: store.status(run.id)["step"] > 5)
    worker = worker_of(run)
    assert store.cancel(run.id).state == "running"
    assert store.status(run.id)["stopping"]
    wait_for(lambda: state(store, run.id) == "cancelled")
    assert not worker.alive()


def test_cancel_in_the_queue(store):
    first, second = store.submit(counting(50)), store.submit(counting(50))
    assert store.cancel(second.id).state == "cancelled"
    wait_for(lambda: state(store, first.id) == "done")
    assert not (second.folder / layout.WORKER).exists()
    with pytest.raises(InputError, match="is done and cannot be cancelled"):
        store.cancel(first.id)


def test_term_from_outside_makes_the_run_resumable(store):
    run = store.submit(counting(400))
    wait_for(lambda: started(store, run.id))
    os.kill(worker_of(run).pid, signal.SIGTERM)
    wait_for(lambda: state(store, run.id) == "interrupted")
    store.resume(run.id)
    wait_for(lambda: state(store, run.id) == "done")


def test_runs_survive_a_restart_of_the_app(make_store):
    before = make_store(watch=False)
    running, dead = before.submit(counting(400)), before.submit(counting(400))
    wait_for(lambda: started(before, running.id))
    worker = worker_of(running)
    later = make_store(watch=False)
    assert state(later, running.id) == "running" and state(later, dead.id) == "queued"
    wait_for(lambda: later.get(running.id).state == "done")
    wait_for(lambda: started(later, dead.id))
    assert not worker.alive()
    os.kill(worker_of(dead).pid, signal.SIGKILL)
    wait_for(lambda: not worker_of(dead).alive())
    wait_for(lambda: state(make_store(watch=False), dead.id) == "interrupted", seconds=5)


def test_a_used_up_pid_is_not_taken_for_the_worker(store):
    run = store.submit(counting(500))
    wait_for(lambda: started(store, run.id))
    worker = worker_of(run)
    with sqlite3.connect(store.table.path) as db:  # the row as it would be had the pid gone to somebody else
        db.execute("UPDATE runs SET pid = ?, pid_start = 'another time' WHERE id = ?", [os.getpid(), run.id])
    assert store.scheduler.executor.find(run.folder, Identity(os.getpid(), "another time")) == Worker(worker)
    (run.folder / layout.WORKER).unlink()
    wait_for(lambda: state(store, run.id) == "interrupted")
    os.kill(worker.pid, signal.SIGKILL)


def test_a_second_worker_of_the_same_folder_refuses(store):
    run = store.submit(counting(3000))
    wait_for(lambda: started(store, run.id))
    command = [part.replace("{folder}", str(run.folder)) for part in store.scheduler.executor.command]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    second = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert second.returncode == 2 and "another worker is at" in second.stderr
    assert worker_of(run).alive() and state(store, run.id) == "running"
