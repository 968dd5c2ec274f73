"""Which variables of a file are the two components of a vector: by standard_name, by common names, or as chosen."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_axes import layout, place_role
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import shown
from npf_engine.tasks.archives import brief

if TYPE_CHECKING:
    import xarray as xr

MOST_TOLD = 6
LONGEST = 256  # letters of a name, as NetCDF has it; Zarr and HDF5 know no limit, and names stand in sentences
# Variables of the grid itself: positions, sizes and angles of cells.
_OF_GRID = re.compile(
    r"[xyz](c|x|y|2d|_?coord\w*)?|d[xyz][a-z]?|e[12][tuvf]|(cell_?)?area\w*|(sin|cos)?(alpha|angle)|mask\w*|[a-z]*mask"
)
# (of the first component, of the second) in standard names, and whether the components lie along the grid
_STANDARD = (("eastward", "northward", False), ("grid_eastward", "grid_northward", True), ("_x_", "_y_", True))
_COMMON = (
    ("u10", "v10"),
    ("u10m", "v10m"),
    ("uas", "vas"),
    ("uo", "vo"),
    ("ua", "va"),
    ("u", "v"),
    ("uwnd", "vwnd"),
    ("vozocrtx", "vomecrty"),
    ("water_u", "water_v"),
    ("ugos", "vgos"),
    ("utotal", "vtotal"),
    ("u100", "v100"),
    ("ssu", "ssv"),
    ("vx", "vy"),
    ("fx", "fy"),
    ("f1", "f2"),
)
_UPWARD = (("u", "w"), ("x", "z"), ("1", "3"), ("eastward", "upward"))  # of the first component, of the third
_SWAPS = (("zonal", "meridional"), ("eastward", "northward"), ("east", "north"), ("u", "v"), ("x", "y"))


@dataclass(frozen=True)
class Variables:
    """names: one variable (a scalar, whose gradient is F), two, or the three of a flow in a box; along: whether
    components lie along the grid's rows and columns (None: nobody says). notes: sentences."""

    names: tuple[str, ...]
    along: bool | None = None
    notes: tuple[str, ...] = ()


def numeric(ds: xr.Dataset) -> list[str]:
    """The variables that may be a field: numbers on two dimensions or more, and no coordinates of others."""
    named: set[str] = set()
    for variable in ds.variables.values():
        for key in ("coordinates", "bounds", "grid_mapping", "climatology", "ancillary_variables", "cell_measures"):
            words = str(variable.attrs.get(key, variable.encoding.get(key, ""))).replace(":", " ").split()
            named |= set(words)
    found = []
    for label, variable in ds.variables.items():
        name = str(label)
        if max(len(str(key)) for key in (name, *variable.dims)) > LONGEST:
            continue
        if variable.ndim < 2 or variable.dtype.kind not in "iuf" or name in named or name in ds.dims:
            continue
        if place_role(name, variable) or name.lower().endswith(("_bnds", "_bounds")) or min(variable.shape) == 0:
            continue
        found.append(name)
    grid = [name for name in found if not _OF_GRID.fullmatch(name.lower())]
    # what is no measurement stands last: it is still there to be chosen
    return sorted(grid or found, key=lambda name: any(key.startswith("flag_") for key in ds.variables[name].attrs))


def pairs(ds: xr.Dataset, names: list[str]) -> list[tuple[str, str, bool | None]]:
    """Pairs of variables that are a vector, the surest first, with ``Variables.along``."""
    found: dict[tuple[str, str], bool | None] = {}
    for first, second, along in [*_by_standard_name(ds, names), *_by_common_name(names), *_by_likeness(ds, names)]:
        if _alike(ds, first, second):
            found.setdefault((first, second), along)
    return [(first, second, along) for (first, second), along in found.items()]


def _by_standard_name(ds: xr.Dataset, names: list[str]) -> Iterator[tuple[str, str, bool | None]]:
    said = {name: str(ds.variables[name].attrs.get("standard_name", "")).strip() for name in names}
    for name, standard in said.items():
        for one, other, along in _STANDARD:
            if one not in standard and not (one == "_x_" and standard.startswith("x_")):
                continue
            wanted = standard.replace(one, other)
            if one == "_x_" and standard.startswith("x_"):
                wanted = "y_" + standard[2:]
            partners = [key for key, text in said.items() if text == wanted and key != name]
            best = sorted(partners, key=lambda key: (_alike_names(name, key), ds.variables[key].dims))
            if best:
                turned = along or standard.startswith("grid_")
                yield name, best[-1], turned
                break


def _alike_names(first: str, second: str) -> int:
    return sum(a == b for a, b in zip(first, second, strict=False)) - abs(len(first) - len(second))


def _by_common_name(names: list[str]) -> Iterator[tuple[str, str, bool | None]]:
    lower = {name.lower(): name for name in names}
    for first, second in _COMMON:
        if first in lower and second in lower:
            yield lower[first], lower[second], None


def _by_likeness(ds: xr.Dataset, names: list[str]) -> Iterator[tuple[str, str, bool | None]]:
    """Names that differ by u and v, x and y, zonal and meridional, ... in one place."""
    lower = {name.lower(): name for name in names}
    for name in names:
        plain = name.lower()
        candidates = [plain.replace("zo", "me").replace("x", "y"), plain.replace("zo", "me")]
        for one, other in _SWAPS:
            if len(one) > 1:
                candidates.append(plain.replace(one, other))
            else:
                pattern = rf"(?<![a-z]){one}|{one}(?![a-z])"  # at the beginning or the end of a word
                candidates += [plain[: m.start()] + other + plain[m.end() :] for m in re.finditer(pattern, plain)]
        for candidate in candidates:
            if candidate != plain and candidate in lower:
                yield name, lower[candidate], None


def _alike(ds: xr.Dataset, first: str, second: str) -> bool:
    """Whether two variables may be components of one vector: as many dimensions, as long but for a staggered point."""
    a, b = ds.variables[first], ds.variables[second]
    return a.ndim == b.ndim and all(abs(m - n) <= 1 for m, n in zip(a.shape, b.shape, strict=True))


def chosen(ds: xr.Dataset, spec: FieldSpec, file: str) -> Variables:
    """The variables of the field: as the spec says, else found. Raises InputError with the names that there are."""
    names = numeric(ds)
    if not names:
        there = ", ".join(brief(str(name)) for name in list(ds.variables)[:MOST_TOLD])
        raise InputError(f"{file} holds no numbers on a grid of two dimensions or more (it has: {there or 'nothing'}).")
    if spec.components and spec.scalar:
        raise InputError("Both components and scalar are set; give one of them.")
    if spec.components:
        return _components(ds, spec, names, file)
    if spec.scalar:
        return Variables((_known(ds, spec.scalar.strip(), names, file),))
    found = pairs(ds, names)
    if not found:
        return _scalar(ds, names, file)
    first, second, along = found[0]
    third = "" if spec.level else _third(ds, first, names)  # who names a level wants a slice
    if third:
        return Variables((first, second, third))
    others = [f"{a},{b}" for a, b, _ in found[1 : MOST_TOLD + 1]]
    notes = (f"{file} holds other vectors too: choose with components = {' or '.join(others)}.",) if others else ()
    return Variables((first, second), along, notes)


def boxes(ds: xr.Dataset, names: list[str]) -> list[tuple[str, str, str]]:
    """The flows on x, y and z of a box."""
    found = [(a, b, _third(ds, a, names)) for a, b, _ in pairs(ds, names)]
    return [(a, b, c) for a, b, c in found if c]


def _in_box(ds: xr.Dataset, name: str) -> bool:
    """Whether a variable lies on x, y and z of a box, not on a map, whose levels are looked at one at a time."""
    variable, grid = ds.variables[name], layout(ds, name)
    on_map = grid.lon or "grid_mapping" in variable.attrs or place_role(grid.x, _axis(ds, grid.x)) == "longitude"
    return not on_map and any(kind == "level" and ds.sizes[dim] > 1 for kind, dim in grid.others)


def _third(ds: xr.Dataset, first: str, names: list[str]) -> str:
    """The third component of a flow in a box; "" where there is none."""
    if not _in_box(ds, first):
        return ""
    variable, plain = ds.variables[first], first.lower()
    lower = {name.lower(): name for name in names if ds.variables[name].dims == variable.dims}
    for one, other in _UPWARD:
        candidates = {plain.replace(one, other, 1), other.join(plain.rsplit(one, 1))} - {plain}
        found = sorted(lower[name] for name in candidates if name in lower)
        if found:
            return found[0]
    return ""


def _axis(ds: xr.Dataset, dim: str) -> xr.Variable:
    return ds.variables[dim] if dim in ds.variables else ds[dim].variable


def _components(ds: xr.Dataset, spec: FieldSpec, names: list[str], file: str) -> Variables:
    text = spec.components
    words = _words(text, {str(name) for name in ds.variables})
    if len(words) not in (2, 3):
        raise InputError(f"components is {shown(text)}; name two variables, as in u10,v10.")
    if len(words) == 3:
        return _three(ds, [_known(ds, word, names, file) for word in words])
    first, second = (_known(ds, word, names, file) for word in words)
    if first == second or not _alike(ds, first, second):
        raise InputError(f"{first} and {second} are no two components of one vector: they lie on different grids.")
    third = next((box for box in boxes(ds, names) if box[2] in (first, second)), None)
    if third is not None and not spec.level:
        raise InputError(
            f"{third[2]} is the component along the levels of a box, not one of a slice: set components = "
            f"{','.join(third)} for the flow in the box, or components = {third[0]},{third[1]} and a level for a slice."
        )
    known = {(a, b): c for a, b, c in pairs(ds, [first, second])}
    if (first, second) not in known and (second, first) in known:
        told = f"By their names {second} is the first component and {first} the second, and they were taken so."
        return Variables((second, first), known[second, first], (told,))
    return Variables((first, second), known.get((first, second)))


def _words(text: str, known: set[str]) -> list[str]:
    """The two or three names in a text: parted by commas, which names may have in them too, or by spaces."""
    marks = [mark.start() for mark in re.finditer(r"[,;]", text)]
    for count in (2, 3):
        for cuts in itertools.combinations(marks, count - 1):
            names = [text[a + 1 : b].strip() for a, b in itertools.pairwise((-1, *cuts, len(text)))]
            if all(name in known for name in names):
                return names
    return [word for word in re.split(r"[,;\s]+", text) if word]


def _three(ds: xr.Dataset, chosen_ones: list[str]) -> Variables:
    """A flow in a box, its components put into order by their names. Raises InputError for three variables that are
    none."""
    first, second, third = chosen_ones
    alike = len({frozenset(ds.variables[name].dims) for name in chosen_ones}) == 1
    if len(set(chosen_ones)) < 3 or not alike or not _in_box(ds, first):
        pair = ",".join(chosen_ones[:2])
        raise InputError(
            f"{', '.join(chosen_ones)} are not the three components of a flow on x, y and z; name two of them "
            f"(components = {pair}), and a level."
        )
    plane = next((pair[:2] for pair in pairs(ds, chosen_ones)), (first, second))
    rest = [name for name in chosen_ones if name not in plane]
    if (*plane, *rest) == (first, second, third):
        return Variables((first, second, third))
    told = f"By their names {plane[0]}, {plane[1]} and {rest[0]} are the components in this order, and were taken so."
    return Variables((*plane, rest[0]), None, (told,))


def _known(ds: xr.Dataset, name: str, names: list[str], file: str) -> str:
    if name in ds.variables and ds.variables[name].ndim >= 2 and ds.variables[name].dtype.kind in "iuf":
        return name
    by_standard = [key for key in names if ds.variables[key].attrs.get("standard_name") == name]
    same = by_standard or [key for key in names if key.lower() == name.lower()]
    if same:
        return same[0]
    listed = ", ".join(names[: 2 * MOST_TOLD]) + (", ..." if len(names) > 2 * MOST_TOLD else "")
    raise InputError(f"{file} has no variable {shown(name)} on a grid; it has {listed}.")


def _scalar(ds: xr.Dataset, names: list[str], file: str) -> Variables:
    name = names[0]
    notes = []
    if len(names) > 1:
        others = ", ".join(names[1 : MOST_TOLD + 1])
        notes.append(
            f"F is the gradient of {name}, the first variable of {file}; it also holds {others}: choose with scalar, "
            "or two of them with components."
        )
    lonely = re.fullmatch(r"(u|v)(\d+m?|wnd|o|a|as|grd\w*)?|vozocrtx|vomecrty", name.lower())
    said = str(ds.variables[name].attrs.get("standard_name", ""))
    if lonely or re.search(r"eastward|northward|(^|_)[xy]_", said):
        notes.append(
            f"{name} looks like one component of a vector whose other is not in this file, so F is its gradient; write "
            "both into one file, or zip both files (name.nc.zip)."
        )
    return Variables((name,), None, tuple(notes))
