"""Which convex potentials there are, by name. Without torch, so that settings can be checked by the names alone.

A potential of this package is a file of networks/ with ``class Name(Potential, name="...")``: its name is read from
the text, and the file is imported once the class is asked for. A class from elsewhere registers itself in the same way,
or by ``register(name, cls)``; extensions.py says how its module is found by the command line and by workers.
"""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine import extensions
from npf_engine.errors import InputError

if TYPE_CHECKING:
    from npf_engine.networks.potential import Potential

_CLASSES: dict[str, type[Potential]] = {}
# In texts, where a name is given to a class of that file.
_NAMED = re.compile(r'^(?:class \w+\([^)]*\bname=|register\()"([^"]+)"', re.MULTILINE)
NAME = re.compile(r"[a-z][a-z0-9-]*")


def register(name: str, cls: type[Potential]) -> None:
    """Make ``cls`` the potential of that name. ValueError for a name that is none, or is another class's."""
    if not NAME.fullmatch(name):
        raise ValueError(f"a potential's name is small letters, digits and dashes, not {name!r}")
    there = _CLASSES.get(name)
    if there is not None and (there.__module__, there.__qualname__) != (cls.__module__, cls.__qualname__):
        raise ValueError(f"{name!r} is the name of {there.__module__}.{there.__qualname__} already; choose another")
    if name in built_in() and cls.__module__ != built_in()[name]:
        raise ValueError(f"{name!r} is the name of a potential of {built_in()[name]}; choose another")
    _CLASSES[name] = cls


def potential_names() -> tuple[str, ...]:
    """All names, in alphabetical order: what ``u.network`` may be."""
    load_extensions()
    return tuple(sorted({*built_in(), *_CLASSES}))


def potential_class(name: str) -> type[Potential]:
    """The class of a name. InputError where there is none."""
    if name not in _CLASSES and name in built_in():
        importlib.import_module(built_in()[name])
    problems = () if name in _CLASSES else load_extensions()
    if name not in _CLASSES:
        why = "; ".join([*problems, "import the module that registers it, or name it in NPF_EXTENSIONS"])
        raise InputError(f"there is no convex potential {str(name)[:40]!r}, only {', '.join(potential_names())}; {why}")
    return _CLASSES[name]


def check_training(name: str, method: str, start: str) -> None:
    """InputError where the potential of that name cannot be trained so: values of u.network, u.method and u.start."""
    cls = potential_class(name)
    if method not in cls.methods or start not in cls.starts:
        raise InputError(
            f"u.network {name} needs u.method {' or '.join(cls.methods)} and u.start {' or '.join(cls.starts)}, the "
            "only way it is trained"
        )


def name_of(cls: type[Potential]) -> str | None:
    """The name that a class is registered by; None where it is not."""
    return next((name for name, each in _CLASSES.items() if each is cls), None)


def load_extensions() -> tuple[str, ...]:
    """Import what registers potentials from outside the package; a sentence for each that could not be imported."""
    return extensions.problems()


@functools.cache
def built_in() -> dict[str, str]:
    """Name -> module of the potentials in networks/."""
    found: dict[str, str] = {}
    for path in sorted(Path(__file__).with_name("networks").glob("*.py")):
        for name in _NAMED.findall(path.read_text(encoding="utf-8")):
            found[name] = f"{__package__}.networks.{path.stem}"
    return found
