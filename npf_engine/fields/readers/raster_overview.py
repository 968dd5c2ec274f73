"""A raster as a small picture of the Earth's map sees it: few heights, on even steps of the web's Mercator map.

Runs in the locked child of the readers: it parses what a stranger wrote.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.raster import Raster, resample
from npf_engine.fields.readers import crs, raster_files

if TYPE_CHECKING:
    from pyproj import CRS

SIDE = 320  # heights along a side, about: what is kept of a raster of any size
TOP = 85.0  # degrees: where the map ends
EDGE = 33  # points of each edge that say how far a projected raster reaches
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Overview:
    """bounds: west, south, east, north in degrees. heights: (rows, cols) float32 above some level, NaN where unknown,
    rows running south in even steps of Mercator's map (EPSG:3857)."""

    bounds: Bounds
    heights: np.ndarray


def overview(path: Path) -> Overview:
    """Of the raster at ``path``. Raises InputError for one that cannot be read, and for one whose place on the Earth is
    not known."""
    raster = raster_files.read_raster(path)
    place = _place(raster)
    if place is None:
        raise InputError(f"{path.name} does not say where on the Earth it lies; warp it to EPSG:4326.")
    small = resample(raster.elevation, SIDE * SIDE)
    west, south, east, north = _reach(raster.bounds, place, path.name)
    turns = 360.0 * round((west + east) / 720.0)  # longitudes from 0 to 360
    lon = np.linspace(west, east, 2 * small.shape[1] + 1)[1::2]
    low, high = (math.asinh(math.tan(math.radians(edge))) for edge in (south, north))
    lat = np.degrees(np.arctan(np.sinh(np.linspace(high, low, 2 * small.shape[0] + 1)[1::2])))
    heights = _at(small, raster.bounds, *place.from_degrees(*np.meshgrid(lon, lat)))
    return Overview((west - turns, south, east - turns, north), heights)


@dataclass(frozen=True)
class _Degrees:
    """Positions that are degrees already."""

    def to_degrees(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x, y

    from_degrees = to_degrees


@dataclass(frozen=True)
class _Projected:
    """Positions in metres on the map of ``system``, whose own unit has ``factor`` metres."""

    system: CRS
    factor: float

    def to_degrees(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lon, lat = self._between(self.system, crs.globe(), x / self.factor, y / self.factor)
        return lon, lat

    def from_degrees(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = self._between(crs.globe(), self.system, lon, lat)
        return x * self.factor, y * self.factor

    @staticmethod
    def _between(one: CRS, other: CRS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from pyproj import Transformer

        u, v = Transformer.from_crs(one, other, always_xy=True).transform(x, y)
        return np.asarray(u, dtype=np.float64), np.asarray(v, dtype=np.float64)


def _place(raster: Raster) -> _Degrees | _Projected | None:
    """How its positions are places of the Earth; None where that is not known."""
    if not raster.earth or raster.sized or raster.coordinates == "pixels":
        return None
    if raster.coordinates == "degrees":  # in some systems about a pole of their own
        own = raster.crs and crs.true_places(raster.crs, np.zeros(1), np.zeros(1)) is not None
        return None if own else _Degrees()
    if not raster.crs:
        return None
    system = crs.parsed(raster.crs, "the raster")
    flat = system.sub_crs_list[0] if system.is_compound else system
    return _Projected(flat, flat.axis_info[0].unit_conversion_factor or 1.0) if flat.is_projected else None


def _reach(edges: Bounds, place: _Degrees | _Projected, name: str) -> Bounds:
    """Edges in degrees, as far as the map goes."""
    west, south, east, north = edges
    along, up = np.linspace(west, east, EDGE), np.linspace(south, north, EDGE)
    x = np.concatenate([along, along, np.full(EDGE, west), np.full(EDGE, east)])
    y = np.concatenate([np.full(EDGE, south), np.full(EDGE, north), up, up])
    lon, lat = place.to_degrees(x, y)
    bounds = float(lon.min()), max(float(lat.min()), -TOP), float(lon.max()), min(float(lat.max()), TOP)
    whole = isinstance(place, _Degrees) or (np.isfinite(lon).all() and float(np.ptp(lon)) <= 180)
    if not (whole and bounds[1] < bounds[3]):
        raise InputError(f"{name} reaches beyond what the map shows of the Earth; warp it to EPSG:4326.")
    return bounds


def _at(small: np.ndarray, edges: Bounds, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The heights at places (rows, cols) on the raster's own map, NaN outside of it."""
    west, south, east, north = edges
    with np.errstate(invalid="ignore"):
        col, row = (x - west) / (east - west) * small.shape[1], (north - y) / (north - south) * small.shape[0]
        inside = (col >= 0) & (col < small.shape[1]) & (row >= 0) & (row < small.shape[0])
    rows, cols = (np.where(inside, index, 0).astype(int) for index in (row, col))
    return np.where(inside, small[rows, cols], np.nan).astype(np.float32)
