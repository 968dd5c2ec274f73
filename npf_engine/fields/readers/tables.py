"""A table of samples: columns x1..xd, F1..Fd, one row a sample; rho is the law of the rows.

Every defect is a sentence with file, row and column; rows are counted from 1 below the header. The functions here
parse and check in this process (and need no torch to do so); ``uploads`` calls them in a child with limits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.degeneracy import far_told
from npf_engine.fields.readers.assigned import assigned
from npf_engine.fields.readers.binary_table import NpzTable, ParquetTable, open_npz, open_parquet
from npf_engine.fields.readers.columns import Layout, plan
from npf_engine.fields.readers.crs import NOWHERE
from npf_engine.fields.readers.csv_table import CsvTable, open_csv
from npf_engine.fields.readers.guessed import guessed
from npf_engine.fields.readers.table import Table, averaged, in_one_unit, without_marks, without_nowhere
from npf_engine.fields.readers.table_defects import defects, warnings_of
from npf_engine.fields.readers.table_ground import check_crs, on_map
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import rows_needed

SUFFIXES = (".csv", ".parquet", ".npz")


def read_table(path: Path, spec: FieldSpec | None = None) -> Table:
    """Read .csv, .parquet or .npz; values that stand for nothing known are left out unless ``spec.missing`` is keep.

    Columns are those of ``spec.columns`` where that says any. Raises InputError for what cannot be read as a table with
    the columns needed.
    """
    source = _open(path)
    said = "" if spec is None else spec.columns.strip()
    layout, guess = (assigned(path.name, source.names, said), "") if said else _by_names(path.name, source.names)
    told, doubts = (source.told, source.doubts) if isinstance(source, CsvTable) else ((), ())
    masked, degrees = spec is None or spec.missing == "mask", spec is None or spec.crs != NOWHERE
    table = without_marks(Table(path.name, layout, source.read(layout.columns)), masked)
    table = without_nowhere(table) if masked and degrees else table
    table = replace(table, notes=(*doubts, *table.notes), conversions=(*told, *filter(None, [guess])))
    return averaged(in_one_unit(table))


def _by_names(file: str, names: tuple[str, ...]) -> tuple[Layout, str]:
    """The layout that the names of the columns say, and the sentence on one that had to be guessed."""
    try:
        return plan(file, names), ""
    except InputError as error:
        return guessed(file, names, error)


def names_of(path: Path) -> tuple[str, ...]:
    """The names of all columns. Raises InputError for what is no table."""
    return _open(path).names


def _open(path: Path) -> CsvTable | ParquetTable | NpzTable:
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return open_csv(path)
    return open_parquet(path) if suffix == ".parquet" else open_npz(path)


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
