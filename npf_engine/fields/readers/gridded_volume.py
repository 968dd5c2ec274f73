"""A flow in a box of a gridded file: three components on x, y and z, as a field in three dimensions.

Points that lie evenly are the samples, as those of a VTK image are; uneven ones are drawn by the volume of their cells
(``gridded_box``).
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
from npf_engine.fields.readers.gridded_box import LEAST_STEPS, Side, samples, side, turned
from npf_engine.fields.readers.gridded_lines import coordinate
from npf_engine.fields.readers.gridded_values import Index, Log, checked, values
from npf_engine.fields.readers.gridded_window import strides
from npf_engine.fields.readers.one_length import one_length
from npf_engine.fields.readers.one_unit import one_unit
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import percent
from npf_engine.settings.limits import rows_needed

if TYPE_CHECKING:
    import xarray as xr

MOST_POINTS = 400_000_000


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
    places = [coordinate(ds, dim, steps) for dim in dims]
    one = one_length(dims[::-1], [unit for _, unit in places[::-1]])
    log.convert(*one.told)
    log.note(*one.notes)
    lines = [
        side(dim, line * factor, unit, spec.missing == "mask", log)
        for dim, (line, _), factor, unit in zip(dims, places, one.factors[::-1], one.units[::-1], strict=True)
    ]
    f, value, sides = _flow(ds, names, lines, steps, spec, log)
    if spec.bounds is not None:
        log.note("bounds are degrees, and this grid has none: all of it was taken.")
    sign = _sense(ds, up, sides[0].line, names[2], log)
    sides[0] = turned(sides[0], sign)
    known = np.isfinite(f).all(axis=3)
    if int(known.sum()) < rows_needed(3):
        raise InputError(f"{', '.join(names)} are known at {int(known.sum()):,} points, too few for a field in space.")
    lost = int(known.size - known.sum())
    if lost:
        log.note(f"{lost:,} of {known.size:,} points ({percent(lost / known.size, 2)}) are not known and are left out.")
    log.convert(f"F is ({', '.join(names)}) along {grid.x}, {grid.y} and {up}: a field in three dimensions.")
    log.note(f"A slice of it is a field in two dimensions: components = {','.join(names[:2])} and a level.")
    x, drawn, nodes = samples(sides, f, known, spec, log)
    return Volume(
        x,
        drawn,
        nodes,
        lost,
        (shape[0], shape[1], shape[2]),
        _three((grid.x, grid.y, up if sign > 0 else f"-{up}")),
        _three([one.unit for one in sides[::-1]]),
        value,
    )


def _flow(
    ds: xr.Dataset, names: tuple[str, ...], sides: Sequence[Side], at: dict[str, Index], spec: FieldSpec, log: Log
) -> tuple[np.ndarray, str, list[Side]]:
    """The components (z, y, x, 3) in one unit, smoothed where that is asked for (each part between gaps by itself) and
    then thinned, their unit, and the sides of what was taken. No more is read than that, or than is smoothed."""
    shape = [len(one.line) for one in sides]
    read = smoothing.read_first(shape, spec.smooth) if spec.smooth > 0 else _thin(shape, spec, log)
    taken = [one.part(one.thinned(step)) for one, step in zip(sides, read, strict=True)]
    steps, dims = at | {one.dim: one.index for one in taken}, tuple(one.dim for one in taken)
    units = [" ".join(str(ds.variables[name].attrs.get("units", "")).split())[:40] for name in names]
    f = np.stack([checked(values(ds, name, steps, dims, log), name, spec.missing, log) for name in names], axis=-1)
    f, value = _in_one_unit(f, names, units, log)
    if spec.smooth > 0:
        for part in itertools.product(*(one.parts for one in taken)):
            block = f[part]
            for k in range(3):
                block[..., k] = smoothing.smoothed(block[..., k], None, spec.smooth, read)
        log.convert(smoothing.told(names, spec.smooth, read))
        picks = [one.thinned(step) for one, step in zip(taken, _thin(f.shape[:3], spec, log), strict=True)]
        f, taken = f[np.ix_(*picks)], [one.part(pick) for one, pick in zip(taken, picks, strict=True)]
    return f, value, taken


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
    try:
        found = one_unit(columns, strict=True)
    except InputError as error:
        why = str(error).partition(";")[0]
        raise InputError(
            f"{why}: for a slice of the box set components = {','.join(names[:2])} and a level."
        ) from error
    log.convert(*found.conversions)
    log.note(*found.warnings)
    if not any(units):
        log.note(f"The file does not say in which unit {', '.join(names)} are.")
    factors: Mapping[str, float] = found.factors
    return f * np.array([factors.get(column.role, 1.0) for column in columns]), next(
        (column.unit for column in found.columns if column.unit), ""
    )


def steps_beside(grid: Layout, up: str) -> Layout:
    """The layout of a box: its levels are no steps to choose from."""
    return Layout(grid.y, grid.x, tuple((kind, dim) for kind, dim in grid.others if dim != up), grid.lon, grid.lat)
