"""The map of a grid round the globe: a cylinder, which the box is the whole of only where rows are parallels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields.readers.gridded import Gridded, read_gridded
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
LON, LAT = np.arange(0.0, 360.0, 5.0), np.linspace(-80.0, 80.0, 33)
TOLD = "its map is a cylinder that is cut open at"


def read(path: Path, lon: np.ndarray, lat: np.ndarray, dims: tuple[tuple[str, ...], tuple[str, ...]]) -> Gridded:
    rng = np.random.default_rng(0)
    names = ("eastward_sea_water_velocity", "northward_sea_water_velocity")
    parts = {
        name: (("y", "x"), rng.normal(size=(33, 72)), {"standard_name": standard, "units": "m/s", "coordinates": "c d"})
        for name, standard in zip(("a", "b"), names, strict=True)
    }
    places = {
        "c": (dims[0], lon, {"standard_name": "longitude", "units": "degrees_east"}),
        "d": (dims[1], lat, {"standard_name": "latitude", "units": "degrees_north"}),
    }
    xr.Dataset({**parts, **places}).to_netcdf(path)
    return read_gridded(path, FieldSpec(source=str(path)))


def test_parallels_fill_their_cylinder_and_bent_rows_do_not(tmp_path: Path) -> None:
    straight = read(tmp_path / "a.nc", LON, LAT, (("x",), ("y",)))
    assert straight.rectangle and TOLD in " ".join(straight.notes)
    lon, lat = np.meshgrid(LON, LAT)
    lat = lat + 6.0 * np.cos(np.radians(lon)) * (LAT / 80.0)[:, None] ** 2  # rows that bend northward as they go round
    bent = read(tmp_path / "b.nc", lon, lat, (("y", "x"), ("y", "x")))
    assert not bent.rectangle and TOLD in " ".join(bent.notes)
    assert np.ptp(bent.x[:, 0]) == pytest.approx(2 * np.pi * 6371.007, rel=0.02)


def test_a_band_that_does_not_close_is_no_cylinder(tmp_path: Path) -> None:
    band = read(tmp_path / "a.nc", LON * 0.7, LAT, (("x",), ("y",)))
    assert "too far for a map" in " ".join(band.notes) and TOLD not in " ".join(band.notes)
