"""Runs as jobs of Slurm: what the queue makes of what a cluster does to a job. Real workers, a feigned cluster."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from npf_engine.errors import InputError
from npf_engine.runs.executors import jobs, slurm, slurm_queue
from npf_engine.tasks import layout
from tests.runs.conftest import counting, started, state, total, wait_for

FAKE = Path(__file__).with_name("fake_slurm.py")


class Cluster:
    """The feigned cluster of a test."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def does(self, what: str, yes: bool = True) -> None:
        (self.place / what).touch() if yes else (self.place / what).unlink()

    def jobs(self) -> dict[int, dict[str, Any]]:
        return {int(path.stem): json.loads(path.read_text()) for path in self.place.glob("*.json")}

    def asked(self, command: str) -> int:
        return (self.place / "asked").read_text().split().count(command)

    def ends(self, number: int, how: str, with_signal: int = signal.SIGKILL) -> None:
        """The cluster ends a job."""
        job = self.jobs()[number]
        (self.place / f"{number}.json").write_text(json.dumps(job | {"state": how}))
        os.kill(job["pid"], with_signal)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    place = tmp_path / "cluster"
    place.mkdir()
    for name in ("sbatch", "squeue", "scancel", "sinfo"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {FAKE} {name} "$@"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(place))
    monkeypatch.setenv("NPF_EXECUTOR", "slurm")
    monkeypatch.setattr(slurm_queue, "FRESH", 0.0)
    monkeypatch.setattr(slurm_queue, "AFTER_FAILURE", 0.3)
    return Cluster(place)


@pytest.fixture
def quiet(make_store, cluster):
    """A store whose queue moves only when it is asked to."""
    return make_store(watch=False)


def test_a_run_is_one_job_with_what_was_asked_for(quiet, cluster, monkeypatch):
    for name, value in {"PARTITION": "long", "MEMORY": "8G", "TIME": "4:00:00", "CPUS": "2", "GPUS": "1"}.items():
        monkeypatch.setenv(f"NPF_SLURM_{name}", value)
    monkeypatch.setenv("NPF_SLURM_OPTIONS", "--account='a b'")
    monkeypatch.setenv("NPF_PASSWORD", "secret")
    monkeypatch.setenv("SLURM_JOB_ID", "77")  # the server is a job itself
    run, other = quiet.submit(counting(5)), quiet.submit(counting(5, device="auto"))
    wait_for(lambda: state(quiet, run.id) == "done" and state(quiet, other.id) == "done")
    first, second = cluster.jobs()[1], cluster.jobs()[2]
    words = set(first["words"])
    assert {"--partition=long", "--mem=8G", "--time=4:00:00", "--cpus-per-task=2", "--account=a b"} <= words
    assert {"--no-requeue", "--signal=B:USR1@120", f"--job-name=npf-{run.id}.1"} <= words
    assert not any(word.startswith("--gres") for word in words) and "--gres=gpu:1" in second["words"]
    assert "NPF_PASSWORD" not in first["env"] and "SLURM_JOB_ID" not in first["env"]
    assert first["env"]["NPF_ATTEMPT"] == "1"
    assert total(quiet, run.id) > 0 and (run.folder / layout.CLAIMS / "1.0").exists()


def test_a_job_that_waits_is_shown_as_waiting_and_can_be_taken_back(quiet, cluster, monkeypatch):
    monkeypatch.setenv("NPF_SLURM_SLOTS", "2")
    cluster.does("hold")
    first, second, third = (quiet.submit(counting(5)) for _ in range(3))
    assert [state(quiet, run.id) for run in (first, second, third)] == ["queued"] * 3
    assert len(cluster.jobs()) == 2  # as many as there are slots
    assert quiet.status(first.id)["waiting"] == "waits in Slurm as job 1 (Resources)"
    cluster.does("broken")
    for wish in (quiet.pause, quiet.cancel):
        with pytest.raises(InputError, match="Unable to contact"):
            wish(first.id)
        assert quiet.get(first.id).state == "queued" and not (first.folder / layout.CONTROL).exists()
    cluster.does("broken", False)
    assert quiet.cancel(first.id).state == "cancelled" and quiet.pause(second.id).state == "paused"
    wait_for(lambda: cluster.jobs()[2]["state"] == "CANCELLED")
    state(quiet, third.id)
    cluster.does("hold", False)
    wait_for(lambda: state(quiet, third.id) == "done")
    assert (state(quiet, first.id), state(quiet, second.id)) == ("cancelled", "paused")
    assert not (first.folder / layout.WORKER).exists() and not (second.folder / layout.WORKER).exists()
    quiet.resume(second.id)
    wait_for(lambda: state(quiet, second.id) == "done")
    assert quiet.status(second.id)["waiting"] is None


def test_pause_ends_the_job_and_resume_is_another_one(quiet, cluster):
    run = quiet.submit(counting(300, seed=4))
    wait_for(lambda: state(quiet, run.id) == "running" and started(quiet, run.id))
    quiet.pause(run.id)
    wait_for(lambda: state(quiet, run.id) == "paused" and cluster.jobs()[1]["state"] == "COMPLETED")
    step = quiet.status(run.id)["step"]
    for _ in range(3):
        assert state(quiet, run.id) == "paused"
    quiet.resume(run.id)
    wait_for(lambda: state(quiet, run.id) == "done")
    assert len(cluster.jobs()) == 2 and step >= 20
    again = quiet.submit(counting(300, seed=4))
    wait_for(lambda: state(quiet, again.id) == "done")
    assert total(quiet, run.id) == total(quiet, again.id)


@pytest.mark.parametrize(
    ("how", "number"), [("NODE_FAIL", signal.SIGKILL), ("PREEMPTED", signal.SIGTERM), ("COMPLETED", signal.SIGUSR1)]
)
def test_a_run_whose_job_the_cluster_ends_goes_on_in_another(quiet, cluster, how, number):
    """By a kill, with time to save, and by the signal ahead of the time limit."""
    run = quiet.submit(counting(200, seed=7))
    wait_for(lambda: state(quiet, run.id) == "running" and started(quiet, run.id))
    cluster.ends(1, how, number)
    wait_for(lambda: state(quiet, run.id) == "done")
    job = jobs.read(run.folder)
    assert len(cluster.jobs()) == 2 and job.attempt == 2 and job.fruitless == 0
    assert "another job" in quiet.get(run.id).told
    unbroken = quiet.submit(counting(200, seed=7))
    wait_for(lambda: state(quiet, unbroken.id) == "done")
    assert total(quiet, run.id) == total(quiet, unbroken.id)
    steps = quiet.history(run.id)["u"]["step"]
    assert (steps[1:] > steps[:-1]).all()


@pytest.mark.parametrize(("how", "says"), [("OUT_OF_MEMORY", "NPF_SLURM_MEMORY"), ("CANCELLED", "cancelled in Slurm")])
def test_a_job_that_would_end_the_same_way_again_waits_for_its_owner(quiet, cluster, how, says):
    run = quiet.submit(counting(3000))
    wait_for(lambda: state(quiet, run.id) == "running" and started(quiet, run.id))
    cluster.ends(1, how)
    wait_for(lambda: state(quiet, run.id) == "interrupted")
    assert says in quiet.get(run.id).error and "resume goes on" in quiet.get(run.id).error
    assert len(cluster.jobs()) == 1


def test_a_time_limit_that_is_too_short_to_get_on_is_said(quiet, cluster, monkeypatch):
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "1000")
    run = quiet.submit(counting(3000))
    for number in range(1, slurm.MOST_FRUITLESS + 1):
        wait_for(
            lambda n=number: state(quiet, run.id) == "running" and cluster.jobs().get(n, {}).get("state") == "RUNNING"
        )
        cluster.ends(number, "TIMEOUT")
    wait_for(lambda: state(quiet, run.id) == "interrupted")
    assert "3 times without a new checkpoint" in quiet.get(run.id).error and len(cluster.jobs()) == 3


def test_no_answer_loses_no_run(quiet, make_store, cluster):
    run = quiet.submit(counting(200))
    wait_for(lambda: state(quiet, run.id) == "running" and started(quiet, run.id))
    cluster.does("broken")
    for _ in range(5):
        assert state(quiet, run.id) == "running"
    slurm_queue._queue.cache_clear()  # a server that has started meanwhile, and knows nothing
    later = make_store(watch=False)
    assert later.scheduler.take_up() == [] and state(later, run.id) == "running"
    waiting = later.submit(counting(5))
    assert waiting.state == "queued" and "Unable to contact" in later.status(waiting.id)["waiting"]
    calls = cluster.asked("squeue") + cluster.asked("sbatch")
    for _ in range(5):
        state(later, run.id)
    assert cluster.asked("squeue") + cluster.asked("sbatch") <= calls + 2  # it is not asked at every tick
    wait_for(lambda: state(later, run.id) == "done")  # which the folder tells
    cluster.does("broken", False)
    wait_for(lambda: state(later, waiting.id) == "done")
    assert len(cluster.jobs()) == 2


def test_a_refusal_is_a_sentence(quiet, cluster):
    cluster.does("refuse")
    run = quiet.submit(counting(5))
    assert run.state == "failed" and "Invalid partition name specified; check NPF_SLURM_PARTITION" in run.error
    cluster.does("refuse", False)
    quiet.resume(run.id)
    wait_for(lambda: state(quiet, run.id) == "done")


def test_without_slurm_it_says_what_to_install(quiet, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    run = quiet.submit(counting(5))
    assert run.state == "failed" and "slurm-client" in run.error and "NPF_EXECUTOR=local" in run.error


def test_a_job_that_went_in_without_an_answer_is_found_by_its_name(quiet, cluster, monkeypatch):
    monkeypatch.setattr(slurm_queue, "TIMEOUT", 1.0)
    cluster.does("slow")
    run = quiet.submit(counting(50))
    assert run.state == "queued" and "does not answer" in quiet.status(run.id)["waiting"]
    cluster.does("slow", False)
    monkeypatch.setattr(slurm_queue, "TIMEOUT", 20.0)
    wait_for(lambda: state(quiet, run.id) == "done")
    assert len(cluster.jobs()) == 1 and jobs.read(run.folder).job == "1"


def test_two_servers_on_one_home_start_each_run_once(make_store, cluster, monkeypatch):
    monkeypatch.setenv("NPF_SLURM_SLOTS", "3")
    stores = [make_store(watch=False) for _ in range(2)]
    runs = [stores[0].submit(counting(1)).id for _ in range(6)]
    over = threading.Event()

    def serve(store: Any) -> None:
        while not over.wait(0.02):
            store.scheduler.tick(wait=1.0)

    threads = [threading.Thread(target=serve, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    wait_for(lambda: all(stores[0].get(run).state == "done" for run in runs))
    over.set()
    for thread in threads:
        thread.join()
    assert sorted(job["name"] for job in cluster.jobs().values()) == sorted(f"npf-{run}.1" for run in runs)


def test_a_job_that_is_killed_while_it_waits_is_no_run_at_work(quiet, cluster):
    cluster.does("hold")
    run = quiet.submit(counting(5))
    assert state(quiet, run.id) == "queued"
    job = cluster.jobs()[1]
    (cluster.place / "1.json").write_text(json.dumps(job | {"state": "CANCELLED"}))
    wait_for(lambda: state(quiet, run.id) == "interrupted")
    assert "its job was cancelled in Slurm" in quiet.get(run.id).error
    cluster.does("hold", False)
    quiet.resume(run.id)
    wait_for(lambda: state(quiet, run.id) == "done")


def test_the_nodes_are_listed_once_each(quiet, cluster):
    first, second = quiet.scheduler.executor.nodes()
    assert (first.name, first.state, first.cores, first.busy, first.memory) == ("node1", "mixed", 4, 1, 16000 << 20)
    assert first.gpus == ("a100", "a100", "GPU") and first.free == 12000 << 20
    assert (second.name, second.state, second.free, second.gpus) == ("node2", "down*", None, ())


def test_what_runs_elsewhere_outlives_the_server(quiet, make_store, cluster, not_leaving):
    run = quiet.submit(counting(150))
    wait_for(lambda: state(quiet, run.id) == "running" and started(quiet, run.id))
    assert quiet.scheduler.leave(5.0) == []
    assert cluster.jobs()[1]["state"] == "RUNNING" and quiet.get(run.id).state == "running"
    not_leaving.clear()
    later = make_store(watch=False)
    assert later.scheduler.take_up() == []
    wait_for(lambda: state(later, run.id) == "done")
    assert len(cluster.jobs()) == 1


def test_a_deleted_run_takes_its_job_with_it(quiet, cluster):
    run = quiet.submit(counting(3000))
    wait_for(lambda: state(quiet, run.id) == "running" and started(quiet, run.id))
    pid = cluster.jobs()[1]["pid"]
    quiet.delete(run.id)
    assert not run.folder.exists() and cluster.jobs()[1]["state"] == "CANCELLED"
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
    assert not run.folder.exists()


def test_a_run_can_be_deleted_while_slurm_is_away(quiet, cluster):
    run = quiet.submit(counting(3000))
    wait_for(lambda: state(quiet, run.id) == "running" and started(quiet, run.id))
    pid = cluster.jobs()[1]["pid"]
    cluster.does("broken")
    quiet.delete(run.id)
    assert quiet.list() == []
    wait_for(lambda: not Path(f"/proc/{pid}").exists())  # it has seen that its folder is gone
    assert not run.folder.exists()


def test_runs_of_this_machine_stay_there_when_a_cluster_is_named(make_store, cluster, monkeypatch):
    monkeypatch.setenv("NPF_EXECUTOR", "local")
    here = make_store(watch=False)
    run = here.submit(counting(200))
    wait_for(lambda: started(here, run.id))
    monkeypatch.setenv("NPF_EXECUTOR", "slurm")
    later = make_store(watch=False)
    assert state(later, run.id) == "running"
    later.cancel(run.id)
    wait_for(lambda: state(later, run.id) == "cancelled")
    monkeypatch.setenv("NPF_EXECUTOR", "slrm")
    with pytest.raises(InputError, match=r"no executor 'slrm', only .*local.*slurm"):
        make_store(watch=False)
