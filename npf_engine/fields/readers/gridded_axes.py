"""Which dimensions of a variable are places, and which are time, level and member: by CF attributes, else by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_labels import labels_of, written_times
from npf_engine.fields.readers.gridded_steps import alike, each_of, step_of

if TYPE_CHECKING:
    import xarray as xr

Kind = Literal["time", "level", "member"]
MOST_LABELS = 20_000  # steps of one dimension that are named
_PLACES = {"longitude": "x", "X": "x", "latitude": "y", "Y": "y"}
_X_NAME = re.compile(r"x|i|ni|nx|nlon|rlon|xc|xi_\w+|x_\w+|west_east\w*|(nav_)?lon\w*|rlon\w*|easting|cols?|columns?")
_Y_NAME = re.compile(r"y|j|nj|ny|nlat|rlat|yc|eta_\w+|y_\w+|south_north\w*|(nav_)?lat\w*|rlat\w*|northing|rows?")
_LEVEL_NAME = re.compile(
    r"(z|k|nav_lev|gdep|lv_|[o]*lev|plev|bottom_top|s_rho|sigma|h(ei)?ght|altitude|depth|isobaric|pres|isotherm)\w*"
)
_TIME_NAME = re.compile(r"t|((valid|forecast|ocean)_)?(time|date|day|month|year|season)\w*")
PLANE_NAMES = (("x", "y"), ("xc", "yc"), ("xx", "yy"), ("x2d", "y2d"), ("x_coord", "y_coord"))
PRESSURE = re.compile(r"(h|k|d|m)?pa(scals?)?|(milli|deci)?bars?|mb|mbar|dbar")


@dataclass(frozen=True)
class Choice:
    """A dimension of which one step is taken: labels of its first steps (numbers with their unit, or dates), which step
    of how many, and the label of that one."""

    kind: Kind
    dimension: str
    labels: tuple[str, ...]
    index: int = 0
    note: str = ""
    size: int = 1
    label: str = ""

    @property
    def told(self) -> str:
        """Which step was taken, by its name, as people count, and as its setting has it; "" where there is one."""
        if self.size == 1:
            return ""
        name = "" if self.dimension.lower() == self.kind else f" ({self.dimension})"
        what = f"{self.kind.capitalize()}{name} {self.label}: {each_of(self.kind, self.dimension, self.labels)}"
        return f"{what} {self.index + 1} of {self.size} ({self.kind}=#{self.index})."


@dataclass(frozen=True)
class Layout:
    """Dimensions of a variable: rows and columns of its grid, and the others. lon, lat: names of coordinate variables
    of two dimensions, "" where there are none."""

    y: str
    x: str
    others: tuple[tuple[Kind, str], ...]
    lon: str = ""
    lat: str = ""


def criteria(variable: xr.Variable) -> set[str]:
    """What the attributes of a variable say it is, by cf-xarray's criteria: longitude, latitude, X, Y, vertical, ..."""
    from cf_xarray.criteria import coordinate_criteria

    found = set()
    for role, wanted in coordinate_criteria.items():
        for key, values in wanted.items():
            if str(variable.attrs.get(key, "")).strip() in values:
                found.add(role)
    return found


def place_role(name: str, variable: xr.Variable) -> str:
    """longitude, latitude, X or Y ("" for none): by attributes, then by name. A longitude about another pole is X."""
    said = criteria(variable)
    if said & {"X", "Y"} and str(variable.attrs.get("standard_name", "")) not in ("longitude", "latitude"):
        both = said & {"longitude", "latitude"}
        turned = str(variable.attrs.get("standard_name", "")).startswith("grid_")
        if turned or not both:
            plain = "X" if "X" in said else "Y"
            return _true(name, variable, plain) if not turned else plain
    for role in ("longitude", "latitude"):
        if role in said:
            return role
    return _true(name, variable, "") if not said else ""


def _true(name: str, variable: xr.Variable, otherwise: str) -> str:
    """longitude or latitude by name, where the unit does not speak against it."""
    units = str(variable.attrs.get("units", "degrees")).strip().lower()
    if units.startswith(("degree", "radian", "°")) or units in ("", "deg"):
        plain = name.lower()
        if re.fullmatch(r"x?(nav_lon|lon|glam)[a-z0-9]*(_[a-z]+)?", plain):
            return "longitude"
        if re.fullmatch(r"y?(nav_lat|lat|gphi)[a-z0-9]*(_[a-z]+)?", plain):
            return "latitude"
        if plain.startswith(("xlon", "xlat")):  # WRF
            return "longitude" if plain.startswith("xlon") else "latitude"
    return otherwise


def layout(ds: xr.Dataset, name: str) -> Layout:
    """The dimensions of a variable. Raises InputError for one that lies on no grid."""
    variable = ds.variables[name]
    dims = [str(dim) for dim in variable.dims]
    lon, lat = _curvilinear(ds, name)
    if lon:
        y, x = [str(dim) for dim in ds.variables[lon].dims][-2:]
    else:
        _check_grid(ds, name, dims)
        x, y = (_of_place(ds, dims, side) for side in ("x", "y"))
        if not x or not y:
            rest = [dim for dim in dims if dim not in (x, y) and _kind(ds, dim) == "member"] or dims
            rest = [dim for dim in rest if dim not in (x, y)]
            y = y or (rest[-1] if x else rest[-2] if len(rest) > 1 else "")
            x = x or next((dim for dim in reversed(rest) if dim != y), "")
        if not x or not y or x == y:
            raise InputError(f"{name} lies on no grid of two dimensions (its dimensions: {', '.join(dims)}).")
    others = tuple((_kind(ds, dim), dim) for dim in dims if dim not in (x, y))
    return Layout(y, x, others, lon, lat)


def _curvilinear(ds: xr.Dataset, name: str) -> tuple[str, str]:
    """The variables of longitude and latitude in two dimensions that go with a variable, those that it names first."""
    variable = ds.variables[name]
    named = str(variable.attrs.get("coordinates", variable.encoding.get("coordinates", ""))).split()
    order = [key for key in named if key in ds.variables] + [str(key) for key in ds.variables if key not in named]
    found = {"longitude": "", "latitude": ""}
    for key in order:
        other = ds.variables[key]
        extra = set(other.dims) - set(variable.dims)
        if other.ndim < 2 or extra or other.dtype.kind not in "fiu" or key == name:
            continue
        if other.ndim > 2 and any(_kind(ds, str(dim)) != "time" for dim in other.dims[:-2]):
            continue
        role = place_role(str(key), other)
        if role in found and not found[role]:
            found[role] = str(key)
    lon, lat = found["longitude"], found["latitude"]
    if not lon and not lat:
        lon, lat = _plane_positions(ds, name)
    same = lon and lat and ds.variables[lon].dims == ds.variables[lat].dims
    return (lon, lat) if same else ("", "")


def _plane_positions(ds: xr.Dataset, name: str) -> tuple[str, str]:
    """The variables of x and y in two dimensions of a grid that lies on no globe."""
    variable = ds.variables[name]
    for x, y in PLANE_NAMES:
        for a, b in ((x, y), (x.upper(), y.upper())):
            both = [ds.variables[key] for key in (a, b) if key in ds.variables and key not in ds.dims]
            if len(both) == 2 and all(v.ndim == 2 and set(v.dims) <= set(variable.dims) for v in both):
                return a, b
    return "", ""


def _check_grid(ds: xr.Dataset, name: str, dims: list[str]) -> None:
    for dim in dims:
        roles = {place_role(str(key), v) for key, v in ds.variables.items() if v.dims == (dim,)}
        if {"longitude", "latitude"} <= roles:
            raise InputError(
                f"{name} lies on single points or on a mesh without rows and columns (its dimension {dim} has both a "
                "longitude and a latitude); interpolate it to a grid, or give a table of x1, x2, F1, F2."
            )


def _of_place(ds: xr.Dataset, dims: list[str], side: str) -> str:
    """The dimension of the columns ("x") or rows ("y")."""
    for dim in dims:
        for key in _coordinates(ds, dim):
            if _PLACES.get(place_role(key, ds.variables[key])) == side:
                return dim
    pattern = _X_NAME if side == "x" else _Y_NAME
    return next(
        (dim for dim in reversed(dims) if pattern.fullmatch(dim.lower()) and not _coordinates(ds, dim)), ""
    ) or next((dim for dim in reversed(dims) if pattern.fullmatch(dim.lower())), "")


def _coordinates(ds: xr.Dataset, dim: str) -> list[str]:
    """Variables of one dimension along it, the one of its own name first."""
    found = [str(key) for key, variable in ds.variables.items() if variable.dims == (dim,)]
    return sorted(found, key=lambda key: key != dim)


def _kind(ds: xr.Dataset, dim: str) -> Kind:
    keys = _coordinates(ds, dim)
    said = set().union(*(criteria(ds.variables[key]) for key in keys)) if keys else set()
    if said & {"T", "time"} or any(" since " in str(ds.variables[key].attrs.get("units", "")) for key in keys):
        return "time"
    units = str(ds.variables[dim].attrs.get("units", "")).strip().lower() if dim in ds.variables else ""
    if said & {"Z", "vertical"} or PRESSURE.fullmatch(units):
        return "level"
    if _TIME_NAME.fullmatch(dim.lower()):
        return "time"
    return "level" if _LEVEL_NAME.fullmatch(dim.lower()) else "member"


def choice(ds: xr.Dataset, kind: Kind, dim: str, wanted: str) -> Choice:
    """Which step of a dimension: ``wanted`` as ``step_of`` reads it, "" for the first."""
    size = int(ds.sizes[dim])
    keys = [key for key in _coordinates(ds, dim) if not str(ds.variables[key].dtype).startswith("|V")]
    if kind == "time":
        keys.sort(key=lambda key: " since " not in str(ds.variables[key].attrs.get("units", "")))
    if size == 0:
        raise InputError(f"The dimension {dim} has no step in it: the file holds no values.")
    labels, note = labels_of(ds.variables[keys[0]], keys[0]) if keys else ([f"{k}" for k in range(size)], "")
    if kind == "time" and not keys:
        labels = written_times(ds, dim) or labels
    try:
        index = step_of(kind, dim, labels, wanted)
    except InputError as error:
        raise InputError(f"{error} {note}".strip()) from error
    said = f"{note} {alike(kind, dim, labels, index)}".strip()
    return Choice(kind, dim, tuple(labels[:MOST_LABELS]), index, said, size, labels[index])


def same_steps(ds: xr.Dataset, name: str, others: tuple[tuple[Kind, str], ...], chosen: list[Choice]) -> dict[str, int]:
    """Which step of each of the dimensions ``others`` of variable ``name`` goes with those that were chosen of the
    first component: that of the same dimension, else the one of that name in a dimension of the same kind.

    Raises InputError where there is none: the components would be those of different times, levels or members."""
    found = {step.dimension: step.index for step in chosen}
    own = {dim for _, dim in others}
    left = [step for step in chosen if step.dimension not in own]
    for kind, dim in others:
        if dim in found:
            continue
        there = choice(ds, kind, dim, "")
        first = next((step for step in left if step.kind == kind), None)
        if first is None and there.size == 1:
            found[dim] = 0
        elif first is None:
            raise InputError(f"{name} has a dimension {dim} of {there.size} steps that the first component has not.")
        else:
            left.remove(first)
            found[dim] = _same_step(name, there, first)
    return found


def _same_step(name: str, there: Choice, first: Choice) -> int:
    if first.label in there.labels:
        return there.labels.index(first.label)
    counted = any(step.labels == tuple(map(str, range(step.size))) for step in (there, first))
    if counted and there.size == first.size:  # one of them has no names: the same number
        return first.index
    raise InputError(
        f"The first component is of {first.kind} {first.label} ({first.dimension}), which {name} does not have "
        f"({there.dimension}: {there.labels[0]} to {there.labels[-1]}); choose another {first.kind}."
    )
