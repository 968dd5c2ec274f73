"""Where fetched elevation and the index of cities are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

from npf_engine.home import home, made


def cache_folder(name: str) -> Path:
    """The folder ``cache/<name>`` under NPF_HOME (else ~/.npf), created on first use."""
    return made(home().resolve() / "cache" / name)


def tile_cache() -> Path:
    """The tile cache of the elevation package: EIO_CACHE_DIR, else ``cache/elevation`` under the home folder."""
    own = os.environ.get("EIO_CACHE_DIR")
    return Path(own).expanduser().resolve() if own else cache_folder("elevation")
