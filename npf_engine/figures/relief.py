"""Shaded relief as a picture: light from the north-west on the surface whose slope a field is, or on a grid of heights.

Shading is Lambert's: the cosine between the light and the surface's normal. Heights are exaggerated so that a steep
place of the picture (its 90 % quantile) stands at 45 degrees: a plain has a relief too, and units do not matter.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from npf_engine.fields.field import Grid
from npf_engine.figures import palette
from npf_engine.figures.layout import thin
from npf_engine.figures.terrain import mean_on_cells

STEEP = 0.9  # quantile of the slopes that stands at 45 degrees
LIGHT = np.array([-1.0, 1.0, np.sqrt(2.0)]) / 2.0  # towards it: north-west, 45 degrees high; east, north, up
DARKEST = 0.35  # of a colour that is left in full shade
PLAIN = np.array([120.0, 158.0, 168.0])  # where heights are not known: the colour of an even place


def shade(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """How bright a surface is, (rows, cols) in [0, 1], by its slopes to the east and to the north; NaN stays."""
    east, north = np.asarray(east, dtype=np.float64), np.asarray(north, dtype=np.float64)
    size = np.hypot(east, north)
    known = size[np.isfinite(size)]
    steep = float(np.quantile(known, STEEP)) if len(known) else 0.0
    scale = 1.0 / steep if steep > 0 else 1.0
    a, b = scale * east, scale * north
    lit = (LIGHT[2] - LIGHT[0] * a - LIGHT[1] * b) / np.sqrt(1.0 + a**2 + b**2)
    return np.clip(lit, 0.0, 1.0)


def of_grid(grid: Grid, most: int = 400) -> np.ndarray:
    """Heights in their colours under the light, (rows, cols, 4) uint8, north above; clear outside of Omega."""
    return of_heights(heights(grid, most))


def heights(grid: Grid, most: int) -> np.ndarray:
    """At most ``most`` by ``most`` heights of a grid, rows running south, NaN outside of Omega."""
    return np.asarray(thin(np.where(grid.mask, grid.elevation, np.nan), most)[0])


def of_heights(z: np.ndarray) -> np.ndarray:
    """The same of heights (rows, cols), rows running south."""
    z = np.asarray(z, dtype=np.float64)
    if min(z.shape) < 2:
        return np.zeros((*z.shape, 4), dtype=np.uint8)
    south, east = np.gradient(z)
    known = z[np.isfinite(z)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    share = np.nan_to_num((z - low) / (high - low if high > low else 1.0))
    return _picture(shade(east, -south), palette.mixed(palette.ELEVATION, share))


def of_ranks(z: np.ndarray) -> np.ndarray:
    """As ``of_heights``, of heights (rows, cols) by their ranks alone: where the walls of a potential are a hundred
    times as high as what lies between its minima, these are seen all the same."""
    z = np.asarray(z, dtype=np.float64)
    _, index, counts = np.unique(z, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    return of_heights(middle[index].reshape(z.shape))


def of_field(
    x: np.ndarray, f: np.ndarray, low: tuple[float, ...], high: tuple[float, ...], side: int = 72
) -> np.ndarray:
    """The surface whose slope is F, (side, side, 4) uint8, by samples x (n, 2) and F (n, 2): what a visitor knows a
    gradient field by."""
    parts = [mean_on_cells(x, f[:, k].astype(np.float64), low, high, side)[0][::-1] for k in (0, 1)]
    return of_slopes(*(_filled(part) for part in parts))


def of_slopes(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The surface with these slopes, (rows, cols), rows running south; clear where they are NaN."""
    lit = shade(east, north)
    return _picture(lit, np.broadcast_to(PLAIN, (*lit.shape, 3)))


def _filled(cells: np.ndarray) -> np.ndarray:
    """Lone cells without a sample have the mean of their neighbours; without any around them they stay as they are."""
    padded = np.pad(cells.astype(np.float64), 1, constant_values=np.nan)
    rows, cols = cells.shape
    around = [padded[1 + i : 1 + i + rows, 1 + j : 1 + j + cols] for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
    known = np.sum([np.isfinite(part) for part in around], axis=0)
    total = np.sum([np.nan_to_num(part) for part in around], axis=0)
    mean = np.where(known >= 4, total / np.maximum(known, 1), np.nan)
    return np.where(np.isfinite(cells), cells, mean)


def _picture(lit: np.ndarray, colour: np.ndarray) -> np.ndarray:
    known = np.isfinite(lit)
    strength = np.where(known, lit, 0.0)[..., None]
    # up to the light's own height a colour is dimmed, beyond it is brightened towards white
    even = float(LIGHT[2])
    dim = DARKEST + (1 - DARKEST) * np.minimum(strength / even, 1.0)
    white = np.maximum(strength - even, 0.0) / (1 - even)
    rgb = colour * dim * (1 - 0.45 * white) + 255.0 * 0.45 * white
    alpha = np.where(known, 255, 0)[..., None]
    return np.concatenate([np.clip(np.rint(rgb), 0, 255), alpha], axis=-1).astype(np.uint8)


def png(picture: np.ndarray, width: int | None = None, ratio: float | None = None) -> bytes:
    """A picture (rows, cols, 4) as PNG, ``width`` pixels wide where that is said, and of it the middle that is
    ``ratio`` times as wide as high."""
    image = Image.fromarray(picture, "RGBA")
    if ratio is not None:
        wide, high = min(image.width, round(image.height * ratio)), min(image.height, round(image.width / ratio))
        left, top = (image.width - wide) // 2, (image.height - high) // 2
        image = image.crop((left, top, left + wide, top + high))
    if width is not None:
        image = image.resize((width, max(1, round(width * image.height / image.width))), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
