"""The names of a run's files, in one place."""

from __future__ import annotations

import os
from pathlib import Path

SPEC = "spec.json"  # TrainingSpec as submitted, with threads resolved
FIELD = "field.npz"  # the field's samples, so that a resume needs no network
EVENTS = "events.jsonl"  # one JSON object a line: {"t", "kind", ...}
STATUS = "status.json"  # the newest state, replaced atomically: what a page polls
LOG = "log.txt"
SNAPSHOT = "snapshot.npz"  # the newest live picture
CHECKPOINTS = "checkpoints"  # folder, one file a stage
REPORT = "report.json"  # what `train --json` prints
MODEL = "model"  # folder, the unzipped bundle
CONTROL = "control"  # "pause" or "cancel", written by the owner, read by the worker
WORKER = "worker.json"  # pid and process start time


def home() -> Path:
    """Folder for runs, caches and the table of runs: NPF_HOME, else ~/.npf. Created on first use."""
    path = Path(os.environ.get("NPF_HOME") or Path.home() / ".npf")
    path.mkdir(parents=True, exist_ok=True)
    return path
