"""The other end of ``child``: a fresh interpreter reads one request on stdin, locks itself in, works, and answers.

It reports JSON lines: {"event": "progress", "done", "total", "text"}, then one of {"event": "answer", "value",
"arrays"}, {"event": "refused", "text"} (an InputError), {"event": "failed", "kind", "trace"}.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

import numpy as np

from npf_engine.errors import InputError
from npf_engine.settings import reading
from npf_engine.tasks import lockdown, packing

_scratch: tuple[Path, int] | None = None


@contextlib.contextmanager
def scratch() -> Iterator[tuple[Path, BinaryIO]]:
    """A private file, empty and open for writing, and its path for libraries that want one.

    A locked child has a single one, made by its parent (it may open no other for writing); outside of a child it is
    a temporary file.
    """
    if _scratch is None:
        with tempfile.NamedTemporaryFile(prefix="npf-scratch-") as file:
            yield Path(file.name), file.file  # type: ignore[misc]  # typeshed: a wrapper's file is a BinaryIO
        return
    path, handle = _scratch
    os.ftruncate(handle, 0)
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle), "wb") as stream:
        yield path, stream


def main() -> None:
    """Serve one request; the exit code is 0 where it was answered."""
    global _scratch
    request = json.load(sys.stdin)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to hear
    if request["parent"]:
        lockdown.die_with(request["parent"])
    module, _, name = request["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    _scratch = (Path(request["scratch"]), request["scratch_handle"]) if request["scratch"] else None
    reports = os.fdopen(request["reports"], "w", buffering=1) if request["reports"] is not None else None
    limits = request["limits"]
    lockdown.limit(limits["memory"], limits["seconds"], limits["file_bytes"], limits["open_files"])
    flags = {key: limits[key] for key in ("network", "programs", "writing")}
    lockdown.lock(_readable(request), **flags)
    arguments = [packing.unpack(a, [], _types(request["types"])) for a in request["arguments"]]
    keywords: dict[str, object] = {}
    if reports is not None and "progress" in inspect.signature(function).parameters:
        keywords["progress"] = lambda done, total, text="": _report(
            reports, event="progress", done=done, total=total, text=text
        )
    if reports is None:
        function(*arguments)
        return
    with os.fdopen(request["answer"], "r+b") as answer:
        sys.exit(_serve(function, arguments, keywords, reports, answer))


def _serve(
    function: Callable[..., object],
    arguments: list[object],
    keywords: dict[str, object],
    reports: TextIO,
    answer: BinaryIO,
) -> int:
    try:
        arrays: list[np.ndarray] = []
        value = packing.pack(function(*arguments, **keywords), arrays)
        packing.write_arrays(arrays, answer)
        _report(reports, event="answer", value=value, arrays=len(arrays))
        return 0
    except InputError as error:
        _report(reports, event="refused", text=str(error))
    except BaseException as error:
        kind = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
        _report(reports, event="failed", kind=kind, trace=traceback.format_exc()[-6000:])
    return 1


def _report(reports: TextIO, **what: object) -> None:
    with contextlib.suppress(BrokenPipeError):
        reports.write(json.dumps(what) + "\n")
        reports.flush()


def _types(names: list[str]) -> dict[str, type]:
    found = {}
    for name in names:
        module, _, kind = name.partition(":")
        found[name] = getattr(importlib.import_module(module), kind)
    return found


def _readable(request: dict[str, object]) -> list[str | Path]:
    """What may be read: the interpreter and its libraries, our own code, and the files that the request names."""
    module = sys.modules[str(request["function"]).partition(":")[0]]
    code = [Path(__file__).parents[1], Path(str(module.__file__)).parent]
    system = ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/mime.types", "/dev/null", "/dev/urandom"]
    system += ["/proc/self/maps", "/proc/self/status", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu"]
    libraries = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    named = [path for argument in reading.items(request, "arguments") for path in packing.paths_in(argument)]
    own = [str(request["scratch"])] if request["scratch"] else []
    return [*code, *system, *libraries, sys.prefix, sys.base_prefix, *named, *own]
