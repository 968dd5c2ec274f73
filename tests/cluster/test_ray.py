"""Runs as jobs of a real Ray: a head without processors and nodes of one each, all on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from npf_engine.runs.executors import jobs, ray_jobs
from npf_engine.runs.machines import machines
from npf_engine.runs.store import RunStore
from npf_engine.tasks import layout
from tests.runs.conftest import COMMAND, counting, state, total, unbroken, wait_for

pytestmark = pytest.mark.cluster
MANY = int(os.environ.get("NPF_MANY_RUNS", "10"))  # submitted at once


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@dataclass
class Ray:
    """A cluster that is made as it is needed, and taken apart as a test wants it."""

    folder: Path
    port: int = field(default_factory=free_port)
    board: int = field(default_factory=free_port)
    parts: dict[str, psutil.Process] = field(default_factory=dict)

    def start(self, name: str, *words: str) -> None:
        ray = str(Path(sys.executable).with_name("ray"))
        env = os.environ | {"RAY_TMPDIR": str(self.folder), "RAY_USAGE_STATS_ENABLED": "0"}
        with open(self.folder / f"{name}.log", "wb") as log:
            command = [ray, "start", "--block", "--disable-usage-stats", *words]
            child = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
        self.parts[name] = psutil.Process(child.pid)

    def head(self) -> None:
        board = ["--dashboard-host=127.0.0.1", f"--dashboard-port={self.board}", f"--temp-dir={self.folder}"]
        self.start("head", "--head", f"--port={self.port}", "--num-cpus=0", *board)
        wait_for(self.answers, 90)

    def node(self, name: str) -> None:
        self.start(name, f"--address=127.0.0.1:{self.port}", "--num-cpus=1")
        wait_for(lambda: b"runtime started" in (self.folder / f"{name}.log").read_bytes(), 60)  # two would collide

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/api/jobs/", timeout=5) as found:
                return bool(found.status == 200)
        except OSError:
            return False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.board}"

    def kill(self, name: str) -> None:
        """As a power cut: all at once that belongs to a node, its worker too."""
        part = self.parts.pop(name)
        for process in [part, *part.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def stop(self) -> None:
        for name in list(self.parts):
            self.kill(name)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ray]:
    folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # Ray's sockets have long names
    found = Ray(folder)
    found.head()
    monkeypatch.setenv("RAY_ADDRESS", found.address)
    monkeypatch.setenv("NPF_EXECUTOR", "ray,local")
    monkeypatch.setenv("NPF_RAY_PATIENCE", "8")
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "0.2")
    monkeypatch.setenv("NPF_NICE", "0")
    yield found
    found.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def store(ray: Ray, own_home: Path) -> RunStore:
    return RunStore(own_home, command=COMMAND, gallery=None)


def ticked(store: RunStore, run_id: str) -> str:
    """The state after a tick as the server's thread makes it."""
    store.scheduler.executors.look()
    return state(store, run_id)


def works(store: RunStore, run_id: str, steps: int = 30) -> bool:
    return ticked(store, run_id) == "running" and store.status(run_id)["step"] >= steps


LONG = 1500  # steps: more than are taken while another node starts, on a busy machine too


def test_a_node_is_lost_and_the_run_goes_on_on_the_other(ray: Ray, store: RunStore) -> None:
    """It ends with the sum of an unbroken run."""
    expected = unbroken(store.given_to("local"), steps=LONG, seed=7)
    ray.node("one")
    run = store.submit(counting(LONG, seed=7))
    wait_for(lambda: works(store, run.id, 100), 90)
    ray.node("two")
    ray.kill("one")
    wait_for(lambda: ticked(store, run.id) == "done", 180)
    assert total(store, run.id) == expected and store.status(run.id)["step"] == LONG
    assert (jobs.read(run.folder) or jobs.Job("")).attempt == 2
    assert "the node of its job was lost" in str(store.get(run.id).told)


def test_pause_cancel_and_log_are_as_at_home(ray: Ray, store: RunStore) -> None:
    ray.node("one")
    run = store.submit(counting(100_000))
    wait_for(lambda: works(store, run.id), 90)
    assert [node.cores for node in machines(store).places[0].nodes] in ([None, 1], [1, None])
    assert machines(store).working[0].host and machines(store).working[0].job == f"npf-{run.id}.1"
    waits = store.submit(counting(20))
    assert ticked(store, waits.id) == "queued" and "waits in Ray" in str(store.status(waits.id)["waiting"])
    store.pause(run.id)
    wait_for(lambda: ticked(store, run.id) == "paused", 60)
    wait_for(lambda: ticked(store, waits.id) == "done", 90)  # which has got its processor
    store.resume(run.id)
    wait_for(lambda: works(store, run.id, store.status(run.id)["step"] + 10), 90)
    store.cancel(run.id)
    wait_for(lambda: ticked(store, run.id) == "cancelled", 60)
    failed = store.submit(counting(10, source="crash"))
    wait_for(lambda: ticked(store, failed.id) == "failed", 60)
    assert "the matrix is singular" in str(store.get(failed.id).error) and "Traceback" in store.log(failed.id)


def test_a_dead_cluster_leaves_the_run_interrupted_and_it_goes_on_here(ray: Ray, store: RunStore) -> None:
    expected = unbroken(store.given_to("local"), steps=1000, seed=3)
    ray.node("one")
    run = store.submit(counting(1000, seed=3))
    wait_for(lambda: works(store, run.id, 100), 90)
    ray.stop()
    wait_for(lambda: ticked(store, run.id) == "interrupted", 90)
    assert "has not answered for 8 s" in str(store.get(run.id).error)
    store.given_to("local").resume(run.id)
    wait_for(lambda: ticked(store, run.id) == "done", 90)
    assert total(store, run.id) == expected and (jobs.read(run.folder) or jobs.Job("")).executor == "local"


def test_runs_submitted_at_once_start_once_each_on_two_nodes(ray: Ray, store: RunStore) -> None:
    ray.node("one")
    ray.node("two")
    runs = [store.submit(counting(5, name=f"run {number}")) for number in range(MANY)]
    wait_for(lambda: all(ticked(store, run.id) == "done" for run in runs), 20 * MANY)
    for run in runs:
        assert [path.name for path in (run.folder / layout.CLAIMS).iterdir()] == ["1.0"]
    assert {f"npf-{run.id}.1" for run in runs} == set(ray_jobs.cluster()._jobs)
