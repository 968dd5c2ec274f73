"""What the columns of a table mean: x1..xd with F1..Fd (samples of a field), or x1, x2, z (heights on a grid).

Names are read without regard to case, may carry a unit in brackets (``x1 [km]``, ``F2 (m/s)``), and x, y, F may
stand for x1, x2, F1.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from npf_engine.errors import InputError
from npf_engine.settings.limits import MAX_D
from npf_engine.tasks.archives import brief

_NAME = re.compile(r"\s*#?\s*(?:([xf])\s*_?\s*(\d{1,9})|([xyzf]))\s*(?:[\[(]\s*(.*?)\s*[\])])?\s*", re.IGNORECASE)
_ALIASES = {"x": "x1", "y": "x2", "f": "F1", "z": "z"}
DEGREES = (("lon", "lat"), ("longitude", "latitude"), ("long", "lat"), ("lng", "lat"))
PLACES = (("x", "y", "z"), ("x1", "x2", "x3"), ("points0", "points1", "points2"), ("x0", "x1", "x2"))
VECTORS = tuple(
    tuple(stem + end for end in ends)
    for stem in ("f", "v", "u", "velocity", "vel", "vector", "gradient", "grad", "b", "e")
    for ends in (("x", "y", "z"), ("0", "1", "2"))
)
VECTORS = (("u", "v", "w"), *VECTORS)
EXPECTED = "x1, ..., xd, F1, ..., Fd (or x1, x2, z on a grid)"


@dataclass(frozen=True)
class Column:
    """A column in use: its number in the file (from 0), its name there, what it is (x1, F2, z), its unit or ""."""

    index: int
    name: str
    role: str
    unit: str

    @property
    def told(self) -> str:
        """Its name in a sentence: bounded, for a file may have one of any length."""
        return brief(self.name.strip())


@dataclass(frozen=True)
class Layout:
    """Which columns hold positions and which values. kind "samples": d of each; "grid": x1, x2 and z."""

    kind: Literal["samples", "grid"]
    positions: tuple[Column, ...]
    values: tuple[Column, ...]
    ignored: tuple[str, ...]

    @property
    def d(self) -> int:
        """Dimension of the field."""
        return len(self.positions)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns in use, positions first."""
        return (*self.positions, *self.values)


def plan(file: str, names: Sequence[str]) -> Layout:
    """The layout of a table with these column names; InputError says which column is missing, doubled or too many."""
    found, ignored = _in_degrees(names) or _recognise(file, names)
    if not any(role[0] == "F" for role in found):
        found, ignored = _by_other_names(file, names, found, ignored)
        if not any(role[0] == "F" for role in found) and "z" not in found:
            _check_components_once(file, names)
    x = {int(role[1:]): column for role, column in found.items() if role[0] == "x"}
    f = {int(role[1:]): column for role, column in found.items() if role[0] == "F"}
    if not x and not f and "z" not in found:
        raise InputError(
            f"{file}: none of its columns ({listed(names)}) is a position or a value; name them {EXPECTED}, "
            "or assign them (columns)."
        )
    if "z" in found and not f:
        if set(x) != {1, 2}:
            raise InputError(
                f"{file}: column z needs the columns x1 and x2 of its grid, and no other; found {listed(list(found))}."
            )
        return Layout("grid", (x[1], x[2]), (found["z"],), ignored)
    highest = max([*x, *f])
    if highest > MAX_D:
        raise InputError(
            f"{file}: column {'x' if highest in x else 'F'}{highest} is beyond the limit of {MAX_D} dimensions."
        )
    if 0 in x or 0 in f:
        raise InputError(f"{file}: column {(x if 0 in x else f)[0].told} starts at 0; count from x1 and F1.")
    for k in range(1, highest + 1):
        if (k in x) != (k in f):
            there, lacking = ("x", "F") if k in x else ("F", "x")
            near = _like(f"{lacking}{k}", k, ignored)
            hint = f" (is it the column {brief(near)!r}?)" if near else ""
            raise InputError(f"{file}: column {there}{k} has no partner: the column {lacking}{k} is missing{hint}.")
        if k not in x:
            raise InputError(f"{file}: the columns x{k} and F{k} are missing, although x{highest} is there.")
    order = range(1, highest + 1)
    if "z" in found:
        ignored = (*ignored, found["z"].name.strip())
    return Layout("samples", tuple(x[k] for k in order), tuple(f[k] for k in order), ignored)


def _in_degrees(names: Sequence[str]) -> tuple[dict[str, Column], tuple[str, ...]] | None:
    """The columns of a table that holds longitude, latitude, u and v, in any order, and nothing else."""
    known = [plain(name) for name in names]
    for places in DEGREES:
        wanted = (*places, "u", "v")
        if sorted(known) == sorted(wanted):
            roles = dict(zip(("x1", "x2", "F1", "F2"), (known.index(name) for name in wanted), strict=True))
            return {role: Column(k, names[k], role, unit_of(names[k])) for role, k in roles.items()}, ()
    return None


def _by_other_names(
    file: str, names: Sequence[str], found: dict[str, Column], ignored: tuple[str, ...]
) -> tuple[dict[str, Column], tuple[str, ...]]:
    """Columns as flow solvers, PIV and ParaView name them: x, y, z with u, v, w, Fx, Fy, Fz, or Points:0 and U:0.

    Raises InputError for three positions beside two components: which two of them are meant is for a person to say.
    """
    known = [plain(name) for name in names]
    for values in VECTORS:
        chosen = [known.index(name) for name in values if known.count(name) == 1]
        d = len(chosen)
        if d < 2 or [known[k] for k in chosen] != list(values[:d]):
            continue
        _check_as_many(file, names, chosen)
        for places in PLACES:
            at = [known.index(name) for name in places if known.count(name) == 1]
            if [known[k] for k in at[:d]] == list(places[:d]):
                roles = {f"x{k + 1}": at[k] for k in range(d)} | {f"F{k + 1}": chosen[k] for k in range(d)}
                columns = {role: Column(k, names[k], role, unit_of(names[k])) for role, k in roles.items()}
                rest = tuple(
                    name.strip() or f"column {k + 1}" for k, name in enumerate(names) if k not in roles.values()
                )
                return columns, rest
    return found, ignored


def _check_as_many(file: str, names: Sequence[str], components: Sequence[int]) -> None:
    """InputError where three positions stand beside two components."""
    known, d = [plain(name) for name in names], len(components)
    for places in PLACES:
        at = [known.index(name) for name in places if known.count(name) == 1]
        if len(at) > d:
            where, of = ([names[k].strip() for k in side] for side in (at, components))
            raise InputError(
                f"{file}: {listed(where)} are {len(at)} positions, but {listed(of)} are {d} components; assign those "
                f"that belong together, as in columns = {', '.join(where[:d])} -> {', '.join(of)}."
            )


def _check_components_once(file: str, names: Sequence[str]) -> None:
    """InputError where a name of a component stands twice, which is why none were found."""
    known = [plain(name) for name in names]
    components = {name for values in VECTORS for name in values}
    for index, name in enumerate(known):
        if name in components and name in known[:index]:
            raise InputError(
                f"{file}: {brief(names[index].strip())} is there twice, as column {known.index(name) + 1} and column "
                f"{index + 1}; keep one of them, or assign the columns (columns)."
            )


def plain(name: str) -> str:
    """A name without its unit, case and separators."""
    return re.sub(r"[\s_:#\"']", "", re.sub(r"[\[(].*[\])]", "", name)).lower()


def unit_of(name: str) -> str:
    """The unit that a name carries in brackets, or ""."""
    match = re.search(r"[\[(]\s*(.*?)\s*[\])]", name)
    return match[1] if match else ""


def _like(role: str, k: int, ignored: Sequence[str]) -> str:
    """An unused column that may be the one that is missing: its name has the same number or none, and is no other's
    component (Fy is never F1)."""
    for name in difflib.get_close_matches(role, ignored, n=3, cutoff=0.5):
        digits = re.findall(r"\d+", name)
        axis = re.fullmatch(r"[a-z]+[_ ]?([xyz])", name.strip().lower())
        if axis is not None and "xyz".index(axis[1]) + 1 != k:
            continue
        if not digits or digits == [str(k)]:
            return name
    return ""


def _recognise(file: str, names: Sequence[str]) -> tuple[dict[str, Column], tuple[str, ...]]:
    found: dict[str, Column] = {}
    ignored = []
    for index, name in enumerate(names):
        match = _NAME.fullmatch(name)
        if match is None:
            ignored.append(name.strip() or f"column {index + 1}")
            continue
        letter, number, bare, unit = match.groups()
        role = _ALIASES[bare.lower()] if bare else f"{'x' if letter.lower() == 'x' else 'F'}{int(number)}"
        if role in found:
            raise InputError(
                f"{file}: column {role} is there twice, as column {found[role].index + 1} and column {index + 1}; "
                "keep one of them."
            )
        found[role] = Column(index, name, role, unit or "")
    return found, tuple(ignored)


def listed(names: Sequence[str], most: int = 6) -> str:
    """Names for a sentence."""
    shown = [repr(name.strip()[:24]) for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
