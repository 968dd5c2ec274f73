"""The settings of a spec by their dotted keys (``u.pair_size``): listed, changed, written as JSON; for every kind."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from npf_engine.errors import InputError
from npf_engine.settings.limits import shown
from npf_engine.settings.setting import Setting, own
from npf_engine.settings.values import EMPTY, taken

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SpecT = TypeVar("SpecT", bound="DataclassInstance")


def dotted_values(spec: DataclassInstance, prefix: str = "") -> dict[str, object]:
    """Dotted key -> value of every setting of the spec and of its groups."""
    out: dict[str, object] = {}
    for item in dataclasses.fields(spec):
        value = getattr(spec, item.name)
        key = prefix + item.name
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            out |= dotted_values(value, key + ".")
        else:
            out[key] = value
    return out


def to_json(spec: DataclassInstance) -> dict[str, object]:
    """Nested dict of plain values."""
    return typing.cast(dict[str, object], json.loads(json.dumps(dataclasses.asdict(spec))))


def flatten(data: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Inverse of nesting: dotted key -> value of what to_json wrote."""
    out: dict[str, object] = {}
    for name, value in data.items():
        out |= flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return out


def as_text(value: object) -> str:
    """A value as the text of a link, or after ``--set key=``; ``with_dotted`` reads it again."""
    if value is None:
        return EMPTY
    return json.dumps(value) if isinstance(value, tuple | list) else str(value)


def with_dotted(spec: SpecT, values: Mapping[str, object], advice: str = "") -> SpecT:
    """The spec with dotted keys replaced, a group by its name too; texts are read as the setting's type. Types and
    limits are checked.

    ``advice`` ends the sentence about a key that does not exist (default: the keys that do). Raises InputError.
    """
    advice = advice or f"there are {', '.join(dotted_values(spec))}"
    return _replaced(spec, {key: (key, value) for key, value in values.items()}, advice)


def _replaced(node: SpecT, values: Mapping[str, tuple[str, object]], advice: str) -> SpecT:
    """``node`` with values (path below it -> full key, value) all at once: a check of the whole sees no half change."""
    fields = {item.name: item for item in own(type(node))}
    changed: dict[str, object] = {}
    below: dict[str, dict[str, tuple[str, object]]] = {}
    for path, (key, value) in values.items():
        name, _, rest = path.partition(".")
        if name not in fields or (rest and fields[name].of is None):
            raise InputError(f"unknown setting {shown(key)}; {advice}")
        item = fields[name]
        if rest:
            below.setdefault(name, {})[rest] = (key, value)
        elif isinstance(item.known, Setting):
            changed[name] = taken(key, item.hint, item.known, value)
        elif item.of is not None and isinstance(value, item.of):
            changed[name] = value
        else:
            raise InputError(f"{key} is a group of settings; name one of its keys")
    changed |= {name: _replaced(getattr(node, name), inner, advice) for name, inner in below.items()}
    return dataclasses.replace(node, **changed)
