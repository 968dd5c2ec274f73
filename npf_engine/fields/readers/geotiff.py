"""GeoTIFF through rasterio, whose wheel brings its own GDAL: that driver alone, nothing beside the file, no network.

A large raster is averaged down as it is read, so memory is bounded by ``FULL_PIXELS`` and not by the file's words.
"""

from __future__ import annotations

import math
import struct
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.raster import FULL_PIXELS, MAX_PIXELS, Coordinates, Raster, offset_told, sized
from npf_engine.fields.readers import crs as systems
from npf_engine.fields.readers.options import AS_THE_FILE_SAYS, RasterOptions
from npf_engine.fields.readers.raster_band import Affine, Band, Dataset, Projection, averaged, survey, whole_grid
from npf_engine.fields.units_of_height import ASSUMED, HeightUnit, height_unit
from npf_engine.tasks.archives import said

if TYPE_CHECKING:
    from pyproj import CRS

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF, in both orders of bytes
MAX_BANDS = 1000
SKEW = 1e-3
# GDAL follows files by their content to other files, servers and programs; none of that belongs to a GeoTIFF.
GDAL_OPTIONS: dict[str, str | int] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no .ovr, .msk, .tfw, .rpb beside it
    "GDAL_PAM_ENABLED": "NO",  # nor .aux.xml
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
    "GDAL_HTTP_MAX_RETRY": 0,
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_CACHEMAX": 64,
    "GDAL_NUM_THREADS": 1,
}


def read_geotiff(path: Path, name: str, options: RasterOptions = AS_THE_FILE_SAYS) -> Raster:
    """A band of the GeoTIFF at ``path``, called ``name`` in sentences. Raises InputError."""
    import rasterio
    from rasterio._err import CPLE_BaseError  # GDAL's own errors, which no class of rasterio.errors is above
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
            return _read(dataset, name, options)
    except CRSError as error:
        raise InputError(
            f"{name} names a coordinate system that is not understood ({said(error)}); warp it to EPSG:4326."
        ) from error
    except (RasterioError, CPLE_BaseError, UnicodeError, ValueError, OverflowError, struct.error) as error:
        if isinstance(error, InputError):
            raise
        reason = said(error.__cause__ or error)  # GDAL's own words, where rasterio only points to them
        if "allocat" in reason.lower():
            raise MemoryError(reason) from error
        raise InputError(f"{name} cannot be read as a GeoTIFF ({reason}); export it again.") from error


def _read(dataset: Dataset, name: str, options: RasterOptions) -> Raster:
    notes: list[str] = []
    _check(dataset, name, options)
    if dataset.count > 1:
        ordinal = "the first one" if options.band == 1 else f"band {options.band}"
        notes.append(f"{name} has {dataset.count} bands; {ordinal} was taken as the elevation.")
    number = options.band
    block_rows = int(dataset.block_shapes[number - 1][0])
    scale, offset = float(dataset.scales[number - 1]), float(dataset.offsets[number - 1])
    if not (math.isfinite(scale) and math.isfinite(offset) and scale != 0):
        scale, offset = 1.0, 0.0
        notes.append(f"{name} gives its heights a scale that is no number; it was left out.")
    band = Band(name, number, dataset.height, dataset.width, scale, offset, block_rows)
    factor = math.ceil(math.sqrt(band.rows * band.cols / FULL_PIXELS))
    if factor > 1:
        notes.append(
            f"{name} has {band.rows} x {band.cols} pixels; it was averaged over {factor} x {factor} of them as it was "
            "read."
        )
    transform, crs = dataset.transform, dataset.crs
    values = survey(dataset, band, options)
    if values.note:
        notes.append(values.note)
    elevation = averaged(dataset, band, values, factor) if factor > 1 else whole_grid(dataset, band, values)
    if factor > 1:
        transform = _coarser(transform, factor)
    written = str(dataset.units[number - 1] or "")
    system = _system(crs, name, options)
    raster = _oriented(elevation, transform, system, name, notes, plane=options.pixel_size > 0)
    raster = sized(raster, options.pixel_size * factor)
    return replace(_with_unit(raster, written, values.offset, options), bands=int(dataset.count))


def _check(dataset: Dataset, name: str, options: RasterOptions) -> None:
    if dataset.count < 1:
        raise InputError(f"{name} holds no band of elevation; export it again.")
    if dataset.count > MAX_BANDS:
        raise InputError(
            f"{name} has {dataset.count:,} bands; at most {MAX_BANDS:,} are looked at: keep the elevation."
        )
    if not 1 <= options.band <= dataset.count:
        raise InputError(f"{name} has {dataset.count} bands; there is no band {options.band}.")
    if dataset.width * dataset.height > MAX_PIXELS:
        raise InputError(
            f"{name} has {dataset.height} x {dataset.width} pixels; the limit is {MAX_PIXELS:,}: "
            "cut out a part or resample it."
        )
    kind = str(dataset.dtypes[options.band - 1])
    if np.dtype(kind).kind not in "iuf":
        raise InputError(f"{name} holds values of type {kind}; elevation must be real numbers.")
    colours = {colour.name for colour in dataset.colorinterp}
    if dataset.count in (3, 4) and kind == "uint8" and {"red", "green", "blue"} <= colours:
        raise InputError(
            f"{name} is a picture in red, green and blue, not one band of heights; give a tile of "
            "Terrain-RGB or Terrarium as PNG, which is decoded, or a raster of heights."
        )
    if dataset.count == 1 and "palette" in colours:
        raise InputError(f"{name} is a picture with a palette of colours, not heights; give a raster of heights.")


def _with_unit(raster: Raster, written: str, offset: float, options: RasterOptions) -> Raster:
    """The unit of heights: what the visitor says, else the band, else the coordinate system, else metres, told."""
    if options.height_unit:
        unit = height_unit(options.height_unit)
    elif written.strip():
        unit = height_unit(written)
    else:
        unit = raster.unit
    conversions = [*raster.conversions, unit.told] + ([offset_told(offset, unit.name)] if offset else [])
    return replace(raster, unit=unit, offset=offset, conversions=tuple(text for text in conversions if text))


def _system(crs: Projection | None, name: str, options: RasterOptions) -> CRS | None:
    """The coordinate system: what the visitor says, else the file's; None where there is none."""
    if options.crs == systems.NOWHERE:
        return None
    if options.crs:
        return systems.parsed(options.crs, "crs")
    return None if crs is None or not crs.to_wkt() else systems.parsed(crs.to_wkt(), name)


def _coarser(t: Affine, factor: int) -> Affine:
    return type(t)(t.a * factor, t.b * factor, t.c, t.d * factor, t.e * factor, t.f)


def _oriented(
    elevation: np.ndarray, transform: Affine, crs: CRS | None, name: str, notes: list[str], plane: bool
) -> Raster:
    rows, cols = elevation.shape
    pixels = (0.0, 0.0, float(cols), float(rows))
    if transform.is_identity:
        notes.append(f"{name} does not say where it lies, so positions are in pixels.")
        return Raster(elevation, pixels, "pixels", tuple(notes), unit=ASSUMED)
    # what adds up to less than a thousandth of a pixel over the raster is the rounding of whoever wrote it
    if abs(transform.b) * rows > SKEW * abs(transform.a) or abs(transform.d) * cols > SKEW * abs(transform.e):
        raise InputError(f"{name} is rotated against north; warp it to a north-up grid first (gdalwarp does it).")
    west, north = transform.c, transform.f
    east, south = west + transform.a * cols, north + transform.e * rows
    if not all(map(math.isfinite, (west, south, east, north))) or west == east or south == north:
        raise InputError(f"{name} says that it lies nowhere (its corners are no numbers); export it again.")
    if south > north:
        elevation, south, north = elevation[::-1].copy(), north, south
    if west > east:
        elevation, west, east = elevation[:, ::-1].copy(), east, west
    if crs is None:
        fits = not plane and systems.within_globe((west, south, east, north), (rows, cols), 180.0, 360.0)
        coordinates: Coordinates = "degrees" if fits else "pixels"
        notes.append(f"{name} names no coordinate system; its positions were taken as {coordinates}.")
        if not fits:
            return Raster(elevation, pixels, "pixels", tuple(notes), unit=ASSUMED)
        crs = systems.globe()
        named = ""
    else:
        named = systems.name_of(crs)
    frame = systems.frame(crs, name, (west, south, east, north), (rows, cols))
    unit: HeightUnit = frame.unit or ASSUMED
    notes += frame.notes
    bounds = frame.bounds
    if frame.coordinates == "degrees" and frame.ground is not None and frame.ground.axes is not None:
        elevation, bounds = _meridian_once(elevation, bounds, notes)
    return Raster(
        elevation,
        bounds,
        frame.coordinates,
        tuple(notes),
        unit=unit,
        ground=frame.ground,
        crs=named,
        earth=systems.of_the_earth(crs),
    )


def _meridian_once(
    elevation: np.ndarray, bounds: tuple[float, float, float, float], notes: list[str]
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """A globe without its last column where that lies on the meridian of the first one; told in ``notes``."""
    west, south, east, north = bounds
    pixel = (east - west) / elevation.shape[1]
    if elevation.shape[1] < 2 or abs(east - west - pixel - 360.0) > SKEW * pixel:
        return elevation, bounds
    notes.append(
        f"The first and the last column lie on one meridian ({west + pixel / 2:g} degrees), which counts once."
    )
    return elevation[:, :-1].copy(), (west, south, east - pixel, north)
