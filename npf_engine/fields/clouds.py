"""Clouds of points in a file of a user, parsed here and now: ``transport.lab.tasks.read_cloud`` does it in a child."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.binary_table import array_header, read_array
from npf_engine.fields.readers.columns import Column
from npf_engine.fields.readers.csv_table import open_csv
from npf_engine.fields.readers.safe_archive import check_zip
from npf_engine.settings.limits import MAX_FILE_BYTES, check_cells


def read_points(path: Path) -> np.ndarray:
    """Points (n, d) float32 of a .csv (all columns of numbers, a header) or an .npz (array ``x``, or its only one).

    Raises InputError for what cannot be read.
    """
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise InputError(f"{path.name} has {size / 1e6:,.0f} MB; the limit is {MAX_FILE_BYTES / 1e6:,.0f} MB")
    try:
        if path.suffix.lower() == ".csv":
            table = open_csv(path)
            columns = [Column(k, name, f"x{k + 1}", "") for k, name in enumerate(table.names)]
            values = table.read(columns)
            return np.stack([values[c.role].astype(np.float32) for c in columns], axis=1)
        if path.suffix.lower() == ".npz":
            return _npz(path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror or error}); check the file") from error
    raise InputError(f"{path.name} is no cloud of points; give a .csv or an .npz file")


def _npz(path: Path) -> np.ndarray:
    members = {member.filename.removesuffix(".npy"): member for member in check_zip(path)}
    name = "x" if "x" in members else next(iter(members)) if len(members) == 1 else None
    if name is None:
        shown = ", ".join(name[:24] for name in list(members)[:6])
        raise InputError(f"{path.name} holds {shown or 'nothing'}; name the array of points x")
    member: zipfile.ZipInfo = members[name]
    shape, problem = array_header(path, member)
    if problem:
        raise InputError(problem)
    if len(shape) != 2:
        raise InputError(f"{path.name}: the points have the shape {shape}; (n, d) is needed")
    check_cells(path.name, *shape)
    return np.ascontiguousarray(read_array(path, member.filename, np.float32))
