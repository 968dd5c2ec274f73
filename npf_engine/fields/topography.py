"""From a raster of elevation to a Field: the slope of smoothed terrain (NPF 5.1, Figures 1 and 2).

Elevation + U[0,1) noise where it is quantised to whole metres (dequantisation), Gaussian smoothing with
sigma in pixels of the grid used, central differences. Convention: x = (longitude, latitude) or
(east, north), F = (dz/dcolumn, -dz/drow): rows run south, so position and derivative are turned together.
Positions are pixel centres and the extreme centres go to -1 and 1, so F in metres per pixel is the
gradient of z in pixel coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Field, Grid, Scaling, Units, split_indices
from npf_engine.fields.lattice import Lattice
from npf_engine.fields.provenance import provenance_of, warnings_of
from npf_engine.fields.raster import Coordinates, Raster, SourceGrid, resample
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.surface import SMALLEST_SIDE, Surface, known_elevation, make_surface, pixel_metres

Progress = Callable[[float, float, str], None]
GAUSSIAN_SIGMAS = 3.0  # the box reaches to three standard deviations of a Gaussian rho


def terrain_field(
    name: str,
    elevation: np.ndarray,
    bounds: tuple[float, float, float, float],
    spec: FieldSpec,
    *,
    coordinates: Coordinates = "degrees",
    notes: Sequence[str] = (),
    source: dict[str, Any] | None = None,
    grid: SourceGrid | None = None,
    progress: Progress | None = None,
) -> Field:
    """The gradient field of an elevation grid, with the reference measure that ``spec.rho`` asks for.

    elevation: (rows, cols) metres, row 0 in the north, NaN (or -32768) where unknown. bounds: outer edges
    (west, south, east, north) in ``coordinates``. Uses sigma, slope, max_samples, rho, voids, noise_seed and
    split_seed of the spec. Values are in metres per pixel of the grid used, or in metres per metre
    (slope "per-metre": pixel sizes from the WGS84 ellipsoid, hence with cos(latitude)).

    ``notes`` join the warnings, ``source`` the provenance; ``grid``: what was resampled to ``elevation`` already.
    Raises InputError for a grid without slope, without known pixels, too small, or a rho that cannot be had.
    """
    say = progress or (lambda done, total, text: None)
    _check_spec(spec)
    z = known_elevation(name, elevation)
    say(0.1, 1.0, "preparing the elevation grid")
    used = resample(z, spec.max_samples)
    grid = grid or SourceGrid((z.shape[0], z.shape[1]), int(np.isnan(z).sum()))
    pixels = pixel_metres(used.shape, bounds, coordinates)
    surface = make_surface(used, spec)
    gradient = surface.gradient if spec.slope == "per-pixel" else _per_metre(name, surface.gradient, *pixels)
    say(0.6, 1.0, "choosing the points of the reference measure")
    mask, rho = _omega(name, surface, spec)
    x, y, scaling, low, high = _samples(name, gradient, mask, bounds, spec)
    say(0.9, 1.0, "splitting into training and test points")
    train, test = split_indices(len(x), spec.split_seed)
    provenance = provenance_of(grid, surface, mask, bounds, coordinates, spec, pixels)
    west, south, east, north = bounds
    field = Field(
        name=name,
        kind="samples",
        x_train=x[train],
        y_train=y[train],
        x_test=x[test],
        y_test=y[test],
        low=low,
        high=high,
        scaling=scaling,
        units=_units(coordinates, spec.slope),
        rho=rho,
        grid=Grid(surface.smooth, surface.raw, mask, west, south, east, north),
        lattice=Lattice(_tensor(gradient), torch.from_numpy(mask), GAUSSIAN_SIGMAS if spec.rho == "gaussian" else 1.0),
        warnings=[*notes, *warnings_of(provenance, spec)],
        provenance={**(source or {}), **provenance},
    )
    say(1.0, 1.0, "the field is ready")
    return field


def _per_metre(
    name: str, gradient: np.ndarray, pixel_east: np.ndarray | None, pixel_north: np.ndarray | None
) -> np.ndarray:
    """Slopes (rows, cols, 2) in metres per pixel of these sizes, in metres per metre."""
    if pixel_east is None or pixel_north is None:
        raise InputError(
            f"{name} does not say how large its pixels are in metres; choose the slope in metres per pixel."
        )
    scaled: np.ndarray = gradient / np.stack([pixel_east, pixel_north], axis=-1).astype(np.float32)
    return scaled


def raster_field(
    name: str,
    raster: Raster,
    spec: FieldSpec,
    source: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Field:
    """``terrain_field`` of a Raster; its notes become warnings."""
    return terrain_field(
        name,
        raster.elevation,
        raster.bounds,
        spec,
        coordinates=raster.coordinates,
        notes=raster.notes,
        source=source,
        grid=raster.source,
        progress=progress,
    )


def _check_spec(spec: FieldSpec) -> None:
    if spec.rho not in ("box", "disc", "gaussian", "land", "samples"):
        raise InputError(f"rho is {spec.rho!r}; terrain offers box, disc, gaussian, land or samples.")
    if spec.slope not in ("per-pixel", "per-metre"):
        raise InputError(f"slope is {spec.slope!r}; it must be per-pixel or per-metre.")
    if spec.voids not in ("fill", "mask"):
        raise InputError(f"voids is {spec.voids!r}; it must be fill or mask.")
    if not (np.isfinite(spec.sigma) and spec.sigma >= 0):
        raise InputError(f"sigma is {spec.sigma}; it must be 0 (no smoothing) or a positive number of pixels.")
    if spec.max_samples < SMALLEST_SIDE**2:
        raise InputError(f"max_samples is {spec.max_samples}; it must be at least {SMALLEST_SIDE**2}.")


def _unit_axes(rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres of the columns (west to east) and rows (north to south) in [-1, 1]."""
    return np.linspace(-1.0, 1.0, cols), np.linspace(1.0, -1.0, rows)


def _omega(name: str, surface: Surface, spec: FieldSpec) -> tuple[np.ndarray, str]:
    """The pixels of Omega (rows, cols) bool, and what rho is then called in the Field."""
    rows, cols = surface.raw.shape
    mask = np.ones((rows, cols), dtype=bool)
    rho = spec.rho
    if rho == "disc":
        column, row = _unit_axes(rows, cols)
        mask = column[None, :] ** 2 + row[:, None] ** 2 <= 1.0
    elif rho == "land":
        mask = ~surface.plateau
    if spec.voids == "mask" and surface.void.any():
        mask &= ~surface.void
        # no longer a box, a disc or a Gaussian: rho is the law of the pixels that are left
        rho = "samples" if spec.rho == "gaussian" else "land"
    if mask.sum() < SMALLEST_SIDE**2:
        raise InputError(
            f"{name} keeps {int(mask.sum())} pixels with rho = {spec.rho} and voids = {spec.voids}: too few."
        )
    return mask, rho


def _samples(
    name: str, gradient: np.ndarray, mask: np.ndarray, bounds: tuple[float, float, float, float], spec: FieldSpec
) -> tuple[Tensor, Tensor, Scaling, tuple[float, ...], tuple[float, ...]]:
    """Model positions (n, 2), values (n, 2), the scaling and Omega's box in the user's units."""
    rows, cols = mask.shape
    west, south, east, north = bounds
    half_col, half_row = (east - west) / cols / 2, (north - south) / rows / 2
    low, high = (west + half_col, south + half_row), (east - half_col, north - half_row)
    box = Scaling.of_box(low, high)
    column, row = _unit_axes(rows, cols)
    if spec.rho != "gaussian":
        r, c = np.nonzero(mask)
        x = np.stack([column[c], row[r]], axis=1)
        y = gradient[r, c]
        return _tensor(x), _tensor(y), box, low, high
    n = min(mask.size, spec.max_samples)
    x = _truncated_normal(n, spec.split_seed)
    at = np.stack(
        [(1.0 - x[:, 1] / GAUSSIAN_SIGMAS) * (rows - 1) / 2, (1.0 + x[:, 0] / GAUSSIAN_SIGMAS) * (cols - 1) / 2]
    )
    y = np.stack([ndimage.map_coordinates(gradient[..., k], at, order=1, mode="nearest") for k in (0, 1)], axis=1)
    nearest = np.rint(at).astype(int)
    kept = mask[nearest[0], nearest[1]]
    if kept.sum() < SMALLEST_SIDE**2:
        raise InputError(f"{name} keeps {int(kept.sum())} points under a Gaussian rho with its voids masked: too few.")
    scaling = Scaling(box.offset, tuple(s / GAUSSIAN_SIGMAS for s in box.scale))
    return _tensor(x[kept]), _tensor(y[kept]), scaling, low, high


def _truncated_normal(n: int, seed: int) -> np.ndarray:
    """n draws (n, 2) of N(0, I) inside [-3, 3]^2 (99.5 % of its mass), by rejection."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n + n // 50 + 100, 2))
    x = x[(np.abs(x) <= GAUSSIAN_SIGMAS).all(axis=1)]
    while len(x) < n:
        more = rng.standard_normal((n, 2))
        x = np.concatenate([x, more[(np.abs(more) <= GAUSSIAN_SIGMAS).all(axis=1)]])
    return x[:n]


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _units(coordinates: Coordinates, slope: str) -> Units:
    value = "metres per metre" if slope == "per-metre" else "metres per pixel"
    if coordinates == "degrees":
        return Units(("longitude", "latitude"), ("degrees", "degrees"), value)
    if coordinates == "metres":
        return Units(("east", "north"), ("metres", "metres"), value)
    return Units(("column", "row, counted from the south"), ("pixels", "pixels"), value)
