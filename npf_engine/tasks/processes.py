"""Processes seen from outside: who is alive, how to stop a group, and a lock that dies with its holder. POSIX."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import filelock
import psutil

from npf_engine.errors import InputError
from npf_engine.tasks import layout

BOOT = Path("/proc/sys/kernel/random/boot_id")
GONE = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


@dataclass(frozen=True)
class Identity:
    """A process: its number, and when it started, since numbers are used again."""

    pid: int
    start: str

    @staticmethod
    def of(pid: int) -> Identity | None:
        """The identity of a living process, or None. A zombie is dead."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                # Counted from the boot: the wall clock, of which psutil's times are, may leap.
                ticks = round((process.create_time() - psutil.boot_time()) * os.sysconf("SC_CLK_TCK"))
                return None if process.status() in GONE else Identity(pid, f"{_boot()}:{ticks}")
        except (psutil.Error, ValueError, OverflowError):
            return None

    @staticmethod
    def from_json(data: Mapping[str, object] | None) -> Identity | None:
        """Inverse of to_json; None for anything that is not an identity."""
        try:
            return None if data is None else Identity(int(str(data["pid"])), str(data["start"]))
        except (KeyError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, int | str]:
        """{"pid", "start"}."""
        return {"pid": self.pid, "start": self.start}

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Identity.of(self.pid) == self


def _boot() -> str:
    """Which start of the machine this is, where the system tells."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return "boot"


def signal_group(identity: Identity, number: signal.Signals) -> None:
    """Send a signal to the whole group that the process leads (only to itself where it leads none)."""
    if not identity.alive():
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(identity.pid) == identity.pid:
            os.killpg(identity.pid, number)
        else:
            os.kill(identity.pid, number)


def kill_session(pid: int) -> None:
    """End a child that was started in a session of its own, and all that it started, at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end(identity: Identity, patience: float = 3.0) -> None:
    """TERM, then KILL after ``patience`` seconds; returns when the process is gone."""
    for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        signal_group(identity, number)
        deadline = time.monotonic() + seconds
        while identity.alive():
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return


class FileLock:
    """An exclusive lock on a file, released by the kernel when the holder dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = filelock.UnixFileLock(path, mode=0o600, thread_local=False)

    def acquire(self, wait: float = 0.0) -> bool:
        """Try for ``wait`` seconds; whether the lock is now held. Raises InputError where the file cannot be made."""
        with layout.writing(self.path):
            try:
                self._lock.acquire(timeout=max(wait, 0.0), poll_interval=0.02)
            except filelock.Timeout:  # an OSError too, and no fault of the disk
                return False
        return True

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        self._lock.release(force=True)

    @contextlib.contextmanager
    def held(self, wait: float = 20.0) -> Iterator[None]:
        """Hold the lock for the block. Raises InputError after ``wait`` seconds in vain."""
        if not self.acquire(wait):
            raise InputError(f"another process has held {self.path} for {wait:.0f} s; try again in a moment")
        try:
            yield
        finally:
            self.release()
