"""A visitor's file: put aside for the preview, kept among the uploads once it is used."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.tasks import files, layout
from ui import runs

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

STAGED_SECONDS = 24 * 3600
STAGED_BYTES = 4 * 2**30  # of all files put aside; the oldest go first


def stage(upload: UploadedFile) -> str:
    """Put the file aside under its contents' hash, and say by which source it is then known; files put aside a day ago
    and never used are removed."""
    content = upload.getbuffer()
    source = stored_files.upload_name(hashlib.sha256(content).hexdigest(), safe_name(upload.name))
    _, path = stored_files.upload_paths(source)
    folder = path.parent.parent
    _forget_old(folder)
    if not path.exists():
        layout.check_room(folder, len(content))
    with layout.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        layout.write_atomic(path, bytes(content))
    os.utime(path.parent)  # in use again
    runs.store().claim(source)
    return source


def keep(source: str) -> None:
    """Move an upload from what was put aside to what is kept; any other source is left alone."""
    if not stored_files.is_upload(source):
        return
    runs.store().check_source(source)
    kept, staged = stored_files.upload_paths(source)
    with layout.writing(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not kept.exists():  # its folder is named by its contents
            if not staged.is_file():
                raise InputError(f"{kept.name} is no longer here; upload it again")
            layout.check_room(kept, staged.stat().st_size)
            runs.store().check_disk(staged.stat().st_size)
            with files.replacing(kept) as part:
                shutil.copyfile(staged, part)


def safe_name(name: str) -> str:
    """The file's own name without folders and without characters that a link or a shell would trip over."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name.replace("\\", "/")).name).strip("-.")
    return plain[-80:].lstrip("-.") or "upload"


def _forget_old(folder: Path) -> None:
    """Remove what was put aside a day ago, and the oldest of what is more than STAGED_BYTES together."""
    kept = 0
    for old in sorted(folder.glob("*"), key=_age):
        with contextlib.suppress(OSError):  # another visitor's upload may be at the same work
            kept += sum(file.stat().st_size for file in old.glob("*"))
        if _age(old) > STAGED_SECONDS or kept > STAGED_BYTES:
            shutil.rmtree(old, ignore_errors=True)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
