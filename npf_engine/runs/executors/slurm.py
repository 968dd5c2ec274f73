"""Jobs of a Slurm cluster whose nodes see the run folders by the same path.

By sbatch itself and not by submitit, which is made for Python functions: it pickles one into the folder, starts it by a
program of its own that must be installed on every node, puts the job back into the queue by itself at a signal, and
asks sacct how it fares, which clusters without accounts do not have. Here a worker is a command already, saves by
itself, and the one that puts runs back is our own queue: jobs are submitted with --no-requeue.
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
from npf_engine.runs.executors import command, jobs, slurm_nodes, slurm_queue
from npf_engine.runs.executors.executor import Executor, Loss, NotNow, Worker
from npf_engine.runs.executors.jobs import Job
from npf_engine.runs.executors.node import Node
from npf_engine.runs.executors.registry import register
from npf_engine.runs.executors.slurm_queue import NoAnswer, ask, queue
from npf_engine.runs.states import TIME_UP, TOLD_TO_END
from npf_engine.tasks import layout
from npf_engine.tasks.child import without_secrets
from npf_engine.tasks.processes import Identity

log = logging.getLogger(__name__)

MOST_FRUITLESS = 3  # jobs in a row that are made to end and leave no new checkpoint, before the run waits for its owner
# What a state means for a run whose worker is gone: why, and whether it goes on in another job.
ENDS = {
    "PREEMPTED": ("Slurm needed the node for another job", True),
    "NODE_FAIL": ("the node of its job failed", True),
    "BOOT_FAIL": ("the node of its job did not start", True),
    "TIMEOUT": ("its job reached its time limit (NPF_SLURM_TIME)", True),
    "DEADLINE": ("its job reached its deadline", False),
    "OUT_OF_MEMORY": ("its job took more memory than it may; raise NPF_SLURM_MEMORY, or choose smaller sizes", False),
    "FAILED": ("its job ended with an error; the log tells more", False),
    "CANCELLED": ("its job was cancelled in Slurm", False),
}
IN_VAIN = "; that happened {n} times without a new checkpoint: raise NPF_SLURM_TIME, or choose another partition"


@register
class SlurmExecutor(Executor):
    """One batch job a run."""

    name, title, remote = "slurm", "Slurm", True

    def slots(self, device: str) -> list[str]:
        """As many jobs at once as NPF_SLURM_SLOTS says (100); with a GPU where the run may use one and
        NPF_SLURM_GPUS says how many."""
        kind = "slurm-gpu" if device != "cpu" and os.environ.get("NPF_SLURM_GPUS", "0") != "0" else "slurm"
        return [f"{kind}{index}" for index in range(command.positive("NPF_SLURM_SLOTS", 100))]

    def start(self, folder: Path, slot: str) -> Worker:
        """Submit a job. What it is to be is kept first: where sbatch dies on the way, the job is found by its name."""
        queue().must_take()
        job = jobs.next_attempt(folder, self.name, submitted=time.time())
        try:
            told = ask(self._sbatch(folder, slot, job), text=self._script(folder), env=self._environment(job))
            number = told.strip().partition(";")[0]
            if not number.isdigit():
                raise InputError(f"sbatch answered {told.strip()[:80]!r} in place of a job's number; check its version")
        except NoAnswer as error:  # it may have gone in
            queue().shut(str(error))
            jobs.write(folder, replace(job, waits=str(error)))
            return Worker(waits=str(error))
        except InputError as error:
            if isinstance(error, NotNow):
                queue().shut(str(error))
            jobs.write(folder, replace(job, submitted=0.0))
            raise
        # Only from now on a list that lacks it tells that it is gone.
        jobs.write(folder, replace(job, job=number, submitted=time.time(), waits=_waits(number)))
        queue().changed()
        return Worker(job=number, waits=_waits(number))

    def find(self, folder: Path, known: Identity | None) -> Worker | None:
        """The job of a run folder while it waits or works, and while nobody can tell."""
        job = jobs.read(folder)
        if job is None or job.executor != self.name or not job.submitted:
            return None
        number = job.job or queue().named(_name(folder, job))
        if number and not job.job:
            jobs.write(folder, replace(job, job=number))
        seen = queue().job(number)
        if seen is None:
            # Too new for the list, or there was no list yet: it may live. One whose sbatch never answered may be late.
            since = job.submitted + (0.0 if number else slurm_queue.TIMEOUT)
            return None if queue().knows_of(since) else Worker(job=number, waits=job.waits or None)
        if seen.state in slurm_queue.WAITING:
            return Worker(job=number, waits=_waits(number, seen.reason))
        works = seen.state in slurm_queue.WORKING or (seen.state == "COMPLETED" and not _visible(folder, number))
        return Worker(job=number, host=seen.host) if works else None

    def cancel(self, worker: Worker, *, now: bool = False) -> None:
        """scancel sends TERM, and KILL where that was not heard for as long as the cluster says (KillWait)."""
        if worker.job and queue().cancels(worker.job):
            try:
                ask(["scancel", worker.job])
            except NotNow:
                queue().spares(worker.job)
                raise
            except InputError as error:  # it is over, and forgotten
                log.info("scancel: %s", error)
            queue().changed()

    def end(self, folder: Path, worker: Worker) -> None:
        """Nobody waits for it, nor for a Slurm that does not answer: a job ends by itself where its folder is gone."""
        with contextlib.suppress(InputError):
            self.cancel(worker, now=True)

    def look(self) -> None:
        """Ask for all jobs, where the last answer is old."""
        queue().look()

    def nodes(self) -> list[Node]:
        """Those of all partitions."""
        return slurm_nodes.nodes()

    def loss(self, folder: Path) -> Loss:
        """By the job's last state. A run that is made to end again and again without getting on waits for its owner."""
        job = jobs.read(folder)
        if job is None or job.executor != self.name:
            return Loss()
        if not job.job:  # it was never taken
            return Loss(again=True)
        sentence, again = self._why(folder, job)
        if not again:
            return Loss(sentence)
        fruitless = job.fruitless + 1 if jobs.newest_checkpoint(folder) == job.mark else 0
        jobs.write(folder, replace(job, fruitless=fruitless))
        if fruitless >= MOST_FRUITLESS:
            return Loss(sentence + IN_VAIN.format(n=fruitless))
        return Loss(f"{sentence}; the run went on in another job", again=True)

    def _why(self, folder: Path, job: Job) -> tuple[str, bool]:
        state = slurm_queue.ended_as(job.job)
        if state in ENDS:
            return ENDS[state]
        said = (layout.read_json(folder / layout.STATUS) or {}).get("error")
        if said in (TIME_UP, TOLD_TO_END):  # it had time to save, and left by itself
            return "its job was asked to end", True
        return "", False

    def _sbatch(self, folder: Path, slot: str, job: Job) -> list[str]:
        lead = command.positive("NPF_SLURM_LEAD", 120)
        words = ["sbatch", "--parsable", "--no-requeue", "--export=ALL", "--chdir=/", "--open-mode=append"]
        words += [f"--job-name={_name(folder, job)}", f"--output={str(folder / layout.LOG).replace('%', '%%')}"]
        words += [f"--signal=B:USR1@{lead}"]
        asked = {"partition": "NPF_SLURM_PARTITION", "mem": "NPF_SLURM_MEMORY", "time": "NPF_SLURM_TIME"}
        for option, variable in asked.items():
            if value := os.environ.get(variable):
                words.append(f"--{option}={value}")
        words.append(f"--cpus-per-task={command.positive('NPF_SLURM_CPUS', 1)}")
        if slot.startswith("slurm-gpu"):
            asked_for = (layout.read_json(folder / layout.SPEC) or {}).get("devices")  # of a run that is divided
            many = asked_for if isinstance(asked_for, int) else 1
            words.append(f"--gres=gpu:{max(many, command.positive('NPF_SLURM_GPUS', 1))}")
        return words + shlex.split(os.environ.get("NPF_SLURM_OPTIONS", ""))

    def _script(self, folder: Path) -> str:
        # The shell becomes the worker: signals that are meant for the batch script reach it. One that comes before the
        # worker listens must not end it.
        return f"#!/bin/sh\ntrap '' USR1\nexec {shlex.join(command.on_folder(self.command, folder))}\n"

    def _environment(self, job: Job) -> dict[str, str]:
        env = without_secrets(command.environment(self.home, self.command))
        # A server that is itself a job must not hand its own allocation on.
        kept = {key: value for key, value in env.items() if not key.startswith("SLURM_") or key == "SLURM_CONF"}
        return kept | {command.ATTEMPT: str(job.attempt)}


def _visible(folder: Path, number: str) -> bool:
    return jobs.last_word(folder) or queue().over_for(number) > jobs.LAST_WORD


def _name(folder: Path, job: Job) -> str:
    return f"npf-{folder.name}.{job.attempt}"


def _waits(number: str, reason: str = "") -> str:
    why = f" ({reason})" if reason not in ("", "None") else ""
    return f"waits in Slurm as job {number}{why}"
