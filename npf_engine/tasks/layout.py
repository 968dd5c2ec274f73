"""The names of a run's files, in one place; how they are written is in ``filing``."""

from __future__ import annotations

import re
import secrets
import unicodedata

from npf_engine.home import home as home
from npf_engine.tasks.files import FULL as FULL
from npf_engine.tasks.files import check_room as check_room
from npf_engine.tasks.files import disk_error as disk_error
from npf_engine.tasks.files import disk_sentence as disk_sentence
from npf_engine.tasks.files import finite as finite
from npf_engine.tasks.files import is_full as is_full
from npf_engine.tasks.files import json_bytes as json_bytes
from npf_engine.tasks.files import read_json as read_json
from npf_engine.tasks.files import write_atomic as write_atomic
from npf_engine.tasks.files import write_json as write_json
from npf_engine.tasks.files import writing as writing

SPEC = "spec.json"  # the spec as submitted, with threads resolved; its kind where it is no training
FIELD = "field.npz"  # the field's samples, so that a resume needs no network
EVENTS = "events.jsonl"  # one JSON object a line: {"t", "kind", ...}
STATUS = "status.json"  # the newest state, replaced atomically: what a page polls
LOG = "log.txt"
SNAPSHOT = "snapshot.npz"  # the newest live picture
CHECKPOINTS = "checkpoints"  # folder, one file a stage
REPORT = "report.json"  # what `train --json` (or the command of another kind) prints; there once all is done
CONTROL = "control"  # "pause" or "cancel", written by the owner, read by the worker
WORKER = "worker.json"  # pid and process start time
WORKER_LOCK = "worker.lock"  # held by the one worker of the folder for as long as it lives
ABOUT = "about.json"  # name, source and date, for a table that has to be made again
JOB = "job.json"  # where the run is to be done, and the job of a cluster that does it (runs/executors/jobs.py)
CLAIMS = "claims"  # folder, one empty file for each start of a job that took the run (runs/claims.py)
ARTIFACTS = "artifacts.json"  # whether its copy is at NPF_ARTIFACTS, or why not yet
OWN = frozenset(
    {SPEC, ABOUT, FIELD, EVENTS, STATUS, LOG, SNAPSHOT, CHECKPOINTS, REPORT, CONTROL, WORKER, WORKER_LOCK, JOB, CLAIMS}
    | {ARTIFACTS}
)

RUNS = "runs"  # folder in home(): one folder a run
UPLOADS = "uploads"  # folder in home(): visitors' files that runs name, each in a folder named by its contents
TABLE = "runs.sqlite3"  # in home(): one row a run
QUEUE_LOCK = "queue.lock"  # in home(): held while rows change hands
ENTRY_LOCK = "entry.lock"  # in home(): held while runs are counted and one more comes in


def slug(name: str) -> str:
    """``name`` as lower-case letters, digits and dashes, at most 40: safe in a file name, a link and a shell."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "run"


def new_id(name: str) -> str:
    """The id of a new run called ``name``; its last 16 digits cannot be guessed."""
    return f"{slug(name)}-{secrets.token_hex(8)}"


def bundle_name(name: str) -> str:
    """File name of the bundle of a run called ``name``: npf-<name>.zip."""
    return f"npf-{slug(name)}.zip"
