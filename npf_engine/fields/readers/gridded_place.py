"""Where the points of a grid lie: on the Earth (by longitude and latitude, or a projection), or on a plane of its own.

Positions are then kilometres on an equal-area map about the middle, so that the area measure of the sphere is the plane
measure of the map (Snyder, Map Projections, 1987, section 24); of a grid round the globe, on Lambert's cylinder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.ground import WGS84
from npf_engine.fields.readers import crs as systems
from npf_engine.fields.readers.gridded_axes import Layout, place_role
from npf_engine.fields.readers.gridded_degrees import degrees, on_globe, unwrapped
from npf_engine.fields.readers.gridded_lines import key_of, line_of, sign_of, unit_at
from npf_engine.fields.readers.gridded_values import Log, Steps, values
from npf_engine.fields.readers.one_length import one_length
from npf_engine.fields.units_of_height import length_of
from npf_engine.tasks.archives import said

if TYPE_CHECKING:
    import xarray as xr
    from pyproj import CRS

WIDEST = 100.0  # degrees from the middle: a map about one point is used no farther
LEAST_MEAN = 0.25  # length of the mean of all directions from which the middle of a grid means something
AT_POLE = 89.999
LEAST_PLACES = 0.1  # share of the grid whose longitude and latitude are known, for these to be used
ON_A_PLANE = "{} and {} are no longitude and latitude: positions were taken as they are, on a plane."
Axes = tuple[float, float]
_ANGLES = {("rad",): 1.0, ("deg", "°"): math.radians(1.0), ("grad", "gon"): math.pi / 200}  # radians
assert WGS84.axes is not None
EARTH: Axes = WGS84.axes


@dataclass(frozen=True)
class Points:
    """The points of a grid (rows, cols). On the Earth lon, lat: degrees (NaN: no place), ``axes`` of the ellipsoid in
    metres; else x, y: positions on a plane, each with its unit. upward: whether y of the file grows with the rows;
    rectilinear: whether rows and columns are parallels and meridians (or straight lines across)."""

    lon: np.ndarray
    lat: np.ndarray
    axes: Axes | None
    units: tuple[str, str] = ("degrees", "degrees")
    names: tuple[str, str] = ("longitude", "latitude")
    rectilinear: bool = True
    forward: tuple[int, int] = (1, 1)

    @property
    def earth(self) -> bool:
        """Whether they lie on the Earth (or another body)."""
        return self.axes is not None

    def must_lie_somewhere(self, what: str) -> None:
        """Raise InputError where no point has a place; ``what`` has none."""
        if not (np.isfinite(self.lon) & np.isfinite(self.lat)).any():
            raise InputError(
                f"{what} has no place: {' and '.join(self.names)} are not numbers, or lie beyond the globe; mend them, "
                "or choose another part of the file."
            )

    def part(self, rows: slice | np.ndarray, cols: slice | np.ndarray) -> Points:
        """The points of these rows and columns."""
        return Points(
            self.lon[rows][:, cols],
            self.lat[rows][:, cols],
            self.axes,
            self.units,
            self.names,
            self.rectilinear,
            self.forward,
        )


def points(ds: xr.Dataset, name: str, grid: Layout, steps: Steps, crs: str, log: Log) -> Points:
    """The points of a variable's grid. Raises InputError where its positions cannot be understood."""
    mapping = _mapping(ds, name)
    axes = _ellipsoid(mapping)
    along = {side: line_of(ds, dim, steps) for side, dim in (("x", grid.x), ("y", grid.y))}
    forward = (sign_of(along["x"]), sign_of(along["y"]))
    if grid.lon and place_role(grid.lon, ds.variables[grid.lon]) != "longitude":
        x, y = (values(ds, key, steps, (grid.y, grid.x)) for key in (grid.lon, grid.lat))
        names = (grid.lon, grid.lat)
        x, y, units = _in_one_unit(x, y, names, (unit_at(ds, grid.lon), unit_at(ds, grid.lat)), log)
        log.note(ON_A_PLANE.format(*names))
        return Points(x, y, None, units, names, rectilinear=False, forward=forward)
    if grid.lon and not crs:
        lon, lat = (degrees(ds, key, values(ds, key, steps, (grid.y, grid.x))) for key in (grid.lon, grid.lat))
        places = Points(*on_globe(lon, lat, (grid.lon, grid.lat), log), axes, rectilinear=False, forward=forward)
        if np.isfinite(places.lon).mean() >= LEAST_PLACES or _system(mapping, crs, name) is None:
            return places
        log.note(
            f"{grid.lon} and {grid.lat} are mostly empty, so places were computed from the grid's own coordinates."
        )
    keys = {side: key_of(ds, dim) for side, dim in (("x", grid.x), ("y", grid.y))}
    roles = {side: place_role(key, ds.variables[key]) if key else "" for side, key in keys.items()}
    if roles == {"x": "longitude", "y": "latitude"} and not crs:
        x, y = (degrees(ds, keys[side], along[side]) for side in ("x", "y"))
        lon, lat = np.meshgrid(unwrapped(x), y)
        return Points(*on_globe(lon, lat, (keys["x"], keys["y"]), log), axes, forward=forward)
    if (system := _system(mapping, crs, name)) is not None and keys["x"] and keys["y"]:
        return _projected(ds, keys, (along["x"], along["y"]), system, mapping, forward, log)
    if any(
        role == "X" and str(ds.variables[keys["x"]].attrs.get("standard_name")) == "grid_longitude"
        for role in roles.values()
    ):
        raise InputError(
            f"{name} lies on a grid with a pole of its own, and the file does not say where that is (grid_mapping); "
            "set crs."
        )
    return _plane(ds, grid, keys, (along["x"], along["y"]), forward, log)


def _mapping(ds: xr.Dataset, name: str) -> dict[str, object]:
    """The attributes of the variable's grid_mapping; {} where it has none."""
    said = str(ds.variables[name].attrs.get("grid_mapping", ds.variables[name].encoding.get("grid_mapping", "")))
    words = said.replace(":", " ").split()
    found = [word for word in words if word in ds.variables and "grid_mapping_name" in ds.variables[word].attrs]
    if not said:
        found = [str(key) for key, v in ds.variables.items() if "grid_mapping_name" in v.attrs][:1]
    return dict(ds.variables[found[0]].attrs) if found else {}


def _ellipsoid(mapping: dict[str, object]) -> Axes:
    """Half axes that a grid mapping gives, of WGS84 where it gives none."""

    def number(key: str) -> float:
        try:
            found = np.atleast_1d(np.asarray(mapping.get(key, 0.0), dtype=float))
        except (TypeError, ValueError):
            return 0.0
        return float(found[0]) if found.size and np.isfinite(found[0]) and 1e5 < found[0] < 1e9 else 0.0

    if radius := number("earth_radius"):
        return radius, radius
    major, minor = number("semi_major_axis"), number("semi_minor_axis")
    if not major:
        return EARTH
    if minor:
        return major, minor
    try:
        inverse = float(np.atleast_1d(np.asarray(mapping.get("inverse_flattening", 0.0), dtype=float))[0])
    except (TypeError, ValueError):
        inverse = 0.0
    return (major, major * (1 - 1 / inverse)) if inverse > 1 else (major, major)


def _system(mapping: dict[str, object], crs: str, name: str) -> object | None:
    """The projection: what the visitor says, else the grid mapping; None where there is none."""
    if crs == systems.NOWHERE:
        return None
    if crs:
        return systems.parsed(crs, "crs")
    if not mapping or mapping.get("grid_mapping_name") == "latitude_longitude":
        return None
    import pyproj
    from pyproj.exceptions import CRSError

    pyproj.network.set_network_enabled(False)
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in mapping.items()}
    plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in plain.items()}
    try:
        return pyproj.CRS.from_cf(plain)
    except (CRSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"The projection of {name} ({mapping.get('grid_mapping_name')}) is not understood "
            f"({said(error)[:100]}); set crs."
        ) from error


def _projected(
    ds: xr.Dataset,
    keys: dict[str, str],
    lines: tuple[np.ndarray, np.ndarray],
    system: object,
    mapping: dict[str, object],
    forward: tuple[int, int],
    log: Log,
) -> Points:
    import pyproj

    assert isinstance(system, pyproj.CRS)
    scales = [_factor(ds, keys[side], system, mapping) for side in ("x", "y")]
    x, y = np.meshgrid(lines[0] * scales[0], lines[1] * scales[1])
    body = system.ellipsoid
    axes = (body.semi_major_metre, body.semi_minor_metre or body.semi_major_metre) if body else EARTH
    base = _geographic(system)
    lon, lat = pyproj.Transformer.from_crs(system, base, always_xy=True).transform(x, y)
    lon, lat = systems.in_degrees(base, *(np.where(np.isfinite(part), part, np.nan) for part in (lon, lat)))
    unsaid = [key for key in (keys["x"], keys["y"]) if not unit_at(ds, key)]
    if unsaid:
        unit = system.axis_info[0].unit_name if system.axis_info else "metre"
        log.note(
            f"The file does not say what {' and '.join(unsaid)} are in: the unit of the projection, {unit}, was taken."
        )
    title = " ".join(str(mapping.get("grid_mapping_name") or system.name).replace("_", " ").split())[:60]
    log.convert(f"Places were computed from the grid's own coordinates ({title}).")
    return Points(*on_globe(lon, lat), axes, rectilinear=False, forward=forward)


def _geographic(system: CRS) -> CRS:
    """Longitude and latitude on the ellipsoid of a system, without a change of datum."""
    import pyproj

    base = system.source_crs if system.is_derived and system.source_crs is not None else system.geodetic_crs
    return base if base is not None else pyproj.CRS("OGC:CRS84")


def _factor(ds: xr.Dataset, key: str, system: object, mapping: dict[str, object]) -> float:
    """What turns a projection's coordinate into the unit of its system: metres, or what it has for degrees."""
    import pyproj

    assert isinstance(system, pyproj.CRS)
    units = str(ds.variables[key].attrs.get("units", "")).strip().lower()
    if system.is_geographic:
        own = system.axis_info[0].unit_conversion_factor or math.radians(1.0)
        return next((size / own for words, size in _ANGLES.items() if units.startswith(words)), 1.0)
    if units.startswith(("rad", "microrad")):
        height = float(np.atleast_1d(np.asarray(mapping.get("perspective_point_height", 1.0), dtype=float))[0])
        return height * (1e-6 if units.startswith("micro") else 1.0)
    per_metre = system.axis_info[0].unit_conversion_factor if system.axis_info else 1.0
    return (length_of(units) or per_metre or 1.0) / (per_metre or 1.0)


def _plane(
    ds: xr.Dataset,
    grid: Layout,
    keys: dict[str, str],
    lines: tuple[np.ndarray, np.ndarray],
    forward: tuple[int, int],
    log: Log,
) -> Points:
    """A grid that says nothing of the Earth: its coordinates, or the numbers of its columns and rows."""
    x, y = np.meshgrid(*lines)
    units, names = [], []
    for side, dim in (("x", grid.x), ("y", grid.y)):
        key = keys[side]
        units.append(unit_at(ds, key) if key else "grid steps")
        names.append(key or dim)
    if not keys["x"] or not keys["y"]:
        log.note("The file does not say where the points of its grid lie, so positions count grid steps.")
    else:
        log.note(ON_A_PLANE.format(*names))
    x, y, both = _in_one_unit(x, y, (names[0], names[1]), (units[0], units[1]), log)
    return Points(x, y, None, both, (names[0], names[1]), forward=forward)


def _in_one_unit(
    x: np.ndarray, y: np.ndarray, names: tuple[str, str], units: tuple[str, str], log: Log
) -> tuple[np.ndarray, np.ndarray, tuple[str, str]]:
    """Positions on a plane in one unit of length, told, and their units."""
    found = one_length(names, units)
    log.convert(*found.told)
    log.note(*found.notes)
    return x * found.factors[0], y * found.factors[1], (found.units[0], found.units[1])
