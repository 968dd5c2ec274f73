"""Runs on a real Slurm: nodes that die under them, a hundred at once, preemption, limits, a sweep on two nodes."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.check_resume import SPEC
from npf_engine.runs.executors import jobs, slurm_queue
from npf_engine.runs.groups import grouped
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies.factorization.spec import TrainingSpec, with_values
from npf_engine.studies.sweep import Sweep
from npf_engine.tasks import layout
from tests.cluster.real_slurm import Slurm, install
from tests.runs.conftest import COMMAND, counting, not_leaving, started, state, total, wait_for

__all__ = ["not_leaving"]
pytestmark = pytest.mark.cluster
TINY = SPEC | {"inverse.steps": 200, "u.regression_steps": 200, "device": "cpu"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    install()
    place = Path(tempfile.mkdtemp(prefix="npf-slurm-"))  # a socket's path may have a hundred letters
    slurm = Slurm(place)
    try:
        slurm.up()
        yield slurm
    finally:
        slurm.down()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def healthy(cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    cluster.heal()
    for name, value in {"SLURM_CONF": str(cluster.config), "NPF_EXECUTOR": "slurm", "NPF_NICE": "0"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "0.5")
    slurm_queue._queue.cache_clear()
    return cluster


@pytest.fixture
def make(own_home: Path, healthy: Slurm) -> Callable[..., RunStore]:
    """Stores of one home whose queue moves when it is asked to."""
    return lambda command=None: RunStore(own_home, command=command, gallery=None)


def training(seed: int = 0, **more: object) -> TrainingSpec:
    return with_values(TrainingSpec(seed=seed), TINY | more)


def done(store: RunStore, run: Run, seconds: float = 240.0) -> dict[str, object]:
    wait_for(lambda: state(store, run.id) not in ("queued", "running"), seconds)
    now = store.get(run.id)
    assert now.state == "done", f"{now.state}: {now.error}\n{store.log(run.id)}"
    return store.report(run.id) or {}


def node_of(cluster: Slurm, run: Run) -> str:
    job = jobs.read(run.folder)
    return next(node for number, _, _, node in cluster.jobs() if job is not None and number == job.job)


@pytest.mark.parametrize("hang", [False, True], ids=["node-dies", "node-hangs"])
def test_a_run_whose_node_is_killed_goes_on_on_the_other(make, healthy, hang):
    """``node-hangs``: slurmd is dead, the worker wakes up when the run is done, and must not write any more."""
    store = make()
    expected = done(store, store.submit(training(seed=3)))["fingerprint"]
    run = store.submit(training(seed=3))
    wait_for(lambda: state(store, run.id) == "running" and any((run.folder / layout.CHECKPOINTS).glob("u*.pt")))
    node, worker = node_of(healthy, run), layout.read_json(run.folder / layout.WORKER)
    steps = healthy.kill(node, hang=hang)
    assert done(store, run)["fingerprint"] == expected
    assert node_of(healthy, run) != node and layout.read_json(run.folder / layout.WORKER) != worker
    assert "node of its job failed" in store.get(run.id).told
    assert sorted(path.name for path in (run.folder / layout.CLAIMS).iterdir()) == ["1.0", "2.0"]
    kept = {path: path.read_bytes() for path in run.folder.iterdir() if path.suffix in (".json", ".jsonl", ".zip")}
    for process in steps if hang else []:
        process.resume()
    wait_for(lambda: not any(process.is_running() and process.status() != "zombie" for process in steps))
    assert {path: path.read_bytes() for path in kept} == kept
    assert ("another worker has taken" in store.log(run.id)) is hang


def test_a_hundred_runs_start_once_each(make, healthy):
    script = f'echo $SLURM_JOB_ID >> "$1/starts"; exec {sys.executable} {COMMAND[1]} "$1"'
    stores = [make(["sh", "-c", script, "worker", "{folder}"]) for _ in range(2)]
    runs = [stores[0].submit(counting(1, seed=seed)) for seed in range(100)]
    deadline = time.monotonic() + 400
    while any(run.active for run in stores[0].list()) and time.monotonic() < deadline:
        for store in stores:
            store.scheduler.tick()
        time.sleep(0.2)
    assert {run.state for run in stores[0].list()} == {"done"}
    assert [len((run.folder / "starts").read_text().split()) for run in runs] == [1] * 100
    assert all([path.name for path in (run.folder / layout.CLAIMS).iterdir()] == ["1.0"] for run in runs)
    names = [name for _, name, _, _ in healthy.jobs() if name.startswith("npf-count")]
    assert len(names) == len(set(names)) >= 100


def test_a_preempted_run_and_one_at_its_limit_go_on_from_their_checkpoint(make, healthy, monkeypatch):
    store = make(COMMAND)
    unbroken = store.submit(counting(3000, seed=7))
    done(store, unbroken)
    run = store.submit(counting(3000, seed=7))
    wait_for(lambda: state(store, run.id) == "running" and started(store, run.id))
    urgent = ["sbatch", "--partition=urgent", "--nodes=2", f"--cpus-per-task={healthy.cores}", "--output=/dev/null"]
    healthy.ask(*urgent, text="#!/bin/sh\nsleep 2\n")
    wait_for(lambda: (jobs.read(run.folder) or jobs.Job("")).attempt == 2 or not state(store, run.id))
    assert "Slurm needed the node" in (store.get(run.id).told or "")
    done(store, run)
    assert total(store, run.id) == total(store, unbroken.id)
    steps = store.history(run.id)["u"]["step"]
    assert (steps[1:] > steps[:-1]).all()
    monkeypatch.setenv("NPF_SLURM_TIME", "1")  # minute; Slurm looks at limits twice in that time
    monkeypatch.setenv("NPF_SLURM_LEAD", "20")
    limited = store.submit(counting(7000, seed=7))
    done(store, limited)
    assert (jobs.read(limited.folder) or jobs.Job("")).attempt >= 2
    assert {"1.0", "2.0"} <= {path.name for path in (limited.folder / layout.CLAIMS).iterdir()}
    steps = store.history(limited.id)["u"]["step"]
    assert (steps[1:] > steps[:-1]).all()


def test_a_server_that_restarts_finds_its_jobs(make, healthy, not_leaving):
    store = make(COMMAND)
    running, busy = store.submit(counting(800)), [store.submit(counting(300)) for _ in range(4)]
    wait_for(lambda: state(store, running.id) == "running" and started(store, running.id))
    assert store.scheduler.leave(5.0) == []
    not_leaving.clear()
    slurm_queue._queue.cache_clear()
    later = make(COMMAND)
    assert later.scheduler.take_up() == []
    for run in (running, *busy):
        done(later, run)
        assert [path.name for path in (run.folder / layout.CLAIMS).iterdir()] == ["1.0"]


def test_what_is_wished_is_heard(make, healthy):
    store = make(COMMAND)
    runs = [store.submit(counting(4000)) for _ in range(2 * healthy.cores)]  # all there is room for
    wait_for(lambda: all(state(store, run.id) == "running" and started(store, run.id) for run in runs))
    waiting = store.submit(counting(5))
    wait_for(lambda: "Resources" in ((state(store, waiting.id) and store.status(waiting.id)["waiting"]) or ""))
    assert store.get(waiting.id).state == "queued" and store.cancel(waiting.id).state == "cancelled"
    store.pause(runs[0].id)
    wait_for(lambda: state(store, runs[0].id) == "paused")
    after = store.submit(counting(5))
    done(store, after)  # on the node that it gave back
    store.resume(runs[0].id)
    store.cancel(runs[1].id)
    wait_for(lambda: state(store, runs[1].id) == "cancelled" and state(store, runs[0].id) == "running")
    for run in (runs[0], *runs[2:]):
        store.delete(run.id)
    wait_for(lambda: all(item[2] not in ("RUNNING", "PENDING") for item in healthy.jobs()))
    assert not (waiting.folder / layout.WORKER).exists()


def test_slurm_away_for_a_while_loses_nothing(make, healthy, monkeypatch):
    monkeypatch.setattr(slurm_queue, "TIMEOUT", 3.0)
    store = make(COMMAND)
    run = store.submit(counting(1500))
    wait_for(lambda: state(store, run.id) == "running" and started(store, run.id))
    healthy.stop_controller()
    waiting = store.submit(counting(5))
    until = time.monotonic() + 8
    while time.monotonic() < until:
        assert state(store, run.id) == "running" and state(store, waiting.id) == "queued"
    assert "Slurm does not" in (store.status(waiting.id)["waiting"] or "")
    done(store, run)
    healthy.start_controller()
    done(store, waiting)
    assert [path.name for path in (waiting.folder / layout.CLAIMS).iterdir()][-1].endswith(".0")


def test_twenty_seeds_on_two_nodes_take_half_the_time_of_one(make, healthy, monkeypatch, capsys):
    """Work that sleeps: both nodes are this machine, and two that compute would share its cores with one another."""
    monkeypatch.setenv("NPF_SLURM_CPUS", str(healthy.cores))  # one job a node
    took: dict[int, float] = {}
    for nodes in (1, 2):
        healthy.ask("scontrol", "update", "NodeName=n2", "State=DRAIN" if nodes == 1 else "State=RESUME", "Reason=test")
        store = make(COMMAND)
        began = time.monotonic()
        runs = store.submit_sweep(Sweep(counting(400), (("seed", tuple(map(str, range(20)))),)))
        wait_for(lambda runs=runs, store=store: all(state(store, run.id) == "done" for run in runs), 400)
        took[nodes] = time.monotonic() - began
        sums = [total(store, run.id) for run in runs]
        found = next(group for group in grouped(store.summaries()) if group.name == store.get(runs[0].id).sweep)
        assert len(found.runs) == 20 and found.state == "done" and len(set(sums)) == 20
        assert len({node for _, name, _, node in healthy.jobs() if any(run.id in name for run in runs)}) == nodes
    with capsys.disabled():
        print(f"\n20 seeds: one node {took[1]:.0f} s, two nodes {took[2]:.0f} s, ratio {took[2] / took[1]:.2f}")
    assert took[2] < 0.65 * took[1]
