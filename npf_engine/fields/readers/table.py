"""A table that was read, and what is done to its rows before they are samples: one unit, -9999 and such, repeats."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from npf_engine.fields import sentinels
from npf_engine.fields.degeneracy import equal_neighbours
from npf_engine.fields.readers.columns import Layout
from npf_engine.fields.readers.one_unit import one_unit
from npf_engine.fields.readers.table_ground import nowhere, nowhere_told

ROUNDING = 1e-4  # of the spread of F: what the same x written with few digits may make F differ by


@dataclass(frozen=True)
class Table:
    """A table that was read: ``values`` role -> (n,) float64 (roles x1, F1, z...), in the order of the layout."""

    file: str
    layout: Layout
    values: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()  # sentences on what to know of the values
    conversions: tuple[str, ...] = ()  # and on what was done to them
    dropped: int = 0  # rows that were left out
    globe: tuple[float, float] | None = None  # half axes in metres of what longitudes and latitudes lie on
    raster: bool = False  # of bands: a coordinate system that is set was used
    mesh: bool = False  # its rows are points or cells

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.values.values())))

    def positions(self) -> np.ndarray:
        """(n, d) float64."""
        return np.stack([self.values[c.role] for c in self.layout.positions], axis=1)

    def field_values(self) -> np.ndarray:
        """(n, d) float64: F at the positions."""
        return np.stack([self.values[c.role] for c in self.layout.values], axis=1)


def in_one_unit(table: Table, strict: bool = False) -> Table:
    """The table with the components of F in one unit, told. Raises InputError where that cannot be, if ``strict``."""
    if table.layout.kind != "samples":
        return table
    found = one_unit(table.layout.values, table.layout.positions, strict)
    return replace(
        table,
        layout=replace(table.layout, values=found.columns),
        values=found.of(table.values),
        notes=(*table.notes, *found.warnings),
        conversions=(*table.conversions, *found.conversions),
    )


def without_marks(table: Table, masked: bool) -> Table:
    """The table without -9999 and the like: rows of samples that have one are dropped, a z becomes empty."""
    notes, bad = [], np.zeros(table.rows, dtype=bool)
    values = dict(table.values)
    for column in table.layout.columns:
        found = [pair for pair in sentinels.find(values[column.role]) if sentinels.is_mark(pair[0])]
        if not found:
            continue
        where = f"{table.file}: column {column.told}"
        notes.append(sentinels.sentence(where, found, table.rows, masked))
        if masked:
            marked = np.isin(values[column.role], [value for value, _ in found])
            if column.role == "z":
                values["z"] = np.where(marked, np.nan, values["z"])
            else:
                bad |= marked
    if bad.any():
        values = {role: column[~bad] for role, column in values.items()}
        notes.append(f"{int(bad.sum()):,} of {table.rows:,} rows were left out for it.")
    return replace(table, values=values, notes=tuple(notes), dropped=int(bad.sum())) if notes else table


def without_nowhere(table: Table) -> Table:
    """The table without rows whose place is not known, before these contradict one another."""
    gone = nowhere(table.layout, table.positions()) if table.layout.kind == "samples" else np.zeros(table.rows, bool)
    count = int(gone.sum())
    if not count:
        return table
    values = {role: column[~gone] for role, column in table.values.items()}
    return replace(table, values=values, notes=(*table.notes, nowhere_told(count)), dropped=table.dropped + count)


def averaged(table: Table) -> Table:
    """Rows with the same x whose F differs by no more than rounding of x or F explains become their mean, told.

    A coordinate written with few digits makes neighbours one: their F then differ a little, which is no contradiction.
    """
    if table.layout.kind != "samples" or table.rows < 2:
        return table
    x, f = table.positions(), table.field_values()
    if not (np.isfinite(x).all() and np.isfinite(f).all()):
        return table
    i, j = equal_neighbours(x)
    spread = np.ptp(f, axis=0)
    differ = np.any(f[i] != f[j], axis=1)
    if not differ.any() or np.any(np.abs(f[i] - f[j]) > ROUNDING * spread):
        return table
    group = np.arange(table.rows)
    for first, second in zip(i, j, strict=True):  # in the order of the sort: a group's rows follow one another
        group[second] = group[first]
    inverse = np.unique(group, return_inverse=True)[1]  # groups in the order of their first rows
    counts = np.bincount(inverse)
    values = {column.role: np.bincount(inverse, table.values[column.role]) / counts for column in table.layout.columns}
    worst = float(np.abs(f[i] - f[j]).max())
    note = (
        f"{int(differ.sum()):,} rows have the x of another row and an F that differs by {worst:.2g} at most, "
        "as rounding does: each such group became its mean."
    )
    return replace(table, values=values, notes=(*table.notes, note))
