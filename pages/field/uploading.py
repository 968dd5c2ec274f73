"""A visitor's file: put aside for the preview, kept among the uploads once it is used."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.runs import files

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

STAGED = "staged"  # folder in home()/cache: files looked at, not used yet
STAGED_SECONDS = 24 * 3600


def stage(upload: UploadedFile) -> Path:
    """Put the file aside under its contents' hash; files put aside a day ago and never used are removed."""
    folder = files.home() / "cache" / STAGED
    _forget_old(folder)
    content = upload.getbuffer()
    path = folder / hashlib.sha256(content).hexdigest()[:12] / safe_name(upload.name)
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        files.write_atomic(path, bytes(content))
    return path


def keep(path: Path) -> Path:
    """The place of a staged file among the uploads, where it now lies; any other path as it is."""
    staged = files.home() / "cache" / STAGED
    if not path.resolve().is_relative_to(staged.resolve()):
        return path
    kept = files.home() / files.UPLOADS / path.parent.name / path.name
    with files.writing(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        if not kept.exists():  # its folder is named by its contents
            part = kept.with_name(f".{secrets.token_hex(4)}.part")
            shutil.copyfile(path, part)
            part.replace(kept)
    return kept


def safe_name(name: str) -> str:
    """The file's own name without folders and without characters that a link or a shell would trip over."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(name.replace("\\", "/")).name).strip("-.")
    return plain[-80:] or "upload"


def _forget_old(folder: Path) -> None:
    for old in folder.glob("*") if folder.is_dir() else ():
        if time.time() - old.stat().st_mtime > STAGED_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
