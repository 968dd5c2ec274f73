"""Which variables are F: a flow in a box has three components, one on a map has levels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.readers import file_reading
from npf_engine.fields.readers.gridded import read_gridded
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
h5py = pytest.importorskip("h5py")
SIZES = {"z": 5, "y": 12, "x": 14}


def flow(names: tuple[str, ...], axes: dict[str, str]) -> xr.Dataset:
    """Components on levels, rows and columns that are called as ``axes`` says."""
    rng = np.random.default_rng(0)
    dims = [axes[dim] for dim in SIZES]
    parts = {name: (dims, rng.normal(size=tuple(SIZES.values())), {"units": "m/s"}) for name in names}
    return xr.Dataset(parts, {axes[dim]: np.linspace(0.0, 40.0, size) for dim, size in SIZES.items()})


@pytest.mark.parametrize("names", [("u", "v", "w"), ("velocity_x", "velocity_y", "velocity_z"), ("F1", "F2", "F3")])
def test_a_flow_in_a_box_is_one_in_space_and_a_slice_of_it_where_a_level_is_named(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    path = tmp_path / "box.nc"
    ds = flow(names, {"x": "x", "y": "y", "z": "z"})
    ds.to_netcdf(path)
    spec = FieldSpec(source=str(path))
    data = read_gridded(path, spec)
    assert data.variables == names and data.axes == ("x", "y", "z") and data.f.shape == (5 * 12 * 14, 3)
    seen = file_reading.read_preview(path, spec)
    assert not seen.defects and seen.gridded is not None and seen.gridded.pairs[0] == names[:2]
    assert seen.d == 3 and seen.shape == (5, 12, 14) and seen.gridded.choices == ()
    for part in (replace(spec, components=",".join(names[:2]), level="#2"), replace(spec, level="#2")):
        data = read_gridded(path, part)
        here = np.stack([ds[name].values[2].ravel() for name in names[:2]], axis=1)
        assert data.nodes == 12 * 14 and np.abs(data.f[: data.nodes] - here).max() < 1e-12


def test_the_upward_component_on_a_map_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "map.nc"
    flow(("u", "v", "w"), {"x": "lon", "y": "lat", "z": "plev"}).to_netcdf(path)
    assert read_gridded(path, FieldSpec(source=str(path))).variables == ("u", "v")


def test_components_chosen_in_the_other_order_are_put_right_and_told(tmp_path: Path) -> None:
    path = tmp_path / "winds.nc"
    ds = flow(("v", "u"), {"x": "lon", "y": "lat", "z": "plev"})
    ds["u"].attrs["standard_name"], ds["v"].attrs["standard_name"] = "eastward_wind", "northward_wind"
    ds.to_netcdf(path)
    right, turned = (read_gridded(path, FieldSpec(source=str(path), components=text)) for text in ("u,v", "v,u"))
    assert turned.variables == ("u", "v") and np.array_equal(right.f, turned.f)
    assert any("u is the first component" in text for text in turned.notes)


@pytest.mark.parametrize("names", [("u wind", "v wind"), ("u wind, 10m", "v wind, 10m"), ("u;1,2", "v;1,2")])
def test_names_with_spaces_and_commas_can_be_chosen(tmp_path: Path, names: tuple[str, str]) -> None:
    lat, lon = np.linspace(40, 60, 12), np.linspace(0, 30, 16)
    parts = {name: (("lat", "lon"), np.outer(np.sin(lat), np.cos(lon)) + k) for k, name in enumerate((*names, "other"))}
    xr.Dataset(parts, {"lat": lat, "lon": lon}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    for text in (",".join(names), ", ".join(names)):
        spec = FieldSpec(source=str(tmp_path / "a.nc"), components=text)
        assert read_gridded(tmp_path / "a.nc", spec).variables == names


@pytest.mark.parametrize("kind", ["references", "lists"])
def test_what_is_no_number_is_not_called_damaged(tmp_path: Path, kind: str) -> None:
    dtype = h5py.ref_dtype if kind == "references" else h5py.vlen_dtype(float)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["u"] = file["v"] = np.random.default_rng(0).normal(size=(12, 16))
        file.create_dataset("odd", (12, 16), dtype=dtype)
    spec = FieldSpec(source=str(tmp_path / "a.h5"))
    try:
        assert read_gridded(tmp_path / "a.h5", spec).variables == ("u", "v")
    except InputError as error:
        assert "odd is no numbers" in str(error)
