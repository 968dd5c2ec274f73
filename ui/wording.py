"""What the engine's sentences say of settings, as a page says it: by the name of the control that sets them.

The engine names a setting by its key, as the command line takes it: ``axes=earth``, ``set crs``, ``(columns)``.
"""

from __future__ import annotations

import functools
import re

from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.setting import Declared, declared

# key of a field -> the control on the Field page, where that is not called by the setting's own title
CONTROLS = {
    "columns": "Columns",
    "components": "F is",
    "scalar": "F is",
    "time": "Time",
    "level": "Level",
    "crs": "Coordinate system",
    "bounds": "Part: west, south, east, north",
}
KEYS = (*CONTROLS, "along", "axes", "missing", "smooth", "voids", "height_unit", "unit", "slope", "member", "band")
_ANY = "|".join(KEYS)
_VALUE = r"(?:'(.+?)'|([^\s;)“]+?))(?=[,;.:)]*(?:\s|$))"  # in quotes, as a whole, or up to a space
_SET = re.compile(rf"(?<![\w.“-])(?:field\.)?({_ANY}) ?= ?{_VALUE}")
_NAMED = re.compile(rf"(?<=\()({_ANY})(?=\))|(?<=\bset )({_ANY})\b(?! ?=)|(?<=\bwith )({_ANY})\b(?=[,.;]| or )")
_BOUNDS = re.compile(r"\bbounds\b(?: \(west, south, east, north\))?(?= for | within )")


def on_page(text: str) -> str:
    """The sentence with the page's controls in place of keys and values."""
    text = _BOUNDS.sub(f"a part (“{CONTROLS['bounds']}” under Options)", text)
    text = _SET.sub(lambda found: f"“{_label(found[1])}: {_value(found[1], found[2] or found[3])}”", text)
    return _NAMED.sub(lambda found: f"“{_label(next(filter(None, found.groups())))}”", text)


def _label(key: str) -> str:
    title = CONTROLS.get(key) or _known()[key].title
    return title[:1].upper() + title[1:]


def _value(key: str, value: str) -> str:
    """A choice by what people call it; any other value as it is typed, with spaces behind commas."""
    known = _known()[key]
    return known.setting.called(value) if value in known.names() else re.sub(r",(?! )", ", ", value)


@functools.cache
def _known() -> dict[str, Declared]:
    return declared(FieldSpec)
