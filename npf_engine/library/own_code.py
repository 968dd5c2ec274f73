"""A function by its name in code of one's own: ``flow.py:F`` or ``package.module:F``, for the library and commands.

Only whoever types a command names code. A spec has no place for it: what comes from a link, a form or a bundle cannot
have code run (fields/sources/python_callable.py refuses it).
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from torch import nn

from npf_engine.errors import Cancelled, InputError
from npf_engine.library.weights import loss_gradient

FORM = "name it as flow.py:F or package.module:F"


def load_function(text: str) -> Callable[..., object]:
    """The function that ``text`` names: FILE.py:NAME or MODULE:NAME.

    Where it has no parameters it is called, and answers with the function itself, or with (module, loss): F is then the
    gradient of loss(module) over the module's weights (``weights.loss_gradient``). Raises InputError, one sentence.
    """
    place, colon, name = text.strip().rpartition(":")
    if not colon or not place or not name:
        raise InputError(f"{text.strip()!r} names no function; {FORM}")
    found: object = _module(place)
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"{place} has no {name}{_near(part, found)}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"{text.strip()} is a {type(found).__name__}, not a function of points (n, d)")
    return _made(text.strip(), found) if _without_parameters(found) else found


def file_of(text: str) -> str:
    """What may be told of the code that ``text`` names: no folder of this machine."""
    return Path(text.strip()).name


def _module(place: str) -> ModuleType:
    if place.endswith(".py"):
        path = Path(place).expanduser()
        if not path.is_file():
            raise InputError(f"there is no file {place}; {FORM}")
        with _errors(place), _on_path(path.resolve().parent):
            spec = importlib.util.spec_from_file_location(f"npf_own_{path.stem}", path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = module  # dataclasses look there for the module of a class
            spec.loader.exec_module(module)
            return module
    if not all(part.isidentifier() for part in place.split(".")):
        raise InputError(f"{place!r} is neither a .py file nor a module; {FORM}")
    with _errors(place), _on_path(Path.cwd()):
        return importlib.import_module(place)


@contextlib.contextmanager
def _errors(place: str) -> Iterator[None]:
    try:
        yield
    except (InputError, Cancelled):
        raise
    except (Exception, SystemExit) as error:  # the caller's code may raise anything
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{place} cannot be imported: {type(error).__name__}: {said}") from error


@contextlib.contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    """What stands beside the code can be imported by it, as where Python itself runs it."""
    entry = os.fspath(folder)
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(entry)


def _without_parameters(found: Callable[..., object]) -> bool:
    try:
        return not inspect.signature(found).parameters and not isinstance(found, nn.Module)
    except (TypeError, ValueError):  # a function of C tells no parameters
        return False


def _made(text: str, make: Callable[..., object]) -> Callable[..., object]:
    """What a function without parameters answers with."""
    with _errors(f"{text}()"):
        made = make()
    if isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], nn.Module) and callable(made[1]):
        return loss_gradient(*made)
    if callable(made):
        return made
    raise InputError(
        f"{text}() answers with {type(made).__name__}; a function without parameters must answer with a function of "
        "points (n, d), or with (module, loss) whose loss takes the module"
    )


def _near(name: str, found: object) -> str:
    near = difflib.get_close_matches(name, [item for item in dir(found) if not item.startswith("_")], n=1)
    return f"; did you mean {near[0]}?" if near else ""
