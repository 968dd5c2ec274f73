"""Positions in different units of length are given one; steps of one name and times that are none are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded import Gridded, read_gridded
from npf_engine.fields.readers.one_length import one_length
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
X, Y = np.arange(0.0, 30.0), 1000.0 * np.arange(0.0, 24.0)
UP, ALONG = np.meshgrid(Y, X, indexing="ij")


def read(path: Path, **settings: object) -> Gridded:
    return read_gridded(path, FieldSpec(source=str(path), **settings))  # type: ignore[arg-type]


def plane(**units: str) -> xr.Dataset:
    parts = {name: (("y", "x"), values) for name, values in (("u", np.sin(ALONG / 9)), ("v", np.cos(UP / 9000)))}
    ds = xr.Dataset(parts, {"x": ("x", X), "y": ("y", Y)})
    for key, unit in units.items():
        ds[key].attrs["units"] = unit
    return ds


@pytest.mark.parametrize(
    ("units", "factors", "unit"),
    [
        (("km", "m"), (1.0, 1e-3), "km"),
        (("m", "km", "cm"), (1.0, 1e3, 1e-2), "m"),
        (("m", "metres"), (1.0, 1.0), "m"),
        (("ft", "m"), (1.0, 1 / 0.3048), "ft"),
        (("", "m"), (1.0, 1.0), ""),
    ],
)
def test_lengths_become_the_first_unit(units: tuple[str, ...], factors: tuple[float, ...], unit: str) -> None:
    found = one_length(["x", "y", "z"][: len(units)], units)
    np.testing.assert_allclose(found.factors, factors)
    assert found.units == (unit, *(units[1:] if not unit else [unit] * (len(units) - 1)))
    assert len(found.told) == sum(factor != 1.0 for factor in factors)


def test_what_is_no_length_stays_and_is_told() -> None:
    found = one_length(["x", "lev"], ["km", "hPa"])
    assert found.factors == (1.0, 1.0) and found.units == ("km", "hPa") and "x in km, lev in hPa" in found.notes[0]


def test_one_unit_that_is_not_said_is_told() -> None:
    found = one_length(["x", "y"], ["km", ""])
    assert found.factors == (1.0, 1.0) and found.units == ("km", "") and "x in km, y without a unit" in found.notes[0]
    assert one_length(["x", "y"], ["", ""]).notes == ()


def test_two_names_of_one_unit_are_said_once(tmp_path: Path) -> None:
    ds = plane(x="m", y="metre")[["u"]]
    ds["y"] = ds.y / 1000.0
    ds.y.attrs["units"] = "metre"
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    assert read(tmp_path / "a.nc", scalar="u").value == "units per m"


@pytest.mark.parametrize("bent", [False, True])
def test_a_plane_in_km_and_m_is_one_in_km(tmp_path: Path, bent: bool) -> None:
    ds = plane(x="km", y="m")
    if bent:
        x, y = np.meshgrid(X, Y)
        ds = ds.drop_vars(["x", "y"]).rename_dims(x="i", y="j")
        ds["X"], ds["Y"] = (("j", "i"), x, {"units": "km"}), (("j", "i"), y, {"units": "m"})
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    found = read(tmp_path / "a.nc")
    assert found.position == ("km", "km")
    assert any("y in m was turned into km" in text.lower() for text in found.conversions)
    np.testing.assert_allclose(found.x[: found.nodes].max(axis=0), (29.0, 23.0))
    np.testing.assert_allclose(found.f[: found.nodes, 1], np.cos(found.x[: found.nodes, 1] / 9), atol=1e-12)


def test_a_box_in_km_and_m_is_one_in_km(tmp_path: Path) -> None:
    z = np.arange(0.0, 100.0, 10.0)
    up = z[:, None, None] * np.ones((1, *UP.shape))
    parts = {"u": np.sin(ALONG / 9) + 0 * up, "v": np.cos(UP / 9000) + 0 * up, "w": up / 100}
    ds = xr.Dataset({name: (("z", "y", "x"), values) for name, values in parts.items()}, {"x": X, "y": Y, "z": z})
    for key, unit in (("x", "km"), ("y", "m"), ("z", "m")):
        ds[key].attrs["units"] = unit
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    found = read(tmp_path / "a.nc")
    assert found.position == ("km", "km", "km")
    np.testing.assert_allclose(found.x.max(axis=0), (29.0, 23.0, 0.09))
    np.testing.assert_allclose(found.f[:, 2], 10 * found.x[:, 2], atol=1e-12)
    for name, unit in (("u", "m/s"), ("v", "m/s"), ("w", "Pa/s")):
        ds[name].attrs["units"] = unit
    ds.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="set components = u,v and a level"):
        read(tmp_path / "b.nc")
    assert read(tmp_path / "b.nc", components="u,v", level="#3").x.shape[1] == 2


def times(counts: list[float]) -> xr.Dataset:
    ds = plane().expand_dims(t=np.array(counts)) + xr.DataArray(np.arange(float(len(counts))), dims="t")
    ds["t"].attrs["units"] = "days since 2000-01-01"
    return ds


def test_one_time_that_is_none_leaves_the_others(tmp_path: Path) -> None:
    times([0.0, 1e12, 2.0, 3.0]).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    found = read(tmp_path / "a.nc", time="2000-01-03")
    np.testing.assert_allclose(found.f[: found.nodes, 0].min(), 2 + np.sin(X / 9).min(), atol=1e-9)
    assert any("1 of 4 times of t (#1) cannot be read as dates" in text for text in found.notes)
    with pytest.raises(InputError, match=r"none of the 4 steps .* \(#1\) cannot be read as dates"):
        read(tmp_path / "a.nc", time="2000-01-02")
    assert "#1" in " ".join(read(tmp_path / "a.nc", time="#1").conversions)


def test_times_that_are_all_none_say_why(tmp_path: Path) -> None:
    times([1e12, 2e12, 3e12]).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"cannot be read as dates .*: they are shown as numbers"):
        read(tmp_path / "a.nc", time="2000-01-02")


def test_two_times_of_one_name_are_told(tmp_path: Path) -> None:
    times([0.0, 1.0, 1.0]).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    said = "2 steps of t are called 2000-01-02 (time #1, #2): #1 was taken."
    assert said in read(tmp_path / "a.nc", time="2000-01-02").notes
    assert not any("are called" in text for text in read(tmp_path / "a.nc").notes)
    assert any("#2 was taken" in text for text in read(tmp_path / "a.nc", time="#2").notes)
