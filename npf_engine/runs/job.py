"""The work of a run of any kind: settle the spec, do what its kind does, keep the answer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from npf_engine.recorder import Recorder
from npf_engine.runs import files, kinds


def run_job(spec: Any, folder: Path | str, recorder: Recorder) -> dict[str, Any]:
    """Run ``spec`` in ``folder``, or go on where it broke off; returns what report.json then holds.

    Sets torch's number of threads. Raises InputError for a spec that cannot be run here and for a folder that
    holds another run; Cancelled when the recorder says so.
    """
    folder = Path(folder).resolve()
    kind = kinds.of(spec)
    if kind.name == kinds.TRAIN:  # writes its bundle and its report together
        report: dict[str, Any] = kinds.named(kind.run)(spec, folder, recorder)
        return report
    import torch

    from npf_engine.runs.settle import settle

    spec = settle(spec, folder)
    torch.set_num_threads(getattr(spec, "threads", 1))
    began = recorder.clock() - recorder.earlier
    result: dict[str, Any] = kinds.named(kind.run)(spec, recorder, folder)
    result.setdefault("seconds", {"total": recorder.clock() - began})
    files.write_json(folder / files.REPORT, result, durable=True)
    shutil.rmtree(folder / files.CHECKPOINTS, ignore_errors=True)
    return result
