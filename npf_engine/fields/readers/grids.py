"""A table x1, x2, z on a regular grid -> the gradient field of z, by the same way as a raster of elevation.

Points that the table leaves out, and empty z, are voids. F is in z's units per grid step.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.degeneracy import equal_neighbours
from npf_engine.fields.ground import Ground, even
from npf_engine.fields.raster import Coordinates, Raster, centred, offset_told
from npf_engine.fields.readers.table import Table
from npf_engine.fields.readers.table_defects import ignored_note, number_defects, row_defect
from npf_engine.fields.readers.table_ground import check_crs, cut_open, in_degrees
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.surface import SMALLEST_SIDE, known_elevation, reduced
from npf_engine.fields.units_of_height import LEAST_KNOWN, HeightUnit, height_unit, length_of

if TYPE_CHECKING:
    from npf_engine.fields.field import Field

UNEVEN = 0.01  # of a step: what rounding of printed positions may do
MOST_MISSING = 0.5  # share of the grid's points that the table may leave out


@dataclass(frozen=True)
class HeightGrid:
    """z (rows, cols) float32 above ``offset``, row 0 at the largest x2, NaN where unknown; bounds: outer edges (w, s,
    e, n)."""

    z: np.ndarray
    bounds: tuple[float, float, float, float]
    notes: tuple[str, ...]
    offset: float = 0.0


def height_grid(table: Table) -> HeightGrid:
    """The grid of a table of x1, x2, z. Raises InputError with row and column where it is no regular grid."""
    short = row_defect(table, SMALLEST_SIDE**2)
    if short:
        raise InputError(short)
    infinite = np.where(np.isnan(table.values["z"]), 0.0, table.values["z"])
    checked = dataclasses.replace(table, values={**table.values, "z": infinite})
    for defect in number_defects(checked, ["x1", "x2", "z"]):
        raise InputError(defect)
    if coordinates_of(table) == "degrees":  # a region across 180 degrees is one
        table = dataclasses.replace(table, values={**table.values, "x1": cut_open(table.values["x1"])})
    (first, column), (second, row) = (np.unique(table.values[role], return_inverse=True) for role in ("x1", "x2"))
    _check_once(table)
    size = len(first) * len(second)
    if min(len(first), len(second)) < SMALLEST_SIDE or table.rows < (1 - MOST_MISSING) * size:
        raise InputError(
            f"{table.file}: {table.rows:,} rows with {len(first):,} different x1 and {len(second):,} different x2 are "
            f"no regular grid of at least {SMALLEST_SIDE} x {SMALLEST_SIDE}; give z on a grid, or columns F1, F2 for "
            "scattered points."
        )
    _check_even(table, "x1", first)
    _check_even(table, "x2", second)
    heights = np.full((len(second), len(first)), np.nan)
    heights[len(second) - 1 - row, column] = table.values["z"]
    z, offset = centred(heights)
    known_elevation(table.file, z, offset=offset)
    notes = []
    if table.rows < size:
        notes.append(
            f"The table leaves out {size - table.rows:,} of the {size:,} points of its grid of {len(second)} x "
            f"{len(first)}; they are voids."
        )
    half = [(values[-1] - values[0]) / (len(values) - 1) / 2 for values in (first, second)]
    bounds = (first[0] - half[0], second[0] - half[1], first[-1] + half[0], second[-1] + half[1])
    west, south, east, north = map(float, bounds)
    return HeightGrid(z, (west, south, east, north), tuple(notes), offset)


def _check_once(table: Table) -> None:
    x = table.positions()
    earlier, later = equal_neighbours(x)
    if len(later):
        first = int(np.argmin(later))
        i, j = earlier[first], later[first]
        raise InputError(
            f"{table.file}: rows {i + 1:,} and {j + 1:,} of the data are the same grid point x1 = {x[i, 0]:g}, "
            f"x2 = {x[i, 1]:g} ({len(later):,} such pairs); keep one."
        )


def _check_even(table: Table, role: str, values: np.ndarray) -> None:
    steps = np.diff(values)
    usual = float(np.median(steps))
    odd = np.abs(steps - usual) > UNEVEN * usual
    if odd.any():
        at = int(np.argmax(odd))
        row = int(np.argmax(table.values[role] == values[at + 1])) + 1
        raise InputError(
            f"{table.file}: column {role} is not evenly spaced: it steps by {steps[at]:g} from {values[at]:g} to "
            f"{values[at + 1]:g} (row {row:,} of the data) where the usual step is {usual:g}."
        )


@dataclass(frozen=True)
class HeightTable:
    """A sound table of heights: its grid as a raster, units of x1, x2 and z ("" where unknown), rows of the table."""

    file: str
    rows: int
    units: tuple[str, str, str]
    raster: Raster


def heights_of(table: Table, spec: FieldSpec) -> HeightTable:
    """The grid of a table, resampled to ``spec.max_samples``. Raises InputError where it is no regular grid."""
    check_crs(spec)
    grid = height_grid(table)
    names = {column.role: column.unit for column in table.layout.columns}
    said = spec.height_unit or names["z"]
    unit = height_unit(said) if said else HeightUnit(LEAST_KNOWN, None)
    converted = spec.slope == "per-metre" and unit.metres is not None
    told = [unit.told if converted else "", offset_told(grid.offset, unit.name) if grid.offset else ""]
    raster = Raster(
        grid.z,
        grid.bounds,
        coordinates_of(table),
        (*ignored_note(table), *table.notes, *grid.notes),
        unit=unit if converted else HeightUnit(unit.name, None),  # per grid step, z stays as the table has it
        offset=grid.offset,
        ground=_ground(table, grid.bounds),
        conversions=(*table.conversions, *(text for text in told if text)),
    )
    return HeightTable(
        table.file, table.rows, (names["x1"], names["x2"], said), reduced(raster, table.file, spec.max_samples)
    )


def grid_field(name: str, heights: HeightTable, spec: FieldSpec) -> Field:
    """The gradient field of z, smoothed by ``spec.sigma`` grid steps, in z's units per grid step.

    Positions are x1, x2. Columns with units of degrees or of length allow slope "per-metre" too, where a z that is a
    length is turned into metres. Raises InputError as ``topography.raster_field`` does.
    """
    from npf_engine.fields.field import Units  # here, since torch is behind it and reading a grid needs none
    from npf_engine.fields.topography import raster_field

    field = raster_field(name, heights.raster, spec, {"source": f"table {heights.file}", "rows": heights.rows})
    east, north, height = heights.units
    if heights.raster.unit.metres is not None:
        height = "metres"
    value = f"{height or LEAST_KNOWN} per {'grid step' if spec.slope == 'per-pixel' else 'metre'}"
    field.units = Units(("x1", "x2"), (east, north), value)
    return field


def coordinates_of(table: Table) -> Coordinates:
    """What the units of x1 and x2 say, or their names: degrees, metres (any length), or no length ("pixels")."""
    units = [column.unit.lower() for column in table.layout.positions]
    if all(unit.startswith(("deg", "°")) for unit in units) or (not any(units) and in_degrees(table.layout)):
        return "degrees"
    return "metres" if all(length_of(unit) is not None for unit in units) else "pixels"


def _ground(table: Table, bounds: tuple[float, float, float, float]) -> Ground | None:
    """Lengths by the units of x1 and x2, where both are lengths."""
    first, second = (length_of(column.unit) for column in table.layout.positions)
    if first is None or second is None:
        return None
    west, south, east, north = bounds
    return even((east - west) * first, (north - south) * second)
