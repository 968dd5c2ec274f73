"""Columns that a person assigned: ``lon, lat -> u, v``. For tables whose names do not say what they hold.

Before the arrow the positions, after it as many components of F, or one height for two positions. A name with a comma
stands in double quotes; ``#3`` is the third column.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Sequence

from npf_engine.errors import InputError
from npf_engine.fields.readers.columns import DEGREES, Column, Layout, listed, plain, unit_of
from npf_engine.settings.limits import MAX_D
from npf_engine.tasks.archives import brief

LONG = 60  # letters of a name, above which a column is written by its number
EXAMPLE = "lon, lat -> u, v"
ARROW = re.compile(r"->|→")
PLACES = (*DEGREES, ("easting", "northing"), ("east", "north"), ("e", "n"), ("xcoord", "ycoord"), ("px", "py"))
NUMBER = re.compile(r"#\s*(\d{1,6})")


def assigned(file: str, names: Sequence[str], text: str) -> Layout:
    """The layout that ``text`` says. Raises InputError for one that the columns do not fit."""
    sides = ARROW.split(text)
    if len(sides) != 2:
        raise InputError(f"{file}: columns are assigned as '{EXAMPLE}', positions before the arrow and F after it.")
    at, of = (_split(file, side) for side in sides)
    places, values = ([_index(file, names, name) for name in side] for side in (at, of))
    if not places or not values:
        raise InputError(
            f"{file}: no column stands {'before' if not places else 'after'} the arrow; write '{EXAMPLE}'."
        )
    for index in (*places, *values):
        if (*places, *values).count(index) > 1:
            raise InputError(f"{file}: column {brief(names[index])} is assigned twice; each is one thing.")
    if len(places) > MAX_D:
        raise InputError(f"{file}: {len(places)} positions are beyond the limit of {MAX_D} dimensions.")
    if tuple(plain(names[index]) for index in reversed(places)) in DEGREES:
        raise InputError(
            f"{file}: latitude is assigned before longitude; write the eastward position and component first, as in "
            f"'{EXAMPLE}'."
        )
    heights = len(places) == 2 and len(values) == 1
    if len(places) != len(values) and not heights:
        raise InputError(
            f"{file}: {len(places)} positions need {len(places)} components of F"
            f"{', or one height' if len(places) == 2 else ''}, but {len(values)} are assigned."
        )
    rest = tuple(name.strip() or f"column {k + 1}" for k, name in enumerate(names) if k not in (*places, *values))
    x = tuple(_column(names, index, f"x{k + 1}") for k, index in enumerate(places))
    if heights:
        return Layout("grid", x, (_column(names, values[0], "z"),), rest)
    return Layout("samples", x, tuple(_column(names, index, f"F{k + 1}") for k, index in enumerate(values)), rest)


def written(names: Sequence[str], places: Sequence[int], values: Sequence[int]) -> str:
    """The text that assigns these columns, by their numbers from 0."""
    return " -> ".join(", ".join(_name(names, index) for index in side) for side in (places, values))


def _split(file: str, side: str) -> list[str]:
    try:
        cells = next(csv.reader([side.strip()], skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise InputError(f"{file}: columns {brief(side)} cannot be read ({error}); write '{EXAMPLE}'.") from error
    return [cell.strip() for cell in cells if cell.strip()]


def _index(file: str, names: Sequence[str], name: str) -> int:
    number = NUMBER.fullmatch(name)
    if number is not None:
        if not 1 <= int(number[1]) <= len(names):
            raise InputError(f"{file} has {len(names)} columns; there is no {brief(name)}.")
        return int(number[1]) - 1
    for same in (str.strip, lambda text: text.strip().lower(), plain):
        found = [k for k, other in enumerate(names) if same(other) == same(name)]
        if len(found) == 1:
            return found[0]
        if found:
            numbers = " or ".join(f"#{k + 1}" for k in found[:4])
            raise InputError(f"{file}: {len(found)} columns are called {brief(name)}; write {numbers}.")
    near = difflib.get_close_matches(name, [other.strip() for other in names], n=1)
    hint = f"; did you mean {brief(near[0])}?" if near else f"; there are {listed(names)}."
    raise InputError(f"{file} has no column {brief(name)}{hint}")


def _column(names: Sequence[str], index: int, role: str) -> Column:
    return Column(index, names[index].strip() or f"column {index + 1}", role, unit_of(names[index]))


def _name(names: Sequence[str], index: int) -> str:
    name = names[index].strip()
    same = [other for other in names if other.strip() == name]
    if not name or len(same) > 1 or ARROW.search(name) or '"' in name or NUMBER.fullmatch(name) or len(name) > LONG:
        return f"#{index + 1}"
    return f'"{name}"' if "," in name else name
