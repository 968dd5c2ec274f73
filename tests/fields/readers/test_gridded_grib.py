"""Parts of a GRIB file put together: by data sets as they are read of it, all of what was written is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields.readers.gridded import read_gridded
from npf_engine.fields.readers.gridded_grib import KIND, merged
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
LEVELS = np.array([1000.0, 850.0, 500.0])


def part(kind: str, values: dict[str, float], levels: np.ndarray | None = None, west: float = 0.0) -> xr.Dataset:
    """Variables at levels of a kind, each the number given, the longitude and the level; on 20 x 30 points."""
    lon, lat = west + 0.5 * np.arange(30), 60.0 - 0.5 * np.arange(20)
    dims: tuple[str, ...] = ("latitude", "longitude")
    field = lon + 0 * lat[:, None]
    coords = {
        "latitude": ("latitude", lat, {"units": "degrees_north", "standard_name": "latitude"}),
        "longitude": ("longitude", lon, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    if levels is not None:
        dims, field = (kind, *dims), levels[:, None, None] + field
        coords[kind] = (kind, levels, {"units": "hPa", "positive": "down"})
    attrs = {KIND: kind, "units": "m s**-1", "coordinates": " ".join(coords)}
    return xr.Dataset({name: (dims, number + field, dict(attrs)) for name, number in values.items()}, coords)


def test_variables_of_one_name_are_all_there_and_told() -> None:
    ds, told = merged([part("isobaricInhPa", {"t": 0.0, "u": 1.0}, LEVELS), part("surface", {"t": 7.0, "sp": 2.0})])
    assert set(ds.data_vars) == {"t", "u", "t_surface", "sp"}
    assert float(ds.t.min()) == 500.0 and float(ds.t_surface.min()) == 7.0
    assert told == ["Variables of one name lie at several kinds of level and are called t_surface (t at surface)."]


def test_a_third_of_one_name_and_kind_gets_a_number() -> None:
    ds, told = merged([part("surface", {"t": number}) for number in (1.0, 2.0, 3.0)])
    assert [float(ds[name].min()) for name in ("t", "t_surface", "t_surface_2")] == [1.0, 2.0, 3.0]
    assert "t_surface_2 (t at surface)" in told[0]


def test_parts_of_other_names_at_the_same_points_are_as_they_were() -> None:
    ds, told = merged([part("surface", {"sp": 1.0}), part("heightAboveGround", {"u10": 2.0, "v10": 3.0})])
    assert set(ds.data_vars) == {"sp", "u10", "v10"} and not told and set(ds.dims) == {"latitude", "longitude"}


def test_other_levels_are_an_axis_of_their_own_and_nothing_is_filled_up() -> None:
    few = part("isobaricInhPa", {"r": 0.0}, LEVELS[1:])
    ds, told = merged([part("isobaricInhPa", {"t": 0.0}, LEVELS), few])
    assert ds.t.shape == (3, 20, 30) and ds.r.dims == ("isobaricInhPa_2", "latitude", "longitude")
    assert not any(bool(ds[name].isnull().any()) for name in ds.data_vars)
    np.testing.assert_array_equal(ds.isobaricInhPa_2, LEVELS[1:])
    assert ds.r.attrs["coordinates"].split() == ["latitude", "longitude", "isobaricInhPa_2"]
    assert few.r.attrs["coordinates"].endswith("isobaricInhPa")  # what was given is as it was
    assert told == ["Not all variables lie at the same points: r along isobaricInhPa_2."]


def test_a_grid_elsewhere_keeps_its_own_places(tmp_path: Path) -> None:
    ds, told = merged([part("surface", {"u": 1.0, "v": 2.0}), part("hybrid", {"u": 3.0, "v": 4.0}, west=40.0)])
    assert "u_hybrid, v_hybrid along longitude_2" in told[1]
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    for names, number, west in (("u,v", 1.0, 0.0), ("u_hybrid,v_hybrid", 3.0, 40.0)):
        spec = FieldSpec(source=str(tmp_path / "a.nc"), axes="earth", components=names)
        found = read_gridded(tmp_path / "a.nc", spec)
        np.testing.assert_allclose(found.f[: found.nodes, 0].min(), number + west, atol=1e-9)


def test_places_of_every_point_that_lie_elsewhere_take_their_axes_with_them() -> None:
    def bent(name: str, west: float) -> xr.Dataset:
        lon, lat = np.meshgrid(west + np.arange(6.0), 50.0 + np.arange(5.0))
        attrs = {KIND: "surface", "coordinates": "latitude longitude"}
        sides = {"latitude": (("y", "x"), lat), "longitude": (("y", "x"), lon)}
        return xr.Dataset({name: (("y", "x"), lon, attrs), **sides})

    ds, _ = merged([bent("a", 0.0), bent("b", 9.0)])
    assert ds.a.dims == ("y", "x") and ds.b.dims == ("y_2", "x_2") and ds.longitude_2.dims == ("y_2", "x_2")
    np.testing.assert_array_equal(ds.b, ds.longitude_2)
