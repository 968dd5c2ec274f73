"""A function of this package called in a process of its own, with limits: the one home of such children.

``call`` waits for an answer, passes progress on, and kills the child with all that it started on cancel, at a limit,
and when this process ends. ``start`` lets a job run on by itself. By default a child is locked in (``lockdown``): no
network, no other programs, an environment without secrets, nothing to read but libraries and the paths among its
arguments, nothing to write but its answer. What reads a stranger's file runs here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import logging
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, BinaryIO, TypeVar, cast

import numpy as np

from npf_engine.errors import InputError
from npf_engine.settings import reading
from npf_engine.settings.limits import MAX_SENTENCE
from npf_engine.tasks import packing, processes
from npf_engine.tasks.child_limits import STANDARD, reason_of, sentence
from npf_engine.tasks.child_limits import Limits as Limits
from npf_engine.tasks.child_limits import Stopped as Stopped

T = TypeVar("T")
Progress = Callable[[float, float, str], None]

log = logging.getLogger(__name__)

PREFIX = "npf-child-"  # of the folders of children in the system's folder for temporary files
LEFT_SECONDS = 3600.0  # no child runs as long: a folder as old was left
LOOK_SECONDS = 0.1  # between two looks at a child, and two chances to cancel it
MAX_REPORT = 8 << 20  # bytes of one line of a child's reports
AT_ONCE = 2  # locked children of one process at a time: each may take a gigabyte
_slots = threading.BoundedSemaphore(AT_ONCE)
_START = "import sys, json; sys.path[:0] = json.loads(sys.argv[1]); from npf_engine.tasks import inside; inside.main()"
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
_SECRET = ("NPF_PASSWORD", "STREAMLIT_", "NPF_SECRET")
_OURS = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}


def call(
    function: Callable[..., T],
    *arguments: object,
    what: str,
    limits: Limits = STANDARD,
    returns: tuple[type, ...] = (),
    progress: Progress | None = None,
) -> T:
    """``function(*arguments)``, computed in a child.

    function: of a module that can be imported; one with a parameter ``progress`` is given it. Arguments and value are
    plain values, arrays (the value only), and dataclasses; those of the value must be in ``returns``. Only paths among
    the arguments can be read. ``what`` begins the sentence on a child that was stopped. ``progress`` is called about
    ten times a second and may raise, which kills the child.

    Raises InputError as the function does, and Stopped (an InputError too) for a child that gave no answer.
    """
    with contextlib.ExitStack() as stack:
        tell = _Progress(progress)
        if limits.locked:
            stack.enter_context(_slot(tell))
        folder = Path(stack.enter_context(_private_folder()))
        answer: BinaryIO = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # type: ignore[assignment]
        errors: BinaryIO = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # type: ignore[assignment]
        scratch = stack.enter_context(open(folder / "scratch", "w+b"))
        heard, writing = os.pipe()
        reports = stack.enter_context(os.fdopen(heard, "rb", buffering=0))
        try:
            request = _request(function, arguments, limits)
            request |= {"parent": os.getpid(), "reports": writing, "answer": answer.fileno()}
            request |= {"scratch": str(folder / "scratch"), "scratch_handle": scratch.fileno()}
            handles = (writing, answer.fileno(), scratch.fileno())
            child = _spawn(request, limits, errors, handles, folder)
        finally:
            os.close(writing)
        stack.callback(_end, child)
        said = _listen(child, reports, limits, tell)
        return cast(T, _value(said, child, answer, errors, what, limits, returns))


def start(
    function: Callable[..., object], *arguments: object, limits: Limits, log_file: Path
) -> subprocess.Popen[bytes]:
    """Let ``function(*arguments)`` run in a child that outlives this process; it answers by the files it writes.

    What it says goes to ``log_file``. The process that is returned is reaped by a thread of this one.
    """
    request = _request(function, arguments, limits)
    request |= {"parent": 0, "reports": None, "answer": None, "scratch": "", "scratch_handle": None}
    with open(log_file, "wb") as output:
        child = _spawn(request, limits, output, (), Path(tempfile.gettempdir()))
    threading.Thread(target=child.wait, name="npf-child", daemon=True).start()  # leaves no zombie behind
    return child


class _Progress:
    """What was told last, told again while nothing new is heard: each time is a chance to cancel."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.last: tuple[float, float, str] = (0.0, 1.0, "")

    def __call__(self, *last: float | str) -> None:
        if last:
            done, total, text = last
            self.last = (float(done), float(total), str(text))
        if self.progress is not None:
            self.progress(*self.last)


@contextlib.contextmanager
def _slot(tell: _Progress) -> Iterator[None]:
    while not _slots.acquire(timeout=LOOK_SECONDS):
        tell(0.0, 1.0, "waiting for other files to be read")
    try:
        tell(0.0, 1.0, "")
        yield
    finally:
        _slots.release()


@contextlib.contextmanager
def _private_folder() -> Iterator[str]:
    _forget_left(tempfile.gettempdir())
    folder = tempfile.mkdtemp(prefix=PREFIX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _forget_left(folder: str) -> None:
    """Remove, once a process, what children of processes left that were killed."""
    for left in Path(folder).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            told = left.lstat()
            if told.st_uid == os.getuid() and time.time() - told.st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def _request(function: Callable[..., object], arguments: tuple[object, ...], limits: Limits) -> dict[str, object]:
    arrays: list[np.ndarray] = []
    packed = [packing.pack(_absolute(argument), arrays) for argument in arguments]
    if arrays:
        raise TypeError("arrays cannot be handed to a child; write them to a file and hand its path")
    types = {type(a) for a in arguments if dataclasses.is_dataclass(a)}
    return {
        "function": f"{function.__module__}:{function.__qualname__}",
        "arguments": packed,
        "types": [packing.type_name(kind) for kind in types],
        "limits": dataclasses.asdict(limits),
    }


def _absolute(argument: object) -> object:
    return Path(os.path.abspath(argument)) if isinstance(argument, Path) else argument


def _spawn(
    request: dict[str, object], limits: Limits, errors: IO[bytes], handles: tuple[int, ...], folder: Path
) -> subprocess.Popen[bytes]:
    paths = [path for path in sys.path if os.path.isabs(path)]
    root = str(Path(__file__).resolve().parents[2])
    child = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-c",
            _START,
            json.dumps([root, *paths]),
            str(request["function"]),
        ],  # the last for ``ps``
        stdin=subprocess.PIPE,
        stdout=errors,
        stderr=errors,
        env=_environment(limits, folder),
        pass_fds=handles,
        cwd=folder,
        start_new_session=True,  # so that what it starts dies with it
    )
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(json.dumps(request).encode())
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    return child


def without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that may leave this process."""
    return {name: value for name, value in env.items() if not name.startswith(_SECRET)}


def _environment(limits: Limits, folder: Path) -> dict[str, str]:
    if limits.locked:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | _OURS | {"TMPDIR": str(folder), "HOME": str(folder)}
    return without_secrets(os.environ)


def _listen(child: subprocess.Popen[bytes], reports: IO[bytes], limits: Limits, tell: _Progress) -> dict[str, object]:
    """Pass progress on until the child's last report, which is returned; {} where there was none, "late" at a limit."""
    end = None if limits.seconds is None else time.monotonic() + limits.patience * limits.seconds
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(reports, selectors.EVENT_READ)
        while True:
            tell()
            if end is not None and time.monotonic() > end:
                return {"event": "late"}
            if not selector.select(LOOK_SECONDS):
                continue
            data = os.read(reports.fileno(), 1 << 16)
            if not data:
                return {}
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > MAX_REPORT:
                return {"event": "failed", "trace": "a report without end"}
            for line in lines:
                try:  # a parser that a file took over says what it likes
                    report = reading.as_mapping("report", json.loads(line))
                    if report["event"] != "progress":
                        return report
                    done, total = reading.number(report, "done"), reading.number(report, "total")
                    last = float(done), float(total), str(report["text"])[:MAX_SENTENCE]
                except (ValueError, KeyError, TypeError, RecursionError):
                    return {"event": "failed", "trace": "a report that is none"}
                tell(*last)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child and all that it started; returns when it is gone."""
    processes.kill_session(child.pid)
    child.wait()


def _value(
    said: dict[str, object],
    child: subprocess.Popen[bytes],
    answer: BinaryIO,
    errors: BinaryIO,
    what: str,
    limits: Limits,
    returns: tuple[type, ...],
) -> object:
    event = said.get("event")
    if event == "refused":
        raise InputError(str(said.get("text"))[:MAX_SENTENCE])
    if event == "answer":
        answer.seek(0)
        types = {packing.type_name(kind): kind for kind in returns}
        try:
            return packing.unpack(said["value"], packing.read_arrays(answer, reading.whole(said, "arrays")), types)
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            log.exception("%s: the child's answer cannot be used", what)
            raise Stopped(sentence("crash", what, limits), "crash", repr(error)) from None
    reason, detail = reason_of(said, child, errors)
    log.error("%s: the child gave no answer (%s): %s", what, reason, detail)
    raise Stopped(sentence(reason, what, limits), reason, detail)
