"""What is plotted, as a file to take away: CSV and NPZ."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import numpy as np


def columns(data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of any width as columns: (n,) keeps its name, (n, k) becomes name1 ... namek, a lattice is unrolled."""
    found: dict[str, np.ndarray] = {}
    for name, array in data.items():
        array = np.asarray(array)
        if array.ndim <= 1:
            found[name] = np.atleast_1d(array)
        elif array.ndim == 2:
            found |= {f"{name}{k + 1}": array[:, k] for k in range(array.shape[1])}
        else:
            raise ValueError(f"{name} has {array.ndim} dimensions; a table has columns")
    return found


def to_csv(data: Mapping[str, np.ndarray]) -> bytes:
    """What is plotted as CSV with a head, one column a coordinate; shorter columns end in empty cells."""
    table = columns(data)
    length = max((len(column) for column in table.values()), default=0)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    cells = [[_cell(value) for value in column] + [""] * (length - len(column)) for column in table.values()]
    writer.writerows(zip(*cells, strict=True))
    return text.getvalue().encode()


def to_npz(data: Mapping[str, np.ndarray]) -> bytes:
    """What is plotted as .npz, arrays as they are, without pickle."""
    buffer = io.BytesIO()
    arrays = {name: np.asarray(array) for name, array in data.items()}
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, np.floating):
        return repr(float(value)) if value.dtype.itemsize > 4 else f"{value:.9g}"
    return str(value)
