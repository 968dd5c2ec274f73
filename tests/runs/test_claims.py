"""Two workers of one run: by real processes, as a cluster that begins a job twice would start them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.runs import claims
from npf_engine.runs.claims import Superseded
from npf_engine.runs.executors import jobs
from npf_engine.runs.executors.jobs import Job
from npf_engine.runs.states import TIME_UP
from npf_engine.studies import kinds
from npf_engine.tasks import layout
from tests.conftest import ROOT
from tests.runs.conftest import COMMAND, counting, wait_for


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NPF_CHECKPOINT_SECONDS", "0.2")
    layout.write_json(tmp_path / layout.SPEC, kinds.spec_to_json(counting(300, seed=7)))
    return tmp_path


def worker(folder: Path, attempt: int, restart: int = 0) -> subprocess.Popen[str]:
    env = os.environ | {"NPF_ATTEMPT": str(attempt), "SLURM_RESTART_COUNT": str(restart), "PYTHONPATH": str(ROOT)}
    command = [part.replace("{folder}", str(folder)) for part in COMMAND]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)


def status(folder: Path) -> dict[str, object]:
    return layout.read_json(folder / layout.STATUS) or {}


def steps(folder: Path) -> int:
    return int(str(status(folder).get("step", 0)))


@pytest.mark.parametrize("by", ["another job", "a requeue of the same job"])
def test_the_later_worker_goes_on_and_the_earlier_one_ends(folder, by):
    """As where a node lost its network, and its worker goes on while the cluster begins the job elsewhere."""
    jobs.write(folder, Job("slurm", attempt=1))
    first = worker(folder, 1)
    wait_for(lambda: steps(folder) > 30 and (folder / layout.CHECKPOINTS / "u.pt").exists())
    if by == "another job":
        jobs.write(folder, Job("slurm", attempt=2))
    second = worker(folder, 2) if by == "another job" else worker(folder, 1, restart=1)
    assert "another worker has taken" in first.communicate(timeout=60)[1] and first.returncode == 3
    assert second.wait(timeout=60) == 0
    assert status(folder)["state"] == "done" and layout.read_json(folder / layout.WORKER)["pid"] == second.pid
    whole = folder / "unbroken"
    whole.mkdir()
    (whole / layout.SPEC).write_bytes((folder / layout.SPEC).read_bytes())
    jobs.write(whole, Job("slurm", attempt=1))
    assert worker(whole, 1).wait(timeout=60) == 0
    assert (folder / layout.REPORT).read_bytes() == (whole / layout.REPORT).read_bytes()


def test_the_same_start_is_not_made_twice_and_a_late_job_is_refused(folder):
    jobs.write(folder, Job("slurm", attempt=2))
    both = [worker(folder, 2), worker(folder, 2)]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    assert sum("another worker of the same job" in text for text in said) == 1
    late = worker(folder, 1)
    assert "the job is late: attempt 1" in late.communicate(timeout=60)[1] and late.returncode == 2
    assert status(folder)["state"] == "done"


def test_a_signal_ahead_of_the_limit_saves_and_says_so(folder):
    jobs.write(folder, Job("slurm", attempt=1))
    process = worker(folder, 1)
    wait_for(lambda: steps(folder) > 10)
    process.send_signal(signal.SIGUSR1)
    assert process.wait(timeout=60) == 0
    assert (status(folder)["state"], status(folder)["error"]) == ("interrupted", TIME_UP)
    assert (folder / layout.CHECKPOINTS / "u.pt").exists()


def test_a_claim_knows_later_ones_and_a_folder_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.setenv("NPF_ATTEMPT", "9")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    with pytest.raises(InputError, match="is not the one that is waited for"):
        claims.take(tmp_path)
    jobs.write(tmp_path, Job("slurm", attempt=9))
    claim = claims.take(tmp_path)
    assert claim == claims.Claim(tmp_path, 9, 1, True)
    for earlier in ("9.0", "8.12", "rubbish"):
        (tmp_path / layout.CLAIMS / earlier).touch()
        claim.check()
    (tmp_path / layout.CLAIMS / "10.0").touch()  # ten comes after nine
    with pytest.raises(Superseded, match="another worker"):
        claim.check()
    with pytest.raises(Superseded, match="is gone"):
        claims.Claim(tmp_path / "away", 1, 0, True).check()
    monkeypatch.delenv("NPF_ATTEMPT")
    assert claims.take(tmp_path) is None
