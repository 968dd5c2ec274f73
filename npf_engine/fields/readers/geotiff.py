"""GeoTIFF through rasterio, whose wheel brings its own GDAL: that driver alone, nothing beside the file, no network.

A large raster is averaged down as it is read, so memory is bounded by ``FULL_PIXELS`` and not by the file's words.
"""

from __future__ import annotations

import math
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import sentinels
from npf_engine.fields.raster import FULL_PIXELS, MAX_PIXELS, Coordinates, Raster, centre_of, offset_told
from npf_engine.fields.readers import crs as systems
from npf_engine.fields.readers.options import AS_THE_FILE_SAYS, RasterOptions
from npf_engine.fields.units_of_height import ASSUMED, HeightUnit, height_unit
from npf_engine.settings.limits import LARGEST

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF and BigTIFF, in both orders of bytes
STRIP_PIXELS = 4_000_000  # read at a time
SMALLEST_SIDE = 8
MAX_BANDS = 1000
SKEW = 1e-3
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
    """What is known of a raster's band before it is read."""

    name: str
    number: int  # from 1
    rows: int
    cols: int
    scale: float
    offset: float
    block_rows: int


@dataclass(frozen=True)
class _Values:
    """What the numbers of a band are: marks for nothing known, and what to take off before they become float32."""

    marks: tuple[float, ...]
    offset: float  # in the unit of the values, scale and offset of the band applied
    note: str


def read_geotiff(path: Path, name: str, options: RasterOptions = AS_THE_FILE_SAYS) -> Raster:
    """A band of the GeoTIFF at ``path``, called ``name`` in sentences. Raises InputError."""
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
            return _read(dataset, name, options)
    except CRSError as error:
        raise InputError(
            f"{name} names a coordinate system that is not understood ({_plain(error)}); warp it to EPSG:4326."
        ) from error
    except (RasterioError, UnicodeError, ValueError, OverflowError, struct.error) as error:
        if isinstance(error, InputError):
            raise
        reason = _plain(error.__cause__ or error)  # GDAL's own words, where rasterio only points to them
        if "allocat" in reason.lower():
            raise MemoryError(reason) from error
        raise InputError(f"{name} cannot be read as a GeoTIFF ({reason}); export it again.") from error


def _read(dataset: Any, name: str, options: RasterOptions) -> Raster:
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
    band = _Band(name, number, dataset.height, dataset.width, scale, offset, block_rows)
    factor = math.ceil(math.sqrt(band.rows * band.cols / FULL_PIXELS))
    if factor > 1:
        notes.append(
            f"{name} has {band.rows} x {band.cols} pixels; it was averaged over {factor} x {factor} of them as it was "
            "read."
        )
    transform, crs = dataset.transform, dataset.crs
    values = _survey(dataset, band, options)
    if values.note:
        notes.append(values.note)
    elevation = _averaged(dataset, band, values, factor) if factor > 1 else _whole(dataset, band, values)
    if factor > 1:
        t = transform
        transform = type(t)(t.a * factor, t.b * factor, t.c, t.d * factor, t.e * factor, t.f)
    written = str(dataset.units[number - 1] or "")
    raster = _oriented(elevation, transform, _system(crs, name, options), name, notes)
    return _with_unit(raster, written, values.offset, options)


def _check(dataset: Any, name: str, options: RasterOptions) -> None:
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
            f"{name} is a picture in red, green and blue, not one band of heights; decode it first (terrain-RGB: "
            "-10000 + 0.1 (65536 R + 256 G + B); Terrarium: 256 R + G + B / 256 - 32768), or give a raster of heights."
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


def _strips(dataset: Any, band: _Band, multiple: int = 1) -> Iterator[tuple[int, Any]]:
    """(first row, masked array (rows, cols) as in the file), a multiple of the file's blocks at a time."""
    from rasterio.windows import Window

    unit = max(band.block_rows if band.block_rows * band.cols <= STRIP_PIXELS else 1, 1) * multiple
    height = max(unit, STRIP_PIXELS // band.cols // unit * unit)
    for first in range(0, band.rows, height):
        window = Window(0, first, band.cols, min(height, band.rows - first))
        yield first, dataset.read(band.number, window=window, masked=True)


def _survey(dataset: Any, band: _Band, options: RasterOptions) -> _Values:
    """One look at all values: those that stand for nothing known, and the range of the others."""
    low, high, whole = math.inf, -math.inf, True
    ends: list[np.ndarray] = []
    for _, strip in _strips(dataset, band):
        known = strip.compressed()
        known = known[np.isfinite(known)] if known.dtype.kind == "f" else known
        if not known.size:
            continue
        ends.append(_ends(known))
        low, high = min(low, float(known.min())), max(high, float(known.max()))
        whole = whole and (known.dtype.kind in "iu" or bool(np.all(known[:: 1 + known.size // 100_000] % 1 == 0)))
    if not ends:
        return _Values((), 0.0, "")
    together = np.concatenate(ends)
    found = sentinels.find(together)
    note = ""
    if found:
        masked = options.missing == "mask" or any(abs(value) > LARGEST for value, _ in found)
        marks = tuple(value for value, _ in found) if masked else ()
        counts = _counts(dataset, band, [value for value, _ in found])
        size = band.rows * band.cols
        note = sentinels.sentence(band.name, list(zip([v for v, _ in found], counts, strict=True)), size, masked)
        rest = together[~np.isin(together, marks)]
        if rest.size:
            low, high = float(rest.min()), float(rest.max())
    else:
        marks = ()
    if max(abs(low), abs(high)) > LARGEST:
        raise InputError(
            f"{band.name} holds values as large as {max(abs(low), abs(high)):.3g}; heights up to {LARGEST:g} are read: "
            "give them in a larger unit, or declare those that mean nothing as nodata."
        )
    plain = band.scale == 1.0
    low, high = sorted((low * band.scale + band.offset, high * band.scale + band.offset))
    return _Values(marks, centre_of(low, high, whole and plain and band.offset == round(band.offset)), note)


def _ends(known: np.ndarray) -> np.ndarray:
    """The values of a strip in which marks show: a sample, and every one beyond where nearly all of the sample lies."""
    sample = known[:: 1 + known.size // 20_000].astype(np.float64)
    low, high = np.quantile(sample, (0.02, 0.98))
    reach = 0.05 * (high - low)
    return np.concatenate([sample, known[(known < low - reach) | (known > high + reach)][:200_000].astype(np.float64)])


def _counts(dataset: Any, band: _Band, marks: list[float]) -> list[int]:
    totals = [0] * len(marks)
    for _, strip in _strips(dataset, band):
        known = strip.compressed()
        totals = [total + int((known == mark).sum()) for total, mark in zip(totals, marks, strict=True)]
    return totals


def _known(strip: Any, band: _Band, values: _Values) -> np.ndarray:
    """A strip as float32 above the offset, NaN where nothing is known; all that is done to it in double precision."""
    unknown = np.ma.getmaskarray(strip).copy()
    plain = np.asarray(strip.data)
    for mark in values.marks:
        unknown |= plain == mark
    if band.scale == 1.0 and band.offset == values.offset and plain.dtype.itemsize <= 4:
        out = plain.astype(np.float32)
    else:
        out = (plain.astype(np.float64) * band.scale + (band.offset - values.offset)).astype(np.float32)
    out[unknown | ~np.isfinite(out)] = np.nan
    return out


def _whole(dataset: Any, band: _Band, values: _Values) -> np.ndarray:
    elevation = np.empty((band.rows, band.cols), np.float32)
    for first, strip in _strips(dataset, band):
        elevation[first : first + len(strip)] = _known(strip, band, values)
    return elevation


def _averaged(dataset: Any, band: _Band, values: _Values, factor: int) -> np.ndarray:
    """Means over ``factor`` x ``factor`` pixels, void where most are void; an incomplete edge is left out."""
    rows, cols = band.rows // factor, band.cols // factor
    if min(rows, cols) < SMALLEST_SIDE:
        raise InputError(
            f"{band.name} is a grid of {band.rows} x {band.cols} pixels, too narrow for a field; cut out a part."
        )
    elevation = np.empty((rows, cols), np.float32)
    for first, strip in _strips(dataset, band, factor):
        height = min(len(strip) // factor, rows - first // factor)
        part = _known(strip, band, values)[: height * factor, : cols * factor]
        void = np.isnan(part)
        part[void] = 0.0
        known, total = factor * factor - _block_sums(void, factor), _block_sums(part, factor)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(known >= factor * factor / 2, total / known, np.nan)
        elevation[first // factor : first // factor + height] = mean
    return elevation


def _block_sums(grid: np.ndarray, factor: int) -> np.ndarray:
    """Sums over blocks of ``factor`` x ``factor``, float32; slice by slice, far faster than by axes."""
    rows = sum((grid[k::factor] for k in range(1, factor)), start=grid[::factor].astype(np.float32))
    return sum((rows[:, k::factor] for k in range(1, factor)), start=rows[:, ::factor])


def _system(crs: Any, name: str, options: RasterOptions) -> Any:
    """The coordinate system: what the visitor says, else the file's; None where there is none."""
    if options.crs == systems.NOWHERE:
        return None
    if options.crs:
        return systems.parsed(options.crs, "crs")
    return None if crs is None or not crs.to_wkt() else systems.parsed(crs.to_wkt(), name)


def _oriented(elevation: np.ndarray, transform: Any, crs: Any, name: str, notes: list[str]) -> Raster:
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
        fits = west >= -180.5 and east <= 360.5 and south >= -90.5 and north <= 90.5
        coordinates: Coordinates = "degrees" if fits else "pixels"
        notes.append(f"{name} names no coordinate system; its positions were taken as {coordinates}.")
        if not fits:
            return Raster(elevation, pixels, "pixels", tuple(notes), unit=ASSUMED)
        crs = systems.globe()
    frame = systems.frame(crs, name, (west, south, east, north), (rows, cols))
    unit: HeightUnit = frame.unit or ASSUMED
    return Raster(elevation, frame.bounds, frame.coordinates, (*notes, *frame.notes), unit=unit, ground=frame.ground)


def _plain(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
