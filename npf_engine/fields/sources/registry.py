"""The sources of fields: every module of this folder, and what extensions register (npf_engine/extensions.py)."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import TypeVar

from npf_engine import extensions
from npf_engine.errors import InputError
from npf_engine.fields.sources.source import NAMES, Source
from npf_engine.fields.spec import FieldSpec

S = TypeVar("S", bound=Source)
_known: dict[str, type[Source]] = {}


def register(source: type[S]) -> type[S]:
    """Make a class of sources known, by its name; the last one of a name stands. Usable as a decorator."""
    _known[source.__name__] = source
    return source


def sources() -> list[type[Source]]:
    """All of them, in the order in which they are asked."""
    _load_own()
    extensions.load()
    return sorted(_known.values(), key=lambda source: source.rank)


def source_of(spec: FieldSpec) -> Source:
    """The source that a description means. Raises InputError where it has no name."""
    if not spec.source.strip():
        raise InputError("The field has no name; say which one (jacksboro is always there).")
    for source in sources():
        found = source.parse(spec)
        if found is not None:
            return found
    raise InputError(f"There is no field called {spec.source!r}.")


def named(spec: FieldSpec) -> Source | None:
    """The source whose exact name ``spec`` has; None for files and places, which are not looked for."""
    found = (source.parse(spec) for source in sources() if source.rank == NAMES)
    return next((source for source in found if source is not None), None)


@functools.cache
def _load_own() -> None:
    package = importlib.import_module(__package__ or "npf_engine.fields.sources")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
