"""Stores on a home folder of their own, with quick workers, and nothing left running afterwards."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from npf_engine.runs import scheduler
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies.factorization.spec import TrainingSpec, with_values
from npf_engine.tasks import layout, processes
from npf_engine.tasks.processes import Identity

COMMAND = [sys.executable, str(Path(__file__).with_name("counting_worker.py")), "{folder}"]


def counting(steps: int = 100, source: str = "count", **more: Any) -> TrainingSpec:
    """A spec for the counting worker."""
    return with_values(TrainingSpec(), {"u.regression_steps": steps, "field.source": source, "device": "cpu"} | more)


def wait_for(condition: Callable[[], object], seconds: float = 180.0) -> float:
    """Seconds until the condition held; fails when it does not in time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            pytest.fail(f"waited {seconds} s in vain")
        time.sleep(0.05)
    return time.monotonic() - began


def worker_of(run: Run) -> Identity:
    """The worker that signed the run's folder."""
    identity = Identity.from_json(layout.read_json(run.folder / layout.WORKER))
    assert identity is not None
    return identity


def state(store: RunStore, run_id: str) -> str:
    """The state that the list shows, once the queue has looked."""
    store.scheduler.tick()
    return store.get(run_id).state


def started(store: RunStore, run_id: str, steps: int = 20) -> bool:
    """Whether a living worker has done some steps and there is a checkpoint."""
    folder = store.get(run_id).folder
    signed = Identity.from_json(layout.read_json(folder / layout.WORKER))
    saved = (folder / layout.CHECKPOINTS / "u.pt").exists()
    return signed is not None and signed.alive() and store.status(run_id)["step"] >= steps and saved


def total(store: RunStore, run_id: str) -> float:
    """What the counting worker reported."""
    return (store.get(run_id).metrics or {})["sum"]["value"]


def unbroken(store: RunStore, **options: Any) -> float:
    """The result of a run that is left alone."""
    run = store.submit(counting(**options))
    wait_for(lambda: state(store, run.id) == "done")
    return total(store, run.id)


@pytest.fixture
def make_store(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RunStore]]:
    """Stores on the test's home; every worker that is left is killed in the end."""
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "0.2")
    monkeypatch.setenv("NPF_CPU_SLOTS", "1")
    monkeypatch.setenv("NPF_NICE", "0")  # a niced worker starves beside tests that run in parallel

    def make(**options: Any) -> RunStore:
        watch = options.pop("watch", True)
        store = RunStore(own_home, **({"command": COMMAND, "gallery": None} | options))
        return store.watch() if watch else store

    yield make
    (own_home / layout.TABLE).unlink(missing_ok=True)  # which ends the thread that watches this home
    for record in (own_home / layout.RUNS).glob(f"*/{layout.WORKER}"):
        identity = Identity.from_json(layout.read_json(record))
        if identity is not None:
            processes.signal_group(identity, signal.SIGKILL)


@pytest.fixture
def store(make_store: Callable[..., RunStore]) -> RunStore:
    """One such store."""
    return make_store()


@pytest.fixture(autouse=True)
def not_leaving(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What a server that ends would set for good."""
    leaving = threading.Event()
    monkeypatch.setattr(scheduler, "_leaving", leaving)
    return leaving
