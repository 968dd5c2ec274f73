"""How long the pixels of a raster are on the ground, which its map need not say: a projection stretches.

The stretch of a projection varies smoothly, so it is known on a coarse grid (made beside the reader, by pyproj) and
interpolated; in longitude and latitude it is known row by row in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from npf_engine.fields.raster import Coordinates

SPLINE = 4  # nodes on a side from which a cubic spline goes through them
AT_POLE = 0.01  # of a row's height: nearer to a pole there is no east
RIGHT = 1e-4  # cosine of an angle on the ground that is a right one
NOTHING = 1e-6  # of the longest pixel: shorter ones are no places of the ground
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Ground:
    """Where a raster lies: on a map whose stretch is known at nodes, or (``axes``) in degrees on an ellipsoid.

    east, north: (k, l) float64, metres on the ground that the whole raster would be long along its rows and its
    columns, were it everywhere as at that node; nodes from edge to edge, row 0 in the north; NaN where the map shows
    no place of the globe. axes: semi-major and semi-minor, in metres. ``told``: the conversion in a sentence. slant (k,
    l): the cosine of the angle between east and north of the map on the ground, 0 where they are at right angles.
    """

    east: np.ndarray
    north: np.ndarray
    axes: tuple[float, float] | None = None
    told: str = ""
    slant: np.ndarray = field(default_factory=lambda: np.zeros((1, 1)))

    def pixels(self, shape: tuple[int, int], bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
        """Metres of a pixel at each centre of a grid (rows, cols) over these edges: east, north, both (rows, cols)."""
        if self.axes is not None:
            return _on_ellipsoid(shape, bounds, *self.axes)
        rows, cols = shape
        return _at_centres(self.east, shape) / cols, _at_centres(self.north, shape) / rows

    def at_right_angles(self, slopes: np.ndarray) -> np.ndarray:
        """Slopes (rows, cols, 2) along east and north of the map, per metre of the ground, as the components of the
        same gradient along two axes at right angles, each as near to its own as the other to its.

        Where east and north meet at an angle with the cosine c = sin 2 alpha on the ground, the axes lie alpha outwards
        of them: what is known is [[cos, sin], [sin, cos]] (alpha) of the gradient."""
        if not (np.abs(self.slant) > RIGHT).any():
            return slopes
        angle = np.arcsin(np.clip(_at_centres(self.slant, slopes.shape[:2]), -1.0, 1.0)) / 2
        cos, sin, size = np.cos(angle), np.sin(angle), np.cos(2 * angle)
        east, north = slopes[..., 0], slopes[..., 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            turned = np.stack([cos * east - sin * north, cos * north - sin * east], axis=-1) / size[..., None]
        return np.asarray(turned, dtype=slopes.dtype)


def on_ellipsoid(major: float, minor: float) -> Ground:
    """Degrees of longitude and latitude on an ellipsoid with these half axes, in metres."""
    none = np.zeros((1, 1))
    return Ground(none, none, (major, minor))


WGS84 = on_ellipsoid(6_378_137.0, 6_356_752.314245179)


def even(width: float, height: float, told: str = "") -> Ground:
    """A raster that is as long everywhere: metres from edge to edge."""
    return Ground(np.full((1, 1), float(width)), np.full((1, 1), float(height)), told=told)


def default_ground(bounds: Bounds, coordinates: Coordinates) -> Ground | None:
    """What is assumed where nothing is said: degrees are those of WGS84, metres those of the ground."""
    if coordinates == "pixels":
        return None
    west, south, east, north = bounds
    return WGS84 if coordinates == "degrees" else even(east - west, north - south)


def _on_ellipsoid(shape: tuple[int, int], bounds: Bounds, a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """By the radii of curvature at each row's latitude; 0 to the east in a row that lies at a pole, or beyond."""
    rows, cols = shape
    west, south, east, north = bounds
    width, height = (east - west) / cols, (north - south) / rows
    latitude = north - (np.arange(rows) + 0.5) * height
    e2, phi = 1.0 - (b / a) ** 2, np.radians(latitude)
    w2 = 1.0 - e2 * np.sin(phi) ** 2
    metres_east = np.radians(width) * a / np.sqrt(w2) * np.cos(phi)
    metres_east[np.abs(latitude) >= 90 - AT_POLE * height] = 0.0
    metres_north = np.radians(height) * a * (1.0 - e2) / w2**1.5
    return (np.repeat(metres_east[:, None], cols, axis=1), np.repeat(metres_north[:, None], cols, axis=1))


def _at_centres(nodes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    down = (np.arange(shape[0]) + 0.5) / shape[0] * (nodes.shape[0] - 1)
    across = (np.arange(shape[1]) + 0.5) / shape[1] * (nodes.shape[1] - 1)
    if min(nodes.shape) >= SPLINE and np.isfinite(nodes).all():
        from scipy.interpolate import RectBivariateSpline

        spline = RectBivariateSpline(np.arange(nodes.shape[0]), np.arange(nodes.shape[1]), nodes)
        return np.asarray(spline(down, across))
    return _between(_between(nodes, down).T, across).T


def _between(nodes: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Linear between the rows of ``nodes``; NaN beside one that is."""
    if len(nodes) == 1:
        return np.repeat(nodes, len(at), axis=0)
    low = np.clip(np.floor(at).astype(int), 0, len(nodes) - 2)
    share = (at - low)[:, None]
    return np.asarray(nodes[low] * (1 - share) + nodes[low + 1] * share)
