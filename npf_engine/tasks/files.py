"""Files written whole or not at all, JSON without NaN, and sentences for what goes wrong with either."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from npf_engine.errors import DiskFull, InputError
from npf_engine.tasks.archives import said

Json = Any  # a value as json.loads gives it and json.dumps takes it
FULL = (errno.ENOSPC, errno.EDQUOT)
SMALL = 64 * 1024  # bytes: less is no room
ROOM = 512 * 2**20  # bytes that what is newly begun leaves to what runs already: its checkpoints


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into an InputError that says what to do about it."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def disk_error(error: OSError, path: Path) -> InputError:
    """The same as an error of ours; DiskFull where there is no room."""
    kind = DiskFull if error.errno in FULL else InputError
    return kind(disk_sentence(error, path))


def is_full(path: Path) -> bool:
    """Whether there is no room for even a small file beside ``path``."""
    with contextlib.suppress(OSError):
        room = os.statvfs(path.parent)
        return room.f_bavail * room.f_frsize < SMALL or (room.f_files > 0 and room.f_favail == 0)
    return False


def check_room(path: Path, size: int = 0) -> None:
    """DiskFull where ``size`` bytes more below ``path`` would leave less than ROOM on its disk: an upload, an import
    or a new run must not take the room of those at work."""
    while not path.exists() and path != path.parent:
        path = path.parent
    with contextlib.suppress(OSError):
        disk = os.statvfs(path)
        if disk.f_bavail * disk.f_frsize < ROOM + size:
            raise DiskFull(
                f"the disk that holds {path} has less than {(ROOM + size) / 2**20:,.0f} MB left, which runs at work "
                "need; delete runs that are not needed, or free some space"
            )


def disk_sentence(error: OSError, path: Path) -> str:
    """One sentence for a failed write below ``path``."""
    if error.errno in FULL:
        return f"the disk that holds {path} is full; free some space"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path} may not be written to; change its permissions or set NPF_HOME to a folder of your own"
    return f"{path} cannot be written ({error.strerror or error}); check the disk or set NPF_HOME to another folder"


@contextlib.contextmanager
def replacing(path: Path, end: str = ".part") -> Iterator[Path]:
    """A path beside ``path`` to write to, with ``end`` as the end of its name: it takes the place of ``path`` at once
    when the block ends, and nothing is left of it when the block fails, at Ctrl-C too."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}{end}")
    try:
        yield part
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Replace ``path`` by ``data`` at once: a reader sees the old file or the new one, never half of one.

    ``durable`` waits until the disk has it. Raises InputError where the folder cannot be written.
    """
    with writing(path):
        with replacing(path) as part, open(part, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if durable:
            _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut; some file systems cannot, and need not."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_json(path: Path, data: object, *, durable: bool = False) -> None:
    """``data`` as JSON, atomically. NaN and infinity become null, which every JSON reader understands."""
    write_atomic(path, json_bytes(data), durable=durable)


def json_bytes(data: object) -> bytes:
    """``data`` as the JSON that write_json writes."""
    return json.dumps(finite(data), allow_nan=False, ensure_ascii=False, indent=1).encode()


def read_json(path: Path) -> dict[str, object] | None:
    """The object in ``path``; None where there is none or it cannot be read as one."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def finite(data: object) -> Json:
    """``data`` with NaN and infinity as None, keys as strings, tuples as lists, numpy's and torch's numbers plain."""
    if isinstance(data, float):
        return data if abs(data) < float("inf") else None
    if isinstance(data, dict):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return finite(data.tolist()) if hasattr(data, "tolist") else data


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a result file (.npz). Raises InputError where it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return {key: content[key] for key in content.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path.name} of the run cannot be read ({said(error)}); repeat the run") from None
