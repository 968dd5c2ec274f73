"""Rasters of elevation: what one is, its voids filled, resampled by area. Their files are read in ``raster_files``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from npf_engine.fields.ground import Ground, even
from npf_engine.fields.units_of_height import METRES, HeightUnit

if TYPE_CHECKING:
    from scipy import sparse

Coordinates = Literal["degrees", "metres", "pixels"]
MAX_PIXELS = 200_000_000  # of a file
FULL_PIXELS = 25_000_000  # read one by one: 100 MB as float32; a larger raster is averaged down as it is read
IN_PIXELS = "positions are in pixels."  # how the note ends of a raster that does not say where it lies
FAR_OFF = 8.0  # half spreads of all values that their middle may lie from 0 before digits are lost to it


@dataclass(frozen=True)
class Raster:
    """A grid of heights, or of any scalar. Rows run south, columns east; elevation (rows, cols) float32, NaN where
    unknown, in ``unit`` above ``offset``, which was taken off in double precision.

    bounds: outer edges (west, south, east, north) in ``coordinates``: degrees, metres (of the map of a projected
    system) or pixels (nothing is known of the place). ``ground``: how long pixels are on the ground; where it is None,
    degrees are those of WGS84 and metres those of the ground. ``notes`` are warnings, ``conversions`` what was done to
    the numbers. ``source``: the grid that ``elevation`` was resampled from, where it was. ``bands``: of the file.
    ``crs``: the coordinate system, as EPSG:4326 or as WKT, "" where none is named;
    ``earth``: whether it is of the Earth; ``sized``: whether somebody said how large its pixels are.
    """

    elevation: np.ndarray
    bounds: tuple[float, float, float, float]
    coordinates: Coordinates = "degrees"
    notes: tuple[str, ...] = field(default=())
    source: SourceGrid | None = None
    unit: HeightUnit = METRES
    offset: float = 0.0
    ground: Ground | None = None
    conversions: tuple[str, ...] = field(default=())
    bands: int = 1
    crs: str = ""
    earth: bool = True
    sized: bool = False


@dataclass(frozen=True)
class SourceGrid:
    """A grid before it was resampled: (rows, cols) and how many of its pixels were void."""

    shape: tuple[int, int]
    voids: int


def sized(raster: Raster, pixel: float) -> Raster:
    """A raster that does not say where it lies, with pixels of so many metres of the ground; as it is for 0, or where
    it lies somewhere."""
    if not pixel or raster.coordinates != "pixels":
        return raster
    rows, cols = raster.elevation.shape
    return replace(
        raster,
        bounds=(0.0, 0.0, cols * pixel, rows * pixel),
        coordinates="metres",
        ground=even(cols * pixel, rows * pixel),
        sized=True,
        notes=tuple(text for text in raster.notes if not text.endswith(IN_PIXELS)),
        conversions=(*raster.conversions, f"Pixels were taken as {pixel:g} m wide on the ground."),
    )


def crs_title(crs: str) -> str:
    """A coordinate system for people: EPSG:4326, or the name in its WKT."""
    return " ".join((crs.split('"')[1] if crs.count('"') > 1 else crs).split())[:60]


def centre_of(low: float, high: float, whole: bool) -> float:
    """What to take off values between ``low`` and ``high`` before they become float32: their middle, 0 where they lie
    about 0 anyway. ``whole`` values stay whole."""
    middle, half = (low + high) / 2, (high - low) / 2
    if not np.isfinite(middle) or abs(middle) <= FAR_OFF * half:
        return 0.0
    digits = max(np.floor(np.log10(half)), -300.0) if half > 0 else 0.0  # few of them, to be read and added again
    step = 10.0 ** (max(digits, 0.0) if whole else digits)
    return float(np.round(middle / step) * step)


def centred(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Values (rows, cols), NaN where unknown, as float32 without their ``centre_of``, and that."""
    known = values[np.isfinite(values)]
    if not known.size:
        return values.astype(np.float32), 0.0
    low, high = float(known.min()), float(known.max())
    whole = bool(abs(high) < 2**53 and np.all(known == np.round(known)))
    offset = centre_of(low, high, whole)
    return (values.astype(np.float64) - offset).astype(np.float32) if offset else values.astype(np.float32), offset


def offset_told(offset: float, unit: str) -> str:
    """The sentence on an offset that was taken off."""
    return f"{offset:,.12g} {unit} were taken off in double precision: 32-bit numbers would have rounded the heights."


def fill_voids(elevation: np.ndarray) -> np.ndarray:
    """NaN pixels of (rows, cols) filled: nearest known pixel, then relaxed towards a harmonic surface inside the void.

    The relaxation (a few Jacobi sweeps on the filled pixels alone) takes away the cliffs that
    nearest-neighbour filling leaves along the middle of a void.
    """
    from scipy import ndimage

    void = np.isnan(elevation)
    if not void.any():
        return elevation
    nearest = ndimage.distance_transform_edt(void, return_distances=False, return_indices=True)
    filled = elevation[tuple(nearest)]
    kernel = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], dtype=np.float32)
    rows, cols = np.where(void)
    # the sweeps run on the smallest box around the voids
    top, left = max(int(rows.min()) - 1, 0), max(int(cols.min()) - 1, 0)
    box = (slice(top, int(rows.max()) + 2), slice(left, int(cols.max()) + 2))
    part, hole = filled[box], void[box]
    for _ in range(40):
        part[hole] = ndimage.convolve(part, kernel, mode="nearest")[hole]
    return filled


def resample(elevation: np.ndarray, max_pixels: int) -> np.ndarray:
    """Area mean of (rows, cols) on a coarser grid of at most ``max_pixels``, over the same outer edges.

    A coarse pixel is void (NaN) where more than half of its area is. Returns the input if it is small enough.
    """
    rows, cols = elevation.shape
    if rows * cols <= max_pixels:
        return elevation
    factor = np.sqrt(rows * cols / max_pixels)
    down, across = _area_weights(rows, max(1, int(rows / factor))), _area_weights(cols, max(1, int(cols / factor)))
    void = np.isnan(elevation)
    if not void.any():
        return _apply(down, elevation, across)
    weight = _apply(down, (~void).astype(np.float32), across)
    total = _apply(down, np.where(void, np.float32(0), elevation), across)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight >= 0.5, total / weight, np.nan).astype(np.float32)


def _area_weights(n: int, m: int) -> sparse.csr_matrix:
    """(m, n) matrix that averages n unit cells into m equal ones by the share of overlap."""
    from scipy import sparse

    edges = np.linspace(0.0, n, m + 1)
    first = np.floor(edges[:-1]).astype(int)
    last = np.minimum(np.ceil(edges[1:]).astype(int), n)
    width = int((last - first).max())
    index = first[:, None] + np.arange(width)[None, :]
    overlap = np.minimum(index + 1, edges[1:, None]) - np.maximum(index, edges[:-1, None])
    overlap = np.clip(overlap, 0.0, None) / (n / m)
    row = np.repeat(np.arange(m), width)
    keep = (overlap.ravel() > 0) & (index.ravel() < n)
    values = overlap.ravel()[keep].astype(np.float32)
    return sparse.csr_matrix((values, (row[keep], index.ravel()[keep])), shape=(m, n))


def _apply(down: sparse.csr_matrix, grid: np.ndarray, across: sparse.csr_matrix) -> np.ndarray:
    return np.ascontiguousarray((across @ (down @ grid).T).T, dtype=np.float32)
