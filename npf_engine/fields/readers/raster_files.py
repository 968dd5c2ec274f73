"""Files of elevation: .hgt and GeoTIFF, zipped or not.

.hgt (SRTM: big-endian int16, a square of 1201 or 3601 points whose outermost *centres* lie on whole degrees) is read
here, GeoTIFF in ``geotiff``. ``read_raster`` parses in this process; ``uploads`` calls it in a child with limits.
"""

from __future__ import annotations

import gzip
import math
import re
import shutil
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import sentinels
from npf_engine.fields.raster import Raster, sized
from npf_engine.fields.readers.geotiff import read_geotiff
from npf_engine.fields.readers.options import AS_THE_FILE_SAYS, RasterOptions
from npf_engine.fields.readers.terrain_tiles import SUFFIX, read_tile
from npf_engine.fields.units_of_height import METRES, height_unit
from npf_engine.settings.limits import MAX_FILE_BYTES
from npf_engine.tasks.archives import DAMAGE, Bounds, brief, check_zip, said
from npf_engine.tasks.inside import scratch

SUFFIXES = (".tif", ".tiff", ".hgt", ".hgt.gz", ".hgt.zip", ".tif.zip", ".tiff.zip", ".zip", SUFFIX)
HGT_VOID = -32768
HGT_SIDES = {2 * side * side: side for side in (1201, 3601)}  # bytes in the file -> points on a side


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


def is_raster(path: Path) -> bool:
    """Whether the name of the file is one that ``read_raster`` understands."""
    return path.name.lower().endswith(SUFFIXES)


def raster_name(path: Path) -> str:
    """The file's name without its raster suffixes: ``N43E007.hgt.zip`` -> ``N43E007``."""
    return re.sub(r"(\.(tiff?|hgt|gz|zip|png))+$", "", path.name, flags=re.IGNORECASE)


def read_raster(path: Path, options: RasterOptions = AS_THE_FILE_SAYS) -> Raster:
    """Read .tif, .tiff, .hgt, .hgt.gz, a .zip with one of them inside, or a .png tile of heights, here and now.

    Raises InputError with the file's name for anything that cannot be read as one band of elevation.
    """
    path = Path(path)
    raster = _read(path, options)
    if options.pixel_size and raster.coordinates != "pixels" and not raster.sized:
        note = (
            f"pixel_size = {options.pixel_size:g} was left out: {path.name} says where it lies, and so how large its "
            "pixels are (crs = none leaves its place out)."
        )
        raster = replace(raster, notes=(*raster.notes, note))
    return raster


def _read(path: Path, options: RasterOptions) -> Raster:
    name = path.name.lower()
    if not path.is_file():
        raise InputError(f"There is no raster file at {path}; check the path.")
    if name.endswith(".zip"):
        return _read_zip(path, options)
    if name.endswith((".hgt", ".hgt.gz")):
        opener = gzip.open if name.endswith(".gz") else open
        try:
            with opener(path, "rb") as stream:
                return _hgt(stream, path.name, options)
        except (gzip.BadGzipFile, zlib.error, EOFError, struct.error) as error:
            raise InputError(f"{path.name} is not a readable gzip file ({said(error)}); download it again.") from error
    if name.endswith((".tif", ".tiff")):
        return read_geotiff(path, path.name, options)
    if name.endswith(SUFFIX):
        return read_tile(path, options)
    raise InputError(f"{path.name} is no raster that is understood: use one of {', '.join(SUFFIXES)}.")


def _read_zip(path: Path, options: RasterOptions) -> Raster:
    """A raster in a zip; a GeoTIFF is unpacked by us, under a name of ours, never through GDAL's file systems."""
    every = check_zip(path, Bounds(MAX_FILE_BYTES))
    members = [m for m in every if m.filename.lower().endswith((".hgt", ".tif", ".tiff"))]
    if not members and any(m.filename.lower().endswith((".nc", ".nc4", ".zgroup", "zarr.json")) for m in every):
        raise InputError(f"{path.name} holds gridded data; call it NAME.nc.zip (NetCDF) or NAME.zarr.zip (Zarr).")
    members = [m for m in members if not Path(m.filename).name.startswith(".")]
    if len(members) != 1:
        raise InputError(f"{path.name} holds {len(members)} rasters (.tif, .hgt); put exactly one in the zip.")
    member = members[0]
    inner = Path(member.filename).name
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            if inner.lower().endswith(".hgt"):
                return _hgt(stream, brief(inner), options)
            with scratch() as (unpacked, file):
                shutil.copyfileobj(stream, file, 1 << 20)
                file.flush()
                return read_geotiff(unpacked, f"{brief(inner)} in {path.name}", options)
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"{path.name} is not a readable zip file ({said(error)}); download it again.") from error
    except DAMAGE as error:  # encrypted, unknown compression, damaged
        raise InputError(f"{path.name} cannot be unpacked ({said(error)}); zip it again without a password.") from error


def _hgt(stream: _Readable, name: str, options: RasterOptions) -> Raster:
    data = stream.read(max(HGT_SIDES) + 1)  # never more than the largest tile: a bomb is stopped here
    side = HGT_SIDES.get(len(data))
    if side is None:
        raise InputError(_wrong_size(name, len(data)))
    tile = np.frombuffer(data, dtype=">i2").reshape(side, side)
    elevation = np.where(tile == HGT_VOID, np.nan, tile).astype(np.float32)
    found = sentinels.find(elevation)
    marks: tuple[str, ...] = ()
    if found:
        masked = options.missing == "mask"
        marks = (sentinels.sentence(name, found, elevation.size, masked),)
        if masked:
            elevation[np.isin(elevation, [value for value, _ in found])] = np.nan
    unit = height_unit(options.height_unit) if options.height_unit else METRES
    told = (unit.told,) if unit.told else ()
    match = re.match(r"([NS])(\d{2})([EW])(\d{3})", Path(name).name.upper())
    if match is None:
        note = f"{name} does not say where it lies (a name like N43E007 would), so positions are in pixels."
        raster = Raster(
            elevation, (0.0, 0.0, float(side), float(side)), "pixels", (note, *marks), unit=unit, conversions=told
        )
        return sized(raster, options.pixel_size)
    south = float(match[2]) * (1 if match[1] == "N" else -1)
    west = float(match[4]) * (1 if match[3] == "E" else -1)
    half = 0.5 / (side - 1)  # the outermost centres lie on the whole degrees
    bounds = (west - half, south - half, west + 1 + half, south + 1 + half)
    return Raster(elevation, bounds, notes=marks, unit=unit, conversions=told, crs="EPSG:4326")


def _wrong_size(name: str, size: int) -> str:
    """What to say of a tile of another size: whole ones of other sides exist, and are not damaged."""
    wanted = " or ".join(f"{size:,} ({n} x {n})" for size, n in HGT_SIDES.items())
    side = math.isqrt(size // 2)
    if size > max(HGT_SIDES):
        return f"{name} has more than {size - 1:,} bytes; an .hgt tile has {wanted}: convert it to GeoTIFF."
    if 2 * side * side == size and side > 1:
        return (
            f"{name} is a tile of {side} x {side} points; an .hgt tile has {wanted}: convert it to GeoTIFF "
            "(gdal_translate), which can say where it lies."
        )
    return f"{name} has {size:,} bytes, which is no square of points; an .hgt tile has {wanted}: download it again."
