"""A flow in a box of a gridded file: three components on x, y and z, as a field in three dimensions.

Points that lie evenly are the samples, as those of a VTK image are; of uneven ones each is drawn by the volume of its
cell (systematic resampling), further samples of a cell lie in it with values trilinear between the points.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers import gridded_smooth as smoothing
from npf_engine.fields.readers.columns import Column
from npf_engine.fields.readers.gridded_axes import PRESSURE, Choice, Layout, layout
from npf_engine.fields.readers.gridded_place import coordinate
from npf_engine.fields.readers.gridded_values import Index, Log, checked, values
from npf_engine.fields.readers.gridded_window import strides
from npf_engine.fields.readers.one_unit import one_unit
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import percent
from npf_engine.settings.limits import rows_needed

if TYPE_CHECKING:
    import xarray as xr

MOST_POINTS = 400_000_000
LEAST_STEPS = 3  # along each side
EVEN = 1e-3  # of a step, by which positions may be uneven and count as even


@dataclass(frozen=True)
class Volume:
    """x, f: (n, 3) float64; nodes: how many are points of the grid, and come first; voids: points that are not known;
    shape: along z, y and x before thinning; axes and units of x, y, z, the unit of F."""

    x: np.ndarray
    f: np.ndarray
    nodes: int
    voids: int
    shape: tuple[int, int, int]
    axes: tuple[str, str, str]
    position: tuple[str, str, str]
    value: str


def upward(ds: xr.Dataset, names: tuple[str, ...]) -> str:
    """The dimension of z. Raises InputError where the three components do not lie in one box."""
    grid = layout(ds, names[0])
    levels = [dim for kind, dim in grid.others if kind == "level" and ds.sizes[dim] > 1]
    alike = all(set(ds.variables[name].dims) == set(ds.variables[names[0]].dims) for name in names)
    if not levels or not alike or grid.lon:
        raise InputError(
            f"{', '.join(names)} do not lie on one grid of x, y and z; name two components for a slice of it."
        )
    return levels[0]


def read_volume(ds: xr.Dataset, names: tuple[str, ...], choices: list[Choice], spec: FieldSpec, log: Log) -> Volume:
    """The samples of a flow in a box. Raises InputError where it is none, too large or too thin."""
    grid, up = layout(ds, names[0]), upward(ds, names)
    dims = (up, grid.y, grid.x)
    shape = tuple(int(ds.sizes[dim]) for dim in dims)
    size = math.prod(shape)
    if size > MOST_POINTS or min(shape) < LEAST_STEPS:
        raise InputError(
            f"{names[0]} is a box of {' x '.join(map(str, shape))} points; {LEAST_STEPS} along each side are needed, "
            f"and {MOST_POINTS:,} in all at most: take a slice of it (components = {','.join(names[:2])})."
        )
    steps: dict[str, Index] = {step.dimension: step.index for step in choices}
    f, value, taken = _flow(ds, names, dims, steps, spec, log)
    steps |= dict(zip(dims, taken, strict=True))
    if spec.bounds is not None:
        log.note("bounds are degrees, and this grid has none: all of it was taken.")
    lines = {dim: coordinate(ds, dim, steps) for dim in dims}
    for dim, (line, _) in lines.items():
        if not np.isfinite(line).all():
            raise InputError(f"{dim} holds positions that are no numbers; correct them, or take a slice.")
    turned = _sense(ds, up, lines[up][0], names[2], log)
    lines[up] = lines[up][0] * turned, lines[up][1]
    known = np.isfinite(f).all(axis=3)
    if int(known.sum()) < rows_needed(3):
        raise InputError(f"{', '.join(names)} are known at {int(known.sum()):,} points, too few for a field in space.")
    lost = int(known.size - known.sum())
    if lost:
        log.note(f"{lost:,} of {known.size:,} points ({percent(lost / known.size, 2)}) are not known and are left out.")
    log.convert(f"F is ({', '.join(names)}) along {grid.x}, {grid.y} and {up}: a field in three dimensions.")
    log.note(f"A slice of it is a field in two dimensions: components = {','.join(names[:2])} and a level.")
    x, drawn, nodes = _samples([lines[dim][0] for dim in dims], f, known, spec, log)
    order = (grid.x, grid.y, up)
    return Volume(
        x,
        drawn,
        nodes,
        lost,
        (shape[0], shape[1], shape[2]),
        _three((grid.x, grid.y, up if turned > 0 else f"-{up}")),
        _three([lines[dim][1] for dim in order]),
        value,
    )


def _flow(
    ds: xr.Dataset, names: tuple[str, ...], dims: tuple[str, str, str], at: dict[str, Index], spec: FieldSpec, log: Log
) -> tuple[np.ndarray, str, tuple[slice, ...]]:
    """The components (z, y, x, 3) in one unit, smoothed where that is asked for and then thinned, their unit, and which
    points along each dimension they are at. No more is read than that, or than is smoothed."""
    shape = [int(ds.sizes[dim]) for dim in dims]
    read = smoothing.read_first(shape, spec.smooth) if spec.smooth > 0 else _thin(shape, spec, log)
    steps = at | {dim: slice(0, None, step) for dim, step in zip(dims, read, strict=True)}
    units = [" ".join(str(ds.variables[name].attrs.get("units", "")).split())[:40] for name in names]
    f = np.stack([checked(values(ds, name, steps, dims, log), name, spec.missing, log) for name in names], axis=-1)
    f, value = _in_one_unit(f, names, units, log)
    then = (1, 1, 1)
    if spec.smooth > 0:
        f = np.stack([smoothing.smoothed(f[..., k], None, spec.smooth, read) for k in range(3)], axis=-1)
        log.convert(smoothing.told(names, spec.smooth, read))
        then = _thin(f.shape[:3], spec, log)
        f = f[tuple(slice(0, None, step) for step in then)]
    return f, value, tuple(slice(0, None, one * other) for one, other in zip(read, then, strict=True))


def _thin(shape: Sequence[int], spec: FieldSpec, log: Log) -> tuple[int, int, int]:
    """Every which point along z, y and x is taken; told. A thin box keeps its levels."""
    z, y, x = strides(shape, spec.max_samples, LEAST_STEPS)
    if max(z, y, x) > 1:
        each = f"One point in {z} along each side" if z == y == x else f"One point in {z} x {y} x {x} along z, y and x"
        log.note(f"{each} was taken, since at most {spec.max_samples:,} samples are used.")
    return z, y, x


def _sense(ds: xr.Dataset, up: str, line: np.ndarray, w: str, log: Log) -> int:
    """-1 where z has to be turned so that it grows the way w points, else 1 (CF conventions, section 4.3: positive).
    Told where it is turned, and where the file does not say."""
    attrs = ds.variables[up].attrs if up in ds.variables else {}
    said, standard = str(attrs.get("positive", "")).strip().lower(), str(attrs.get("standard_name", "")).lower()
    words, units = f"{standard} {up.lower()}", str(attrs.get("units", "")).strip().lower()
    known = line[np.isfinite(line)]
    beneath = ("depth" in words and not (known.size and (known < 0).any())) or "pressure" in words
    down = said == "down" or (said != "up" and (beneath or bool(PRESSURE.fullmatch(units))))
    motion = str(ds.variables[w].attrs.get("standard_name", "")).lower()
    sinks = motion.startswith("downward") or "_tendency_of_air_pressure" in motion
    if down != sinks:
        log.convert(
            f"{up} grows {'downwards' if down else 'upwards'} and {w} points {'downwards' if sinks else 'upwards'}: "
            f"z is -{up}, so that it grows the way {w} points."
        )
        return -1
    if not (said or standard or motion or down or re.fullmatch(r"z\w*|height|altitude", up.lower())):
        log.note(f"The file does not say whether {up} grows the way {w} points: it was taken so.")
    return 1


def _three(texts: tuple[str, ...] | list[str]) -> tuple[str, str, str]:
    return texts[0], texts[1], texts[2]


def _in_one_unit(f: np.ndarray, names: tuple[str, ...], units: list[str], log: Log) -> tuple[np.ndarray, str]:
    columns = [Column(k, name, f"F{k + 1}", unit) for k, (name, unit) in enumerate(zip(names, units, strict=True))]
    found = one_unit(columns, strict=True)
    log.convert(*found.conversions)
    log.note(*found.warnings)
    if not any(units):
        log.note(f"The file does not say in which unit {', '.join(names)} are.")
    factors: Mapping[str, float] = found.factors
    return f * np.array([factors.get(column.role, 1.0) for column in columns]), next(
        (column.unit for column in found.columns if column.unit), ""
    )


def _samples(
    lines: list[np.ndarray], f: np.ndarray, known: np.ndarray, spec: FieldSpec, log: Log
) -> tuple[np.ndarray, np.ndarray, int]:
    """Positions (n, 3) as x, y, z, values, and how many of them are points of the grid."""
    rng = np.random.default_rng(spec.split_seed)
    volume = np.ones(())
    even = True
    for line in lines:
        steps = np.abs(np.gradient(line))
        even &= bool(np.ptp(np.diff(line)) <= EVEN * np.abs(np.diff(line)).mean())
        volume = volume[..., None] * steps
    z, y, x = np.meshgrid(*lines, indexing="ij")
    at = np.stack([x, y, z], axis=-1)
    if even:
        chosen = np.flatnonzero(known)
        if len(chosen) > spec.max_samples:  # of a box so small that no side could be thinned further
            chosen = np.sort(rng.permutation(chosen)[: spec.max_samples])
        return at.reshape(-1, 3)[chosen], f.reshape(-1, 3)[chosen], len(chosen)
    weight = np.where(known, volume, 0.0)
    count = int(known.sum())
    n = int(min(max(weight.sum() / max(weight[known].min(), 1e-12), count), 2.0 * count, spec.max_samples))
    edges = np.cumsum(weight.ravel()) * (n / weight.sum()) + rng.random()
    copies = np.diff(np.floor(edges), prepend=0.0).astype(np.int64)
    first = np.flatnonzero(copies > 0)
    places, drawn = _within(at, f, known, np.repeat(first, copies[first] - 1), rng)
    log.convert(
        f"{len(first) + len(places):,} samples by the volume of the cells: {len(first):,} of {count:,} points of the "
        f"grid, and {len(places):,} between them with values interpolated."
    )
    return (
        np.concatenate([at.reshape(-1, 3)[first], places]),
        np.concatenate([f.reshape(-1, 3)[first], drawn]),
        len(first),
    )


def _within(
    at: np.ndarray, f: np.ndarray, known: np.ndarray, node: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Samples in the cells of points (flat indices), towards neighbours that are all known."""
    place = np.stack(np.unravel_index(node, known.shape))
    share = rng.random(place.shape) * 0.5
    side = np.where(rng.random(place.shape) < 0.5, -1, 1)
    last = np.array(known.shape)[:, None] - 1
    side = np.where(place == 0, 1, np.where(place == last, -1, side))
    good = np.ones(len(node), dtype=bool)
    there, drawn = np.zeros((len(node), 3)), np.zeros((len(node), 3))
    for corner in itertools.product((0, 1), repeat=3):
        ends = np.array(corner)[:, None]
        index = tuple(place + ends * side)
        weight = np.prod(np.where(ends == 1, share, 1.0 - share), axis=0)[:, None]
        good &= known[index]
        there += weight * at[index]
        drawn += weight * np.nan_to_num(f[index])
    return there[good], drawn[good]


def steps_beside(grid: Layout, up: str) -> Layout:
    """The layout of a box: its levels are no steps to choose from."""
    return Layout(grid.y, grid.x, tuple((kind, dim) for kind, dim in grid.others if dim != up), grid.lon, grid.lat)
