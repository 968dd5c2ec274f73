"""The map on which positions and vectors of a grid on the Earth are given: equal areas of it are equal areas.

Vectors turn by the rotation part of the map's derivative (its polar decomposition), and keep their length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.fields.readers.gridded_place import AT_POLE, EARTH, LEAST_MEAN, WIDEST, Axes, Points

if TYPE_CHECKING:
    from pyproj import Proj

KILOMETRE = 1000.0
AZIMUTHAL = ("east of the middle", "north of the middle")  # names of the axes of the two maps
CYLINDER = ("along the equator", "R sin(latitude)")


@dataclass(frozen=True)
class Map:
    """x, y: (rows, cols) in km (or on the plane of the grid); turn: the angle in radians by which east and north are
    turned on the map; told: sentences; whole: whether it is the cylinder, of all longitudes or of a
    wide band; middle: longitude and
    latitude of the middle of an azimuthal map, None of any other; meridian: longitude of x = 0 on the cylinder; around:
    once round it in km, 0 of other maps."""

    x: np.ndarray
    y: np.ndarray
    turn: np.ndarray
    names: tuple[str, str]
    units: tuple[str, str]
    told: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    whole: bool = False
    middle: tuple[float, float] | None = None
    meridian: float = 0.0
    around: float = 0.0

    @property
    def origin(self) -> tuple[float, float] | None:
        """Longitude and latitude of x = y = 0 of a map of the Earth; None of the plane of a grid."""
        return (self.meridian, 0.0) if self.whole else self.middle


def metric(points: Points) -> tuple[np.ndarray, np.ndarray]:
    """Metres of the ground in a radian of longitude and of latitude, both (rows, cols)."""
    assert points.axes is not None
    a, b = points.axes
    phi = np.radians(points.lat)
    e2 = 1.0 - (b / a) ** 2
    w2 = 1.0 - e2 * np.sin(phi) ** 2
    return a / np.sqrt(w2) * np.cos(phi), a * (1.0 - e2) / w2**1.5


def map_of(points: Points) -> Map:
    """The map of a grid. Raises InputError where no point of it has a place."""
    if points.axes is None:
        none = np.zeros_like(points.lon)
        return Map(points.lon, points.lat, none, points.names, points.units)
    points.must_lie_somewhere("The grid")
    middle = _middle(points)
    return _cylinder(points, points.axes) if middle is None else _azimuthal(points, points.axes, *middle)


def _middle(points: Points) -> tuple[float, float] | None:
    """Longitude and latitude of the middle of the grid; None where it reaches round the globe."""
    good = np.isfinite(points.lon) & np.isfinite(points.lat)
    lon, lat = np.radians(points.lon[good]), np.radians(points.lat[good])
    weight = np.cos(lat)
    if points.rectilinear:  # by the edges: a denser row must not move the middle of a box
        width = float(np.ptp(points.lon[good]))
        if width < 180.0 and np.abs(lat).max() < np.radians(85.0):
            middle = float(points.lon[good].min()) + width / 2, float(np.degrees(lat.min() + lat.max()) / 2)
            return (_half(middle[0]), middle[1])
    direction = np.array(
        [np.sum(weight * part) for part in (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat))]
    ) / max(weight.sum(), 1e-300)
    length = float(np.linalg.norm(direction))
    if length < LEAST_MEAN:
        return None
    direction /= length
    across = np.cos(lat) * np.cos(lon) * direction[0] + np.cos(lat) * np.sin(lon) * direction[1]
    if np.degrees(np.arccos(np.clip((across + np.sin(lat) * direction[2]).min(), -1.0, 1.0))) > WIDEST:
        return None
    latitude = float(np.degrees(np.arcsin(np.clip(direction[2], -1.0, 1.0))))
    longitude = float(np.degrees(np.arctan2(direction[1], direction[0])))
    if abs(latitude) > 89.0:  # all round a pole: the pole itself
        return 0.0, 90.0 if latitude > 0 else -90.0
    return round(longitude, 2), round(latitude, 2)


def _half(longitude: float) -> float:
    return (longitude + 180.0) % 360.0 - 180.0


def _azimuthal(points: Points, axes: Axes, lon_0: float, lat_0: float) -> Map:
    from pyproj import Proj

    a, b = axes
    project = Proj(proj="laea", lon_0=lon_0, lat_0=lat_0, a=a, b=b)
    good = np.isfinite(points.lon) & np.isfinite(points.lat)
    x, y, turn = (np.full(points.lon.shape, np.nan) for _ in range(3))
    lon, lat = _half_all(points.lon[good]), points.lat[good]
    px, py = project(lon, lat)
    px, py = np.asarray(px), np.asarray(py)
    x[good], y[good] = (
        np.where(np.isfinite(px), px, np.nan) / KILOMETRE,
        np.where(np.isfinite(py), py, np.nan) / KILOMETRE,
    )
    turn[good] = _turn(project, lon, lat, axes)
    place = f"{abs(lat_0):.4g} {'N' if lat_0 >= 0 else 'S'}, {abs(lon_0):.4g} {'E' if lon_0 >= 0 else 'W'}"
    told = (
        f"Positions are kilometres on an equal-area map about {place} (Lambert azimuthal): rho is the area measure of "
        f"{_body(axes)}, which a box of degrees is not.",
    )
    return Map(x, y, turn, AZIMUTHAL, ("km", "km"), told, middle=(lon_0, lat_0))


def of_the_earth(axes: Axes | None) -> bool:
    """Whether half axes are those of the Earth, nearly."""
    return axes is not None and abs(axes[0] / EARTH[0] - 1) < 0.01


def _body(axes: Axes) -> str:
    return "the Earth" if of_the_earth(axes) else f"a body of {axes[0] / KILOMETRE:,.0f} km radius"


def _half_all(lon: np.ndarray) -> np.ndarray:
    return np.asarray((lon + 180.0) % 360.0 - 180.0)


def _turn(project: Proj, lon: np.ndarray, lat: np.ndarray, axes: Axes) -> np.ndarray:
    """Angle of the rotation that is nearest to the derivative of the map, from (east, north) to (x, y)."""
    lat = np.clip(lat, -AT_POLE, AT_POLE)
    found = project.get_factors(lon, lat, errcheck=False)
    a, b = axes
    phi = np.radians(lat)
    e2 = 1.0 - (b / a) ** 2
    w2 = 1.0 - e2 * np.sin(phi) ** 2
    east, north = np.cos(phi) / np.sqrt(w2), (1.0 - e2) / w2**1.5  # in half axes a, as PROJ's derivatives are
    xe, ye = np.asarray(found.dx_dlam) / east, np.asarray(found.dy_dlam) / east
    xn, yn = np.asarray(found.dx_dphi) / north, np.asarray(found.dy_dphi) / north
    angle = np.arctan2(ye - xn, xe + yn)
    return np.where(np.isfinite(angle), angle, np.nan)


def _cylinder(points: Points, axes: Axes) -> Map:
    """Lambert's cylinder: x = R lambda, y = R sin phi on the authalic sphere. Longitudes are cut where the grid is."""
    a, b = axes
    e = np.sqrt(max(1.0 - (b / a) ** 2, 0.0))

    def q(phi: np.ndarray | float) -> np.ndarray:  # Snyder (3-12)
        s = np.sin(phi)
        if e < 1e-9:
            return np.asarray(2.0 * s)
        return np.asarray((1 - e**2) * (s / (1 - (e * s) ** 2) - np.log((1 - e * s) / (1 + e * s)) / (2 * e)))

    pole = float(q(np.pi / 2))
    radius = a * np.sqrt(pole / 2)
    known = points.lon[np.isfinite(points.lon)]
    lon = points.lon if points.rectilinear else _half_all(points.lon)
    middle = round(float(known.min() + known.max()) / 2, 4) if points.rectilinear else 0.0
    x = radius * np.radians(lon - middle) / KILOMETRE
    y = radius * q(np.radians(points.lat)) / pole / KILOMETRE
    cut = _half(middle + 180.0)
    where = f"{abs(cut):.4g} {'E' if cut >= 0 else 'W'}"
    told = (
        "Positions are kilometres on Lambert's equal-area cylinder (x along the equator, y = R sin(latitude)): rho is "
        f"the area measure of {_body(axes)}. Components are eastward and northward.",
    )
    width = float(np.ptp(lon[np.isfinite(lon)]))
    columns = points.lon.shape[1]
    rows = columns == 1  # scattered: no grid that could close
    if not rows and width * (1 + 1.5 / (columns - 1)) >= 360.0:  # with the step from the last column to the first
        why = (
            f"The grid goes round the globe: its map is a cylinder that is cut open at {where}, whose sides are far "
            "apart for u and M,"
        )
    else:
        what = "region of the rows" if rows else "grid"
        south, north = (f"{abs(end):.4g} {'N' if end >= 0 else 'S'}" for end in _latitudes(points))
        why = (
            f"The {what} is {width:.4g} degrees wide and reaches from {south} to {north}, too far for a map about its "
            "middle,"
        )
    notes = (
        f"{why} and shapes are squeezed near the poles; choose bounds (west, south, east, north) for a map about the "
        "middle of a part.",
    )
    around = float(2 * np.pi * radius / KILOMETRE)
    return Map(x, y, np.zeros_like(x), CYLINDER, ("km", "km"), told, notes, True, meridian=middle, around=around)


def _latitudes(points: Points) -> tuple[float, float]:
    known = points.lat[np.isfinite(points.lat)]
    return float(known.min()), float(known.max())


def turned(f: np.ndarray, chart: Map) -> tuple[np.ndarray, str]:
    """Eastward and northward components (rows, cols, 2) along the axes of the map, and the sentence on it."""
    most = float(np.nanmax(np.abs(chart.turn), initial=0.0))
    if most == 0.0:
        return f, ""
    cos, sin = np.cos(chart.turn), np.sin(chart.turn)
    told = (
        f"Vectors are along the map's axes: eastward and northward ones were turned, by up to {math.degrees(most):.3g} "
        "degrees (axes=earth leaves them)."
    )
    return np.stack([cos * f[..., 0] - sin * f[..., 1], sin * f[..., 0] + cos * f[..., 1]], axis=-1), told
