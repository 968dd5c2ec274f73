"""Which part of a grid is read: what lies in a box of degrees, and every so many rows and columns of a large one."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers import gridded_gaps as gaps
from npf_engine.fields.readers.gridded_axes import Layout
from npf_engine.fields.readers.gridded_place import Points, points
from npf_engine.fields.readers.gridded_stagger import Component
from npf_engine.fields.readers.gridded_values import Index, Log
from npf_engine.fields.spec import FieldSpec

if TYPE_CHECKING:
    import xarray as xr

SMALLEST_SIDE = 8
STILL = 4  # points at one spot, at least, that are no places
MOST_BENT = 1_000_000  # points of a curvilinear grid whose steps on the ground fit into a child's memory
ONE_MERIDIAN = 0.01  # of a step: columns as near are one, written twice
LOOK_POINTS = 2_000_000  # of a large grid in two dimensions that are looked at, to find the box


def window(
    ds: xr.Dataset,
    name: str,
    grid: Layout,
    steps: dict[str, Index],
    spec: FieldSpec,
    shape: tuple[int, int],
) -> tuple[slice, slice]:
    """Rows and columns to read: those about ``spec.bounds``."""
    rows, cols = slice(0, shape[0]), slice(0, shape[1])
    if spec.bounds is not None:
        coarse = max(1, math.ceil(math.sqrt(shape[0] * shape[1] / LOOK_POINTS)))
        look = steps | {grid.y: slice(0, None, coarse), grid.x: slice(0, None, coarse)}
        at = points(ds, name, grid, look, spec.crs, Log())
        if at.earth:
            rows, cols = _around(_inside(at, spec.bounds), coarse, shape)
    return rows, cols


def every(rows: slice, cols: slice, spec: FieldSpec, log: Log) -> tuple[int, int]:
    """Every which row and column is taken, where they are too many for a field; told."""
    size = (rows.stop - rows.start) * (cols.stop - cols.start)
    step = max(1, math.ceil(math.sqrt(size / max(spec.max_samples, SMALLEST_SIDE**2))))
    step = min(step, max(1, min(rows.stop - rows.start, cols.stop - cols.start) // SMALLEST_SIDE))
    if step > 1:
        log.note(
            f"The grid has {rows.stop - rows.start:,} x {cols.stop - cols.start:,} points; one row and column in "
            f"{step} was taken, since at most {spec.max_samples:,} samples are used."
        )
    return step, step


def thinned(at: Points, grid: np.ndarray, spec: FieldSpec, log: Log) -> tuple[Points, np.ndarray]:
    """Every so many rows and columns of points and of what is known there (rows, cols, ...); told."""
    shape = at.lon.shape
    steps = every(slice(0, shape[0]), slice(0, shape[1]), spec, log)
    rows, cols = (slice(0, size, step) for size, step in zip(shape, steps, strict=True))
    return at.part(rows, cols), grid[rows, cols]


def bearable(parts: list[Component], log: Log) -> list[Component]:
    """A grid of which all was read, without rows and columns that are too many for its steps on the ground: every so
    many of a curvilinear one, whatever ``max_samples`` is; told."""
    at = parts[0].points
    if at.rectilinear or at.lon.size <= MOST_BENT:
        return parts
    steps = strides(at.lon.shape, MOST_BENT, SMALLEST_SIDE)
    rows, cols = (slice(0, None, step) for step in steps)
    log.note(f"Of the smoothed grid one row in {steps[0]} and one column in {steps[1]} was taken: it is too large.")
    return [Component(part.name, part.points.part(rows, cols), part.values[rows, cols]) for part in parts]


def strides(shape: Sequence[int], most: int, least: int) -> tuple[int, ...]:
    """Every which point along each axis is taken so that they are ``most`` together: the same along all axes, less
    along those where fewer than ``least`` would be left."""

    def each(step: int) -> tuple[int, ...]:
        return tuple(min(step, max(1, size // least)) for size in shape)

    def fits(step: int) -> bool:
        return math.prod(-(-size // own) for size, own in zip(shape, each(step), strict=True)) <= most

    return each(1 + bisect.bisect_left(range(1, max(shape)), True, key=fits))


def _around(inside: np.ndarray, coarse: int, shape: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns about the points that are inside, with a margin of what was not looked at."""
    spans = []
    for axis, size in ((1, shape[0]), (0, shape[1])):
        at = np.flatnonzero(inside.any(axis=axis))
        if not at.size:
            raise InputError("No point of the grid lies within bounds; give west, south, east and north in degrees.")
        spans.append(slice(max(0, (int(at[0]) - 1) * coarse), min(size, (int(at[-1]) + 1) * coarse + 1)))
    return spans[0], spans[1]


def _inside(at: Points, bounds: tuple[float, float, float, float]) -> np.ndarray:
    """Which points lie in a box of degrees, whose east may lie beyond 180."""
    west, south, east, north = bounds
    width = (east - west) % 360.0 or 360.0
    if not -90.0 <= south < north <= 90.0:
        raise InputError(f"bounds go from {south:g} to {north:g} north; give west, south, east and north in degrees.")
    edge = 1e-6
    return ((at.lon - west + edge) % 360.0 <= width + 2 * edge) & (at.lat >= south - edge) & (at.lat <= north + edge)


def placed(parts: list[Component], log: Log) -> list[Component]:
    """Without the places of points at which nothing is known and that all lie at one spot: models leave longitude and
    latitude of land at 0, and steps and areas beside it would reach there."""
    at = parts[0].points
    if not at.earth or at.rectilinear:
        return parts
    unknown = np.all([~np.isfinite(part.values) for part in parts], axis=0)
    spots, which, counts = np.unique(
        np.stack([at.lon[unknown], at.lat[unknown]], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    if not len(spots) or counts.max() < STILL:
        return parts
    still = np.zeros(at.lon.shape, dtype=bool)
    still[unknown] = counts[which.ravel()] >= STILL
    log.note(f"{int(still.sum()):,} points without values all stand at one spot, so they have no place.")
    here = replace(at, lon=np.where(still, np.nan, at.lon), lat=np.where(still, np.nan, at.lat))
    return [replace(part, points=here) for part in parts]


def without_stray(parts: list[Component], spec: FieldSpec, log: Log) -> tuple[list[Component], Points]:
    """Without rows and columns that stand alone beyond a gap, before their values reach others; told."""
    stacked = np.stack([part.values for part in parts], axis=-1)
    at, kept, away = gaps.without_alone(parts[0].points, stacked, spec.missing == "mask")
    log.note(*away)
    return [replace(part, points=at, values=kept[..., k]) for k, part in enumerate(parts)], at


def _each_once(cols: np.ndarray, east: np.ndarray) -> np.ndarray:
    """Columns in the order of their degrees east of something (below 360), of those at one meridian only one."""
    order = np.argsort(east, kind="stable")
    steps = np.diff(east[order], append=east[order[0]] + 360.0)
    return np.asarray(cols[order[steps > ONE_MERIDIAN * np.median(steps)]])


def cropped(parts: list[Component], spec: FieldSpec, log: Log) -> tuple[list[Component], Points]:
    """The part within ``spec.bounds``: rows and columns about it, what lies outside not known."""
    at = parts[0].points
    if spec.bounds is None:
        return parts, at
    if not at.earth:
        log.note("bounds are degrees, and this grid has none: all of it was taken.")
        return parts, at
    inside = _inside(at, spec.bounds)
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        raise InputError("No point of the grid lies within bounds; give west, south, east and north in degrees.")
    row_part = slice(int(rows[0]), int(rows[-1]) + 1)
    if at.rectilinear:  # a box across the seam of the grid: columns in the order of the box
        order = _each_once(cols, (at.lon[0, cols] - spec.bounds[0] + 1e-6) % 360.0)
        lon = spec.bounds[0] + (at.lon[row_part][:, order] - spec.bounds[0] + 1e-6) % 360.0 - 1e-6
        whole = at.part(row_part, order)
        here = Points(lon, whole.lat, at.axes, at.units, at.names, True, (1, at.forward[1]))
    else:
        order = np.arange(int(cols[0]), int(cols[-1]) + 1)
        here = at.part(row_part, order)
    outside = ~inside[row_part][:, order]
    cut = [Component(part.name, here, np.where(outside, np.nan, part.values[row_part][:, order])) for part in parts]
    west, south, east, north = spec.bounds
    log.convert(f"The part from {west:g} to {east:g} east and {south:g} to {north:g} north was taken.")
    if min(here.lon.shape) < SMALLEST_SIDE:
        raise InputError(
            f"Within bounds lie {here.lon.shape[0]} x {here.lon.shape[1]} points; at least {SMALLEST_SIDE} on each "
            "side are needed: take a larger box."
        )
    return cut, here
