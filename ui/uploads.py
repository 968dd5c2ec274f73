"""A file that the browser sent, on the disk for as long as somebody reads it."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol


class Uploaded(Protocol):
    """What an uploader of Streamlit gives."""

    name: str

    def getbuffer(self) -> memoryview:
        """Its bytes."""


@contextlib.contextmanager
def saved(upload: Uploaded) -> Iterator[Path]:
    """The upload as a file under its own, harmless name; gone with the block."""
    with tempfile.TemporaryDirectory(prefix="npf-upload-") as folder:
        path = Path(folder) / safe_name(upload.name)
        path.write_bytes(upload.getbuffer())
        yield path


def safe_name(name: str) -> str:
    """The last part of a file name as letters, digits, dots, dashes and underscores."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-")
    return plain[-100:] or "upload"
