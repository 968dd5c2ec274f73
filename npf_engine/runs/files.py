"""The names of a run's files, in one place, and how they are written: all of a file or none of it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npf_engine.errors import InputError
from npf_engine.home import home as home

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
OWN = frozenset({SPEC, FIELD, EVENTS, STATUS, LOG, SNAPSHOT, CHECKPOINTS, REPORT, CONTROL, WORKER, WORKER_LOCK})

RUNS = "runs"  # folder in home(): one folder a run
TABLE = "runs.sqlite3"  # in home(): one row a run
QUEUE_LOCK = "queue.lock"  # in home(): held while rows change hands


def slug(name: str) -> str:
    """``name`` as lower-case letters, digits and dashes, at most 40: safe in a file name, a link and a shell."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "run"


def bundle_name(name: str) -> str:
    """File name of the bundle of a run called ``name``: npf-<name>.zip."""
    return f"npf-{slug(name)}.zip"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into an InputError that says what to do about it."""
    try:
        yield
    except OSError as error:
        raise InputError(disk_sentence(error, path)) from error


def disk_sentence(error: OSError, path: Path) -> str:
    """One sentence for a failed write below ``path``."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk that holds {path} is full; free some space and resume"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path} may not be written to; change its permissions or set NPF_HOME to a folder of your own"
    return f"{path} cannot be written ({error.strerror or error}); check the disk or set NPF_HOME to another folder"


def write_atomic(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Replace ``path`` by ``data`` at once: a reader sees the old file or the new one, never half of one.

    ``durable`` waits until the disk has it. Raises InputError where the folder cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        try:
            with open(part, "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(part, path)
            if durable:
                _sync_folder(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut; some file systems cannot, and need not."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_json(path: Path, data: Any, *, durable: bool = False) -> None:
    """``data`` as JSON, atomically. NaN and infinity become null, which every JSON reader understands."""
    write_atomic(path, json_bytes(data), durable=durable)


def json_bytes(data: Any) -> bytes:
    """``data`` as the JSON that write_json writes."""
    return json.dumps(finite(data), allow_nan=False, ensure_ascii=False, indent=1).encode()


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in ``path``; None where there is none or it cannot be read as one."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def finite(data: Any) -> Any:
    """``data`` with NaN and infinity as None, keys as strings, tuples as lists, numpy's and torch's numbers plain."""
    if isinstance(data, float):
        return data if abs(data) < float("inf") else None
    if isinstance(data, dict):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return finite(data.tolist()) if hasattr(data, "tolist") else data
