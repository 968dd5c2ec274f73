"""What makes a table unfit to be a field, a sentence each, and what is allowed but should be known."""

from __future__ import annotations

import numpy as np

from npf_engine.fields.degeneracy import equal_neighbours, field_warnings, flat
from npf_engine.fields.readers.table import Table
from npf_engine.fields.spec import FieldSpec
from npf_engine.settings.limits import LARGEST, rows_needed

NARROW = 1e-4  # a spread below this share of the largest position rounds visibly in 32 bits


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
                f"{table.file}: column {column.told} is constant ({values[0]:g} in all {table.rows:,} rows): "
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
    names = {column.role: column.told for column in table.layout.columns}
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
        f"{column.told} is {values[i[at]]:.9g} in one and {values[j[at]]:.9g} in the other "
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
                f"Column {column.told} varies by {np.ptp(values):g} around {values.mean():.9g}: it is read and "
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
