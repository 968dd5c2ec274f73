"""What a coordinate system says of a raster: where it lies, how long its pixels are on the ground, what z is in.

Runs in the locked child of the readers: pyproj parses what a stranger wrote.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.ground import Ground, even, on_ellipsoid
from npf_engine.fields.raster import Coordinates
from npf_engine.fields.units_of_height import HeightUnit, height_unit
from npf_engine.tasks.archives import said

if TYPE_CHECKING:
    from pyproj import CRS, Geod

NODES = (129, 65)  # rows and columns at which the ground is measured, at most
SLANTED = 0.01  # cosine of an angle that is told
STEP_METRES = 200.0  # on the ground, about, between the two points whose distance is measured
EVEN = 1e-4  # share by which a stretch may vary and still be told as one number
LEAST_SIDE = 8  # pixels along a side of a raster from which the half of one is little
ROUNDED = 1e-6  # of a pixel
EARTH_RADIUS = 6_378_137.0  # metres, at the equator
NOWHERE = "none"  # as a setting: the file's own system is not believed


@dataclass(frozen=True)
class Frame:
    """Positions of a raster: edges (west, south, east, north) in ``coordinates``, the ground under it (None: not
    known), the unit of z (None: not said), and sentences."""

    bounds: tuple[float, float, float, float]
    coordinates: Coordinates
    ground: Ground | None
    unit: HeightUnit | None = None
    notes: tuple[str, ...] = ()


def frame(crs: CRS, name: str, edges: tuple[float, float, float, float], shape: tuple[int, int]) -> Frame:
    """The frame of a raster of ``shape`` with these edges (west, south, east, north) in the units of ``crs``."""
    unit = _unit_of_height(crs)
    flat = _horizontal(crs)
    rows, cols = shape
    if flat is None:
        note = f"{name} has a coordinate system without positions on a map ({_title(crs)}), so positions are in pixels."
        return Frame((0.0, 0.0, float(cols), float(rows)), "pixels", None, unit, (note,))
    if not (flat.is_geographic or flat.is_projected):  # a system of somebody's own, such as a building site's
        return _local(flat, name, edges, shape, unit)
    radians = flat.axis_info[0].unit_conversion_factor or math.radians(1)
    if flat.is_geographic:
        factor, coordinates = math.degrees(radians), "degrees"
        west, south, east, north = (edge * factor for edge in edges)
        if not flat.is_derived:  # of a turned one longitudes are about another pole
            west, east = west + meridian(flat), east + meridian(flat)
        if not within_globe((west, south, east, north), shape, 540.0, 540.0):
            note = f"{name} lies beyond the globe, so positions are in pixels."
            return Frame((0.0, 0.0, float(cols), float(rows)), "pixels", None, unit, (note,))
    else:
        factor, coordinates = radians, "metres"  # of a projected system it is metres per unit
        west, south, east, north = (edge * factor for edge in edges)
    bounds = (west, south, east, north)
    try:
        ground = _ground(flat, edges, shape)
    except Exception as error:  # pyproj raises its own, and PROJ's words are of no use to a visitor
        raise InputError(
            f"{name}: the ground under it cannot be computed from its coordinate system ({_title(flat)}); "
            "warp it to EPSG:4326."
        ) from error
    return Frame(bounds, coordinates, ground, unit)  # type: ignore[arg-type]  # a Literal that mypy widens


def within_globe(
    edges: tuple[float, float, float, float], shape: tuple[int, int], far_west: float, far_east: float
) -> bool:
    """Whether edges in degrees are of a globe, which the middles of the outermost pixels may lie on the edge of: half
    a pixel (half a degree at least) may lie beyond."""
    west, south, east, north = edges
    wide, high = (
        max(side / count, 1.0) if count >= LEAST_SIDE else 1.0
        for side, count in ((east - west, shape[1]), (north - south, shape[0]))
    )
    wide, high = wide * (1 + ROUNDED), high * (1 + ROUNDED)
    sides = west >= -far_west - wide / 2 and east <= far_east + wide / 2 and east - west <= 360.0 + wide
    return sides and south >= -90.0 - high / 2 and north <= 90.0 + high / 2


def parsed(text: str, name: str) -> CRS:
    """The system that a text (WKT, EPSG:..., PROJ) describes. Raises InputError."""
    import pyproj
    from pyproj.exceptions import CRSError

    pyproj.network.set_network_enabled(False)
    try:
        return pyproj.CRS.from_user_input(text)
    except (CRSError, ValueError, TypeError, UnicodeError) as error:
        raise InputError(
            f"{name} names a coordinate system that is not understood ({said(error)[:120]}); warp it to "
            "EPSG:4326, or set crs."
        ) from error


def of_the_earth(crs: CRS) -> bool:
    """Whether a coordinate system is of the Earth, by the size of its ellipsoid; one that has none is."""
    return crs.ellipsoid is None or abs(crs.ellipsoid.semi_major_metre / EARTH_RADIUS - 1) < 0.01


def name_of(crs: CRS) -> str:
    """A system as a text from which it can be parsed again: EPSG:4326, else its WKT."""
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else str(crs.to_wkt())


def same(first: str, second: str) -> bool:
    """Whether two systems, by ``name_of``, are one; one that is not named is like any."""
    if not first or not second or first == second:
        return True
    return bool(parsed(first, "the first file").equals(parsed(second, "the second file"), ignore_axis_order=True))


def in_degrees(base: CRS, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of a geographic system, in its own unit (grads of France) and from its own meridian
    (Paris), as degrees from Greenwich."""
    factor = math.degrees(base.axis_info[0].unit_conversion_factor or math.radians(1))
    return lon * factor + meridian(base), lat * factor


def meridian(base: CRS) -> float:
    """Where longitudes of a geographic system begin, in degrees from Greenwich."""
    line = base.prime_meridian
    return 0.0 if line is None else math.degrees(line.longitude * float(line.unit_conversion_factor or math.radians(1)))


def globe() -> CRS:
    """Longitude and latitude on WGS84, for files that name no system."""
    return parsed("OGC:CRS84", "the built-in system")


def _horizontal(crs: CRS) -> CRS | None:
    """The part that says where things are on a map; None where there is none."""
    parts = crs.sub_crs_list if crs.is_compound else [crs]
    for part in parts:
        plain = part.source_crs if part.is_bound and part.source_crs is not None else part
        if plain.is_compound:
            return _horizontal(plain)
        if plain.is_vertical or plain.is_geocentric or len(plain.axis_info) < 2:
            continue
        return plain
    return None


def _unit_of_height(crs: CRS) -> HeightUnit | None:
    """What a compound or three-dimensional system says of heights."""
    if crs.is_bound and crs.source_crs is not None:
        return _unit_of_height(crs.source_crs)
    axes = [axis for part in (crs.sub_crs_list or [crs]) for axis in part.axis_info]
    for axis in axes:
        if axis.direction.lower() in ("up", "down"):
            return height_unit(axis.unit_name, axis.unit_conversion_factor or None)
    return None


def _local(
    crs: CRS, name: str, edges: tuple[float, float, float, float], shape: tuple[int, int], unit: HeightUnit | None
) -> Frame:
    factor = crs.axis_info[0].unit_conversion_factor or 1.0
    west, south, east, north = (edge * factor for edge in edges)
    note = f"{name} has a coordinate system of its own ({_title(crs)}): its metres were taken as metres of the ground."
    return Frame((west, south, east, north), "metres", even(east - west, north - south), unit, (note,))


def _ground(crs: CRS, edges: tuple[float, float, float, float], shape: tuple[int, int]) -> Ground:
    """Lengths on the ellipsoid of the system, a short step about each node along the rows and along the columns."""
    from pyproj import Geod

    west, south, east, north = edges
    ellipsoid = crs.ellipsoid
    if ellipsoid is None:
        return even(east - west, north - south)
    major, minor = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre or ellipsoid.semi_major_metre
    if crs.is_geographic and not crs.is_derived:
        return on_ellipsoid(major, minor)
    geod = Geod(a=major, b=minor)
    rows, cols = min(NODES[0], max(shape[0], 2)), min(NODES[1], max(shape[1], 2))
    x, y = np.meshgrid(np.linspace(west, east, cols), np.linspace(north, south, rows))
    per_unit = crs.axis_info[0].unit_conversion_factor or 1.0  # radians or metres
    step = STEP_METRES / (per_unit * (major if crs.is_geographic else 1.0))
    sides = ((x - step / 2, y), (x + step / 2, y)), ((x, y - step / 2), (x, y + step / 2))
    across, along = (_distance(crs, geod, *ends) for ends in sides)
    slant = _cosine(*(_chord(crs, ends, (major, minor)) for ends in sides))
    ground = Ground(across / step * (east - west), along / step * (north - south), slant=slant)
    if crs.is_geographic:  # with a pole of its own
        return ground
    map_metres = ((east - west) * per_unit, (north - south) * per_unit)
    middle = _on_globe(crs, np.array([(west + east) / 2]), np.array([(north + south) / 2]))[1]
    return replace(ground, told=_told(crs, ground, map_metres, float(middle[0])))


Points = tuple[np.ndarray, np.ndarray]


def _distance(crs: CRS, geod: Geod, first: Points, second: Points) -> np.ndarray:
    """Metres on the ellipsoid between points of the map; NaN where one of them is no place of the globe."""
    (lon, lat), (lon_, lat_) = _on_globe(crs, *first), _on_globe(crs, *second)
    good = np.isfinite(lon) & np.isfinite(lat) & np.isfinite(lon_) & np.isfinite(lat_)
    out = np.full(lon.shape, np.nan)
    if good.any():
        _, _, metres = geod.inv(lon[good], lat[good], lon_[good], lat_[good])
        out[good] = metres
    return out


def _chord(crs: CRS, between: tuple[Points, Points], axes: tuple[float, float]) -> np.ndarray:
    """Metres in space (..., 3) between points of the map; NaN where one of them is no place of the globe."""
    ends = []
    for at in between:
        lon, lat = (np.radians(part) for part in _on_globe(crs, *at))
        e2 = 1.0 - (axes[1] / axes[0]) ** 2
        n = axes[0] / np.sqrt(1.0 - e2 * np.sin(lat) ** 2)
        place = (n * np.cos(lat) * np.cos(lon), n * np.cos(lat) * np.sin(lon), n * (1.0 - e2) * np.sin(lat))
        ends.append(np.stack(place, axis=-1))
    return np.asarray(ends[1] - ends[0])


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosines of the angles between vectors (..., 3), NaN where they are not known."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((a * b).sum(axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)))


def _on_globe(crs: CRS, x: np.ndarray, y: np.ndarray) -> Points:
    """Longitude and latitude in degrees."""
    from pyproj import Transformer

    base = crs.source_crs if crs.is_derived and crs.source_crs is not None else None
    if base is not None and base.is_projected:  # derived from a projected one
        base = base.source_crs
    if base is None:
        base = crs
        lon, lat = x, y
    else:
        lon, lat = Transformer.from_crs(crs, base, always_xy=True).transform(x, y)
    lon, lat = in_degrees(base, np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    return lon, np.where(np.abs(lat) <= 91, np.clip(lat, -90, 90), np.nan)


def half_axes(text: str) -> tuple[float, float]:
    """Half axes in metres of the ellipsoid of a system (by ``name_of``); of WGS84 where it has none."""
    body = parsed(text, "the file").ellipsoid or globe().ellipsoid
    assert body is not None
    return body.semi_major_metre, body.semi_minor_metre or body.semi_major_metre


def true_places(text: str, x: np.ndarray, y: np.ndarray) -> Points | None:
    """Longitude and latitude in degrees from Greenwich of degrees x, y about a pole that the system has of its own;
    None of a system (by ``name_of``) that has none."""
    flat = _horizontal(parsed(text, "the file")) if text else None
    if flat is None or not (flat.is_geographic and flat.is_derived):
        return None
    factor = math.degrees(flat.axis_info[0].unit_conversion_factor or math.radians(1))
    return _on_globe(flat, x / factor, y / factor)


def _told(crs: CRS, ground: Ground, map_metres: tuple[float, float], latitude: float) -> str:
    """The stretch of the map in a sentence: metres of the ground in a metre of the map."""
    east, north = ground.east / map_metres[0], ground.north / map_metres[1]
    if not (np.isfinite(east).any() and np.isfinite(north).any()):
        return ""
    slant = float(np.nanmax(np.abs(ground.slant), initial=0.0))
    slanted = slant > SLANTED
    spans = [(float(np.nanmin(part)), float(np.nanmax(part))) for part in (east, north)]
    if all(abs(value - 1) < EVEN for span in spans for value in span) and not slanted:
        return ""
    shown = [_span(*span) for span in spans]
    where = f" at {abs(latitude):.4g} {'N' if latitude >= 0 else 'S'}" if math.isfinite(latitude) else ""
    scale = shown[0] if shown[0] == shown[1] else f"{shown[0]} eastward and {shown[1]} northward"
    meaning = f"the metres of the ground in a metre of the map{where}"
    turned = ""
    if slanted:
        angle = math.degrees(math.acos(min(slant, 1.0)))
        turned = (
            f" East and north of the map meet at {angle:.3g} degrees on the ground, at the least: F is along axes at "
            "right angles that are nearest to them."
        )
    return f"{_title(crs)}: slopes per metre were divided by {scale}, {meaning}.{turned}"


def _span(low: float, high: float) -> str:
    return f"{(low + high) / 2:.5g}" if high - low <= 0.002 * high else f"{low:.4g} to {high:.4g}"


def _title(crs: CRS) -> str:
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else " ".join(crs.name.split())[:60] or "unnamed"
