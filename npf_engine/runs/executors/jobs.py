"""A run folder's ``job.json``: which executor is to do the run, and the job of a cluster that does it.

The table has columns for a process of the server's machine alone; a job's id lies with the run, where a table that is
made again finds it. Only the queue writes it, under its lock.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs.states import FINAL
from npf_engine.settings import reading
from npf_engine.tasks import layout

LAST_WORD = 60.0  # seconds that NFS may hide a new file, by its default settings


@dataclass(frozen=True)
class Job:
    """executor: its name; job: the cluster's id, empty where none was given yet; attempt: counted from 1, and told to
    the worker (NPF_ATTEMPT), so that one of an earlier attempt knows that it is late; submitted: unix seconds;
    waits: why it has not begun; mark: the newest checkpoint when it was submitted; fruitless: jobs in a row that were
    made to end and left no newer one."""

    executor: str
    job: str = ""
    attempt: int = 0
    submitted: float = 0.0
    waits: str = ""
    mark: float = 0.0
    fruitless: int = 0


def read(folder: Path) -> Job | None:
    """The record of a run folder; None where there is none that can be read."""
    told = layout.read_json(folder / layout.JOB)
    if told is None:
        return None
    try:
        return Job(
            reading.text(told, "executor"),
            reading.maybe_text(told, "job") or "",
            int(reading.maybe_number(told, "attempt", 0)),
            float(reading.maybe_number(told, "submitted", 0.0)),
            reading.maybe_text(told, "waits") or "",
            float(reading.maybe_number(told, "mark", 0.0)),
            int(reading.maybe_number(told, "fruitless", 0)),
        )
    except InputError:
        return None


def write(folder: Path, job: Job) -> Job:
    """Keep the record. Raises InputError where that cannot be done."""
    layout.write_json(folder / layout.JOB, dataclasses.asdict(job), durable=True)
    return job


def next_attempt(folder: Path, executor: str, *, submitted: float = 0.0) -> Job:
    """The record of a new attempt by this executor, kept; the one before it is late from now on."""
    before, mark = read(folder) or Job(executor), newest_checkpoint(folder)
    fruitless = before.fruitless if mark == before.mark else 0
    return write(folder, Job(executor, "", before.attempt + 1, submitted, "", mark, fruitless))


def give(folder: Path, executor: str) -> None:
    """Let another executor go on with a run that nobody is at; what its last one knew of it is over."""
    before = read(folder) or Job(executor)
    if before.executor != executor:
        write(folder, Job(executor, attempt=before.attempt))


def waits(folder: Path, executor: str, words: str) -> None:
    """Keep why the run of this folder waits, where that is something new; empty: it does not."""
    job = read(folder) or Job(executor)
    if job.waits != words:
        write(folder, dataclasses.replace(job, waits=words))


def last_word(folder: Path) -> bool:
    """Whether the last word of a job that ended well is to be seen here: a network file system may show it later than
    the cluster says that the job is over, for at most LAST_WORD seconds."""
    said = (layout.read_json(folder / layout.STATUS) or {}).get("state")
    return said in (*FINAL, "paused") and (said != "done" or (folder / layout.REPORT).exists())


def newest_checkpoint(folder: Path) -> float:
    """When the newest checkpoint was written, by the disk's own clock: only good to be compared with another."""
    try:
        with os.scandir(folder / layout.CHECKPOINTS) as files:
            return max((file.stat().st_mtime for file in files), default=0.0)
    except OSError:
        return 0.0
