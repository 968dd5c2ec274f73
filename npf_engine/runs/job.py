"""The one way in which a run of any kind is done: by the page's worker, the command line and the library."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.studies.kind import Result, Told
from npf_engine.tasks import layout
from npf_engine.tasks.processes import FileLock
from npf_engine.tasks.recorder import Recorder


def run_job(spec: Spec, folder: Path | str, recorder: Recorder, **at_hand: object) -> Result:
    """Run ``spec`` in ``folder``, or go on where it broke off; returns the result, whose JSON is then report.json.

    Settles the spec (device and threads, kept in spec.json), does what its kind does, writes report.json and drops the
    checkpoints. ``at_hand``: what the spec describes and the caller has already, as the kind's function takes it, e.g.
    ``field``; it changes no number. torch works on the spec's threads, one where the kind has no such setting, and
    afterwards on as many as before. Raises InputError for a spec that cannot be run here and for a folder that holds
    another run; Cancelled when the recorder says so.
    """
    import torch

    from npf_engine.runs.devices import settle

    folder = Path(folder).resolve()
    kind = kinds.of(spec)
    spec = settle(spec, folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(getattr(spec, "threads", 1))
    try:
        began = recorder.clock() - recorder.earlier
        result: Result = kind.do(spec, recorder, folder, **at_hand)
        if isinstance(result, Told):
            result = Told({"seconds": {"total": recorder.clock() - began}} | result.to_json())
    finally:
        torch.set_num_threads(threads)
    layout.write_json(folder / layout.REPORT, result.to_json(), durable=True)
    shutil.rmtree(folder / layout.CHECKPOINTS, ignore_errors=True)
    return result


@contextlib.contextmanager
def workplace(out: Path | str | None) -> Iterator[Path]:
    """The folder of a run in this process, of nobody else for as long as the block runs; one that goes with the block
    where ``out`` is None. Raises InputError for a file, for a folder of other things, and where a run is at work."""
    if out is None:
        with tempfile.TemporaryDirectory(prefix="npf-") as made:
            yield Path(made)
        return
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the run")
    if (
        not (folder / layout.SPEC).exists()
        and folder.is_dir()
        and {p.name for p in folder.iterdir()} - {layout.WORKER_LOCK}
    ):
        raise InputError(f"{folder} is not empty and no run of ours; name another folder")
    with layout.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / layout.WORKER_LOCK)
    if not lock.acquire():
        raise InputError(f"another run is at work in {folder}; name another folder or wait for it")
    try:
        yield folder
    finally:
        lock.release()
