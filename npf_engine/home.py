"""Where this program keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Folder for runs, caches and the table of runs: NPF_HOME, else ~/.npf. Created on first use."""
    path = Path(os.environ.get("NPF_HOME") or Path.home() / ".npf").expanduser()
    path.mkdir(parents=True, exist_ok=True)
    return path
