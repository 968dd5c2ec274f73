"""A visitor's file: put aside for the preview, kept among the uploads once it is used."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.tasks import layout

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

STAGED = "staged"  # folder in home()/cache: files looked at, not used yet
STAGED_SECONDS = 24 * 3600
STAGED_BYTES = 4 * 2**30  # of all files put aside; the oldest go first


def stage(upload: UploadedFile) -> Path:
    """Put the file aside under its contents' hash; files put aside a day ago and never used are removed."""
    folder = layout.home() / "cache" / STAGED
    _forget_old(folder)
    content = upload.getbuffer()
    path = folder / hashlib.sha256(content).hexdigest()[:32] / safe_name(upload.name)
    if not path.exists():
        layout.check_room(folder, len(content))
    with layout.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        layout.write_atomic(path, bytes(content))
    os.utime(path.parent)  # in use again
    return path


def keep(path: Path) -> Path:
    """The place of a staged file among the uploads, where it now lies; any other path as it is."""
    staged = layout.home() / "cache" / STAGED
    if not path.resolve().is_relative_to(staged.resolve()):
        return path
    kept = layout.home() / layout.UPLOADS / path.parent.name / path.name
    with layout.writing(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not kept.exists():  # its folder is named by its contents
            layout.check_room(kept, path.stat().st_size)
            part = kept.with_name(f".{secrets.token_hex(4)}.part")
            shutil.copyfile(path, part)
            part.replace(kept)
    return kept


def safe_name(name: str) -> str:
    """The file's own name without folders and without characters that a link or a shell would trip over."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name.replace("\\", "/")).name).strip("-.")
    return plain[-80:] or "upload"


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
