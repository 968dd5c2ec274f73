"""Longitudes and latitudes of a grid that are none, and coordinates of a projection without a unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded import Gridded, read_gridded
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
ROW, COL = np.mgrid[0:30, 0:40].astype(float)
LON, LAT = 100 + COL + 0.2 * ROW, 20 + 0.8 * ROW - 0.05 * COL


def bent(path: Path, lon: np.ndarray, lat: np.ndarray, **settings: str) -> Gridded:
    at = ("y", "x")
    words = {"units": "m/s", "coordinates": "nav_lon nav_lat"}
    u = (at, np.sin(LON / 8), words | {"standard_name": "eastward_wind"})
    v = (at, np.cos(LAT / 9), words | {"standard_name": "northward_wind"})
    xr.Dataset({"u": u, "v": v, "nav_lon": (at, lon), "nav_lat": (at, lat)}).to_netcdf(path)
    return read_gridded(path, FieldSpec(str(path), axes="earth", **settings))


def test_exchanged_longitudes_and_latitudes_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with pytest.raises(
        InputError, match=r"nav_lat reaches 144\.8, .* perhaps it is exchanged with nav_lon; .* crs = none"
    ):
        bent(path, LAT, LON)
    assert bent(path, LAT, LON, crs="none").nodes == LON.size
    assert bent(path, LON, LAT).nodes == LON.size


def test_latitudes_beyond_a_pole_are_told_and_marks_are_left(tmp_path: Path) -> None:
    lat = LAT.copy()
    lat[3, :5] = 91 + np.arange(5)
    data = bent(tmp_path / "a.nc", LON, lat)
    assert any("nav_lat lies beyond 90 degrees at 5 points" in text for text in data.notes)
    with pytest.raises(InputError, match=r"nav_lat reaches 102\.2, and latitudes end at 90; mend"):
        bent(tmp_path / "b.nc", LON, LAT + 59)
    lat = LAT.copy()
    lat[:8] = 99.0  # a mark for nothing known, however often
    assert bent(tmp_path / "c.nc", LON, lat).nodes == LON.size - 8 * 40


def test_a_projection_whose_coordinates_have_no_unit_is_told(tmp_path: Path) -> None:
    x, y = 1e5 * np.arange(-10.0, 10), 1e5 * np.arange(-8.0, 8)
    mapping = {"grid_mapping_name": "lambert_azimuthal_equal_area", "latitude_of_projection_origin": 50.0}
    mapping |= {"longitude_of_projection_origin": 10.0, "false_easting": 0.0, "false_northing": 0.0}
    for unit in ("", "m"):
        lines = {
            side: (side, line, {"standard_name": f"projection_{side}_coordinate"} | ({"units": unit} if unit else {}))
            for side, line in (("x", x), ("y", y))
        }
        h = (("y", "x"), np.add.outer(y, np.sin(x / 6e5)), {"units": "m", "grid_mapping": "m"})
        path = tmp_path / f"{unit}.nc"
        xr.Dataset({"h": h, "m": ((), 0, mapping)}, lines).to_netcdf(path)
        notes = read_gridded(path, FieldSpec(str(path), axes="earth")).notes
        told = [text for text in notes if "does not say what x and y are in: the unit of the projection, metre" in text]
        assert len(told) == (not unit)
