"""The surface under a terrain field: voids filled, dequantised, smoothed, differentiated; its level plateaus."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.raster import Raster, SourceGrid, fill_voids, resample
from npf_engine.fields.spec import FieldSpec

SMALLEST_SIDE = 8  # pixels
SMALLEST_PLATEAU = 400  # pixels: a level patch of 20 x 20, the size of the default smoothing
LEVEL = 4 * float(np.finfo(np.float32).eps)  # of the largest: what means of equal heights may differ by in float32


@dataclass(frozen=True)
class Surface:
    """The grid used: raw and smoothed elevation, gradient, where it was void, where it is a level plateau."""

    raw: np.ndarray
    smooth: np.ndarray
    gradient: np.ndarray  # (rows, cols, 2): east, north
    void: np.ndarray
    plateau: np.ndarray
    dequantised: bool


def known_elevation(name: str, elevation: np.ndarray, unit: str = "m", offset: float = 0.0) -> np.ndarray:
    """Elevation (rows, cols) as float32 with NaN where unknown; InputError if it cannot carry a field."""
    z = np.asarray(elevation)
    if z.ndim != 2 or min(z.shape) < SMALLEST_SIDE:
        raise InputError(
            f"{name} is a grid of shape {' x '.join(map(str, z.shape))}; elevation needs two dimensions of at least "
            f"{SMALLEST_SIDE} pixels each."
        )
    z = z.astype(np.float32)
    z[~np.isfinite(z)] = np.nan
    known = z[~np.isnan(z)]
    if known.size == 0:
        raise InputError(f"{name} has no known elevation: every pixel is void; choose another region or product.")
    if known.min() == known.max():
        raise InputError(
            f"{name} is level: every known pixel is {known[0] + offset:.9g} {unit} and F would be zero; choose a "
            "region with relief."
        )
    return z


def reduced(raster: Raster, name: str, most_pixels: int) -> Raster:
    """The raster, checked to carry a field, on a grid of at most ``most_pixels`` (and at least the smallest)."""
    z = known_elevation(name, raster.elevation, raster.unit.name, raster.offset)
    used = resample(z, max(most_pixels, SMALLEST_SIDE**2))
    source = SourceGrid((z.shape[0], z.shape[1]), int(np.isnan(z).sum()))
    return replace(raster, elevation=used, source=source)


def make_surface(used: np.ndarray, spec: FieldSpec) -> Surface:
    """Fill, dequantise (only heights quantised to whole units), smooth and differentiate (rows, cols) in their unit.

    The noise U[0,1) is seeded by ``spec.noise_seed``; the smoothing is ``spec.sigma`` pixels, edges continued.
    """
    from scipy import ndimage

    void = np.isnan(used)
    raw = fill_voids(used)
    known = raw[~void]
    dequantised = bool(np.all(known == np.round(known)))
    # fills are smooth inside, so a plateau is looked for on what was measured
    plateau = _plateaus(raw) & ~void
    z = raw
    if dequantised:
        z = raw + np.random.default_rng(spec.noise_seed).random(raw.shape, dtype=np.float32)
    if spec.sigma > 0:
        z = ndimage.gaussian_filter(z, spec.sigma, mode="nearest")
    d_row, d_col = np.gradient(z)
    return Surface(raw, z, np.stack([d_col, -d_row], axis=-1), void, plateau, dequantised)


def _plateaus(raw: np.ndarray) -> np.ndarray:
    """Pixels of level patches (sea, lakes) of at least 400 pixels: (rows, cols) bool.

    A pixel whose 3 x 3 surroundings are all equal has an exactly zero gradient before dequantising; patches
    of such pixels are grown by the ring that shares their level.
    """
    from scipy import ndimage

    highest = ndimage.maximum_filter(raw, size=3, mode="nearest")
    level = highest - ndimage.minimum_filter(raw, size=3, mode="nearest") <= LEVEL * float(np.abs(raw).max())
    labels, count = ndimage.label(level)
    if count == 0:
        return level
    sizes = np.bincount(labels.ravel())
    large = sizes >= SMALLEST_PLATEAU
    large[0] = False
    return ndimage.binary_dilation(large[labels], structure=np.ones((3, 3), dtype=bool))
