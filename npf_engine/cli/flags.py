"""What can be typed for the settings of a spec: a flag for each, and ``--set key=value`` for several at once.

The flags are those of the declarations (settings/setting.py): ``--budget-seconds`` for a setting of the spec itself,
``--u.pair_size`` for one of a group, and the short name that a setting gives itself (``--rho``). What is typed is read
and checked where the spec is made.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from npf_engine.errors import InputError
from npf_engine.numbers import typed as written
from npf_engine.settings.dotted import dotted_values
from npf_engine.settings.limits import shown
from npf_engine.settings.paths import whole_path
from npf_engine.settings.setting import NO_FLAG, Declared, Group, declared, groups

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

PREFIX = "setting "  # before a dotted key, in the names under which argparse keeps what was typed
OURS = ("out", "json", "help", "set")  # flags of every command
FEW = 6  # choices that are shown in place of a value


def add_settings(
    command: argparse.ArgumentParser,
    base: DataclassInstance,
    positional: Mapping[str, str] | None = None,
    without: Iterable[str] = (),
) -> None:
    """A flag for each setting of the spec ``base``, whose values are told as the defaults.

    ``positional``: dotted key -> metavar, for those that are typed without a flag; they come first. ``without``: keys
    that the command takes in a way of its own.
    """
    known = declared(type(base))
    positional = positional or {}
    taken = {*positional, *without, *OURS}
    values = dotted_values(base)
    for key, metavar in positional.items():
        command.add_argument(PREFIX + key, metavar=metavar, help=_text(known[key].setting.help))
    by_group = {"": Group("settings")} | groups(type(base))
    if len(by_group) > 1:  # a line of a hundred flags tells nobody what to type
        words = " ".join(positional.values())
        command.usage = f"%(prog)s {words or '...'} [--json] [--out DIR] [--KEY VALUE ...] [--set KEY=VALUE ...]"
    for prefix, about in by_group.items():
        keys = [key for key in known if key.rpartition(".")[0] == prefix and key not in taken]
        made = command.add_argument_group(about.title or prefix, _text(about.help) or None) if keys else None
        for key in keys:
            if made is not None:
                _add(made, known[key], values[key], about.flags)
    add_set(command, "settings by their dotted keys, e.g. --set " + _examples(known))


def add_set(command: argparse.ArgumentParser, text: str) -> None:
    """``--set KEY=VALUE ...``."""
    command.add_argument(
        "--set", dest="settings", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help=text
    )


def typed(spec: type[DataclassInstance], args: argparse.Namespace, advice: str = "") -> dict[str, object]:
    """Dotted key -> what was typed for it, of the flags and of ``--set``; files by their whole path.

    Raises InputError, with the ``advice``, for a ``--set`` that is no key and value.
    """
    found: dict[str, object] = {}
    for key, value in vars(args).items():
        if key.startswith(PREFIX) and value is not None:
            found[key.removeprefix(PREFIX)] = value
    found |= pairs(args.settings, advice or "--help shows all keys")
    known = declared(spec)
    return {key: _value(known[key], value) if key in known else value for key, value in found.items()}


def pairs(settings: Iterable[str], advice: str) -> dict[str, str]:
    """["a=1", "b.c=2"] -> {"a": "1", "b.c": "2"}. Raises InputError, with the advice, where there is no "="."""
    out = {}
    for item in settings:
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set takes key=value, not {shown(item)}; {advice}")
        out[key.strip()] = value.strip()
    return out


def _value(known: Declared, value: object) -> object:
    """What argparse kept: the words after a flag of a list are its entries, or one text with all of them."""
    if isinstance(value, list):
        if len(value) == 1:
            value = value[0]
        elif known.names():
            value = ",".join(value)
    return whole_path(value) if known.setting.path and isinstance(value, str) else value


def _add(where: argparse._ArgumentGroup, known: Declared, default: object, short: bool) -> None:
    own, known_as = known.setting.flag, known.key if "." in known.key else known.key.replace("_", "-")
    if own == NO_FLAG:
        return
    flags = [f"--{name}" for name in dict.fromkeys([*([own] if own and short else []), known_as])]
    many = get_origin(known.kind) is tuple
    where.add_argument(
        *flags,
        dest=PREFIX + known.key,
        metavar=_metavar(known),
        nargs="+" if many else None,
        type=_reader(known),
        default=None,
        help=_text(_help(known, default)),
    )


def _reader(known: Declared) -> Callable[[str], object]:
    """argparse tells a word that is no number by its flag; what a number must be is the spec's own to say."""
    return int if known.kind is int else float if known.kind is float else str


def _metavar(known: Declared) -> str:
    names = known.names()
    if names:
        return "{" + ",".join(names) + "}" if len(names) <= FEW else "NAME"
    kind: object = get_args(known.kind)[0] if get_origin(known.kind) is tuple else known.kind
    return next((word for type_, word in ((int, "N"), (float, "X"), (bool, "yes|no")) if kind is type_), "TEXT")


def _help(known: Declared, default: object) -> str:
    names = known.names()
    listed = f" One of {', '.join(names)}." if len(names) > FEW or get_origin(known.kind) is Literal else ""
    value = _default(default)
    told = "; ".join(part for part in (value, known.setting.why) if part)
    return f"{known.setting.help}{listed}" + (f" (default {told})" if told else "")


def _default(value: object) -> str:
    if value is None or value == "" or value == ():
        return ""
    if isinstance(value, tuple):
        return " ".join(map(_default, value))
    return written(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _examples(known: Mapping[str, Declared]) -> str:
    numbers = [key for key in known if known[key].kind is int]
    keys = [key for key in numbers if "." in key and "seed" not in key] or numbers or list(known)
    return " ".join(f"{key}=..." for key in keys[:2])


def _text(text: str) -> str:
    """A text that argparse prints as it is."""
    return text.replace("%", "%%")
