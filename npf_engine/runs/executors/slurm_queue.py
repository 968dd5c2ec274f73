"""What Slurm says of our jobs: one question for all of them, every few seconds, and a sentence where it fails."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npf_engine.errors import InputError
from npf_engine.runs.executors.executor import NotNow
from npf_engine.tasks import steady

FRESH, AFTER_FAILURE = 2.0, 15.0  # seconds for which an answer, or the lack of one, is good
TIMEOUT = 20.0  # seconds that Slurm has to answer
CANCEL_AGAIN = 5.0  # seconds between two wishes that one job ends
WANTED = 30.0  # seconds after the last question about a job for which the list is kept up to date
# States in which a job may still work; every other one means that it is over.
WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD"})
WORKING = frozenset(
    {"RUNNING", "SUSPENDED", "STOPPED", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "SPECIAL_EXIT"}
)
# What Slurm says where it is not our job that is wrong: it is tried again.
LATER = (
    "unable to contact",
    "connection refused",
    "timed out",
    "connect failure",
    "communication",
    "temporarily",
    "slurm backup controller",
    "submitlimit",
    "maxjob",
    "protocol authentication error",
)


class NoAnswer(NotNow):
    """Slurm said nothing in time: what was asked of it may be done all the same."""


@dataclass(frozen=True)
class Seen:
    """A job as squeue lists it: its state in capitals, why it waits, where it is."""

    state: str
    reason: str
    host: str
    name: str


def ask(words: Sequence[str], *, text: str = "", env: Mapping[str, str] | None = None) -> str:
    """What a command of Slurm answers. Raises NotNow where Slurm cannot be reached now, else InputError."""
    try:
        found = subprocess.run(
            words, input=text, capture_output=True, text=True, check=False, timeout=TIMEOUT, env=env, errors="replace"
        )
    except FileNotFoundError:
        raise InputError(
            f"{words[0]}, a command of Slurm, is not on this machine; install its client commands (slurm-client on "
            "Debian) or set NPF_EXECUTOR=local"
        ) from None
    except subprocess.TimeoutExpired:
        raise NoAnswer(
            f"Slurm does not answer ({words[0]} took more than {TIMEOUT:.0f} s); runs wait until it does"
        ) from None
    if found.returncode == 0:
        return found.stdout
    said = " ".join(found.stderr.replace(f"{words[0]}: error: ", "").split())[:300] or f"exit code {found.returncode}"
    if any(word in said.lower() for word in LATER):
        raise NotNow(f"Slurm does not take this now ({said}); runs wait until it does")
    raise InputError(f"Slurm refuses: {said}; check NPF_SLURM_PARTITION and the other NPF_SLURM_ variables")


class Queue:
    """The jobs of this user, as they were a moment ago. One object a process and cluster (``queue``)."""

    def __init__(self) -> None:
        self.at: float | None = None  # unix seconds at which the last answer was asked for
        self._shut = (-1.0, "")  # until when it takes no job, and why
        self._next = -1.0  # steady seconds before which nothing is asked again
        self._wanted = -WANTED
        self._jobs: dict[str, Seen] = {}
        self._over: dict[str, float] = {}  # when a job was first seen to be over
        self._cancelled: dict[str, float] = {}  # when Slurm was asked to end a job
        self._lock = threading.Lock()

    def look(self) -> None:
        """Ask anew where somebody wants to know and the answer is old."""
        if steady.seconds() - self._wanted < WANTED:
            self._refresh()

    def job(self, number: str) -> Seen | None:
        """The job of this number; None where the last answer has none."""
        self._want()
        return self._jobs.get(number)

    def named(self, name: str) -> str:
        """The number of the newest job of this name, or nothing."""
        self._want()
        return max((number for number, seen in self._jobs.items() if seen.name == name), key=_number, default="")

    def knows_of(self, moment: float) -> bool:
        """Whether the last answer is younger than this moment (unix seconds): what it lacks is then gone."""
        return self.at is not None and self.at > moment

    def changed(self) -> None:
        """Something was done to a job: the next look asks anew."""
        self._next = -1.0

    def cancels(self, number: str) -> bool:
        """Whether Slurm is to be asked to end this job: not again within a moment."""
        now = steady.seconds()
        asked = now - self._cancelled.get(number, -CANCEL_AGAIN) >= CANCEL_AGAIN
        if asked:
            self._cancelled[number] = now
        return asked

    def spares(self, number: str) -> None:
        """It was not heard: it is asked anew the next time."""
        self._cancelled.pop(number, None)

    def over_for(self, number: str) -> float:
        """Seconds since this was first asked of a job."""
        return steady.seconds() - self._over.setdefault(number, steady.seconds())

    def shut(self, sentence: str) -> None:
        """It takes no job now; it is tried again after a while."""
        self._shut = (steady.seconds() + AFTER_FAILURE, sentence)

    def must_take(self) -> None:
        """Raises NotNow while it takes no jobs, as far as is known."""
        self._want()
        until, sentence = self._shut
        if steady.seconds() < until:
            raise NotNow(sentence)

    def _want(self) -> None:
        self._wanted = steady.seconds()
        if self.at is None:
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:
            if steady.seconds() < self._next:
                return
            asked = time.time()
            try:
                lines = ask(
                    ["squeue", "--noheader", "--states=all", f"--user={os.getuid()}", "--format=%A|%T|%N|%j|%r"]
                )
            except InputError as error:  # what was known stays known: a run is not lost because nobody answers
                self._next = steady.seconds() + AFTER_FAILURE
                if isinstance(error, NotNow):
                    self.shut(str(error))
                return
            found = (line.split("|", 4) for line in lines.splitlines())
            self._jobs = {item[0]: Seen(item[1], item[4], item[2], item[3]) for item in found if len(item) == 5}
            self.at, self._next = asked, steady.seconds() + FRESH


@functools.lru_cache(maxsize=8)
def _queue(config: str, path: str) -> Queue:
    return Queue()


def queue() -> Queue:
    """The jobs of the cluster that the commands on the path belong to."""
    return _queue(os.environ.get("SLURM_CONF", ""), os.environ.get("PATH", ""))


def ended_as(number: str) -> str:
    """The last state of a job: of the list, else of the accounts, where the cluster keeps any; empty: not known."""
    seen = queue().job(number)
    if seen is not None:
        return seen.state
    with contextlib.suppress(InputError):
        told = ask(["sacct", "--noheader", "--parsable2", "--allocations", "--format=State", f"--jobs={number}"])
        return told.partition("\n")[0].partition(" ")[0].strip()  # "CANCELLED by 1000"
    return ""


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
