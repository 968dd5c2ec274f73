"""Which columns of a table are meant where their names say it in other words: a guess that is told, or a question.

Positions are longitude and latitude, easting and northing, or x and y; F is the one pair of names that are components
of one vector (u10 and v10, ve and vn, Fx and Fy, F1 and F2). Where there is no such pair, or more than one, the
sentence gives the setting that says it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from npf_engine.errors import InputError
from npf_engine.fields.readers.assigned import PLACES, assigned, written
from npf_engine.fields.readers.columns import Layout, listed, plain
from npf_engine.fields.readers.component_names import northward_first
from npf_engine.tasks.archives import brief

GROUND = (*PLACES, ("lons", "lats"), ("x", "y"))
ENDING = re.compile(r"(?<=[a-z])(deg|degrees|dd|decimal|east|north|e|n|m|km)$")  # of a name of a place: lon_dd
HEIGHTS = ("z", "h", "height", "elevation", "elev", "altitude", "topo", "bathymetry", "ssh", "geopotential")
LEVELS = ("z", "depth", "height", "altitude", "level", "lev")
NO_FIELD = re.compile(r"err|std|sigma|unc|var|count|num|qc|flag|qual|time|date|^d[xy]$|^[xy]$|^[en]$")
SPEEDS, DIRECTIONS = (
    re.compile(r"(wind|current)?(speed|spd|ws|wspd|velocity)|ws\d*|ff"),
    re.compile(r"\w*dir\w*|wd\d*|dd"),
)
MOST_ASKED = 3


def places_of(names: Sequence[str]) -> list[int]:
    """The two columns of positions, eastward first, by numbers from 0; [] where there are none, or several."""
    known = [plain(name) for name in names]
    short = [ENDING.sub("", name) for name in known]
    for first, second in GROUND:
        for these in (known, short):
            if these.count(first) == 1 and these.count(second) == 1:
                return [these.index(first), these.index(second)]
    return []


def pairs_of(names: Sequence[str], places: Sequence[int]) -> list[list[int]]:
    """Pairs of columns beside the positions that are components of one vector, by numbers from 0, eastward first."""
    known = [plain(name) for name in names]
    rest = [k for k in range(len(names)) if k not in places and not NO_FIELD.search(known[k])]
    found = [[a, b] for a, b in itertools.permutations(rest, 2) if northward_first(names[b], names[a])]
    numbered = [known.index(name) for name in ("f1", "f2") if known.count(name) == 1]
    return [numbered, *found] if len(numbered) == 2 else found


def guess(names: Sequence[str]) -> tuple[list[int], list[int]]:
    """Which columns may be the positions and which F, by numbers from 0; empty where nothing is like it."""
    places = places_of(names)
    return places, next(iter(pairs_of(names, places)), []) if places else []


def guessed(file: str, names: Sequence[str], otherwise: InputError) -> tuple[Layout, str]:
    """The layout that names of other kinds say, and the sentence on it. Raises ``otherwise`` where there are no
    positions, and InputError with the setting that says it where F has to be chosen."""
    places = places_of(names)
    if not places:
        raise otherwise
    found = pairs_of(names, places)
    others = [k for k in range(len(names)) if k not in places]
    at = " and ".join(names[k].strip() for k in places)
    if len(found) == 1:
        if plain(names[places[0]]) == "x" and "z" in map(plain, names):
            raise otherwise  # three positions beside two components
        _check_space(file, names, places, found[0])
        return _taken(file, names, places, found[0])
    if len(found) > 1:
        used = {k for pair in found for k in pair}
        if len({plain(names[k]) for k in used}) < len(used):
            raise otherwise  # a name stands there twice
        raise InputError(f"{file} holds several vectors beside {at}; choose one: {_settings(names, places, found)}.")
    if len(others) == 1 and plain(names[others[0]]) in HEIGHTS:
        return _taken(file, names, places, others)
    speed, direction = (
        next((names[k].strip() for k in others if kind.fullmatch(plain(names[k]))), "") for kind in (SPEEDS, DIRECTIONS)
    )
    if speed and direction:
        raise InputError(
            f"{file} holds {speed} and {direction}, and F needs components: write u = -{speed} sin({direction}) and "
            f"v = -{speed} cos({direction}) of a wind, which is called by where it comes from (of a current without "
            "the minus), as columns of their own."
        )
    if any(plain(names[k])[:1] in ("f", "u", "v") and plain(names[k])[1:].isdigit() for k in others) or not others:
        raise otherwise  # a component whose other one is missing
    which = [others[:2]] if len(others) > 1 else [others]
    there = listed([names[k] for k in others])
    raise InputError(
        f"{file}: rows lie at {at}, but by their names none of its other columns ({there}) "
        f"are components of F; assign those that are, as in {_settings(names, places, which)}, or one height whose "
        "gradient is F."
    )


def _taken(file: str, names: Sequence[str], places: Sequence[int], values: Sequence[int]) -> tuple[Layout, str]:
    text = written(names, places, values)
    return assigned(file, names, text), f"By their names the columns were taken as columns = '{text}'."


def _settings(names: Sequence[str], places: Sequence[int], choices: Sequence[Sequence[int]]) -> str:
    return " or ".join(f"columns = '{written(names, places, values)}'" for values in choices[:MOST_ASKED])


def _check_space(file: str, names: Sequence[str], places: Sequence[int], values: Sequence[int]) -> None:
    """InputError where a third position and a third component stand beside them: a flow in space is meant, or a
    slice of it."""
    known = [plain(name) for name in names]
    level = next((k for k, name in enumerate(known) if name in LEVELS), None)
    partner = known[values[0]].replace("u", "w", 1)
    third = known.index(partner) if partner != known[values[0]] and partner in known else None
    if level is None or third is None:
        return
    up, w = brief(names[level].strip()), brief(names[third].strip())
    raise InputError(
        f"{file} has {up} and {w} too: a flow in space. Keep the rows of one "
        f"{up} and set {_settings(names, places, [values])}; or give the three positions in one unit "
        f"of length and set {_settings(names, [*places, level], [[*values, third]])}."
    )
