"""A value of a setting: read from text, JSON or Python as its type, and held against its limits."""

from __future__ import annotations

import json
import math
import numbers
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from npf_engine.errors import InputError
from npf_engine.settings import limits
from npf_engine.settings.limits import shown
from npf_engine.settings.setting import Setting, names, unwrapped

YES, NO = ("true", "yes", "1"), ("false", "no", "0")
EMPTY = "none"  # as text, of a setting that may be left empty


def taken(key: str, hint: object, known: Setting, value: object) -> object:
    """``value`` (a text from the command line, a JSON list, a number) as the type ``hint``, within its limits.

    Raises InputError that begins with ``key``.
    """
    if isinstance(value, str) and len(value) > limits.MAX_SETTING:
        raise InputError(f"{shown(key)} has {len(value):,} characters; no setting is as long")
    kind = unwrapped(hint)
    if kind is not hint and (value is None or value == EMPTY):
        return None
    if typing.get_origin(kind) is Literal:
        return _literal(key, kind, value)
    read = _typed(key, kind, known, value)
    check(key, read, known, names(hint, known))
    return read


def check(key: str, value: object, known: Setting, choices: Sequence[str] = ()) -> None:
    """InputError where a value of the right type is beyond the limits of its setting."""
    if isinstance(value, tuple):
        _check_list(key, value, known, choices)
    elif isinstance(value, str):
        _check_text(key, value, known, choices)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_number(key, value, known)


def _literal(key: str, kind: object, value: object) -> object:
    found = {str(choice): choice for choice in typing.get_args(kind)}
    _check_choice(key, str(value), tuple(found))
    return found[str(value)]


def _typed(key: str, kind: object, known: Setting, value: object) -> object:
    try:
        if typing.get_origin(kind) is tuple:
            return _tuple(key, kind, known, value)
        return _scalar(key, kind, value)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, RecursionError):
        wanted = getattr(kind, "__name__", None) if typing.get_origin(kind) is None else str(kind)
        raise InputError(f"{key} must be of type {wanted}, not {shown(value)}") from None


def _tuple(key: str, kind: object, known: Setting, value: object) -> tuple[object, ...]:
    inner = typing.get_args(kind)[0]
    if isinstance(value, str):
        value = _listed(value, inner, known)
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
        raise ValueError
    return tuple(_typed(key, inner, known, item) for item in value)


def _listed(text: str, inner: object, known: Setting) -> object:
    """A list as somebody types it: JSON, with its brackets or without; names with commas between; one text alone."""
    if inner is not str or text.startswith("["):
        return json.loads(text if text.startswith("[") else f"[{text}]")
    if known.choices:
        return [part.strip() for part in text.split(",") if part.strip()]
    return [text] if text else []


def _scalar(key: str, kind: object, value: object) -> object:
    if kind is bool:
        return _yes_or_no(value)
    if kind is int:
        return _whole(value)
    if kind is float:
        return _real(key, value)
    if value is None or not isinstance(value, str | numbers.Number):
        raise ValueError
    return str(value)


def _yes_or_no(value: object) -> bool:
    word = str(value).lower()
    if word not in YES + NO:
        raise ValueError
    return word in YES


def _whole(value: object) -> int:
    if isinstance(value, bool):
        raise ValueError
    if isinstance(value, numbers.Integral):
        return int(value)
    number = float(typing.cast(str, value))
    if number != int(number):
        raise ValueError
    return int(number)


def _real(key: str, value: object) -> float:
    if isinstance(value, bool):
        raise ValueError
    number = float(typing.cast(str, value))
    if not math.isfinite(number):
        raise InputError(f"{key} must be a finite number, not {shown(value)}")
    return number


def _check_text(key: str, value: str, known: Setting, choices: Sequence[str]) -> None:
    if choices:
        _check_choice(key, value, choices)
        return
    limits.check_text(key, value, known.longest or limits.MAX_TEXT, known.lines)
    if known.path:
        limits.check_path(key, value)


def _check_choice(key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InputError(f"{key} must be one of {', '.join(choices)}, not {shown(value)}")


def _check_list(key: str, value: tuple[object, ...], known: Setting, choices: Sequence[str]) -> None:
    most = known.longest if known.longest is not None else limits.MAX_D
    if len(value) > most and not known.form:
        raise InputError(f"{key} has {len(value):,} entries; at most {most} are possible")
    if known.form and len(value) != known.longest:
        raise InputError(f"{key} must be {known.form}, not {len(value)}")
    if known.widths:
        limits.check_widths(key, typing.cast(tuple[int, ...], value))
        return
    inner = Setting(least=known.least, most=known.most, longest=known.entry, choices=known.choices, lines=known.lines)
    for item in value:
        check(key, item, inner, choices)


def _check_number(key: str, value: float, known: Setting) -> None:
    most = known.most if known.most is not None else limits.MOST_WHOLE if isinstance(value, int) else limits.LARGEST
    least = known.least if known.least is not None else -most
    if known.span and not least <= value <= most:
        raise InputError(f"{key} must be between {least:,.15g} and {most:,.15g}, not {shown(value)}")
    if known.over is not None and not value > known.over:
        number = "a positive number" if isinstance(value, float) or known.unit else "positive"
        positive = number + (f" of {known.unit}" if known.unit else "")
        wanted = positive if known.over == 0 else f"more than {known.over:,.15g}"
        raise InputError(f"{key} must be {wanted}, not {shown(value)}")
    if known.least is not None and value < known.least:
        raise InputError(f"{key} must be {known.least:,.15g} or more, not {shown(value)}")
    if abs(value) > most:
        raise InputError(f"{key} must be at most {most:,.15g}, not {shown(value)}")
