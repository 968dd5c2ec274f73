"""A record that was read (JSON of a report, a checkpoint's state), taken apart key by key as what each must be.

Another version of this program, or another program, may have written it: a value of the wrong type raises InputError,
that names it. ``number(record, "se")`` must be there; ``maybe_number(record, "se")`` is None where absent or null.
Numbers are given back as they are, so that a whole one is still whole where it is written again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, overload

from npf_engine.errors import InputError
from npf_engine.settings.limits import shown

T = TypeVar("T")
Record = Mapping[str, object]


def of(record: Record, key: str, kind: type[T]) -> T:
    """The value under ``key``, which must be a ``kind``: of what has no function here (a tensor, a class)."""
    if key not in record:
        raise InputError(f"{key} is missing")
    value = record[key]
    if not isinstance(value, kind):
        raise _wrong(key, f"of type {kind.__name__}", value)
    return value


def maybe(record: Record, key: str, kind: type[T]) -> T | None:
    """As ``of``; None where it is absent or null."""
    return None if record.get(key) is None else of(record, key, kind)


def each_of(record: Record, key: str, kind: type[T]) -> list[T]:
    """A list of ``kind``, or an empty one where it is absent or null."""
    return [of({key: item}, key, kind) for item in items(record, key)]


def named(record: Record, key: str, kind: type[T]) -> dict[str, T]:
    """A record within the record, all of whose values are of ``kind``: the weights of a network."""
    found = mapping(record, key)
    return {name: of(found, name, kind) for name in found}


def number(record: Record, key: str) -> float:
    """A number; true and false are none."""
    return as_number(key, of(record, key, object))


@overload
def maybe_number(record: Record, key: str) -> float | None: ...


@overload
def maybe_number(record: Record, key: str, default: float) -> float: ...


def maybe_number(record: Record, key: str, default: float | None = None) -> float | None:
    """A number, or ``default`` where it is absent or null."""
    return default if record.get(key) is None else number(record, key)


def whole(record: Record, key: str) -> int:
    """A whole number."""
    value = of(record, key, object)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(key, "a whole number", value)
    return value


@overload
def maybe_whole(record: Record, key: str) -> int | None: ...


@overload
def maybe_whole(record: Record, key: str, default: int) -> int: ...


def maybe_whole(record: Record, key: str, default: int | None = None) -> int | None:
    """A whole number, or ``default`` where it is absent or null."""
    return default if record.get(key) is None else whole(record, key)


def text(record: Record, key: str) -> str:
    """A text."""
    value = of(record, key, object)
    if not isinstance(value, str):
        raise _wrong(key, "a text", value)
    return value


@overload
def maybe_text(record: Record, key: str) -> str | None: ...


@overload
def maybe_text(record: Record, key: str, default: str) -> str: ...


def maybe_text(record: Record, key: str, default: str | None = None) -> str | None:
    """A text, or ``default`` where it is absent or null."""
    return default if record.get(key) is None else text(record, key)


def flag(record: Record, key: str, default: bool = False) -> bool:
    """True or false; ``default`` where it is absent or null."""
    value = default if record.get(key) is None else record[key]
    if not isinstance(value, bool):
        raise _wrong(key, "true or false", value)
    return value


def mapping(record: Record, key: str) -> dict[str, object]:
    """A record within the record."""
    return as_mapping(key, of(record, key, object))


def maybe_mapping(record: Record, key: str) -> dict[str, object]:
    """As ``mapping``; an empty one where it is absent or null."""
    return {} if record.get(key) is None else mapping(record, key)


def items(record: Record, key: str) -> list[object]:
    """A list, or an empty one where it is absent or null."""
    value = record.get(key)
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise _wrong(key, "a list", value)
    return list(value)


def numbers(record: Record, key: str) -> list[float]:
    """A list of numbers, or an empty one where it is absent or null."""
    return [as_number(key, item) for item in items(record, key)]


def texts(record: Record, key: str) -> list[str]:
    """A list of texts, or an empty one where it is absent or null."""
    return [text({key: item}, key) for item in items(record, key)]


def mappings(record: Record, key: str) -> list[dict[str, object]]:
    """A list of records, or an empty one where it is absent or null."""
    return [as_mapping(key, item) for item in items(record, key)]


def as_number(what: str, value: object) -> float:
    """``value`` itself, which must be a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(what, "a number", value)
    return value


def as_mapping(what: str, value: object) -> dict[str, object]:
    """``value`` itself, which must be a record: a dict whose keys are texts. ``what`` names it in the error."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _wrong(what, "an object with named entries", value)
    return value


def _wrong(what: str, wanted: str, value: object) -> InputError:
    return InputError(f"{what} must be {wanted}, not {shown(value)}")
