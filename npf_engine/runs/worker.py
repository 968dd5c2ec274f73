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

from npf_engine.errors import Cancelled, DiskFull, InputError, TrainingDiverged
from npf_engine.runs import claims
from npf_engine.runs.recording import FolderRecorder
from npf_engine.runs.states import TIME_UP
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.tasks import layout, lockdown
from npf_engine.tasks.memory import keep_freed_memory
from npf_engine.tasks.processes import FileLock

NICENESS = 10
AGAIN = "the run cannot be resumed: repeat it, its settings are still in the table of runs"
LOCK_SECONDS = 20.0  # that an earlier job has to see that it was taken over
PATIENCE = 10.0, 300.0  # seconds before work that found no room on the disk is done again: the first time, and at most
Job = Callable[[Spec, Path, FolderRecorder], object]


def main(folder: Path | str, job: Job | None = None) -> int:
    """Run the run in ``folder`` to its end, or go on where it broke off; the exit code.

    0: done, or stopped at the user's wish; 1: failed, with the sentence in status.json; 2: no run folder, or
    another worker is at it (a sentence on stderr); 3: a later worker has taken it. ``job`` (default: what the spec's
    kind does) does the work.
    """
    folder = Path(folder).resolve()
    lock = FileLock(folder / layout.WORKER_LOCK)
    try:
        if not folder.is_dir():
            raise InputError(f"there is no run folder {folder}")
        claim = claims.take(folder)
        _lock(lock, claim)
        spec = _spec(folder)
        recorder = FolderRecorder(folder, kinds.of(spec).stages, kinds.of(spec).saving)
        recorder.claim = claim
        recorder.sign()
    except (InputError, Cancelled) as error:
        _say(error)
        return 2
    _be_nice()
    lockdown.go_first()
    keep_freed_memory()
    _listen(recorder)
    try:
        return _run(job or _job, spec, folder, recorder)
    finally:
        lock.release()
        if not recorder.terminated and not (
            claim and claim.remote
        ):  # else the machine may be going down: nothing new is begun
            kick(folder)


def _lock(lock: FileLock, claim: claims.Claim | None) -> None:
    """Be alone in the folder. Raises InputError where another worker is at it."""
    try:
        held = lock.acquire(0.0 if claim is None else LOCK_SECONDS)
    except NotImplementedError:  # a file system without locks
        held = False
    # One that hangs, or whose node the cluster has given up, ends by the claim as soon as it moves.
    if not held and claim is None:
        raise InputError(f"another worker is at {lock.path.parent} already")


def _listen(recorder: FolderRecorder) -> None:
    """TERM and USR1 mean save and end; USR1 is what a cluster sends ahead of its time limit."""

    def end(number: int, _: object) -> None:
        recorder.terminated = True
        if number == signal.SIGUSR1:
            recorder.ended_by = TIME_UP

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGUSR1, end)


def _spec(folder: Path) -> Spec:
    """The spec in the folder; where it is broken, the run's status says so."""
    try:
        return read_spec(folder)
    except InputError as error:
        with contextlib.suppress(InputError, Cancelled):
            FolderRecorder(folder).finish("failed", str(error))
        raise


def _say(text: object) -> None:
    """To log.txt, where the executor sends stderr: not at any price, the disk may be full."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def read_spec(folder: Path) -> Spec:
    """The spec in a run folder. Raises InputError where there is none or it is broken."""
    path = folder / layout.SPEC
    try:
        data = json.loads(path.read_bytes())
    except OSError:
        raise InputError(f"{path}, the run's settings, is missing or cannot be read; {AGAIN}") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); {AGAIN}") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} does not hold a run's settings; {AGAIN}")
    return kinds.spec_from_json(data)


def _job(spec: Spec, folder: Path, recorder: FolderRecorder) -> object:
    from npf_engine.runs.job import run_job

    return run_job(spec, folder, recorder)


def _run(job: Job, spec: Spec, folder: Path, recorder: FolderRecorder) -> int:
    state, sentence = "done", None
    try:
        recorder.begin()
        _with_room(job, spec, folder, recorder)
    except claims.Superseded as error:
        _say(error)
        return 3
    except Cancelled:
        state, sentence = _stopped(folder, recorder)
    except Exception as error:
        state, sentence = "failed", explain(error, folder, recorder)
        _say("".join(traceback.format_exception(error)))
    if sentence:
        _say(sentence)
    try:
        recorder.finish(state, sentence)
    except InputError as error:
        # Not even the last word fits on the disk; the scheduler will find the worker gone and say why.
        _say(error)
        return 1
    return 1 if state == "failed" else 0


def _stopped(folder: Path, recorder: FolderRecorder) -> tuple[str, str | None]:
    """The state of a run that was stopped, and why where nobody wished it."""
    wish = _control_word(folder)
    if wish == "pause" and recorder.claim is not None and recorder.claim.remote:
        return "paused", None
    if wish == "cancel" or not recorder.terminated:
        return "cancelled", None
    return "interrupted", recorder.ended_by


def _with_room(job: Job, spec: Spec, folder: Path, recorder: FolderRecorder) -> None:
    """Do the work; where the disk is full for something that is no checkpoint, wait and do what is not kept again."""
    patience, most = PATIENCE
    while True:
        try:
            job(spec, folder, recorder)
            return
        except (DiskFull, OSError) as error:
            if isinstance(error, OSError) and error.errno not in layout.FULL:
                raise
            sentence = explain(error, folder, recorder)
        recorder.wait_for_room(sentence, patience)
        patience = min(2 * patience, most)


def explain(error: Exception, folder: Path, recorder: FolderRecorder) -> str:
    """One sentence for what ended a run."""
    if isinstance(error, InputError | TrainingDiverged):
        return str(error)
    stage = recorder.board.current
    where = f"in stage {stage.name}" if stage else "before its first stage"
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return f"memory ran out {where}; choose fewer samples or smaller batches and networks, then retry"
    if isinstance(error, OSError) and error.errno is not None:
        return layout.disk_sentence(error, Path(error.filename) if isinstance(error.filename, str) else folder)
    detail = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"the run failed {where} for an unforeseen reason ({detail}); the log tells more"


def _control_word(folder: Path) -> str:
    try:
        return (folder / layout.CONTROL).read_text(errors="replace").strip()
    except OSError:
        return ""


def _be_nice() -> None:
    """Leave the processor to the pages: measured, an un-niced worker doubles their answer time."""
    with contextlib.suppress(OSError, ValueError):
        os.nice(int(os.environ.get("NPF_NICE") or NICENESS) - os.nice(0))


def kick(folder: Path) -> None:
    """Let the queue of this run's store go on once this process is gone, app or no app."""
    home = Path(os.environ.get("NPF_HOME") or "")
    if not os.environ.get("NPF_HOME") or folder.parent != (home / layout.RUNS).resolve():
        return  # a run folder of the command line or of a cluster belongs to no queue
    if not (home / layout.TABLE).exists():
        return
    with contextlib.suppress(OSError):
        subprocess.Popen(
            [sys.executable, "-m", "npf_engine.runs.watch", str(home), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
