"""Which file a description means: a path that somebody typed, or an upload, known by what is in it.

An upload is written ``upload:HASH/NAME``, HASH the first 32 digits of the SHA-256 of its content: a link, a bundle or
a sentence holds no path of the server, and the same file is the same field wherever it was uploaded.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

from npf_engine.tasks import layout

PREFIX = "upload:"
STAGED = Path("cache", "staged")  # in the home folder: files looked at, not used yet
HASH_DIGITS = 32
OF_FOLDERS = (".zattrs", ".zarray", ".zgroup", ".zmetadata", "zarr.json")  # files that say what a Zarr is
_UPLOAD = re.compile(r"upload:([0-9a-f]{32})/([A-Za-z0-9_][A-Za-z0-9._-]{0,79})")


def content_hash(path: Path) -> str:
    """By what a file is known: the SHA-256 of its content ("" where there is none), computed once for a file that lies
    unchanged; of a folder (Zarr) that of what its arrays are, not of their numbers."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    if path.is_dir():
        return _folder_hash(path)
    return _content_hash(str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _folder_hash(path: Path) -> str:
    found = hashlib.sha256()
    for file in sorted(part for name in OF_FOLDERS for part in (path / name, *path.glob(f"*/{name}"))):
        if file.is_file():
            found.update(f"{file.relative_to(path)}\n{file.stat().st_size}\n".encode())
            found.update(file.read_bytes())
    return found.hexdigest()


@functools.lru_cache(maxsize=256)
def _content_hash(path: str, inode: int, size: int, written: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def upload_name(content: str, name: str) -> str:
    """The source of an upload whose content has this SHA-256 and that is called ``name``."""
    return f"{PREFIX}{content[:HASH_DIGITS]}/{name}"


def is_upload(source: str) -> bool:
    """Whether a source names an upload, as ``upload_name`` writes it."""
    return _UPLOAD.fullmatch(source) is not None


def upload_paths(source: str) -> tuple[Path, Path]:
    """Where an upload may lie: kept for good, and put aside for a look."""
    found = _UPLOAD.fullmatch(source)
    assert found is not None
    return (layout.home() / layout.UPLOADS / found[1] / found[2], layout.home() / STAGED / found[1] / found[2])


def path_of(source: str) -> Path:
    """The file that a source means, whether it is there or not; ``~name`` of nobody here is a name like any other."""
    source = source.strip()
    if is_upload(source):
        kept, staged = upload_paths(source)
        return staged if staged.is_file() and not kept.is_file() else kept
    try:
        return Path(source).expanduser()
    except RuntimeError:
        return Path(source)


def title_of(source: str) -> str:
    """A file's name for people: without its folder and its suffix, that of what is packed too (a.zarr.zip)."""
    path = Path(source)
    if len(path.parts) < 2:
        return source
    return Path(path.stem).stem if path.suffix.lower() in (".zip", ".gz") else path.stem
