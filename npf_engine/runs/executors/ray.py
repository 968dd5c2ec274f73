"""Jobs of a Ray or KubeRay cluster whose nodes see the run folders by the same path.

A job's id is made of the run and its attempt before it is submitted, and Ray takes no id twice: no run is started twice
because an answer was lost. What Ray knows of a job dies with the cluster; what the run is, its folder tells.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import time
from dataclasses import replace
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs.executors import command, jobs
from npf_engine.runs.executors.executor import Executor, Loss, NotNow, Worker
from npf_engine.runs.executors.jobs import Job
from npf_engine.runs.executors.node import Node
from npf_engine.runs.executors.ray_jobs import NoAnswer, cluster
from npf_engine.runs.executors.registry import register
from npf_engine.tasks import layout
from npf_engine.tasks.child import without_secrets
from npf_engine.tasks.processes import Identity

log = logging.getLogger(__name__)

WAITING, WORKING = "PENDING", "RUNNING"
MOST_FRUITLESS = 3  # jobs in a row that end unasked and leave no new checkpoint, before the run waits for its owner
SEEN_LATE = 20.0  # seconds until a job that was just submitted must be in the list
# Of our environment, what a worker elsewhere is told; the rest is that of its node.
TOLD = ("NPF_", "PYTHONPATH", "OMP_NUM_THREADS", "EIO_CACHE_DIR")
NOT_TOLD = ("NPF_ARTIFACTS", "NPF_EXECUTOR")  # of the queue alone


@register
class RayExecutor(Executor):
    """One Ray job a run: its entrypoint is the worker's command."""

    name, title, remote = "ray", "Ray", True

    def slots(self, device: str) -> list[str]:
        """As many jobs at once as NPF_RAY_SLOTS says (100); with a GPU where the run may use one and NPF_RAY_GPUS says
        how many."""
        kind = "ray-gpu" if device != "cpu" and os.environ.get("NPF_RAY_GPUS", "0") != "0" else "ray"
        return [f"{kind}{index}" for index in range(command.positive("NPF_RAY_SLOTS", 100))]

    def start(self, folder: Path, slot: str) -> Worker:
        """Submit a job. Its id is kept first: where the answer is lost, the list tells whether it went in."""
        cluster().want()
        if cluster().silent_for():
            raise NotNow(f"the Ray cluster at {cluster().shown} does not answer; the run waits for it")
        job = jobs.next_attempt(folder, self.name, submitted=time.time())
        job = jobs.write(folder, replace(job, job=f"npf-{folder.name}.{job.attempt}"))
        options = self._options(folder, slot, job)
        try:
            cluster().ask(lambda ray: ray.submit_job(**options))  # type: ignore[arg-type]
        except NoAnswer as error:
            jobs.write(folder, replace(job, waits=str(error)))
            return Worker(job=job.job, waits=str(error))
        except InputError:
            jobs.write(folder, replace(job, submitted=0.0))
            raise
        jobs.write(folder, replace(job, submitted=time.time(), waits=_waits(job)))
        cluster().changed()
        return Worker(job=job.job, waits=_waits(job))

    def find(self, folder: Path, known: Identity | None) -> Worker | None:
        """The job of a run folder while it waits or works; and while the cluster has not been silent for longer than
        NPF_RAY_PATIENCE, after which it is given up."""
        job = jobs.read(folder)
        if job is None or job.executor != self.name or not job.submitted:
            return None
        seen = cluster().job(job.job)
        if cluster().silent_for() > patience():
            return None
        if seen is None:
            return None if cluster().knows_of(job.submitted + SEEN_LATE) else Worker(job=job.job, waits=_waits(job))
        if seen.state == WAITING:
            return Worker(job=job.job, waits=_waits(job))
        works = seen.state == WORKING or (seen.state == "SUCCEEDED" and not self._visible(folder, job.job))
        return Worker(job=job.job, host=seen.host) if works else None

    def cancel(self, worker: Worker, *, now: bool = False) -> None:
        """Ray sends TERM, and KILL three seconds later (RAY_JOB_STOP_WAIT_TIME_S of the cluster)."""
        try:
            cluster().ask(lambda ray: ray.stop_job(worker.job))
        except NotNow:
            raise
        except InputError as error:  # it is over, and forgotten
            log.info("%s", error)
        cluster().changed()

    def end(self, folder: Path, worker: Worker) -> None:
        """Nobody waits for it, nor for a cluster that does not answer: its worker ends by itself once the folder is
        gone."""
        with contextlib.suppress(InputError):
            self.cancel(worker, now=True)

    def look(self) -> None:
        cluster().look()

    def nodes(self) -> list[Node]:
        """Those of the cluster."""
        return cluster().nodes()

    def log(self, folder: Path) -> str:
        """What the worker printed; what Ray has of a job whose worker did not begin."""
        told = super().log(folder)
        job = jobs.read(folder)
        if told or job is None or not job.job:
            return told
        try:
            return cluster().ask(lambda ray: str(ray.get_job_logs(job.job)))
        except InputError:
            return ""

    def loss(self, folder: Path) -> Loss:
        """By what Ray says of the job. A run whose job ends again and again without getting on waits for its owner."""
        job = jobs.read(folder)
        if job is None or job.executor != self.name or not job.submitted:
            return Loss()
        if cluster().silent_for() > patience():
            if not any((folder / layout.CLAIMS).glob(f"{job.attempt}.*")):
                return Loss(again=True)  # it had not begun, and waits on; should it begin there after all, it is late
            return Loss(f"the Ray cluster at {cluster().shown} has not answered for {patience():.0f} s and is given up")
        seen = cluster().job(job.job)
        if seen is not None and seen.state == "STOPPED":
            return Loss("its job was stopped in Ray")
        if seen is not None and seen.code is not None:
            return Loss()  # the worker itself ended: its folder tells why
        sentence = "the node of its job was lost" if seen else "the Ray cluster was started anew and has lost its job"
        fruitless = job.fruitless + 1 if jobs.newest_checkpoint(folder) == job.mark else 0
        jobs.write(folder, replace(job, fruitless=fruitless))
        if fruitless >= MOST_FRUITLESS:
            said = f" ({' '.join(seen.message.split())[:200]})" if seen and seen.message else ""
            return Loss(f"{sentence}{said}; that happened {fruitless} times without a new checkpoint")
        return Loss(f"{sentence}; the run went on in another job", again=True)

    @staticmethod
    def _visible(folder: Path, name: str) -> bool:
        return jobs.last_word(folder) or cluster().over_for(name) > jobs.LAST_WORD

    def _options(self, folder: Path, slot: str, job: Job) -> dict[str, object]:
        words = shlex.join(command.on_folder(self.command, folder))
        env = without_secrets(command.environment(self.home, self.command)) | {command.ATTEMPT: str(job.attempt)}
        told = {key: value for key, value in env.items() if key.startswith(TOLD) and key not in NOT_TOLD}
        options: dict[str, object] = {
            # The shell becomes the worker: what ends the job reaches it.
            "entrypoint": f"exec {words} >> {shlex.quote(str(folder / layout.LOG))} 2>&1",
            "submission_id": job.job,
            "runtime_env": {"env_vars": told},
            "entrypoint_num_cpus": command.positive("NPF_RAY_CPUS", 1),
        }
        if slot.startswith("ray-gpu"):
            asked = (layout.read_json(folder / layout.SPEC) or {}).get("devices")  # of a run that is divided
            many = asked if isinstance(asked, int) else 1
            options["entrypoint_num_gpus"] = max(many, command.positive("NPF_RAY_GPUS", 1))
        if os.environ.get("NPF_RAY_MEMORY_GB"):
            options["entrypoint_memory"] = command.positive("NPF_RAY_MEMORY_GB", 1) * 2**30
        return options


def patience() -> float:
    """Seconds that a cluster may be silent before its jobs are given up (NPF_RAY_PATIENCE)."""
    return float(command.positive("NPF_RAY_PATIENCE", 60))


def _waits(job: Job) -> str:
    return f"waits in Ray as {job.job}"
