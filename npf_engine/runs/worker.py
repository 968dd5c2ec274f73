"""One run in its own process. It writes to its own run folder and nowhere else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npf_engine.errors import Cancelled, InputError
from npf_engine.heap import keep_freed_memory
from npf_engine.runs import files, kinds
from npf_engine.runs.process import FileLock, Identity
from npf_engine.runs.recorder import FolderRecorder

NICENESS = 10
Job = Callable[[Any, Path, FolderRecorder], Any]


def main(folder: Path | str, job: Job | None = None) -> int:
    """Run the run in ``folder`` to its end, or go on where it broke off; the exit code.

    0: done, or stopped at the user's wish; 1: failed, with the sentence in status.json; 2: no run folder, or
    another worker is at it (a sentence on stderr). ``job`` (default: what the spec's kind does) does the work.
    """
    folder = Path(folder).resolve()
    lock = FileLock(folder / files.WORKER_LOCK)
    try:
        spec = read_spec(folder)
        if not lock.acquire():
            raise InputError(f"another worker is at {folder} already")
        me = Identity.of(os.getpid())
        files.write_json(folder / files.WORKER, me.to_json() if me else {"pid": os.getpid(), "start": "unknown"})
        recorder = FolderRecorder(folder, kinds.of(spec).stages, kinds.of(spec).saving)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    _be_nice()
    keep_freed_memory()
    signal.signal(signal.SIGTERM, lambda *_: setattr(recorder, "terminated", True))
    try:
        return _run(job or _job, spec, folder, recorder)
    finally:
        lock.release()
        kick(folder)


def read_spec(folder: Path) -> Any:
    """The spec in a run folder. Raises InputError where there is none or it is broken."""
    path = folder / files.SPEC
    try:
        data = json.loads(path.read_text())
    except OSError:
        raise InputError(f"{folder} is no run folder: it has no {files.SPEC} that can be read") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); the run cannot be resumed, start it again") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} does not hold a run's settings; the run cannot be resumed, start it again")
    return kinds.spec_from_json(data)


def _job(spec: Any, folder: Path, recorder: FolderRecorder) -> Any:
    from npf_engine.runs.job import run_job

    return run_job(spec, folder, recorder)


def _run(job: Job, spec: Any, folder: Path, recorder: FolderRecorder) -> int:
    state, sentence = "done", None
    try:
        recorder.begin()
        job(spec, folder, recorder)
    except Cancelled:
        wished = not recorder.terminated or _control_word(folder) == "cancel"
        state = "cancelled" if wished else "interrupted"
        sentence = None if wished else "the worker was told to end, perhaps by a shutdown; resume goes on from there"
    except Exception as error:
        state, sentence = "failed", explain(error, folder, recorder)
        traceback.print_exc()  # the executor sends stderr to log.txt
    if sentence:
        print(sentence, file=sys.stderr, flush=True)
    try:
        recorder.finish(state, sentence)
    except InputError as error:
        # Not even the last word fits on the disk; the scheduler will find the worker gone and say why.
        print(error, file=sys.stderr, flush=True)
        return 1
    return 1 if state == "failed" else 0


def explain(error: Exception, folder: Path, recorder: FolderRecorder) -> str:
    """One sentence for what ended a run."""
    if isinstance(error, InputError):
        return str(error)
    stage = recorder.board.current
    where = f"in stage {stage.name}" if stage else "before its first stage"
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return f"memory ran out {where}; choose fewer samples or smaller batches and networks, then retry"
    if isinstance(error, OSError) and error.errno is not None:
        return files.disk_sentence(error, Path(error.filename) if isinstance(error.filename, str) else folder)
    detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"the run failed {where} for an unforeseen reason ({detail}); the log tells more"


def _control_word(folder: Path) -> str:
    try:
        return (folder / files.CONTROL).read_text(errors="replace").strip()
    except OSError:
        return ""


def _be_nice() -> None:
    """Leave the processor to the pages: measured, an un-niced worker doubles their answer time."""
    with contextlib.suppress(OSError, ValueError):
        os.nice(int(os.environ.get("NPF_NICE") or NICENESS) - os.nice(0))


def kick(folder: Path) -> None:
    """Let the queue of this run's store go on once this process is gone, app or no app."""
    home = Path(os.environ.get("NPF_HOME") or "")
    if not os.environ.get("NPF_HOME") or folder.parent != (home / files.RUNS).resolve():
        return  # a run folder of the command line or of a cluster belongs to no queue
    if not (home / files.TABLE).exists():
        return
    with contextlib.suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-m", "npf_engine.runs.scheduler", str(home), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
