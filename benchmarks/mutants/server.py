"""A warm process: torch and pytest are imported once, every task runs in a fork of it and imports the engine afresh.

So a mutant costs the time of its tests, not the seconds that the imports take. The fork compiles the one module with
its fault in place of the file's text; nothing on the disk changes.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import linecache
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

MEMORY = 24 * 2**30  # bytes of address space: a fault may ask for any size


def warm() -> None:
    """Import what all tests share; never the engine itself."""
    import matplotlib  # noqa: F401
    import numpy  # noqa: F401
    import ot  # noqa: F401
    import pytest  # noqa: F401
    import scipy.optimize
    import scipy.spatial
    import scipy.stats  # noqa: F401
    import torch
    import torch.func

    torch.set_num_threads(1)
    assert not any(name.partition(".")[0] == "npf_engine" for name in sys.modules)


def forked(task: Callable[[], int], cpu_seconds: float, wall_seconds: float, output: Path) -> int | None:
    """The exit code of ``task`` in a fork, None where it ran out of time; what it prints goes to ``output``."""
    pid = os.fork()
    if not pid:
        _child(task, cpu_seconds, output)
    end = time.monotonic() + wall_seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it may have started itself
    if os.WIFSIGNALED(status):
        return None if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else -os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def _child(task: Callable[[], int], cpu_seconds: float, output: Path) -> None:
    code = 70
    try:
        os.setpgid(0, 0)
        sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        limit = max(1, round(cpu_seconds))
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = task()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def put_in_place(path: Path, text: str) -> None:
    """From now on an import of the module at ``path`` runs ``text``; its lines are what tracebacks show."""
    place = str(path)
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: importlib.machinery.SourceFileLoader, fullname: str) -> object:
        if os.path.realpath(loader.get_filename(fullname)) != os.path.realpath(place):
            return original(loader, fullname)
        return compile(text, place, "exec", dont_inherit=True)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
    linecache.cache[place] = (len(text), None, text.splitlines(keepends=True), place)
