"""The table of runs, broken in every way that disks, hands and other programs know: it is made again by itself."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.runs import safekeeping
from npf_engine.runs.schema import Table
from npf_engine.runs.store import Run, RunStore
from npf_engine.tasks import layout
from npf_engine.tasks.processes import Identity
from tests.runs.conftest import COMMAND, counting, state, wait_for


def put(path: Path, data: bytes) -> None:
    """At once: a worker on its way out must not find it half written."""
    part = path.with_name("broken.part")
    part.write_bytes(data)
    os.replace(part, path)


def emptied(path: Path) -> None:
    put(path, b"")


def scribbled(path: Path) -> None:
    put(path, b"this is no database" * 500)


def cut(path: Path) -> None:
    data = path.read_bytes()
    put(path, data[: len(data) // 2 + 100])


def rotten(path: Path) -> None:
    """Every page but the first overwritten: it opens, and is damaged."""
    data = path.read_bytes()
    put(path, data[:4096] + b"\xff" * (len(data) - 4096))


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE runs (id TEXT, colour TEXT)")
    db.close()


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def removed(path: Path) -> None:
    path.unlink()


BREAKS: dict[str, Callable[[Path], None]] = {
    "was empty": emptied,
    "was damaged": scribbled,
    "was damaged ": cut,
    "was damaged  ": rotten,
    "is not a table of runs": foreign,
    "has a folder in its place": folder_instead,
    "is missing": removed,
}


def settled(store: RunStore) -> None:
    """Everything of the log of writes in the one file, as after the last process has closed it."""
    with sqlite3.connect(store.table.path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def three_runs(store: RunStore) -> list[str]:
    """One that is done, one that failed, one that waits and has another name by now."""
    done, failed = store.submit(counting(3, name="the first")), store.submit(counting(source="bad input"))
    wait_for(lambda: state(store, done.id) == "done" and state(store, failed.id) == "failed")
    waiting = store.submit(counting(100_000, name="the third"))  # too long to end before it hears of the pause
    store.pause(waiting.id)
    wait_for(lambda: state(store, waiting.id) == "paused")
    store.rename(waiting.id, "renamed")
    return [waiting.id, failed.id, done.id]


@dataclass(frozen=True)
class Home:
    """A home with three runs, nobody at work in it any more; ids, newest first, and what its list says of them."""

    folder: Path
    ids: list[str]
    before: dict[str, Run]


@pytest.fixture(scope="module")
def home_of_three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Made once: each test has a copy."""
    folder = tmp_path_factory.mktemp("three")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("NPF_CPU_SLOTS", "1"), ("NPF_NICE", "0"), ("NPF_HOME", str(folder))):
            patch.setenv(name, value)
        store = RunStore(folder, command=COMMAND, gallery=None)
        ids = three_runs(store)
        for run_id in ids:
            signed = Identity.from_json(layout.read_json(store.get(run_id).folder / layout.WORKER))
            if signed is not None and signed.alive():
                os.killpg(signed.pid, signal.SIGKILL)
                wait_for(lambda signed=signed: not signed.alive())
        home = Home(folder, ids, {run.id: run for run in store.list()})
        settled(store)
        yield home
    (folder / layout.TABLE).unlink()


@pytest.mark.parametrize("backup", [True, False], ids=["with a copy", "from folders alone"])
@pytest.mark.parametrize("wrong", BREAKS, ids=lambda text: text.strip().replace(" ", "-") + str(text.count(" ")))
def test_a_broken_table_is_made_again(
    home_of_three: Home, own_home: Path, make_store, monkeypatch, wrong: str, backup: bool
):
    shutil.copytree(home_of_three.folder, own_home, dirs_exist_ok=True)
    monkeypatch.setattr(safekeeping, "BACKUP_SECONDS", 0.0)
    ids, before = home_of_three.ids, home_of_three.before
    store = make_store(watch=False)
    settled(store)
    assert safekeeping.back_up(store.table.path) or safekeeping.backup_path(store.table.path).exists()
    if not backup:
        safekeeping.backup_path(store.table.path).unlink()
    BREAKS[wrong](store.table.path)
    for end in safekeeping.SIDES:
        safekeeping.side(store.table.path, end).unlink(missing_ok=True)
    again = make_store(watch=False)
    runs = {run.id: run for run in again.list()}
    assert set(runs) == set(ids) and [run.id for run in again.list()] == ids
    for run_id, run in runs.items():
        old = before[run_id]
        assert (run.name, run.source, run.spec_json) == (old.name, old.source, old.spec_json)
        assert run.created == pytest.approx(old.created, abs=2)
        assert run.metrics == old.metrics and run.verdict == old.verdict
        if old.state in ("done", "failed"):
            assert run.state == old.state and run.error == old.error
    told = again.notice()
    assert told is not None and wrong.strip() in told and "3 runs" in told
    again.dismiss()
    assert again.notice() is None
    assert BREAKS[wrong] is not rotten or list(again.home.glob("runs.sqlite3.damaged-*"))
    for run_id in ids:
        again.delete(run_id)
    assert again.list() == []


def test_a_table_that_breaks_under_a_server_is_made_again(store):
    run = store.submit(counting(3))
    wait_for(lambda: state(store, run.id) == "done")
    settled(store)
    store.table.path.write_bytes(b"")
    assert [found.id for found in store.list()] == [run.id]
    assert "was empty" in (store.notice() or "")


def test_leftovers_beside_a_table_that_is_gone_are_not_taken_for_its(make_store):
    store = make_store(watch=False)
    done = store.submit(counting(3))
    wait_for(lambda: state(store, done.id) == "done")
    store.table.path.unlink()
    safekeeping.side(store.table.path, "-wal").write_bytes(os.urandom(9000))
    safekeeping.side(store.table.path, "-shm").mkdir()
    again = make_store(watch=False)
    assert [run.state for run in again.list()] == ["done"]


def test_a_newer_table_is_left_alone(tmp_path):
    Table(tmp_path / "t.sqlite3", tmp_path / "runs")
    with sqlite3.connect(tmp_path / "t.sqlite3") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    before = (tmp_path / "t.sqlite3").read_bytes()
    with pytest.raises(InputError, match="newer version"):
        Table(tmp_path / "t.sqlite3", tmp_path / "runs")
    assert (tmp_path / "t.sqlite3").read_bytes() == before


def test_a_table_of_an_older_version_gets_its_columns(tmp_path):
    path = tmp_path / "t.sqlite3"
    old = ", ".join(f"{name} {kind}" for name, kind in safekeeping.COLUMNS.items() if name not in safekeeping.LATER)
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE runs ({old})")
        db.execute("INSERT INTO runs (id, name, state, source, spec, created) VALUES ('a', 'a', 'done', 'x', '{}', 1)")
    db.close()
    (row,) = Table(path, tmp_path / "runs").rows()
    assert row.run.id == "a" and row.crashes == 0 and row.run.told is None
    assert not list(tmp_path.glob("*.damaged*"))


def test_the_copy_is_bounded_and_a_bad_one_never_replaces_a_good_one(tmp_path, monkeypatch):
    path = tmp_path / "t.sqlite3"
    table = Table(path, tmp_path / "runs")
    table.insert(id="a", name="a", state="done", source="trained", spec="{}", created=1.0)
    assert safekeeping.back_up(path) and not safekeeping.back_up(path)  # nothing changed, and a minute has not passed
    good = safekeeping.backup_path(path).read_bytes()
    monkeypatch.setattr(safekeeping, "BACKUP_SECONDS", 0.0)
    settled_path = sqlite3.connect(path)
    settled_path.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    settled_path.close()
    data = path.read_bytes()
    put(path, data[:4096] + b"\xff" * (len(data) - 4096))
    os.utime(path, (time.time() + 5, time.time() + 5))
    assert not safekeeping.back_up(path)
    assert safekeeping.backup_path(path).read_bytes() == good


def test_a_table_held_by_another_program_is_read_from_its_copy(make_store, monkeypatch):
    store = make_store(watch=False)
    run = store.submit(counting(3))
    wait_for(lambda: state(store, run.id) == "done")
    settled(store)
    shutil.copy(store.table.path, safekeeping.backup_path(store.table.path))
    monkeypatch.setattr("npf_engine.runs.schema.PATIENCE", 0.2)
    monkeypatch.setattr("npf_engine.runs.schema.RACY", 0)  # rows are kept at once
    assert store.trouble() is None  # all that a tick reads is kept now
    other = sqlite3.connect(store.table.path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    try:
        assert [found.id for found in store.list()] == [run.id] and store.get(run.id).state == "done"
        assert "held by another program" in (store.trouble() or "")
        with pytest.raises(InputError, match="held by another program"):
            store.rename(run.id, "cannot be")
    finally:
        other.close()
    assert store.trouble() is None and store.rename(run.id, "can be").name == "can be"


def test_where_nothing_may_be_written_runs_are_read(make_store, monkeypatch):
    store = make_store(watch=False)
    run = store.submit(counting(3))
    wait_for(lambda: state(store, run.id) == "done")
    real = safekeeping.opened

    def opened(path: Path, *, read_only: bool = False, wait: float = 5.0) -> sqlite3.Connection:
        if not read_only:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return real(path, read_only=True)

    settled(store)
    monkeypatch.setattr(safekeeping, "opened", opened)
    assert [found.id for found in store.list()] == [run.id] and store.status(run.id)["state"] == "done"
    assert "may not be written to" in (store.trouble() or "")
    with pytest.raises(InputError, match="may not be written to"):
        store.rename(run.id, "cannot be")


def test_a_state_that_this_version_does_not_know_holds_nothing_fast(store):
    run = store.submit(counting(3))
    wait_for(lambda: state(store, run.id) == "done")
    (run.folder / layout.REPORT).unlink()
    store.table.update(run.id, state="hibernating")
    assert store.list()[0].state == "hibernating" and store.status(run.id)["state"] == "hibernating"
    assert store.resume(run.id).state in ("queued", "running")
    wait_for(lambda: state(store, run.id) == "done")
    store.table.update(run.id, state="hibernating")
    store.delete(run.id)
    assert store.list() == []
