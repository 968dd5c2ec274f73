"""The queue goes round between owners, and nobody has more than his quota."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.runs.access import person
from npf_engine.runs.fairness import in_turn
from npf_engine.runs.quotas import Quotas, used
from npf_engine.runs.row import Row, Run
from tests.runs import fabricated
from tests.runs.conftest import counting

ANNA, BERT = person("i", "anna", "Anna"), person("i", "bert", "Bert")
PLAIN = Run("", "", "queued", 0.0, None, None, Path(), {}, None, None, None, None, "trained")


def row(name, queued=0.0):
    """A run whose owner is the first letter of its name."""
    return Row(dataclasses.replace(PLAIN, id=name, owner=name[0]), queued, None, None, None, None)


def order(waiting, at_work=(), served=None):
    return [found.run.id for found, _ in in_turn(waiting, at_work, served or {})]


def test_with_one_owner_it_is_the_order_of_asking():
    assert order([row("a3", 3), row("a1", 1), row("a2", 2)], [row("a0")], {"a": 9.0}) == ["a1", "a2", "a3"]


def test_owners_take_turns():
    waiting = [row(f"a{k}", k) for k in range(4)] + [row(f"b{k}", 10 + k) for k in range(2)] + [row("c0", 20)]
    assert order(waiting) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]


def test_who_has_fewer_at_work_is_next():
    assert order([row("a1", 1), row("b1", 2)], [row("a0")]) == ["b1", "a1"]


def test_on_one_slot_nobody_is_starved_by_somebody_with_a_hundred():
    waiting, served, started = [row(f"a{k:03}", k) for k in range(100)] + [row("b0", 200), row("b1", 201)], {}, []
    for tick in range(4):
        first = in_turn(waiting, [], served)[0][0]
        waiting.remove(first)
        served[first.run.owner] = 1000.0 + tick
        started.append(first.run.id)
    assert started == ["a000", "b0", "a001", "b1"]


def test_a_store_gives_slots_in_turn(store, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)
    anna, bert = store.seen_by(ANNA), store.seen_by(BERT)
    first, second, third = anna.submit(counting()), anna.submit(counting()), bert.submit(counting())
    assert [found.run.id for found, _ in store.scheduler.in_turn()] == [first.id, third.id, second.id]
    assert anna.status(second.id)["ahead"] == 2 and bert.status(third.id)["ahead"] == 1
    store.table.update(first.id, state="done", started=5.0)
    assert [found.run.id for found, _ in store.scheduler.in_turn()] == [third.id, second.id]


def test_at_most_so_many_are_at_work(make_store, monkeypatch):
    monkeypatch.setenv("NPF_QUOTA_RUNNING", "1")
    store = make_store(watch=False)
    monkeypatch.setenv("NPF_CPU_SLOTS", "3")
    anna = store.seen_by(ANNA)
    runs = [anna.submit(counting(10**6)) for _ in range(2)] + [store.seen_by(BERT).submit(counting(10**6))]
    assert [store.get(run.id).state for run in runs] == ["running", "queued", "running"]
    assert "the most for one person at once" in str(anna.status(runs[1].id)["waiting"])
    anna.delete(runs[0].id)
    assert store.get(runs[1].id).state == "running"
    for run in runs[1:]:
        store.delete(run.id)


def test_quotas_are_told_in_sentences(store, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)
    monkeypatch.setenv("NPF_QUOTA_QUEUED", "1")
    anna = store.seen_by(ANNA)
    run = anna.submit(counting())
    with pytest.raises(InputError, match="1 of your runs wait, work or rest, and 1 is the most"):
        anna.submit(counting())
    store.seen_by(BERT).submit(counting())
    store.submit(counting())
    ended = fabricated.run(store, counting(), "ended", None, owner=ANNA.id)
    with pytest.raises(InputError, match="is the most for one person"):
        anna.resume(ended.id)
    anna.cancel(run.id)
    assert anna.resume(ended.id).state == "queued"


def test_the_quota_holds_where_many_are_submitted_at_once(store, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)
    monkeypatch.setenv("NPF_QUOTA_QUEUED", "2")
    together = threading.Barrier(8)
    counted = Quotas.check_queue

    def slowly(self, have, more):
        counted(self, have, more)
        time.sleep(0.02)

    monkeypatch.setattr(Quotas, "check_queue", slowly)

    def submit(_):
        together.wait()
        try:
            return store.seen_by(ANNA).submit(counting())
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(submit, range(8)))
    assert len(store.seen_by(ANNA).active()) == 2
    assert sum("2 of your runs wait" in str(answer) for answer in found) == 6


def test_the_disk_is_counted_by_owner(store, monkeypatch):
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)
    monkeypatch.setenv("NPF_QUOTA_DISK_MB", "1")
    anna = store.seen_by(ANNA)
    run = anna.submit(counting())
    (run.folder / "big.npz").write_bytes(bytes(2**20))
    with pytest.raises(InputError, match=r"your runs and uploads take 1 MB, and 1 MB is the most"):
        anna.submit(counting())
    store.seen_by(BERT).submit(counting())
    store.seen_by(BERT).check_disk(2**19)
    with pytest.raises(InputError, match="delete runs that are not needed"):
        store.seen_by(BERT).check_disk(2**20)
    anna.delete(run.id)
    anna.submit(counting())


def test_quotas_are_read_or_refused(tmp_path):
    assert Quotas.from_environment({}) == Quotas()
    assert Quotas.from_environment({"NPF_QUOTA_RUNNING": "2", "NPF_QUOTA_DISK_MB": " 5 "}) == Quotas(None, 2, 5)
    for text in ("0", "-1", "two", "1.5", "9" * 13):
        with pytest.raises(InputError, match="NPF_QUOTA_QUEUED"):
            Quotas.from_environment({"NPF_QUOTA_QUEUED": text})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"123")
    assert used([tmp_path / "folder", tmp_path / "b", tmp_path / "gone"]) == 8
