"""Rasters of elevation: read from GeoTIFF and .hgt (zipped or not), voids filled, resampled by area.

GeoTIFF goes through rasterio, whose wheel brings its own GDAL; .hgt (SRTM: big-endian int16, a square
of 1201 or 3601 points whose outermost *centres* lie on whole degrees) is read here.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from scipy import ndimage, sparse

from npf_engine.errors import InputError

Coordinates = Literal["degrees", "metres", "pixels"]
SUFFIXES = (".tif", ".tiff", ".hgt", ".hgt.gz", ".hgt.zip", ".tif.zip", ".tiff.zip", ".zip")
HGT_VOID = -32768
HGT_SIDES = {2 * side * side: side for side in (1201, 3601)}  # bytes in the file -> points on a side
MAX_PIXELS = 200_000_000  # 800 MB as float32
LOWEST, HIGHEST = -12_000.0, 9_500.0  # metres: below the deepest trench, above the highest summit


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class Raster:
    """An elevation grid. Rows run south, columns east; elevation (rows, cols) float32 in metres, NaN where unknown.

    bounds: outer edges (west, south, east, north) in ``coordinates``: degrees (WGS84 or alike), metres
    (a projected system) or pixels (nothing is known of the place). ``notes`` are sentences on what was
    done while reading.
    """

    elevation: np.ndarray
    bounds: tuple[float, float, float, float]
    coordinates: Coordinates = "degrees"
    notes: tuple[str, ...] = field(default=())


def is_raster(path: Path) -> bool:
    """Whether the name of the file is one that ``read_raster`` understands."""
    return path.name.lower().endswith(SUFFIXES)


def raster_name(path: Path) -> str:
    """The file's name without its raster suffixes: ``N43E007.hgt.zip`` -> ``N43E007``."""
    return re.sub(r"(\.(tiff?|hgt|gz|zip))+$", "", path.name, flags=re.IGNORECASE)


def read_raster(path: Path) -> Raster:
    """Read .tif, .tiff, .hgt, .hgt.gz or a .zip with one of them inside.

    Raises InputError with the file's name for anything that cannot be read as one band of elevation.
    """
    path = Path(path)
    name = path.name.lower()
    if not path.is_file():
        raise InputError(f"There is no raster file at {path}; check the path.")
    if name.endswith(".zip"):
        return _read_zip(path)
    if name.endswith((".hgt", ".hgt.gz")):
        opener = gzip.open if name.endswith(".gz") else open
        try:
            with opener(path, "rb") as stream:
                return _hgt(stream, path.name)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise InputError(f"{path.name} is not a readable gzip file ({error}); download it again.") from error
    if name.endswith((".tif", ".tiff")):
        return _tif(str(path), path.name)
    raise InputError(f"{path.name} is no raster that is understood: use one of {', '.join(SUFFIXES)}.")


def _read_zip(path: Path) -> Raster:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if m.filename.lower().endswith((".hgt", ".tif", ".tiff"))]
            members = [m for m in members if not Path(m.filename).name.startswith(".")]
            if len(members) != 1:
                raise InputError(f"{path.name} holds {len(members)} rasters (.tif, .hgt); put exactly one in the zip.")
            member = members[0]
            if member.file_size > 4 * MAX_PIXELS:
                raise InputError(
                    f"{member.filename} in {path.name} unpacks to {member.file_size / 1e6:.0f} MB; "
                    f"the limit is {4 * MAX_PIXELS / 1e6:.0f} MB."
                )
            if member.filename.lower().endswith(".hgt"):
                with archive.open(member) as stream:
                    return _hgt(stream, Path(member.filename).name)
            return _tif(f"/vsizip/{path.resolve()}/{member.filename}", f"{member.filename} in {path.name}")
    except zipfile.BadZipFile as error:
        raise InputError(f"{path.name} is not a readable zip file ({error}); download it again.") from error
    except (RuntimeError, NotImplementedError, zlib.error) as error:  # encrypted, unknown compression, damaged
        raise InputError(f"{path.name} cannot be unpacked ({error}); zip it again without a password.") from error


def _hgt(stream: _Readable, name: str) -> Raster:
    data = stream.read(max(HGT_SIDES) + 1)  # never more than the largest tile: a bomb is stopped here
    side = HGT_SIDES.get(len(data))
    if side is None:
        raise InputError(
            f"{name} has {'more than ' if len(data) > max(HGT_SIDES) else ''}{len(data):,} bytes; an .hgt tile has "
            f"{' or '.join(f'{size:,} ({n} x {n})' for size, n in HGT_SIDES.items())}: is it complete?"
        )
    tile = np.frombuffer(data, dtype=">i2").reshape(side, side)
    elevation = np.where(tile == HGT_VOID, np.nan, tile).astype(np.float32)
    match = re.match(r"([NS])(\d{2})([EW])(\d{3})", Path(name).name.upper())
    if match is None:
        note = f"{name} does not say where it lies (a name like N43E007 would), so positions are in pixels."
        return Raster(elevation, (0.0, 0.0, float(side), float(side)), "pixels", (note,))
    south = float(match[2]) * (1 if match[1] == "N" else -1)
    west = float(match[4]) * (1 if match[3] == "E" else -1)
    half = 0.5 / (side - 1)  # the outermost centres lie on the whole degrees
    return Raster(elevation, (west - half, south - half, west + 1 + half, south + 1 + half))


def _tif(source: str, name: str) -> Raster:
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    notes: list[str] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(source) as dataset:
                if dataset.width * dataset.height > MAX_PIXELS:
                    raise InputError(
                        f"{name} has {dataset.height} x {dataset.width} pixels; the limit is {MAX_PIXELS:,}: "
                        "cut out a part or resample it."
                    )
                if dataset.count > 1:
                    notes.append(f"{name} has {dataset.count} bands; the first one was taken as the elevation.")
                if np.dtype(dataset.dtypes[0]).kind not in "iuf":
                    raise InputError(
                        f"{name} holds values of type {dataset.dtypes[0]}; elevation must be real numbers."
                    )
                band = dataset.read(1, masked=True)
                elevation = band.astype(np.float32).filled(np.nan)
                if dataset.scales[0] != 1.0 or dataset.offsets[0] != 0.0:
                    elevation = elevation * np.float32(dataset.scales[0]) + np.float32(dataset.offsets[0])
                transform, crs = dataset.transform, dataset.crs
    except RasterioError as error:
        raise InputError(f"{name} cannot be read as a GeoTIFF ({error}).") from error
    elevation[~((elevation >= LOWEST) & (elevation <= HIGHEST))] = np.nan  # -32768 and the like, undeclared
    return _oriented(elevation, transform, crs, name, notes)


def _oriented(elevation: np.ndarray, transform: Any, crs: Any, name: str, notes: list[str]) -> Raster:
    rows, cols = elevation.shape
    if transform.is_identity:
        notes.append(f"{name} does not say where it lies, so positions are in pixels.")
        return Raster(elevation, (0.0, 0.0, float(cols), float(rows)), "pixels", tuple(notes))
    if transform.b != 0 or transform.d != 0:
        raise InputError(f"{name} is rotated against north; warp it to a north-up grid first (gdalwarp does it).")
    west, north = transform.c, transform.f
    east, south = west + transform.a * cols, north + transform.e * rows
    if south > north:
        elevation, south, north = elevation[::-1].copy(), north, south
    if west > east:
        elevation, west, east = elevation[:, ::-1].copy(), east, west
    if crs is None:
        fits = west >= -180.5 and east <= 360.5 and south >= -90.5 and north <= 90.5
        coordinates: Coordinates = "degrees" if fits else "pixels"
        notes.append(f"{name} names no coordinate system; its positions were taken as {coordinates}.")
        if not fits:
            return Raster(elevation, (0.0, 0.0, float(cols), float(rows)), "pixels", tuple(notes))
    else:
        coordinates = "degrees" if crs.is_geographic else "metres"
    unit = 1.0 if coordinates == "degrees" else float(crs.linear_units_factor[1])
    west, south, east, north = (value * unit for value in (west, south, east, north))
    return Raster(elevation, (west, south, east, north), coordinates, tuple(notes))


def fill_voids(elevation: np.ndarray) -> np.ndarray:
    """NaN pixels of (rows, cols) filled: nearest known pixel, then relaxed towards a harmonic surface inside the void.

    The relaxation (a few Jacobi sweeps on the filled pixels alone) takes away the cliffs that
    nearest-neighbour filling leaves along the middle of a void.
    """
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
