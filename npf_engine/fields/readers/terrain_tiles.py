"""Tiles of heights that are coded as colours of a PNG: Mapbox's Terrain-RGB and Mapzen's Terrarium.

Heights in metres are -10000 + 0.1 (65536 R + 256 G + B)  (docs.mapbox.com, Mapbox Terrain-RGB v1) and
256 R + G + B / 256 - 32768  (github.com/tilezen/joerd, docs/formats.md). A path that ends in zoom/column/row.png says
where a tile lies: in a square of the web's Mercator projection (EPSG:3857).
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import sentinels
from npf_engine.fields.raster import Raster, centred, offset_told, sized
from npf_engine.fields.readers import crs as systems
from npf_engine.fields.readers.options import RasterOptions
from npf_engine.fields.units_of_height import METRES, height_unit
from npf_engine.numbers import percent
from npf_engine.tasks.archives import said

SUFFIX = ".png"
MAPBOX, TERRARIUM = "mapbox", "terrarium"
NAMES = {
    MAPBOX: "Terrain-RGB: heights are -10000 + 0.1 (65536 R + 256 G + B)",
    TERRARIUM: "Terrarium: heights are 256 R + G + B / 256 - 32768",
}
MOST_SIDE = 2048  # pixels
SIDES = (64, 128, 256, 512, 1024, 2048)  # of tiles, without the border that some have of their neighbours
MOST_BORDER = 2
DEEPEST, HIGHEST = -11_500.0, 9_200.0  # metres, on the Earth
NEARLY_ALL = 0.99  # share of the pixels whose height must be one of the Earth
ROUGHEST = 2000.0  # metres between neighbours, on half of the pixels at most: colours of a picture differ by more
_PLACE = re.compile(  # without zeros before the numbers, as dates have them: survey_12_05_24.png
    r"(?:^|/|([_.-]))(0|[1-9]\d?)([/_-])(0|[1-9]\d{0,7})\3(0|[1-9]\d{0,7})(?:@2x)?\.png$", re.IGNORECASE
)
_HALF = math.pi * 6_378_137.0  # metres from the middle to the edge of EPSG:3857
_NOTHING = (0, 0, 0)  # black is -10,000 m or -32,768 m: a tile is filled with it where nothing is known


def read_tile(path: Path, options: RasterOptions) -> Raster:
    """The heights of a tile. Raises InputError for what is none, and where it cannot be told of which kind it is."""
    if options.band != 1:
        raise InputError(f"{path.name} is a tile of heights, which are one band; leave band at 1.")
    rgb, seen = _pixels(path)
    border = _border(rgb.shape) if _wants_place(path, options) else 0
    if border > 0:
        inner = slice(border, -border)
        rgb, seen = rgb[inner, inner], seen[inner, inner]
    black = (rgb == _NOTHING).all(axis=2)
    known = seen & ~black if not black.all() else seen
    kind = options.encoding or _kind(rgb, known, path.name)
    heights = np.where(known, decoded(rgb, kind), np.nan)
    marks = sentinels.find(np.round(heights, 3))
    if marks and options.missing == "mask":
        heights[np.isin(np.round(heights, 3), [value for value, _ in marks])] = np.nan
    elevation, offset = centred(heights)
    unit = height_unit(options.height_unit) if options.height_unit else METRES
    why = "as it was said" if options.encoding else "set encoding where it is the other kind"
    told = [f"{path.name} was decoded as {NAMES[kind]} {unit.name} ({why}).", unit.told]
    told += [offset_told(offset, unit.name)] if offset else []
    notes = [sentinels.sentence(path.name, marks, heights.size, options.missing == "mask")] if marks else []
    if border > 0:
        told.append(f"Its outermost {border} pixel{'s' * (border > 1)}, those of its neighbours, were left out.")
    void = int((~known).sum())
    if void:
        notes.append(f"{void:,} pixels ({percent(void / known.size, 2)}) are clear or black, and were taken as void.")
    raster = Raster(
        elevation,
        (0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0])),
        "pixels",
        tuple(notes),
        unit=unit,
        offset=offset,
        conversions=tuple(text for text in told if text),
    )
    return _placed(raster, path, options)


def decoded(rgb: np.ndarray, kind: str) -> np.ndarray:
    """Metres (rows, cols) float64 of colours (rows, cols, 3) uint8."""
    r, g, b = (rgb[..., k].astype(np.float64) for k in range(3))
    return -10_000.0 + 0.1 * (65_536.0 * r + 256.0 * g + b) if kind == MAPBOX else 256.0 * r + g + b / 256.0 - 32_768.0


def tile_of(path: Path) -> tuple[int, int, int] | None:
    """Zoom, column and row of a tile by the end of its path: 12/2138/1444.png, or 12-2138-1444.png."""
    found = _PLACE.search(path.as_posix())
    if found is None:
        return None
    zoom, column, row = (int(found[part]) for part in (2, 4, 5))
    date = bool(found[1]) and max(column, row) < 100  # the end of a longer name, and no number that a date has not
    return (zoom, column, row) if max(column, row) < 2**zoom and zoom <= 24 and not date else None


def _pixels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Colours (rows, cols, 3) uint8 and where they are not clear (rows, cols)."""
    from PIL import Image

    with open(path, "rb") as stream:
        head = stream.read(26)
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR" or len(head) < 26:
        raise InputError(f"{path.name} does not begin as a PNG; export it again.")
    cols, rows, depth = struct.unpack(">IIB", head[16:25])
    if max(rows, cols) > MOST_SIDE:
        raise InputError(f"{path.name} has {rows} x {cols} pixels; a tile has at most {MOST_SIDE} on a side.")
    if depth != 8 or head[25] not in (2, 3, 6):
        raise InputError(
            f"{path.name} has no colours of 8 bits, in which Terrain-RGB and Terrarium keep heights; give a GeoTIFF of "
            "heights."
        )
    bomb = Image.DecompressionBombError
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.size != (cols, rows):
                raise ValueError("it says two sizes")
            pixels = np.asarray(image.convert("RGBA"))
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error, bomb) as error:
        raise InputError(f"{path.name} is damaged and cannot be decoded ({said(error)}); download it again.") from error
    return pixels[..., :3], pixels[..., 3] > 0


def _kind(rgb: np.ndarray, known: np.ndarray, name: str) -> str:
    """The one kind by which all heights are heights of the Earth, and neighbours are near. Raises InputError."""
    likely = [kind for kind in NAMES if _plausible(np.where(known, decoded(rgb, kind), np.nan))]
    if len(likely) == 1:
        return likely[0]
    what = "may be either kind of" if likely else "is a picture, and neither kind of"
    raise InputError(
        f"{name} {what} tile of heights (Terrain-RGB, Terrarium); set encoding to mapbox or terrarium if it is one, or "
        "give a GeoTIFF of heights."
    )


def _plausible(heights: np.ndarray) -> bool:
    known = heights[np.isfinite(heights)]
    if not known.size or ((known >= DEEPEST) & (known <= HIGHEST)).mean() < NEARLY_ALL:
        return False
    steps = np.concatenate([np.abs(np.diff(heights, axis=axis)).ravel() for axis in (0, 1)])
    steps = steps[np.isfinite(steps)]
    return not steps.size or float(np.median(steps)) <= ROUGHEST


def _wants_place(path: Path, options: RasterOptions) -> bool:
    return options.crs != systems.NOWHERE and tile_of(path) is not None


def _border(shape: tuple[int, ...]) -> int:
    """How many pixels of its neighbours a tile of 256, 512, 1024 or 2048 has on each side, -1 for what is no tile."""
    rows, cols = shape[:2]
    found = [k for k in range(MOST_BORDER + 1) if rows - 2 * k in SIDES]
    return found[0] if rows == cols and found else -1


def _placed(raster: Raster, path: Path, options: RasterOptions) -> Raster:
    tile = tile_of(path) if _wants_place(path, options) else None
    rows, cols = raster.elevation.shape
    if tile is not None and _border((rows, cols)) != 0:
        note = (
            f"{path.name} has {rows} x {cols} pixels, and tiles of the web are squares of 256, 512 or 1024: where its "
            "path says that it lies was not believed, so positions are in pixels."
        )
        return sized(replace(raster, notes=(note, *raster.notes)), options.pixel_size)
    if tile is None:
        why = "crs = none leaves out where its path says that it lies"
        if tile_of(path) is None:
            why = f"{path.name} does not say where it lies (a path that ends in zoom/column/row.png would)"
        note = f"{why}, so positions are in pixels."
        return sized(replace(raster, notes=(note, *raster.notes)), options.pixel_size)
    zoom, column, row = tile
    side = 2 * _HALF / 2**zoom
    west, north = -_HALF + column * side, _HALF - row * side
    shape = (raster.elevation.shape[0], raster.elevation.shape[1])
    frame = systems.frame(
        systems.parsed("EPSG:3857", path.name), path.name, (west, north - side, west + side, north), shape
    )
    told = f"Its path says where it lies: zoom {zoom}, column {column:,}, row {row:,} of the web's tiles."
    return replace(
        raster,
        bounds=frame.bounds,
        coordinates=frame.coordinates,
        ground=frame.ground,
        crs="EPSG:3857",
        notes=(*raster.notes, *frame.notes),
        conversions=(*raster.conversions, told),
    )
