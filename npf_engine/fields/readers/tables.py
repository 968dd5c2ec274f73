"""A table of samples: columns x1..xd, F1..Fd, one row a sample; rho is the law of the rows.

Every defect is a sentence with file, row and column; rows are counted from 1 below the header. The functions here
parse and check in this process (and need no torch to do so); ``uploads`` calls them in a child with limits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields import sentinels
from npf_engine.fields.degeneracy import equal_neighbours, far_told, field_warnings, flat
from npf_engine.fields.readers.assigned import assigned
from npf_engine.fields.readers.binary_table import NpzTable, ParquetTable, open_npz, open_parquet
from npf_engine.fields.readers.columns import Layout, plan
from npf_engine.fields.readers.csv_table import CsvTable, open_csv
from npf_engine.fields.readers.one_unit import one_unit
from npf_engine.fields.readers.table_ground import check_crs, on_map
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import LARGEST, rows_needed

SUFFIXES = (".csv", ".parquet", ".npz")
ROUNDING = 1e-4  # of the spread of F: what the same x written with few digits may make F differ by
NARROW = 1e-4  # a spread below this share of the largest position rounds visibly in 32 bits


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


def read_table(path: Path, spec: FieldSpec | None = None) -> Table:
    """Read .csv, .parquet or .npz; values that stand for nothing known are left out unless ``spec.missing`` is keep.

    Columns are those of ``spec.columns`` where that says any. Raises InputError for what cannot be read as a table with
    the columns needed.
    """
    source = _open(path)
    said = "" if spec is None else spec.columns.strip()
    layout = assigned(path.name, source.names, said) if said else plan(path.name, source.names)
    told, doubts = (source.told, source.doubts) if isinstance(source, CsvTable) else ((), ())
    table = without_marks(Table(path.name, layout, source.read(layout.columns)), spec is None or spec.missing == "mask")
    table = replace(table, notes=(*doubts, *table.notes), conversions=told)
    return averaged(in_one_unit(table))


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


def names_of(path: Path) -> tuple[str, ...]:
    """The names of all columns. Raises InputError for what is no table."""
    return _open(path).names


def _open(path: Path) -> CsvTable | ParquetTable | NpzTable:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return open_csv(path)
    return open_parquet(path) if suffix == ".parquet" else open_npz(path)


def without_marks(table: Table, masked: bool) -> Table:
    """The table without -9999 and the like: rows of samples that have one are dropped, a z becomes empty."""
    notes, bad = [], np.zeros(table.rows, dtype=bool)
    values = dict(table.values)
    for column in table.layout.columns:
        found = [pair for pair in sentinels.find(values[column.role]) if sentinels.is_mark(pair[0])]
        if not found:
            continue
        where = f"{table.file}: column {column.name.strip()}"
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


def defects(table: Table) -> list[str]:
    """All that makes a table of samples unfit, a sentence each; [] if nothing. (For a grid: see ``grids``.)"""
    too_few = row_defect(table, rows_needed(table.layout.d))
    if too_few:
        return [too_few]
    out = number_defects(table, [c.role for c in table.layout.columns])
    if out:
        return out
    for column in table.layout.columns:
        values = table.values[column.role]
        if values.min() == values.max():
            what = "position" if column.role[0] == "x" else "component of F"
            out.append(
                f"{table.file}: column {column.name.strip()} is constant ({values[0]:g} in all {table.rows:,} rows): "
                f"this {what} carries no measure with a density; leave x{column.role[1:]} and F{column.role[1:]} out."
            )
    if not out:
        out += _contradictions(table)
    return out


def row_defect(table: Table, needed: int) -> str:
    """The sentence on a table that is too short, or ""."""
    if table.rows >= needed:
        return ""
    if table.rows == 0:
        return f"{table.file} has a header but no rows; at least {needed} are needed."
    return f"{table.file} has {table.rows} rows; a field in {table.layout.d} dimensions needs at least {needed}."


def number_defects(table: Table, roles: list[str]) -> list[str]:
    """A sentence for each column with cells that are empty, NaN, infinite or beyond 1e15, with the first such row."""
    out = []
    names = {column.role: column.name.strip() for column in table.layout.columns}
    for role in roles:
        values = table.values[role]
        for bad, what in (
            (np.isnan(values), "is empty or not a number (NaN)"),
            (np.abs(np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf)) > LARGEST, f"is beyond {LARGEST:g}"),
        ):
            count = int(bad.sum())
            if count:
                more = f" (the first of {count:,} such rows)" if count > 1 else ""
                out.append(
                    f"{table.file}: row {int(np.argmax(bad)) + 1:,} of the data, column {names[role]} {what}{more}; "
                    "fill in or remove the row."
                )
    return out


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


def _contradictions(table: Table) -> list[str]:
    x, f = table.positions(), table.field_values()
    i, j = equal_neighbours(x)
    differ = np.any(f[i] != f[j], axis=1)
    if not differ.any():
        return []
    at = int(np.argmin(np.where(differ, j, len(x))))
    column = table.layout.values[int(np.argmax(f[i[at]] != f[j[at]]))]
    values = table.values[column.role]
    rows = ("points", "merge them in ParaView (Clean to Grid)") if table.mesh else ("rows", "average or remove them")
    return [
        f"{table.file}: {rows[0]} {i[at] + 1:,} and {j[at] + 1:,} of the data have the same x, but column "
        f"{column.name.strip()} is {values[i[at]]:.9g} in one and {values[j[at]]:.9g} in the other "
        f"({int(differ.sum()):,} such pairs); F must be a function of x: {rows[1]}."
    ]


def warnings_of(table: Table, spec: FieldSpec) -> list[str]:
    """Sentences on what is allowed but should be known. Only for a table without defects."""
    x, f = table.positions(), table.field_values()
    out = [*ignored_note(table), *table.notes]
    repeats = len(equal_neighbours(x)[0])
    if repeats:
        out.append(
            f"{repeats:,} rows repeat an earlier row; they were kept, and weigh in rho as often as they stand there."
        )
    for column, values in zip(table.layout.positions, x.T, strict=True):
        if np.ptp(values) < NARROW * np.abs(values).max():
            out.append(
                f"Column {column.name.strip()} varies by {np.ptp(values):g} around {values.mean():.9g}: it is read and "
                "scaled in double precision, but places told by the model are 32-bit numbers; subtract an offset for "
                "finer ones."
            )
    if x.shape[1] > 1 and flat(x):
        out.append("The positions lie in a line or hyperplane: rho has no density, so no Brenier map is determined.")
    out += field_warnings(f, x)
    if table.rows > spec.max_samples:
        out.append(f"Of {table.rows:,} rows, {spec.max_samples:,} were drawn at random (seed {spec.split_seed}).")
    if spec.rho not in ("box", "samples"):
        out.append(f"rho = {spec.rho} cannot be had from a table: rho is the law of its rows.")
    return out


def ignored_note(table: Table) -> list[str]:
    """The sentence on columns that are not used, if there are any."""
    ignored = table.layout.ignored
    shown = ", ".join(repr(_brief(name)) for name in ignored[:6]) + (" and others" if len(ignored) > 6 else "")
    return [f"Not used: column{'s' * (len(ignored) > 1)} {shown}."] if ignored else []


def _brief(name: str, most: int = 24) -> str:
    return name if len(name) <= most else name[: most - 3] + "..."


@dataclass(frozen=True)
class Samples:
    """A sound table of samples: x, f (n, d) float64, thinned to what the spec takes of its ``rows``; what to know."""

    file: str
    layout: Layout
    rows: int
    x: np.ndarray
    f: np.ndarray
    warnings: tuple[str, ...]
    conversions: tuple[str, ...] = ()
    dropped: int = 0
    between: int = 0  # of x, f: interpolated, not rows of the table
    origin: tuple[float, float] | None = None  # longitude and latitude of x = 0 on a map of the Earth


def samples_of(table: Table, spec: FieldSpec) -> Samples:
    """The samples of a table, at most ``spec.max_samples``, drawn by ``spec.split_seed``.

    Raises InputError with the table's first defect.
    """
    for defect in defects(table):
        raise InputError(defect)
    if not table.raster:
        check_crs(spec)
    if spec.max_samples < rows_needed(table.layout.d):
        raise InputError(
            f"max_samples is {spec.max_samples}; {table.file} needs at least {rows_needed(table.layout.d)}."
        )
    warnings = warnings_of(table, spec)
    found = on_map(table.layout, table.positions(), table.field_values(), spec, table.globe)
    x, f, told = found.x, found.f, (*table.conversions, *found.conversions)
    if len(x) > spec.max_samples:  # of samples that were drawn there are no more
        chosen = _chosen(len(x), spec)
        x, f = x[chosen], f[chosen]
    notes = (*found.notes, *warnings, *far_told(x))
    return Samples(table.file, found.layout, table.rows, x, f, notes, told, table.dropped, found.between, found.origin)


def _chosen(rows: int, spec: FieldSpec) -> np.ndarray:
    import torch  # only where a table is thinned: its import takes a second

    generator = torch.Generator().manual_seed(spec.split_seed)
    return torch.randperm(rows, generator=generator)[: spec.max_samples].sort().values.numpy()
