"""Which column of one cloud is which of another: by names without case, separators and units, and in one unit."""

from __future__ import annotations

import re

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.columns import plain, unit_of
from npf_engine.fields.readers.gridded_units import unit_of as speed_unit
from npf_engine.fields.units_of_height import length_of
from npf_engine.tasks.archives import brief

SUFFIX = re.compile(r"(?<=[a-z0-9])[_ ](deg|degrees|km|m|cm|mm|ft|feet)\s*$", re.IGNORECASE)  # a unit at a name's end
# Names of one thing, by the one that stands for all.
_SAME = {
    **{"x": "x1", "y": "x2", "z": "x3"},
    **{"lat": "latitude", "lats": "latitude"},
    **dict.fromkeys(("lon", "lons", "long", "lng"), "longitude"),
    **dict.fromkeys(("easting", "eastings", "e"), "east"),
    **dict.fromkeys(("northing", "northings", "n"), "north"),
    **{"xcoord": "x1", "ycoord": "x2", "zcoord": "x3", "longitudedd": "longitude", "latitudedd": "latitude"},
    **{"londd": "longitude", "latdd": "latitude"},
}


def keys(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """What the columns of two clouds are compared by: ``X_1 [m]`` as ``x1``, ``lat`` as ``latitude``; as written in
    both where two columns of one would be alike."""
    ours, theirs = short_names(first), short_names(second)
    if len(set(ours)) == len(ours) and len(set(theirs)) == len(theirs):
        return ours, theirs
    return [name.lower() for name in first], [name.lower() for name in second]


def short_names(names: tuple[str, ...]) -> list[str]:
    """What each is compared by alone: ``lat`` as ``latitude``, ``X_1 [m]`` as ``x1``."""
    short = [plain(SUFFIX.sub("", name)) or name.lower() for name in names]
    return [_SAME.get(name, name) for name in short]


def in_units_of(
    points: np.ndarray, names: tuple[str, ...], wanted: tuple[str, ...], files: tuple[str, str]
) -> tuple[np.ndarray, list[str]]:
    """Points (n, d) with columns in the units that ``wanted`` names in brackets; what was converted, or is not said.

    files: of ``wanted`` and of ``points``. Raises InputError for units that cannot be turned into one another.
    """
    factors, notes = np.ones(len(names)), []
    for k, (name, goal) in enumerate(zip(names, wanted, strict=True)):
        have, want = unit_at_end(name), unit_at_end(goal)
        if have == want:
            continue
        if not have or not want:
            silent = files[0] if not want else files[1]
            what, unit = brief(name if not have else goal), brief(have or want)
            notes.append(f"{silent} does not say the unit of {what}: {unit} was assumed.")
            continue
        mine, other = _size(have), _size(want)
        if mine is None or other is None or mine[0] != other[0]:
            raise InputError(
                f"{brief(goal.strip())} of {files[0]} and {brief(name.strip())} of {files[1]} are in different units; "
                "give both clouds in the same"
            )
        factors[k] = mine[1] / other[1]
        if factors[k] != 1.0:
            notes.append(f"{brief(name.strip())} of {files[1]} was turned into {brief(want)}: times {factors[k]:.6g}.")
    return (points * factors if np.any(factors != 1.0) else points), notes


def unit_at_end(name: str) -> str:
    """The unit that a name carries, or "": in brackets, or at the end of the name: ``x [km]``, ``x_km``."""
    found = SUFFIX.search(name.strip())
    return unit_of(name) or (found[1] if found else "")


def _size(unit: str) -> tuple[str, float] | None:
    length = length_of(unit)
    if length is not None:
        return "length", length
    speed = speed_unit(unit).speed
    return ("speed", speed) if speed is not None else None
