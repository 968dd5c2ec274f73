"""The ways to learn an optimal map by name: those of this folder, and those that somebody registers from outside."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from npf_engine import extensions
from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.transport.methods.method import FAMILIES, REFERENCES, AnyMethod

_METHODS: dict[str, AnyMethod] = {}


def register(*methods: AnyMethod) -> None:
    """Make methods known to the lab, its command line and its page. Raises ValueError for a name that another has."""
    for method in methods:
        if _METHODS.get(method.name, method) != method:
            raise ValueError(f"there is a method {method.name!r} already; give this one another name")
        _METHODS[method.name] = method


def known() -> Mapping[str, AnyMethod]:
    """All methods by name, a family after the other, references last."""
    _load_own()
    extensions.load()
    families = dict.fromkeys((*FAMILIES[:-1], *(method.family for method in _METHODS.values()), REFERENCES))
    order = [family for family in families if family != REFERENCES] + [REFERENCES]
    return {m.name: m for m in sorted(_METHODS.values(), key=lambda method: order.index(method.family))}


def names() -> tuple[str, ...]:
    """The names, in the order of ``known``."""
    return tuple(known())


def families() -> dict[str, list[AnyMethod]]:
    """The methods of each family."""
    found: dict[str, list[AnyMethod]] = {}
    for method in known().values():
        found.setdefault(method.family, []).append(method)
    return found


def find(name: str) -> AnyMethod | None:
    """The method of a name; None for one that is not known, as of a run of an extension that is no longer there."""
    return known().get(name)


def get(name: str) -> AnyMethod:
    """The method of a name. Raises InputError for one that is not known."""
    method = find(name)
    if method is None:
        raise InputError(f"there is no method {limits.shown(name)}; the methods are {', '.join(names())}")
    return method


def title(name: str) -> str:
    """What a method is called; a name that is not known stays as it is."""
    method = find(name)
    return name if method is None else method.title


def references() -> tuple[str, ...]:
    """Those that are there to be compared with, not to win."""
    return tuple(name for name, method in known().items() if method.reference)


@cache
def _load_own() -> None:
    """Every file of this folder registers what it brings."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"{__package__}.{module.name}")
