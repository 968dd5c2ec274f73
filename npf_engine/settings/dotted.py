"""The dotted leaves of a frozen dataclass of settings: listed, changed, written as JSON; for every kind of run."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any

from npf_engine.errors import InputError
from npf_engine.settings import limits

YES, NO = ("true", "yes", "1"), ("false", "no", "0")


def leaves(spec: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key -> value of every leaf of the spec."""
    out: dict[str, Any] = {}
    for item in dataclasses.fields(spec):
        value = getattr(spec, item.name)
        key = prefix + item.name
        out |= leaves(value, key + ".") if dataclasses.is_dataclass(value) else {key: value}
    return out


def to_json(spec: Any) -> dict[str, Any]:
    """Nested dict of plain values."""
    return typing.cast(dict[str, Any], json.loads(json.dumps(dataclasses.asdict(spec))))


def flatten(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Inverse of nesting: dotted key -> value of what to_json wrote."""
    out: dict[str, Any] = {}
    for name, value in data.items():
        out |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return out


def set_leaves(spec: Any, values: dict[str, Any], advice: str = "") -> Any:
    """The spec with dotted keys replaced; strings are parsed to the leaf's type. Types and limits are checked.

    ``advice`` ends the sentence about a key that does not exist (default: the keys that do). Raises InputError.
    """
    for key, value in values.items():
        if isinstance(value, str) and len(value) > limits.MAX_SETTING:
            raise InputError(f"{limits.shown(key)} has {len(value):,} characters; no setting is as long")
    changed = _replaced(spec, {key: (key, value) for key, value in values.items()}, advice or _known(spec))
    limits.check(changed)
    return changed


def _known(spec: Any) -> str:
    return f"there are {', '.join(leaves(spec))}"


def _replaced(node: Any, values: dict[str, tuple[str, Any]], advice: str) -> Any:
    """``node`` with values (path below it -> full key, value) all at once: a check of the whole sees no half change."""
    hints = typing.get_type_hints(type(node))
    changed: dict[str, Any] = {}
    below: dict[str, dict[str, tuple[str, Any]]] = {}
    for path, (key, value) in values.items():
        name, _, rest = path.partition(".")
        if name not in hints or (rest and not dataclasses.is_dataclass(getattr(node, name))):
            raise InputError(f"unknown setting {limits.shown(key)}; {advice}")
        if rest:
            below.setdefault(name, {})[rest] = (key, value)
        else:
            changed[name] = _coerce(hints[name], value, key)
    changed |= {name: _replaced(getattr(node, name), inner, advice) for name, inner in below.items()}
    return dataclasses.replace(node, **changed)


def _coerce(hint: Any, value: Any, key: str) -> Any:
    """Value (possibly a string from the command line, or a JSON list) as the leaf's type."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None or value == "none":
            return None
        return _coerce(next(h for h in typing.get_args(hint) if h is not type(None)), value, key)
    if origin is typing.Literal:
        choices = {str(choice): choice for choice in typing.get_args(hint)}
        if str(value) not in choices:
            raise InputError(f"{key} must be one of {', '.join(choices)}, not {limits.shown(value)}")
        return choices[str(value)]
    if dataclasses.is_dataclass(hint):
        raise InputError(f"{key} is a group of settings; name one of its keys")
    try:
        if origin is tuple:
            return _tuple(hint, value, key)
        return _scalar(hint, value)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError):
        wanted = getattr(hint, "__name__", None) if origin is None else str(hint)
        raise InputError(f"{key} must be of type {wanted}, not {limits.shown(value)}") from None


def _tuple(hint: Any, value: Any, key: str) -> tuple[Any, ...]:
    if isinstance(value, str):
        value = json.loads(value if value.startswith("[") else f"[{value}]")
    if not isinstance(value, list | tuple):
        raise ValueError
    inner = typing.get_args(hint)[0]
    return tuple(_coerce(inner, item, key) for item in value)


def _scalar(hint: Any, value: Any) -> Any:
    if hint is bool:
        word = str(value).lower()
        if word not in YES + NO:
            raise ValueError
        return word in YES
    if hint is int:
        if float(value) != int(float(value)):
            raise ValueError
        return int(float(value))
    if hint is float:
        number = float(value)
        if number != number or abs(number) == float("inf"):
            raise ValueError
        return number
    if isinstance(value, dict | list | tuple):
        raise ValueError
    return str(value)
