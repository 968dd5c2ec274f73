"""Of two workers of one run that share nothing but its folder, the later one works and the earlier one ends.

A lock dies with its holder on one machine. Across machines it may not: a node that lost its network goes on working
while its job is begun anew elsewhere. So each start of a job leaves a file of its own in the folder, made only where
there is none, and a worker ends as soon as it sees a later one than its own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import Cancelled, InputError
from npf_engine.runs.executors import jobs
from npf_engine.runs.executors.command import ATTEMPT
from npf_engine.tasks import layout

RESTARTS = "SLURM_RESTART_COUNT"  # how often a cluster has begun this job anew by itself


class Superseded(Cancelled):
    """Another worker has taken the run: this one must not write to its folder any more."""


@dataclass(frozen=True)
class Claim:
    """That this process may work in ``folder``, as the ``attempt``-th job and its ``restart``-th start.

    remote: the job is a cluster's, whose worker ends where it is paused, and never touches the table.
    """

    folder: Path
    attempt: int
    restart: int
    remote: bool

    def check(self) -> None:
        """Raises Superseded where a later one has claimed the folder, or the folder is gone."""
        try:
            latest = max(map(_order, os.listdir(self.folder / layout.CLAIMS)), default=(0, 0))
        except FileNotFoundError:
            raise Superseded(f"{self.folder} is gone, and so the run ends") from None
        except OSError:  # a disk that does not answer now: nothing is known
            return
        if latest > (self.attempt, self.restart):
            raise Superseded(f"another worker has taken {self.folder}, and so this one ends")


def take(folder: Path) -> Claim | None:
    """The claim of this process on a run folder, as the environment of a job asks for it; None where it is no job.

    Raises InputError where a later job has the run, or the same start of this one was made before.
    """
    asked = os.environ.get(ATTEMPT, "")
    if not asked.isdigit():
        return None
    job, again = jobs.read(folder), os.environ.get(RESTARTS, "")
    attempt, restart = int(asked), int(again) if again.isdigit() else 0
    if job is None or job.attempt != attempt:
        raise InputError(f"the job is late: attempt {attempt} at {folder} is not the one that is waited for")
    place = folder / layout.CLAIMS
    with layout.writing(place):
        place.mkdir(exist_ok=True)
        try:
            os.close(os.open(place / f"{attempt}.{restart}", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            raise InputError(f"another worker of the same job is at {folder} already") from None
    claim = Claim(folder, attempt, restart, job.executor != "local")
    claim.check()
    return claim


def _order(name: str) -> tuple[int, int]:
    attempt, _, restart = name.partition(".")
    return (int(attempt), int(restart)) if attempt.isdigit() and restart.isdigit() else (0, 0)
