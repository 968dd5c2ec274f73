"""Functions that tests run in a child, most of them bad company."""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.tasks.inside import scratch


@dataclass(frozen=True)
class Answer:
    """A value with an array inside."""

    numbers: np.ndarray
    words: tuple[str, ...]
    share: float


def answer(count: int, words: list[str]) -> Answer:
    return Answer(np.arange(count, dtype=np.float32).reshape(-1, 2), tuple(words), float("nan"))


def refuse(path: Path) -> None:
    raise InputError(f"{path.name} is no good; take another.")


def fail() -> None:
    raise ZeroDivisionError("not foreseen")


def grow() -> float:
    return float(np.ones(300_000_000).sum())


def abort() -> None:
    os.abort()


def spin() -> None:
    while True:
        pass


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def count(progress: Callable[[float, float, str], None]) -> str:
    for k in range(3):
        progress(k, 3, f"step {k}")
    return "done"


def fill() -> int:
    with scratch() as (path, file):
        for _ in range(100):
            file.write(bytes(1_000_000))
            file.flush()
        return path.stat().st_size


def unpack(data: str) -> str:
    with scratch() as (path, file):
        file.write(data.encode())
        file.flush()
        return path.read_text()


def probe(named: Path, secret: str, port: int) -> dict[str, str]:
    """What each thing that a parser must not do leads to: "done", or the error's name."""

    def tried(work: Callable[[], object]) -> str:
        try:
            work()
        except OSError as error:
            return type(error).__name__
        return "done"

    return {
        "read named": tried(named.read_bytes),
        "read secret": tried(Path(secret).read_bytes),
        "list": tried(lambda: os.listdir(Path(secret).parent)),
        "write named": tried(lambda: open(named, "ab")),
        "create": tried(lambda: open("new", "w")),
        "remove": tried(named.unlink),
        "connect": tried(lambda: socket.create_connection(("127.0.0.1", port), timeout=5)),
        "run": tried(lambda: subprocess.run(["true"])),
        "password": os.environ.get("NPF_PASSWORD", "absent"),
        "home": os.environ.get("NPF_HOME", "absent"),
    }


def escapes(parent: int) -> dict[str, str]:
    """What a parser that a file took over would try next: each is "done", or the error's name."""

    def tried(work: Callable[[], object]) -> str:
        try:
            work()
        except OSError as error:
            return type(error).__name__
        return "done"

    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    def thread() -> None:
        one = threading.Thread(target=time.sleep, args=(0.0,))
        one.start()
        one.join()

    return {
        "thread": tried(thread),
        "own limits": tried(lambda: resource.getrlimit(resource.RLIMIT_NOFILE)),
        "own memory": tried(lambda: mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)),
        "fork": tried(fork),
        "session": tried(os.setsid),
        "signal": tried(lambda: os.kill(parent, 0)),
        "signal its thread": tried(lambda: _call(234, parent, parent, 0)),
        "signal a thread": tried(lambda: _call(200, parent, 0)),
        "limits of the parent": tried(lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE)),
        "memory file": tried(lambda: os.memfd_create("x")),
        "shared memory": tried(lambda: mmap.mmap(-1, 2 << 30)),
        "lasting memory": tried(lambda: _call(29, 0, 4096, 0o1600)),
        "priority of the parent": tried(lambda: os.setpriority(os.PRIO_PROCESS, parent, 19)),
        "environment of the parent": tried(lambda: open(f"/proc/{parent}/environ", "rb")),
        "times": tried(lambda: os.utime(os.getcwd())),
    }


def _call(number: int, *arguments: int) -> None:
    """A system call of x86-64."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*(ctypes.c_long(value) for value in (number, *arguments))) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def babble(text: str) -> None:
    """Says ``text`` on every pipe to the parent, for ever."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    while True:
        for handle in range(3, 64):
            with contextlib.suppress(OSError):
                if stat.S_ISFIFO(os.fstat(handle).st_mode):
                    os.write(handle, text.encode())


def leave(folder: Path) -> None:
    """Writes, for a job that runs on by itself."""
    (folder / "left").write_text(f"{os.environ.get('NPF_PASSWORD', 'absent')} {os.getpgid(0) == os.getpid()}")
