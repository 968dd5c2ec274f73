"""Things that are added from outside the package: kinds of run, and whatever else has a registry.

An extension is a module that registers what it brings when it is imported. It is found by

- an entry point of the group ``npf_engine`` in an installed distribution, or
- the environment variable NPF_EXTENSIONS: names of modules, or paths of ``.py`` files, with commas between; workers,
  which are processes of their own, inherit it.

A registry calls ``load`` before it is asked for a name. An extension that cannot be imported costs nothing else.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import os
import sys
import threading
from pathlib import Path

GROUP = "npf_engine"
VARIABLE = "NPF_EXTENSIONS"

log = logging.getLogger(__name__)
_lock = threading.RLock()
_loaded = False
_problems: list[str] = []


def load() -> None:
    """Import all extensions, once in a process."""
    global _loaded
    with _lock:
        if _loaded:
            return
        _loaded = True  # first: an extension that asks a registry while it is imported must not begin anew
        names = [item.strip() for item in os.environ.get(VARIABLE, "").split(",")]
        names += [point.module for point in importlib.metadata.entry_points(group=GROUP)]
        for name in dict.fromkeys(filter(None, names)):
            try:
                _import(name)
            except Exception as error:  # whatever a stranger's module raises
                sentence = f"the extension {name} cannot be imported ({type(error).__name__}: {error})"
                _problems.append(sentence)
                log.warning("%s", sentence)


def problems() -> tuple[str, ...]:
    """One sentence for each extension that could not be imported."""
    load()
    return tuple(_problems)


def _import(name: str) -> None:
    if not name.endswith(".py"):
        importlib.import_module(name)
        return
    path = Path(name).expanduser()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ImportError(f"there is no file {path}")
    if path.stem in sys.modules:
        raise ImportError(f"a module {path.stem} is there already; give the file another name")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
