"""A table x1, x2, z on a regular grid -> the gradient field of z, by the same way as a raster of elevation.

Points that the table leaves out, and empty z, are voids. F is in z's units per grid step.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.raster import Coordinates, Raster
from npf_engine.fields.readers.tables import Table, equal_neighbours, ignored_note, number_defects, row_defect
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.surface import SMALLEST_SIDE, known_elevation, reduced

if TYPE_CHECKING:
    from npf_engine.fields.field import Field

UNEVEN = 0.01  # of a step: what rounding of printed positions may do
MOST_MISSING = 0.5  # share of the grid's points that the table may leave out


@dataclass(frozen=True)
class HeightGrid:
    """z (rows, cols) float32 with row 0 at the largest x2 and NaN where unknown; bounds: outer edges (w, s, e, n)."""

    z: np.ndarray
    bounds: tuple[float, float, float, float]
    notes: tuple[str, ...]


def height_grid(table: Table) -> HeightGrid:
    """The grid of a table of x1, x2, z. Raises InputError with row and column where it is no regular grid."""
    short = row_defect(table, SMALLEST_SIDE**2)
    if short:
        raise InputError(short)
    infinite = np.where(np.isnan(table.values["z"]), 0.0, table.values["z"])
    checked = dataclasses.replace(table, values={**table.values, "z": infinite})
    for defect in number_defects(checked, ["x1", "x2", "z"]):
        raise InputError(defect)
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
    z = np.full((len(second), len(first)), np.nan, dtype=np.float32)
    z[len(second) - 1 - row, column] = table.values["z"]
    known_elevation(table.file, z)
    notes = []
    if table.rows < size:
        notes.append(
            f"The table leaves out {size - table.rows:,} of the {size:,} points of its grid of {len(second)} x "
            f"{len(first)}; they are voids."
        )
    half = [(values[-1] - values[0]) / (len(values) - 1) / 2 for values in (first, second)]
    bounds = (first[0] - half[0], second[0] - half[1], first[-1] + half[0], second[-1] + half[1])
    west, south, east, north = map(float, bounds)
    return HeightGrid(z, (west, south, east, north), tuple(notes))


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
    grid = height_grid(table)
    raster = Raster(grid.z, grid.bounds, coordinates_of(table), (*ignored_note(table), *grid.notes))
    unit = {column.role: column.unit for column in table.layout.columns}
    return HeightTable(
        table.file, table.rows, (unit["x1"], unit["x2"], unit["z"]), reduced(raster, table.file, spec.max_samples)
    )


def grid_field(name: str, heights: HeightTable, spec: FieldSpec) -> Field:
    """The gradient field of z, smoothed by ``spec.sigma`` grid steps, in z's units per grid step.

    Positions are x1, x2. Columns with units of degrees or metres allow slope "per-metre" too. Raises InputError
    as ``topography.terrain_field`` does.
    """
    from npf_engine.fields.field import Units  # here, since torch is behind it and reading a grid needs none
    from npf_engine.fields.topography import raster_field

    field = raster_field(name, heights.raster, spec, {"source": f"table {heights.file}", "rows": heights.rows})
    east, north, height = heights.units
    value = f"{height or 'units of z'} per {'grid step' if spec.slope == 'per-pixel' else 'metre'}"
    field.units = Units(("x1", "x2"), (east, north), value)
    return field


def coordinates_of(table: Table) -> Coordinates:
    """What the units of x1 and x2 say: degrees, metres, or nothing that fixes a length ("pixels")."""
    units = {column.unit.lower() for column in table.layout.positions}
    if all(unit.startswith(("deg", "°")) for unit in units):
        return "degrees"
    if units <= {"m", "metre", "metres", "meter", "meters"}:
        return "metres"
    return "pixels"
