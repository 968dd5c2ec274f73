"""Runs as a user meets them: from the queue to the report, and every way to fail, as a sentence."""

from __future__ import annotations

import os
import signal
import sqlite3

import pytest

from npf_engine.errors import DiskFull, InputError
from npf_engine.runs.store import RunStore
from npf_engine.tasks import layout
from tests.runs.conftest import counting, started, state, total, unbroken, wait_for, worker_of


def test_a_run_goes_from_queue_to_report(store):
    run = store.submit(counting(60, name="Étude of Jacksboro"))
    assert run.id.startswith("etude-of-jacksboro-")
    wait_for(lambda: state(store, run.id) == "running")
    wait_for(lambda: store.status(run.id)["step"] > 5)
    status = store.status(run.id)
    assert status["stage"] == "u" and 0 < status["step"] <= status["total"] == 60
    wait_for(lambda: state(store, run.id) == "done")
    done = store.get(run.id)
    assert done.verdict == "good" and done.metrics["sum"]["value"] > 0 and done.seconds == {"total": 1.0}
    assert done.created <= done.started <= done.finished
    assert done.spec.u.regression_steps == 60
    curve = store.history(run.id)["u"]
    assert curve["step"][-1] == 60 and 0.3 < curve["loss"][-1] < 0.7
    assert store.snapshot(run.id)["value"].shape == (1,) and str(store.snapshot(run.id)["name"]) == "numbers"
    last = store.events(run.id)[-1]
    assert last["kind"] == "run" and last["state"] == "done"
    assert store.events(run.id, after=last["i"]) == []


def test_failures_are_sentences(store):
    run = store.submit(counting(source="bad input"))
    wait_for(lambda: state(store, run.id) == "failed")
    assert store.get(run.id).error == "row 3 of the table has no number in column F1; fill it in"
    run = store.submit(counting(source="memory"))
    wait_for(lambda: state(store, run.id) == "failed")
    assert store.get(run.id).error.startswith("memory ran out")
    run = store.submit(counting(source="crash"))
    wait_for(lambda: state(store, run.id) == "failed")
    assert "RuntimeError: the matrix is singular" in store.get(run.id).error
    assert "\n" not in store.get(run.id).error
    assert "Traceback (most recent call last)" in store.log(run.id)
    assert "counting_worker.py" in store.log(run.id)


def test_a_missing_worker_command_is_a_sentence(make_store):
    run = make_store(command=["no-such-program", "{folder}"]).submit(counting())
    assert run.state == "failed" and "no-such-program" in run.error


def test_an_unusable_home_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(InputError, match="cannot be written"):
        RunStore(tmp_path / "file")


def test_submit_leaves_nothing_when_it_fails(store, monkeypatch):
    def full(**_: object) -> None:
        raise DiskFull("the disk that holds the table is full")

    monkeypatch.setattr(store.table, "insert", full)
    with pytest.raises(InputError):
        store.submit(counting())
    assert list(store.folder.iterdir()) == []


def test_new_runs_leave_room_for_those_at_work(store, monkeypatch):
    monkeypatch.setattr("npf_engine.settings.limits.MAX_WAITING", 0)
    with pytest.raises(InputError, match="wait or are at work already"):
        store.submit(counting())
    monkeypatch.undo()
    monkeypatch.setattr("npf_engine.tasks.files.ROOM", 1 << 60)
    with pytest.raises(DiskFull, match="delete runs that are not needed"):
        store.submit(counting())
    assert store.list() == [] and list(store.folder.iterdir()) == []


def test_broken_files_do_not_break_the_list(store):
    run = store.submit(counting(30))
    wait_for(lambda: state(store, run.id) == "done")
    folder = store.get(run.id).folder
    events = store.events(run.id)
    with open(folder / layout.EVENTS, "ab") as file:
        file.write(b'{"kind": "progr\xff\n[1, 2]\n\x00\x00\n{"kind": "note", "text": "still here"}\n{"kind": "half')
    assert store.events(run.id)[:-1] == events
    assert store.events(run.id)[-1]["text"] == "still here"
    for junk in (b"", b"\xff\xfe", b"[1]", b'{"state": "running", '):
        (folder / layout.STATUS).write_bytes(junk)
        (folder / layout.SNAPSHOT).write_bytes(junk)
        (folder / layout.REPORT).write_bytes(junk)
        assert store.status(run.id)["state"] == "done" and store.status(run.id)["stages"]
        assert store.snapshot(run.id) is None and store.report(run.id) is None
    with sqlite3.connect(store.table.path) as db:
        db.execute("UPDATE runs SET spec = ?, metrics = '{' WHERE id = ?", ['{"seed": 5, "old": {"key": 1}}', run.id])
    assert store.list()[0].spec.seed == 5 and store.list()[0].metrics is None
    (folder / layout.LOG).unlink()
    assert store.log(run.id) == ""


def test_broken_status_while_running_is_survived(store):
    run = store.submit(counting(300))
    wait_for(lambda: started(store, run.id))
    (run.folder / layout.STATUS).write_bytes(b"{")
    assert state(store, run.id) == "running"
    wait_for(lambda: state(store, run.id) == "done")


def test_a_broken_checkpoint_starts_the_stage_again(store):
    expected = unbroken(store, steps=300, seed=1)
    run = store.submit(counting(300, seed=1))
    wait_for(lambda: started(store, run.id))
    os.kill(worker_of(run).pid, signal.SIGKILL)
    wait_for(lambda: state(store, run.id) == "interrupted")
    (run.folder / layout.CHECKPOINTS / "u.pt").write_bytes(b"PK\x03\x04 torn")
    store.resume(run.id)
    wait_for(lambda: state(store, run.id) == "done")
    assert total(store, run.id) == expected
    assert "u.pt cannot be read" in store.log(run.id)


def test_retry_with_edits(store):
    run = store.submit(counting(20, seed=4))
    wait_for(lambda: state(store, run.id) == "done")
    (run.folder / layout.FIELD).write_bytes(b"samples")
    again = store.retry(run.id, {"u.regression_steps": 25})
    assert again.id != run.id and again.spec.u.regression_steps == 25 and again.spec.seed == 4
    assert (again.folder / layout.FIELD).read_bytes() == b"samples"
    other = store.retry(run.id, {"field.sigma": 3})
    assert not (other.folder / layout.FIELD).exists()
    with pytest.raises(InputError, match="unknown setting"):
        store.retry(run.id, {"u.no_such": 1})
    assert len(store.list()) == 3


def test_rename_and_delete(store):
    run = store.submit(counting(20))
    assert store.rename(run.id, "  Cumberland ").name == "Cumberland"
    with pytest.raises(InputError, match="empty"):
        store.rename(run.id, " ")
    wait_for(lambda: state(store, run.id) == "done")
    folder = store.get(run.id).folder
    store.delete(run.id)
    assert not folder.exists() and store.list() == []
    assert not list(store.home.glob(".deleted-*"))
    for ask in (store.get, store.status, store.delete, store.resume, store.bundle):
        with pytest.raises(InputError, match="there is no run"):
            ask(run.id)


@pytest.mark.parametrize("by_content", [True, False])
def test_an_uploaded_file_goes_with_the_last_run_that_names_it(store, by_content):
    kept = store.home / layout.UPLOADS / ("ab" * 16) / "my-field.csv"
    kept.parent.mkdir(parents=True)
    kept.write_text("x1,F1\n")
    source = f"upload:{kept.parent.name}/{kept.name}" if by_content else str(kept)
    first, second = (store.submit(counting(5, source=source)) for _ in range(2))
    other = store.submit(counting(5))
    for run in (first, second, other):
        wait_for(lambda run=run: not store.get(run.id).active)
    store.delete(other.id)
    store.delete(first.id)
    assert kept.exists()
    store.delete(second.id)
    assert not kept.parent.exists()


def test_delete_ends_a_running_worker_and_frees_its_slot(store):
    run, waiting = store.submit(counting(3000)), store.submit(counting(10))
    wait_for(lambda: started(store, run.id))
    worker = worker_of(run)
    store.delete(run.id)
    assert not worker.alive() and not run.folder.exists()
    wait_for(lambda: state(store, waiting.id) == "done")
    assert not run.folder.exists()


def test_no_bundle_before_the_end(store):
    run = store.submit(counting(500))
    with pytest.raises(InputError, match="has no bundle: it is running"):
        store.bundle(run.id)
