"""From a raster of elevation to a Field: the slope of smoothed terrain (NPF 5.1, Figures 1 and 2).

Elevation + U[0,1) noise where it is quantised to whole metres (dequantisation), Gaussian smoothing with
sigma in pixels of the grid used, central differences. Convention: x = (longitude, latitude) or
(east, north), F = (dz/dcolumn, -dz/drow): rows run south, so position and derivative are turned together.
Positions are pixel centres and the extreme centres go to -1 and 1, so F in metres per pixel is the
gradient of z in pixel coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.field import Field, Grid, Scaling, Units, split_indices
from npf_engine.fields.ground import NOTHING, Ground, default_ground
from npf_engine.fields.lattice import Lattice
from npf_engine.fields.provenance import conversions_of, provenance_of, warnings_of
from npf_engine.fields.raster import IN_PIXELS, Coordinates, Raster, SourceGrid, centred, offset_told, resample
from npf_engine.fields.roughness import SMOOTH_RASTER, rough_warning
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.surface import SMALLEST_SIDE, Surface, known_elevation, make_surface
from npf_engine.fields.units_of_height import METRES
from npf_engine.tasks.files import Json

Progress = Callable[[float, float, str], None]
HGT_VOID = -32768
MUCH_WATER = 0.1  # of the pixels: all of them are one value of F, where M is not determined
GAUSSIAN_SIGMAS = 3.0  # the box reaches to three standard deviations of a Gaussian rho


def terrain_field(
    name: str,
    elevation: np.ndarray,
    bounds: tuple[float, float, float, float],
    spec: FieldSpec,
    *,
    coordinates: Coordinates = "degrees",
    progress: Progress | None = None,
) -> Field:
    """``raster_field`` of an array (rows, cols) in metres, row 0 in the north, NaN (or -32768) where unknown."""
    z = np.array(elevation, dtype=np.float64)
    z[z == HGT_VOID] = np.nan
    used, offset = centred(z)
    told = (offset_told(offset, METRES.name),) if offset else ()
    return raster_field(
        name, Raster(used, bounds, coordinates, offset=offset, conversions=told), spec, progress=progress
    )


def raster_field(
    name: str,
    raster: Raster,
    spec: FieldSpec,
    source: Mapping[str, Json] | None = None,
    progress: Progress | None = None,
    leave_water: bool = False,
) -> Field:
    """The gradient field of a raster, with the reference measure that ``spec.rho`` asks for.

    Uses sigma, slope, max_samples, rho, voids, noise_seed and split_seed of the spec. Values are in metres per pixel
    of the grid used, or (slope "per-metre") in metres per metre of the ground, along the rows and the columns of the
    raster; heights in a unit of length are turned into metres, others keep their unit.
    leave_water: where much of the box is level water rho is the land by itself. Notes become warnings, ``source`` joins
    the provenance. Raises InputError for a grid without slope or known pixels, too small, or a rho that cannot be had.
    """
    say = progress or (lambda done, total, text: None)
    _check_spec(spec)
    say(0.1, 1.0, "preparing the elevation grid")
    raster, ground = _used(name, raster, spec)
    shape = (raster.elevation.shape[0], raster.elevation.shape[1])
    pixels = None if ground is None else ground.pixels(shape, raster.bounds)
    surface = make_surface(raster.elevation, spec)
    asked, spec = spec, _on_land(spec, surface) if leave_water else spec
    unit = raster.unit.metres or 1.0
    gradient = _in_metres(surface.gradient, unit)
    if spec.slope == "per-metre":
        gradient = _per_metre(name, gradient, pixels, raster.notes, ground)
    say(0.6, 1.0, "choosing the points of the reference measure")
    known = np.asarray(np.isfinite(gradient).all(axis=2))
    mask, rho = _omega(name, surface, spec, known)
    gradient = np.where(known[..., None], gradient, np.float32(0.0))
    x, y, scaling, low, high = _samples(name, gradient, mask, raster.bounds, spec)
    say(0.9, 1.0, "splitting into training and test points")
    train, test = split_indices(len(x), spec.split_seed)
    provenance = provenance_of(raster, surface, mask, spec, pixels)
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
        units=_units(raster, spec.slope),
        rho=rho,
        grid=_grid(raster, surface, mask, unit),
        lattice=Lattice(_tensor(gradient), torch.from_numpy(mask), GAUSSIAN_SIGMAS if spec.rho == "gaussian" else 1.0),
        warnings=[
            *raster.notes,
            *warnings_of(provenance, spec, spec != asked),
            *rough_warning(x.numpy(), y.numpy(), SMOOTH_RASTER),
        ],
        conversions=conversions_of(raster, surface, spec, ground),
        provenance={**(source or {}), **provenance},
    )
    say(1.0, 1.0, "the field is ready")
    return field


def _used(name: str, raster: Raster, spec: FieldSpec) -> tuple[Raster, Ground | None]:
    """The raster on the grid that ``spec`` takes, without poles where slopes are per metre; the ground under it."""
    z = known_elevation(name, raster.elevation, raster.unit.name, raster.offset)
    raster = replace(
        raster,
        elevation=resample(z, spec.max_samples),
        source=raster.source or SourceGrid((z.shape[0], z.shape[1]), int(np.isnan(z).sum())),
    )
    ground = raster.ground or default_ground(raster.bounds, raster.coordinates)
    if spec.slope == "per-metre" and ground is not None and ground.axes is not None:
        raster = _without_poles(raster, ground)
    return raster, ground


def _grid(raster: Raster, surface: Surface, mask: np.ndarray, unit: float) -> Grid:
    """What maps show: heights in metres where ``unit`` of them is one of theirs."""
    smooth, raw = (_in_metres(z, unit) for z in (surface.smooth, surface.raw))
    return Grid(smooth, raw, mask, *raster.bounds, offset=raster.offset * unit)


def _in_metres(z: np.ndarray, unit: float) -> np.ndarray:
    return z if unit == 1.0 else z * np.float32(unit)


def _without_poles(raster: Raster, ground: Ground) -> Raster:
    """The raster without rows at its edge where there is no east: at a pole all of them are one point."""
    rows, cols = raster.elevation.shape
    east, _ = ground.pixels((rows, cols), raster.bounds)
    good = np.asarray((east > 0).any(axis=1))
    if good.all() or not good.any():
        return raster
    first, last = int(np.argmax(good)), rows - int(np.argmax(good[::-1]))
    west, south, east_, north = raster.bounds
    height = (north - south) / rows
    bounds = (west, north - last * height, east_, north - first * height)
    count = rows - last + first
    note = (
        f"{count} row{'s' * (count > 1)} at a pole {'were' if count > 1 else 'was'} left out: there is no east there."
    )
    return replace(raster, elevation=raster.elevation[first:last], bounds=bounds, notes=(*raster.notes, note))


def _per_metre(
    name: str,
    gradient: np.ndarray,
    pixels: tuple[np.ndarray, np.ndarray] | None,
    notes: tuple[str, ...],
    ground: Ground | None,
) -> np.ndarray:
    """Slopes (rows, cols, 2) in metres per pixel of these sizes, in metres per metre; NaN off the globe. notes: of the
    raster, one of which says why nobody knows how large they are."""
    if pixels is None:
        why = next((f"{text} " for text in notes if text.endswith(IN_PIXELS)), "")
        raise InputError(
            f"{why}{name} does not say how large its pixels are in metres; set pixel_size (of a table write "
            "the unit of its positions, as in x [m]), or choose the slope in metres per pixel."
        )
    size = np.stack(pixels, axis=-1)
    size[~(size > NOTHING * np.nanmax(size))] = np.nan
    slopes = np.asarray(gradient / size.astype(np.float32))
    return slopes if ground is None else ground.at_right_angles(slopes)


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


def _on_land(spec: FieldSpec, surface: Surface) -> FieldSpec:
    """The same with the land as rho, where rho is the box, much of it is level water, and land is left."""
    dry = int((~surface.plateau).sum())
    much = surface.plateau.mean() >= MUCH_WATER and dry >= SMALLEST_SIDE**2
    return replace(spec, rho="land") if spec.rho == "box" and spec.water == "auto" and much else spec


def _unit_axes(rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres of the columns (west to east) and rows (north to south) in [-1, 1]."""
    return np.linspace(-1.0, 1.0, cols), np.linspace(1.0, -1.0, rows)


def _omega(name: str, surface: Surface, spec: FieldSpec, known: np.ndarray) -> tuple[np.ndarray, str]:
    """The pixels of Omega (rows, cols) bool, and what rho is then called in the Field. known: where F is a number."""
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
    if not known.all():
        mask &= known
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


def _units(raster: Raster, slope: str) -> Units:
    height = raster.unit.name if raster.unit.metres is None else METRES.name
    value = f"{height} per {'metre' if slope == 'per-metre' else 'pixel'}"
    if raster.coordinates == "degrees":
        return Units(("longitude", "latitude"), ("degrees", "degrees"), value)
    if raster.coordinates == "metres":
        return Units(("east", "north"), ("metres", "metres"), value)
    return Units(("column", "row, counted from the south"), ("pixels", "pixels"), value)
