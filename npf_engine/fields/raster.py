"""Rasters of elevation: read from .hgt and GeoTIFF (zipped or not), voids filled, resampled by area.

.hgt (SRTM: big-endian int16, a square of 1201 or 3601 points whose outermost *centres* lie on whole degrees) is read
here, GeoTIFF in ``geotiff``. ``read_raster`` parses in this process; ``uploads`` calls it in a child with limits.
"""

from __future__ import annotations

import gzip
import re
import shutil
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.safe_archive import DAMAGE, brief, check_zip, said
from npf_engine.limits import MAX_FILE_BYTES
from npf_engine.tasks.inside import scratch

if TYPE_CHECKING:
    from scipy import sparse

Coordinates = Literal["degrees", "metres", "pixels"]
SUFFIXES = (".tif", ".tiff", ".hgt", ".hgt.gz", ".hgt.zip", ".tif.zip", ".tiff.zip", ".zip")
HGT_VOID = -32768
HGT_SIDES = {2 * side * side: side for side in (1201, 3601)}  # bytes in the file -> points on a side
MAX_PIXELS = 200_000_000  # of a file
FULL_PIXELS = 25_000_000  # read one by one: 100 MB as float32; a larger raster is averaged down as it is read
LOWEST, HIGHEST = -12_000.0, 9_500.0  # metres: below the deepest trench, above the highest summit


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True)
class Raster:
    """An elevation grid. Rows run south, columns east; elevation (rows, cols) float32 in metres, NaN where unknown.

    bounds: outer edges (west, south, east, north) in ``coordinates``: degrees (WGS84 or alike), metres
    (a projected system) or pixels (nothing is known of the place). ``notes`` are sentences on what was
    done while reading. ``source``: the grid that ``elevation`` was resampled from, where it was.
    """

    elevation: np.ndarray
    bounds: tuple[float, float, float, float]
    coordinates: Coordinates = "degrees"
    notes: tuple[str, ...] = field(default=())
    source: SourceGrid | None = None


@dataclass(frozen=True)
class SourceGrid:
    """A grid before it was resampled: (rows, cols) and how many of its pixels were void."""

    shape: tuple[int, int]
    voids: int


def is_raster(path: Path) -> bool:
    """Whether the name of the file is one that ``read_raster`` understands."""
    return path.name.lower().endswith(SUFFIXES)


def raster_name(path: Path) -> str:
    """The file's name without its raster suffixes: ``N43E007.hgt.zip`` -> ``N43E007``."""
    return re.sub(r"(\.(tiff?|hgt|gz|zip))+$", "", path.name, flags=re.IGNORECASE)


def read_raster(path: Path) -> Raster:
    """Read .tif, .tiff, .hgt, .hgt.gz or a .zip with one of them inside, here and now.

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
        except (gzip.BadGzipFile, zlib.error, EOFError, struct.error) as error:
            raise InputError(f"{path.name} is not a readable gzip file ({said(error)}); download it again.") from error
    if name.endswith((".tif", ".tiff")):
        from npf_engine.fields.geotiff import read_geotiff

        return read_geotiff(path, path.name)
    raise InputError(f"{path.name} is no raster that is understood: use one of {', '.join(SUFFIXES)}.")


def _read_zip(path: Path) -> Raster:
    """A raster in a zip; a GeoTIFF is unpacked by us, under a name of ours, never through GDAL's file systems."""
    members = [m for m in check_zip(path, MAX_FILE_BYTES) if m.filename.lower().endswith((".hgt", ".tif", ".tiff"))]
    members = [m for m in members if not Path(m.filename).name.startswith(".")]
    if len(members) != 1:
        raise InputError(f"{path.name} holds {len(members)} rasters (.tif, .hgt); put exactly one in the zip.")
    member = members[0]
    inner = Path(member.filename).name
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            if inner.lower().endswith(".hgt"):
                return _hgt(stream, brief(inner))
            with scratch() as (unpacked, file):
                shutil.copyfileobj(stream, file, 1 << 20)
                file.flush()
                from npf_engine.fields.geotiff import read_geotiff

                return read_geotiff(unpacked, f"{brief(inner)} in {path.name}")
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path.name} is not a readable zip file ({said(error)}); download it again.") from error
    except DAMAGE as error:  # encrypted, unknown compression, damaged
        raise InputError(f"{path.name} cannot be unpacked ({said(error)}); zip it again without a password.") from error


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
