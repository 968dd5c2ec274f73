"""Longitudes and latitudes of a grid: in degrees, without jumps, and on the globe, or one sentence why they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded_values import Log
from npf_engine.numbers import percent

if TYPE_CHECKING:
    import xarray as xr

ANGLE = 360.0  # what lies beyond is no angle, but a mark for nothing known
MARKS = 3  # different values beyond 90 that may be marks too
FEW = 0.01  # share of the places that may be wrong


def degrees(ds: xr.Dataset, key: str, line: np.ndarray) -> np.ndarray:
    """A variable's values in degrees: radians are turned, others are left."""
    units = str(ds.variables[key].attrs.get("units", "")).strip().lower()
    return np.degrees(line) if units.startswith("rad") else line


def unwrapped(lon: np.ndarray) -> np.ndarray:
    """Longitudes along a row without a jump of 360 degrees."""
    return np.unwrap(lon, period=360.0) if np.isfinite(lon).all() else lon


def on_globe(
    lon: np.ndarray, lat: np.ndarray, names: tuple[str, str] | None = None, log: Log | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Places (rows, cols), NaN where they are none. Raises InputError where many latitudes of the variables ``names``
    lie beyond a pole, as they do where longitude and latitude are exchanged; of a few it is told in ``log``."""
    known = np.isfinite(lon) & np.isfinite(lat)
    beyond = known & (np.abs(lat) > 90.0 + 1e-6)
    if names is not None and log is not None:
        _tell(lon[known], lat[known], names, log)
    bad = ~known | beyond | (np.abs(lon) > 1080.0)
    return np.where(bad, np.nan, lon), np.where(bad, np.nan, np.clip(lat, -90.0, 90.0))


def _tell(lon: np.ndarray, lat: np.ndarray, names: tuple[str, str], log: Log) -> None:
    angles = lat[(np.abs(lat) > 90.0 + 1e-6) & (np.abs(lat) <= ANGLE)]
    if not angles.size or len(np.unique(angles)) <= MARKS:
        return
    far = float(angles[np.abs(angles).argmax()])
    if angles.size > FEW * lat.size:
        swapped = ": perhaps it is exchanged with " + names[0] if np.abs(lon[np.abs(lon) <= ANGLE]).max() <= 90 else ""
        raise InputError(
            f"{names[1]} reaches {far:.6g}, and latitudes end at 90{swapped}; mend the file, or set crs = none to "
            "leave its longitudes and latitudes out."
        )
    log.note(
        f"{names[1]} lies beyond 90 degrees at {angles.size:,} points ({percent(angles.size / lat.size, 2)}), which "
        "are no places and were left out."
    )
