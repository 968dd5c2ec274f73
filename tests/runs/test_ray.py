"""The Ray executor against a client that is made of this file; a real cluster: tests/cluster/test_ray.py."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from npf_engine.errors import InputError
from npf_engine.runs.executors import jobs, ray_jobs
from npf_engine.runs.executors.ray import RayExecutor
from npf_engine.runs.store import Run, RunStore
from npf_engine.tasks import layout, steady
from tests.runs.conftest import counting


@dataclass
class Fake:
    """A cluster: its jobs, and how it behaves."""

    jobs: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    fails: Exception | None = None

    def submit_job(self, **options: Any) -> str:
        self._may()
        self.asked.append(options)
        self.put(options["submission_id"], "PENDING")
        return str(options["submission_id"])

    def put(self, name: str, status: str, **more: Any) -> None:
        known = {"submission_id": name, "status": status, "message": "", "driver_exit_code": None}
        known |= {"driver_agent_http_address": "http://10.0.0.7:52365"}
        self.jobs[name] = types.SimpleNamespace(**known | more)

    def list_jobs(self) -> list[Any]:
        self._may()
        return list(self.jobs.values())

    def stop_job(self, name: str) -> None:
        self._may()
        self.stopped.append(name)

    def get_job_logs(self, name: str) -> str:
        return f"log of {name}"

    def _may(self) -> None:
        if self.fails is not None:
            raise self.fails


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, as a test sets them; every answer is old at the next look."""
    now = [1000.0]
    monkeypatch.setattr(steady, "seconds", lambda: now[0])
    monkeypatch.setattr(ray_jobs.time, "time", lambda: 1e9 + now[0])
    monkeypatch.setattr("npf_engine.runs.executors.ray.time.time", lambda: 1e9 + now[0])
    return now


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> Fake:
    found = Fake()
    monkeypatch.setattr(ray_jobs, "client", lambda at: found)
    ray_jobs._cluster.cache_clear()
    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    monkeypatch.setenv("NPF_EXECUTOR", "ray,local")
    return found


@pytest.fixture
def tick(own_home: Any, fake: Fake, clock: list[float]) -> Callable[[], RunStore]:
    """The store, after a tick five seconds later."""
    store = RunStore(own_home, gallery=None)

    def ticked() -> RunStore:
        clock[0] += 5
        store.scheduler.executors.look()
        store.scheduler.tick()
        return store

    return ticked


def begun(run: Run, attempt: int) -> None:
    """As the worker of a job leaves it."""
    (run.folder / layout.CLAIMS).mkdir(exist_ok=True)
    (run.folder / layout.CLAIMS / f"{attempt}.0").touch()


def test_a_run_is_a_job_with_the_workers_command(tick, fake, monkeypatch):
    monkeypatch.setenv("NPF_RAY_GPUS", "1")
    monkeypatch.setenv("NPF_RAY_CPUS", "3")
    monkeypatch.setenv("NPF_RAY_MEMORY_GB", "2")
    monkeypatch.setenv("NPF_PASSWORD", "hidden")
    monkeypatch.setenv("NPF_ARTIFACTS", "memory://lab")
    store = tick()
    run = store.submit(counting(10, device="cuda", devices=2))
    asked = fake.asked[0]
    assert asked["submission_id"] == f"npf-{run.id}.1" and asked["entrypoint_num_cpus"] == 3
    assert asked["entrypoint_num_gpus"] == 2 and asked["entrypoint_memory"] == 2 * 2**30
    assert asked["entrypoint"] == (
        f"exec {sys.executable} -u -m npf_engine worker {run.folder} >> {run.folder / layout.LOG} 2>&1"
    )
    told = asked["runtime_env"]["env_vars"]
    assert told["NPF_ATTEMPT"] == "1" and not {"NPF_PASSWORD", "NPF_ARTIFACTS", "NPF_EXECUTOR", "HOME"} & told.keys()
    assert store.get(run.id).state == "queued" and "waits in Ray" in str(store.status(run.id)["waiting"])
    fake.put(asked["submission_id"], "RUNNING")
    assert tick().get(run.id).state == "running"
    found = store.scheduler.executors.find(run.folder, None)
    assert (found.host, found.job) == ("10.0.0.7", f"npf-{run.id}.1")
    assert store.log(run.id) == f"log of npf-{run.id}.1"
    (run.folder / layout.LOG).write_text("own")
    assert store.log(run.id) == "own"
    cpu = store.submit(counting(10, device="cpu"))
    assert "entrypoint_num_gpus" not in fake.asked[1] and jobs.read(cpu.folder).job == f"npf-{cpu.id}.1"
    fake.fails = requests.exceptions.ConnectionError("no route")
    with pytest.raises(InputError, match="does not answer"):
        store.cancel(cpu.id)
    assert store.get(cpu.id).state == "queued" and not (cpu.folder / layout.CONTROL).exists()
    fake.fails = None
    tick().cancel(cpu.id)
    assert fake.stopped == [f"npf-{cpu.id}.1"] and store.get(cpu.id).state == "cancelled"


def test_a_lost_node_is_another_attempt_and_the_third_in_vain_is_the_owners(tick, fake):
    store = tick()
    run = store.submit(counting(10))
    for attempt in (1, 2, 3):
        fake.put(f"npf-{run.id}.{attempt}", "RUNNING")
        assert tick().get(run.id).state == "running"
        fake.put(f"npf-{run.id}.{attempt}", "FAILED", message="The actor died")
        tick()
    assert store.get(run.id).state == "interrupted"
    assert "the node of its job was lost (The actor died); that happened 3 times" in store.get(run.id).error
    assert [options["submission_id"] for options in fake.asked] == [f"npf-{run.id}.{n}" for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("status", "code", "words"), [("STOPPED", None, "stopped in Ray"), ("FAILED", 9, "without a word")]
)
def test_other_ends_are_the_runs_own(tick, fake, status, code, words):
    store = tick()
    run = store.submit(counting(10))
    fake.put(f"npf-{run.id}.1", "RUNNING")
    assert tick().get(run.id).state == "running"
    fake.put(f"npf-{run.id}.1", status, driver_exit_code=code)
    assert tick().get(run.id).state == "interrupted" and words in store.get(run.id).error


def test_the_last_word_of_a_job_may_come_late_over_a_shared_file_system(tick, fake, clock):
    store = tick()
    late, never = (store.submit(counting(10)) for _ in range(2))
    for run in (late, never):
        fake.put(f"npf-{run.id}.1", "SUCCEEDED", driver_exit_code=0)
    assert [tick().get(run.id).state for run in (late, never)] == ["running"] * 2
    (late.folder / layout.STATUS).write_text('{"state": "cancelled"}')
    assert tick().get(late.id).state == "cancelled" and store.get(never.id).state == "running"
    clock[0] += jobs.LAST_WORD
    assert tick().get(never.id).state == "interrupted" and "without a word" in store.get(never.id).error


def test_a_silent_cluster_is_given_up_after_a_while_and_the_run_goes_elsewhere(tick, fake, clock, monkeypatch):
    monkeypatch.setenv("NPF_RAY_PATIENCE", "20")
    store = tick()
    run = store.submit(counting(10))
    fake.put(f"npf-{run.id}.1", "RUNNING")
    begun(run, 1)
    assert tick().get(run.id).state == "running"
    fake.fails = requests.exceptions.ConnectionError("no route")
    assert tick().get(run.id).state == "running"
    waits = store.submit(counting(10, name="waits"))
    assert waits.state == "queued" and "does not answer" in str(store.status(waits.id)["waiting"])
    clock[0] += 30
    assert tick().get(run.id).state == "interrupted" and "has not answered for 20 s" in store.get(run.id).error
    store.scheduler.executors.named("local").command = [sys.executable, "-c", "import time; time.sleep(60)"]
    store.given_to("local").resume(run.id)
    assert store.get(run.id).state == "running" and jobs.read(run.folder).executor == "local"
    fake.fails = None
    fake.jobs.clear()  # a new head, that knows nothing
    tick()
    assert tick().get(waits.id).state == "queued" and fake.asked[-1]["submission_id"].startswith(f"npf-{waits.id}.")
    store.delete(run.id)


def test_a_run_can_be_deleted_while_ray_is_away(tick, fake):
    store = tick()
    run = store.submit(counting(10))
    fake.put(f"npf-{run.id}.1", "RUNNING")
    begun(run, 1)
    assert tick().get(run.id).state == "running"
    fake.fails = requests.exceptions.ConnectionError("no route")
    store.delete(run.id)
    assert store.list() == [] and not run.folder.exists()


def test_an_answer_that_was_lost_starts_nothing_twice(tick, fake, monkeypatch):
    store = tick()
    taken = fake.submit_job

    def late(**options: Any) -> str:
        taken(**options)
        raise requests.exceptions.ReadTimeout("too late")

    monkeypatch.setattr(fake, "submit_job", late)
    run = store.submit(counting(10))
    monkeypatch.setattr(fake, "submit_job", taken)
    for _ in range(3):
        tick()
    assert len(fake.asked) == 1 and store.get(run.id).state == "queued"
    fake.put(f"npf-{run.id}.1", "RUNNING")
    assert tick().get(run.id).state == "running"


def test_what_cannot_be_is_a_sentence(tick, fake, own_home, monkeypatch):
    store = tick()
    fake.fails = RuntimeError("Request failed with status code 500: no such resource")
    run = store.submit(counting(10))
    assert run.state == "failed" and "refuses: Request failed" in run.error
    for wrong in ("", "ray://head:10001", "head:6379"):
        monkeypatch.setenv("RAY_ADDRESS", wrong)
        with pytest.raises(InputError, match="RAY_ADDRESS must be"):
            RayExecutor(own_home).nodes()


def test_ray_that_is_not_installed_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.job_submission", None)
    with pytest.raises(InputError, match=r"pip install '\.\[ray\]'"):
        ray_jobs.client("http://head:8265")
