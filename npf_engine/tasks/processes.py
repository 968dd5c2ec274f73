"""Processes seen from outside: who is alive, how to stop a group, and a lock that dies with its holder. POSIX."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npf_engine.errors import InputError
from npf_engine.tasks import layout

BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Identity:
    """A process: its number, and when it started, since numbers are used again."""

    pid: int
    start: str

    @staticmethod
    def of(pid: int) -> Identity | None:
        """The identity of a living process, or None. A zombie is dead."""
        found = _from_proc(pid) if BOOT.exists() else _from_ps(pid)
        return None if found is None or found[0] in "ZX" else Identity(pid, found[1])

    @staticmethod
    def from_json(data: dict[str, Any] | None) -> Identity | None:
        """Inverse of to_json; None for anything that is not an identity."""
        try:
            return None if data is None else Identity(int(data["pid"]), str(data["start"]))
        except (KeyError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """{"pid", "start"}."""
        return {"pid": self.pid, "start": self.start}

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Identity.of(self.pid) == self


def _from_proc(pid: int) -> tuple[str, str] | None:
    """(state letter, start as boot id and clock ticks since that boot)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        # The name in parentheses may hold spaces and parentheses: count from the last one.
        fields = text[text.rindex(")") + 2 :].split()
        return fields[0], f"{BOOT.read_text().strip()}:{fields[19]}"
    except (OSError, ValueError, IndexError):
        return None


def _from_ps(pid: int) -> tuple[str, str] | None:
    """The same where there is no /proc (macOS, BSD), from ``ps``."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=5, env=os.environ | {"LC_ALL": "C"}, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    state, _, start = answer.stdout.strip().partition(" ")
    return (state[0], " ".join(start.split())) if state and start else None


def signal_group(identity: Identity, number: signal.Signals) -> None:
    """Send a signal to the whole group that the process leads (only to itself where it leads none)."""
    if not identity.alive():
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.getpgid(identity.pid) == identity.pid:
            os.killpg(identity.pid, number)
        else:
            os.kill(identity.pid, number)


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
        self._handle: int | None = None

    def acquire(self, wait: float = 0.0) -> bool:
        """Try for ``wait`` seconds; whether the lock is now held. Raises InputError where the file cannot be made."""
        with layout.writing(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= deadline:
                    os.close(handle)
                    return False
                time.sleep(0.02)
            else:
                self._handle = handle
                return True

    def release(self) -> None:
        """Give the lock back; does nothing when it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @contextlib.contextmanager
    def held(self, wait: float = 20.0) -> Iterator[None]:
        """Hold the lock for the block. Raises InputError after ``wait`` seconds in vain."""
        if not self.acquire(wait):
            raise InputError(f"another process has held {self.path} for {wait:.0f} s; try again in a moment")
        try:
            yield
        finally:
            self.release()
