"""What a child process may take, and what is said where it ended without an answer."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import BinaryIO, Literal

from npf_engine.errors import InputError

Reason = Literal["memory", "time", "disk", "crash"]


@dataclass(frozen=True)
class Limits:
    """What a child may take; None for no limit.

    memory: bytes above what the interpreter and its libraries hold. seconds: of CPU, and ``patience`` times that by
    the clock, since a busy machine shares its cores.
    file_bytes: of its answer and its scratch file. The last three are what a child must be trusted for.
    """

    memory: int | None = 1 << 30
    seconds: float | None = 20.0
    patience: float = 3.0
    file_bytes: int | None = 1 << 30
    open_files: int = 128
    network: bool = False
    programs: bool = False
    writing: bool = False

    @property
    def locked(self) -> bool:
        """Whether the child may do nothing but read what it was given and compute."""
        return not (self.network or self.programs or self.writing)


STANDARD = Limits()


class Stopped(InputError):
    """A child ended without an answer: at a limit, or by a fault of its own. ``detail`` is for logs."""

    def __init__(self, sentence: str, reason: Reason, detail: str = "") -> None:
        super().__init__(sentence)
        self.reason = reason
        self.detail = detail


def reason_of(said: dict[str, object], child: subprocess.Popen[bytes], errors: BinaryIO) -> tuple[Reason, str]:
    """Why a child that gave no answer ended, and what is known of it."""
    if said.get("event") == "late":
        return "time", "by the clock"
    if said.get("event") == "failed":
        kind, trace = said.get("kind"), str(said.get("trace"))
        if kind == "MemoryError":
            return "memory", trace
        return ("disk" if "File too large" in trace or "[Errno 27]" in trace else "crash"), trace
    code = child.wait()
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
    tail = errors.read().decode(errors="replace")
    detail = f"exit code {code}; {tail}"
    if code == -signal.SIGXCPU:
        return "time", detail
    if code == -signal.SIGXFSZ:
        return "disk", detail
    starved = any(word in tail.lower() for word in ("bad_alloc", "memory", "allocate"))
    return ("memory" if starved or code == -signal.SIGKILL else "crash"), detail


def sentence(reason: Reason, what: str, limits: Limits) -> str:
    """What to do about it; ``what`` begins it."""
    return {
        "memory": f"{what} needs more than {(limits.memory or 0) / 2**30:.1f} GB of memory to be read; thin it out or "
        "cut out a part.",
        "time": f"{what} takes longer than {limits.seconds or 0:g} seconds to read and was given up; thin it out, cut "
        "out a part, or write it in a simpler way.",
        "disk": f"{what} unpacks to more than {(limits.file_bytes or 0) / 1e6:,.0f} MB; cut out a part.",
        "crash": f"{what} cannot be read: its reader failed in a way that was not foreseen; the file is probably "
        "damaged, so write it again.",
    }[reason]
