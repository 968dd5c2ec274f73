"""F of gridded data on a regular grid of its map: by xarray's own interpolation, and as the samples have it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields.catalog import resolve
from npf_engine.fields.gridded_field import gridded_field
from npf_engine.fields.readers.gridded import read_gridded
from npf_engine.fields.spec import FieldSpec
from tests.fields.readers.test_gridded import R, sphere, vector

xr = pytest.importorskip("xarray")
LAT, LON = np.linspace(60.0, 40.0, 21), np.linspace(0.0, 30.0, 31)


def smooth(lat: np.ndarray, lon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.sin(lat / 5) + np.cos(lon / 7), np.cos(lat / 6 + lon / 9)


def test_on_parallels_and_meridians_it_is_xarrays_interpolation(tmp_path: Path) -> None:
    from pyproj import Proj

    path = tmp_path / "lines.nc"
    ds = vector(LAT, LON)
    sphere(ds, "first")
    ds.to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path), axes="earth"))
    rows, cols = data.inside.shape
    x = np.linspace(data.x[:, 0].min(), data.x[:, 0].max(), cols)
    y = np.linspace(data.x[:, 1].max(), data.x[:, 1].min(), rows)
    project = Proj(proj="laea", lat_0=50, lon_0=15, R=R)
    px, py = np.meshgrid(x * 1000, y * 1000)
    lon, lat = project(px, py, inverse=True)
    at = {"lon": (("y", "x"), lon), "lat": (("y", "x"), lat)}
    own = [
        ds[name].interp({key: xr.DataArray(v, dims=d) for key, (d, v) in at.items()}) for name in ("first", "second")
    ]
    want = np.stack([part.values for part in own], axis=-1)
    assert 0.5 < data.inside.mean() < 1
    assert np.isfinite(want[data.inside]).all() and np.abs((data.lattice - want)[data.inside]).max() < 1e-6


def test_on_a_curvilinear_grid_it_is_the_field_of_the_samples(tmp_path: Path) -> None:
    i, j = np.meshgrid(np.linspace(-10, 10, 60), np.linspace(-6, 6, 40))
    lat, lon = 50 + j * np.cos(0.3) + i * np.sin(0.3), (5 + (i * np.cos(0.3) - j * np.sin(0.3)) * 1.5) % 360
    u, v = smooth(lat, (lon + 180) % 360)
    u[:10, :15] = np.nan  # land in a corner
    path = tmp_path / "curved.nc"
    xr.Dataset(
        {
            "u": (("y", "x"), u, {"standard_name": "eastward_wind", "units": "m/s"}),
            "v": (("y", "x"), v, {"standard_name": "northward_wind", "units": "m/s"}),
            "lat": (("y", "x"), lat, {"units": "degrees_north"}),
            "lon": (("y", "x"), lon, {"units": "degrees_east"}),
        }
    ).to_netcdf(path)
    field = resolve(FieldSpec(source=str(path)))
    assert field.lattice is not None
    inside = field.lattice.inside(field.x_train)
    assert inside.double().mean() > 0.99
    x, y = field.x_train[inside], field.y_train[inside]
    miss = (field.lattice.value(x.double()) - y).norm(dim=1)
    assert float(miss.quantile(0.99)) < 0.01 * float(y.std())


def test_no_grid_stands_for_what_is_rough(tmp_path: Path) -> None:
    """Values without any likeness to their neighbours on a grid of many points: finer nodes would be too many."""
    path = tmp_path / "rough.nc"
    vector(np.linspace(0, 60, 400), np.linspace(0, 60, 400)).to_netcdf(path)
    spec = FieldSpec(source=str(path))
    assert gridded_field("rough", read_gridded(path, spec), spec).lattice is None


def test_land_whose_coordinates_were_left_at_nought_moves_nothing(tmp_path: Path) -> None:
    """Models with processors that see no sea leave longitude and latitude of land at 0: coastal vectors along the grid
    would be turned towards there, and coastal cells weigh thousands of kilometres."""
    i, j = np.meshgrid(np.linspace(-10, 10, 60), np.linspace(-6, 6, 40))
    lat, lon = 50 + j * np.cos(0.3) + i * np.sin(0.3), 25 + (i * np.cos(0.3) - j * np.sin(0.3)) * 1.5
    u, v = smooth(lat, lon)
    land = np.hypot(i, j) < 3
    found = []
    for name, gone in (("right", np.zeros_like(land)), ("nought", land)):
        path = tmp_path / f"{name}.nc"
        parts = {"u": np.where(land, np.nan, u), "v": np.where(land, np.nan, v)}
        parts |= {"lat": np.where(gone, 0.0, lat), "lon": np.where(gone, 0.0, lon)}
        units = {"u": "m/s", "v": "m/s", "lat": "degrees_north", "lon": "degrees_east"}
        xr.Dataset({key: (("y", "x"), grid, {"units": units[key]}) for key, grid in parts.items()}).to_netcdf(path)
        found.append(read_gridded(path, FieldSpec(source=str(path), along="grid")))
    right, nought = found
    assert any("all stand at one spot" in note for note in nought.notes)
    assert 0.95 < nought.nodes / right.nodes <= 1 and 0.95 < len(nought.f) / len(right.f) < 1.05
    for law in (np.mean, np.std, np.max, np.min):
        assert np.abs(law(nought.f, axis=0) - law(right.f, axis=0)).max() < 0.05 * right.f.std()
