"""What once was read wrongly in silence: packing that is no number, axes out of order, clocks, groups, units."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded import read_gridded
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
h5py = pytest.importorskip("h5py")
LAT, LON = np.linspace(40, 50, 20), np.linspace(0, 15, 30)


def data(**attrs: object) -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {name: (("lat", "lon"), rng.integers(1, 4000, (20, 30)).astype("i2"), dict(attrs)) for name in ("u", "v")},
        {"lat": ("lat", LAT), "lon": ("lon", LON)},
    )


def field(path: Path, **settings: object):
    return read_gridded(path, FieldSpec(source=str(path), axes="earth", **settings))  # type: ignore[arg-type]


def test_a_scale_factor_as_text_counts_and_one_that_is_no_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    data(scale_factor="0.01").to_netcdf(path, engine="h5netcdf")
    assert np.abs(field(path).f).max() <= 40.0 + 1e-9
    for wrong in ("a hundredth", np.nan, 0.0):
        data(scale_factor=wrong).to_netcdf(path, engine="h5netcdf")
        with pytest.raises(InputError, match="scale_factor of u is"):
            field(path)


@pytest.mark.parametrize("swap", [(7, 8), (7, None)])
def test_latitudes_out_of_order_or_twice_are_refused(tmp_path: Path, swap: tuple[int, int | None]) -> None:
    lat = LAT.copy()
    if swap[1] is None:
        lat[swap[0] + 1] = lat[swap[0]]
    else:
        lat[list(swap)] = lat[list(swap[::-1])]
    path = tmp_path / "a.nc"
    data().assign_coords(lat=("lat", lat)).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(InputError, match="lat is not in order"):
        field(path)


def test_files_of_a_zip_that_count_time_from_different_days_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "uv.nc.zip", "w") as archive:
        for name, since in (("u", "2000-01-01"), ("v", "2010-01-01")):
            part = data()[[name]].expand_dims(time=[0.0, 1.0])
            part["time"].attrs["units"] = f"days since {since}"
            part.to_netcdf(tmp_path / f"{name}.nc", engine="h5netcdf")
            archive.write(tmp_path / f"{name}.nc", f"{name}.nc")
    with pytest.raises(InputError, match="counts time in days since 2000-01-01, another in days since 2010-01-01"):
        field(tmp_path / "uv.nc.zip")


def test_which_of_several_groups_was_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for group, factor in (("a", 1.0), ("b", 100.0)):
            for name in ("u", "v"):
                file[f"{group}/{name}"] = data()[name].to_numpy() * factor
    found = field(path)
    assert np.abs(found.f).max() <= 4000 and any("group a of the file was read; 1 more" in note for note in found.notes)


def test_a_gradient_over_kilometres_and_metres_has_one_unit(tmp_path: Path) -> None:
    """h = 1000 x y, x in km, y in m: dh/dx = 1000 y per km, dh/dy = 1000 x per m = 1e6 x per km."""
    x, y = np.linspace(0, 40, 41), np.linspace(30, 60, 31)
    h = 1000.0 * x[None, :] * y[:, None]
    path = tmp_path / "plane.nc"
    xr.Dataset({"h": (("y", "x"), h)}, {"x": ("x", x, {"units": "km"}), "y": ("y", y, {"units": "m"})}).to_netcdf(
        path, engine="h5netcdf"
    )
    found = field(path, scalar="h")
    assert found.value == "units per km"
    assert found.position == ("km", "km")
    right = np.stack([1e6 * found.x[:, 1], 1e6 * found.x[:, 0]], axis=1)[: found.nodes]
    assert found.f[: found.nodes] == pytest.approx(right, rel=1e-6, abs=1.0)


def test_a_slice_of_a_billion_billions_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for name in ("u", "v"):
            file.create_dataset(name, (10**9, 10**9), dtype="f8", chunks=(1000, 1000))
    with pytest.raises(InputError, match="cut a part out of it"):
        field(path)


@pytest.mark.parametrize(
    ("lon", "says"),
    [
        (np.full(31, 5.0), "lon is not in order: 5 is followed by 5"),
        (np.concatenate([[-9.6e305], np.arange(30.0)]), "lon holds -9.6e\\+305, which is no position"),
    ],
)
def test_longitudes_that_stand_still_or_are_none(tmp_path: Path, lon: np.ndarray, says: str) -> None:
    path = tmp_path / "a.nc"
    parts = {name: (("lat", "lon"), np.random.default_rng(0).normal(size=(21, 31))) for name in ("u", "v")}
    xr.Dataset(parts, {"lat": np.linspace(40, 50, 21), "lon": lon}).to_netcdf(path)
    with pytest.raises(InputError, match=says):
        read_gridded(path, FieldSpec(source=str(path)))


def test_a_curvilinear_grid_without_a_place_is_a_sentence(tmp_path: Path) -> None:
    nowhere = np.full((12, 14), np.nan)
    flow = np.ones((12, 14))
    ds = xr.Dataset(
        {"u": (("j", "i"), flow, {"units": "m/s"}), "v": (("j", "i"), flow, {"units": "m/s"})},
        {
            "lat": (("j", "i"), nowhere, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": (("j", "i"), nowhere, {"units": "degrees_east", "standard_name": "longitude"}),
        },
    )
    ds.to_netcdf(tmp_path / "nowhere.nc")
    with pytest.raises(InputError) as caught:
        field(tmp_path / "nowhere.nc")
    assert "u has no place: longitude and latitude are not numbers" in str(caught.value)
