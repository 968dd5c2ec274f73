"""Where this program keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path

from npf_engine.errors import InputError


def home() -> Path:
    """Folder for runs, caches and the table of runs: NPF_HOME, else ~/.npf. Created on first use, for its owner
    alone: where people sign in, it holds the runs of all of them."""
    path = Path(os.environ.get("NPF_HOME") or Path.home() / ".npf").expanduser()
    return made(path, 0o700)


def made(folder: Path, mode: int = 0o777) -> Path:
    """The folder, created where it is missing, with this mode. Raises InputError where it cannot be."""
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"the folder {folder} cannot be made ({reason}); set NPF_HOME to a folder of your own"
        ) from None
    return folder
