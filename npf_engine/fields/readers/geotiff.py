"""GeoTIFF through rasterio, whose wheel brings its own GDAL: that driver alone, nothing beside the file, no network.

A large raster is averaged down as it is read, so memory is bounded by ``FULL_PIXELS`` and not by the file's words.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.raster import FULL_PIXELS, HIGHEST, LOWEST, MAX_PIXELS, Coordinates, Raster

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF, in both orders of bytes
STRIP_PIXELS = 4_000_000  # read at a time
SMALLEST_SIDE = 8
MAX_BANDS = 1000
# GDAL follows files by their content to other files, servers and programs; none of that belongs to a GeoTIFF.
GDAL_OPTIONS: dict[str, Any] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .ovr, .msk, .tfw, .rpb beside it
    "GDAL_PAM_ENABLED": "NO",  # nor .aux.xml
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "GDAL_HTTP_MAX_RETRY": 0,
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_CACHEMAX": 64,
    "GDAL_NUM_THREADS": 1,
}


@dataclass(frozen=True)
class _Band:
    """What is known of a raster's first band before it is read."""

    name: str
    rows: int
    cols: int
    scale: float
    offset: float
    block_rows: int


def read_geotiff(path: Path, name: str) -> Raster:
    """The first band of the GeoTIFF at ``path``, called ``name`` in sentences. Raises InputError."""
    import rasterio
    from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError

    with open(path, "rb") as stream:
        if stream.read(4) not in MAGIC:
            raise InputError(f"{name} cannot be read as a GeoTIFF (it does not begin as one); export it as GeoTIFF.")
    try:
        with (
            warnings.catch_warnings(),
            rasterio.Env(**GDAL_OPTIONS),
            rasterio.open(path.resolve(), driver="GTiff", sharing=False) as dataset,
        ):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return _read(dataset, name)
    except CRSError as error:
        raise InputError(
            f"{name} names a coordinate system that is not understood ({_plain(error)}); warp it to EPSG:4326."
        ) from error
    except (RasterioError, UnicodeError, ValueError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        reason = _plain(error.__cause__ or error)  # GDAL's own words, where rasterio only points to them
        if "allocat" in reason.lower():
            raise MemoryError(reason) from error
        raise InputError(f"{name} cannot be read as a GeoTIFF ({reason}); export it again.") from error


def _read(dataset: Any, name: str) -> Raster:
    notes: list[str] = []
    if dataset.count < 1:
        raise InputError(f"{name} holds no band of elevation; export it again.")
    if dataset.count > MAX_BANDS:
        raise InputError(
            f"{name} has {dataset.count:,} bands; at most {MAX_BANDS:,} are looked at: keep the elevation."
        )
    if dataset.width * dataset.height > MAX_PIXELS:
        raise InputError(
            f"{name} has {dataset.height} x {dataset.width} pixels; the limit is {MAX_PIXELS:,}: "
            "cut out a part or resample it."
        )
    if dataset.count > 1:
        notes.append(f"{name} has {dataset.count} bands; the first one was taken as the elevation.")
    if np.dtype(dataset.dtypes[0]).kind not in "iuf":
        raise InputError(f"{name} holds values of type {dataset.dtypes[0]}; elevation must be real numbers.")
    block_rows = int(dataset.block_shapes[0][0])
    band = _Band(name, dataset.height, dataset.width, dataset.scales[0], dataset.offsets[0], block_rows)
    factor = math.ceil(math.sqrt(band.rows * band.cols / FULL_PIXELS))
    if factor > 1:
        notes.append(
            f"{name} has {band.rows} x {band.cols} pixels; it was averaged over {factor} x {factor} of them as it was "
            "read."
        )
    transform, crs = dataset.transform, dataset.crs
    elevation = _averaged(dataset, band, factor) if factor > 1 else _whole(dataset, band)
    if factor > 1:
        t = transform
        transform = type(t)(t.a * factor, t.b * factor, t.c, t.d * factor, t.e * factor, t.f)
    return _oriented(elevation, transform, crs, name, notes)


def _strips(dataset: Any, band: _Band, multiple: int = 1) -> Any:
    """(first row, (rows, cols) float32 metres with NaN where unknown), a multiple of the file's blocks at a time."""
    from rasterio.windows import Window

    unit = max(band.block_rows if band.block_rows * band.cols <= STRIP_PIXELS else 1, 1) * multiple
    height = max(unit, STRIP_PIXELS // band.cols // unit * unit)
    for first in range(0, band.rows, height):
        window = Window(0, first, band.cols, min(height, band.rows - first))
        values = dataset.read(1, window=window, masked=True).astype(np.float32).filled(np.nan)
        if band.scale != 1.0 or band.offset != 0.0:
            values = values * np.float32(band.scale) + np.float32(band.offset)
        values[~((values >= LOWEST) & (values <= HIGHEST))] = np.nan  # -32768 and the like, undeclared
        yield first, values


def _whole(dataset: Any, band: _Band) -> np.ndarray:
    elevation = np.empty((band.rows, band.cols), np.float32)
    for first, values in _strips(dataset, band):
        elevation[first : first + len(values)] = values
    return elevation


def _averaged(dataset: Any, band: _Band, factor: int) -> np.ndarray:
    """Means over ``factor`` x ``factor`` pixels, void where most are void; an incomplete edge is left out."""
    rows, cols = band.rows // factor, band.cols // factor
    if min(rows, cols) < SMALLEST_SIDE:
        raise InputError(
            f"{band.name} is a grid of {band.rows} x {band.cols} pixels, too narrow for a field; cut out a part."
        )
    elevation = np.empty((rows, cols), np.float32)
    for first, values in _strips(dataset, band, factor):
        height = min(len(values) // factor, rows - first // factor)
        values = values[: height * factor, : cols * factor]
        void = np.isnan(values)
        values[void] = 0.0
        known, total = factor * factor - _block_sums(void, factor), _block_sums(values, factor)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known >= factor * factor / 2, total / known, np.nan)
        elevation[first // factor : first // factor + height] = mean
    return elevation


def _block_sums(grid: np.ndarray, factor: int) -> np.ndarray:
    """Sums over blocks of ``factor`` x ``factor``, float32; slice by slice, far faster than by axes."""
    rows = sum((grid[k::factor] for k in range(1, factor)), start=grid[::factor].astype(np.float32))
    return sum((rows[:, k::factor] for k in range(1, factor)), start=rows[:, ::factor])


def _oriented(elevation: np.ndarray, transform: Any, crs: Any, name: str, notes: list[str]) -> Raster:
    rows, cols = elevation.shape
    if transform.is_identity:
        notes.append(f"{name} does not say where it lies, so positions are in pixels.")
        return Raster(elevation, (0.0, 0.0, float(cols), float(rows)), "pixels", tuple(notes))
    if transform.b != 0 or transform.d != 0:
        raise InputError(f"{name} is rotated against north; warp it to a north-up grid first (gdalwarp does it).")
    west, north = transform.c, transform.f
    east, south = west + transform.a * cols, north + transform.e * rows
    if not all(map(math.isfinite, (west, south, east, north))) or west == east or south == north:
        raise InputError(f"{name} says that it lies nowhere (its corners are no numbers); export it again.")
    if south > north:
        elevation, south, north = elevation[::-1].copy(), north, south
    if west > east:
        elevation, west, east = elevation[:, ::-1].copy(), east, west
    fits = west >= -180.5 and east <= 360.5 and south >= -90.5 and north <= 90.5
    if crs is None:
        coordinates: Coordinates = "degrees" if fits else "pixels"
        notes.append(f"{name} names no coordinate system; its positions were taken as {coordinates}.")
    else:
        coordinates = "degrees" if crs.is_geographic else "metres"
        if coordinates == "degrees" and not fits:
            coordinates = "pixels"
            notes.append(f"{name} lies beyond the globe, so positions are in pixels.")
    if coordinates == "pixels":
        return Raster(elevation, (0.0, 0.0, float(cols), float(rows)), "pixels", tuple(notes))
    unit = 1.0 if coordinates == "degrees" else float(crs.linear_units_factor[1])
    west, south, east, north = (value * unit for value in (west, south, east, north))
    return Raster(elevation, (west, south, east, north), coordinates, tuple(notes))


def _plain(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
