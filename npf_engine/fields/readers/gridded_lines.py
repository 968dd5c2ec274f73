"""The coordinates along the dimensions of a grid: which variable holds them, in order, with their unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_axes import place_role
from npf_engine.fields.readers.gridded_values import Steps, values
from npf_engine.settings.limits import LARGEST

if TYPE_CHECKING:
    import xarray as xr


def coordinate(ds: xr.Dataset, dim: str, steps: Steps) -> tuple[np.ndarray, str]:
    """The coordinate along a dimension and its unit; its steps are counted where it has none."""
    return line_of(ds, dim, steps), (unit_at(ds, key) if (key := key_of(ds, dim)) else "grid steps")


def line_of(ds: xr.Dataset, dim: str, steps: Steps) -> np.ndarray:
    """The coordinate along a dimension; its numbers from 0 where it has none."""
    key = key_of(ds, dim)
    if not key:
        whole = np.arange(ds.sizes[dim], dtype=np.float64)
        return np.atleast_1d(whole[steps[dim]] if dim in steps else whole)
    return _in_order(np.atleast_1d(values(ds, key, steps, (dim,))), key, place_role(key, ds.variables[key]))


def _in_order(line: np.ndarray, key: str, role: str) -> np.ndarray:
    """The coordinate as it is. Raises InputError where it goes back and forth, or stands still: neighbours in the file
    are then none on the ground. Longitudes may jump by a turn."""
    known = line[np.isfinite(line)]
    if known.size and np.abs(known).max() > LARGEST:
        raise InputError(f"{key} holds {known[np.abs(known).argmax()]:.3g}, which is no position; correct it.")
    turned = np.unwrap(known, period=360.0) if role == "longitude" and known.size else known
    steps = np.diff(turned)
    if steps.size and not (np.all(steps > 0) or np.all(steps < 0)):
        usual = 1.0 if np.median(steps) > 0 else -1.0
        at = int(np.flatnonzero(np.sign(steps) != usual)[0])
        raise InputError(
            f"{key} is not in order: {known[at]:.10g} is followed by {known[at + 1]:.10g}; sort it, and keep each "
            "position once."
        )
    return line


def key_of(ds: xr.Dataset, dim: str) -> str:
    """The variable of positions along a dimension: of its own name, or one that is a place by its attributes."""
    if dim in ds.variables and ds.variables[dim].dims == (dim,) and ds.variables[dim].dtype.kind in "iuf":
        return dim
    for key, variable in ds.variables.items():
        if variable.dims == (dim,) and variable.dtype.kind in "iuf" and place_role(str(key), variable):
            return str(key)
    return ""


def sign_of(line: np.ndarray) -> int:
    known = line[np.isfinite(line)]
    return -1 if known.size > 1 and known[-1] < known[0] and np.all(np.diff(known) < 0) else 1


def unit_at(ds: xr.Dataset, key: str) -> str:
    return " ".join(str(ds.variables[key].attrs.get("units", "")).split())[:40]
