"""Which variables are F: a flow in a box has three components, one on a map has levels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields.readers import file_reading
from npf_engine.fields.readers.gridded import read_gridded
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
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
