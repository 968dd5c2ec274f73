"""Flows in a box of NetCDF and Zarr: the field that a VTK image of the same numbers is; volumes of uneven cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.field import Field
from npf_engine.fields.readers.gridded import Gridded, read_gridded
from npf_engine.fields.readers.gridded_look import look
from npf_engine.fields.readers.gridded_window import strides
from npf_engine.fields.spec import FieldSpec
from tests.fields.test_meshes import add, image, write

xr = pytest.importorskip("xarray")
X, Y, Z = 10.0 + 0.25 * np.arange(9), -2.0 + 0.5 * np.arange(8), 0.5 + 1.0 * np.arange(7)
UP, ACROSS, ALONG = np.meshgrid(Z, Y, X, indexing="ij")
U = ACROSS * UP, ALONG**2 - UP, ALONG**2 + ALONG * ACROSS * UP  # one a component, at points (z, y, x)


def box(units: tuple[str, str, str] = ("m/s", "m/s", "m/s")) -> xr.Dataset:
    parts = {
        name: (("z", "y", "x"), part.copy(), {"units": unit}) for name, part, unit in zip("uvw", U, units, strict=True)
    }
    ds = xr.Dataset(parts, {"x": X, "y": Y, "z": Z})
    for key in "xyz":
        ds[key].attrs["units"] = "m"
    return ds


def rows(field: Field) -> np.ndarray:
    """(n, 6) x and F, sorted."""
    x = np.concatenate([field.scaling.to_user(part.double()).numpy() for part in (field.x_train, field.x_test)])
    f = np.concatenate([field.y_train, field.y_test]) + np.array(field.shift or (0.0,) * 3)
    both = np.concatenate([x, f], axis=1)
    return both[np.lexsort(np.round(x, 4).T)]


@pytest.mark.parametrize("kind", ["nc", "zarr"])
def test_a_box_is_the_field_of_a_vtk_image_of_the_same_numbers(tmp_path: Path, kind: str) -> None:
    data = image((9, 8, 7))
    add(data, "flow", np.stack([part.ravel() for part in U], axis=1))
    write(data, tmp_path / "a.vti")
    path = tmp_path / f"a.{kind}"
    ds = box().transpose("x", "z", "y")
    ds.to_netcdf(path) if kind == "nc" else ds.to_zarr(path)
    field, other = (catalog.resolve(FieldSpec(source=str(file))) for file in (path, tmp_path / "a.vti"))
    assert field.d == other.d == 3 and field.units.value == "m/s" and field.units.position == ("m", "m", "m")
    np.testing.assert_allclose(rows(field), rows(other), rtol=1e-6, atol=1e-6)
    assert any("a field in three dimensions" in text for text in field.conversions)


def test_uneven_levels_weigh_their_volumes(tmp_path: Path) -> None:
    """Levels ten times as far apart above: half of the height holds half of the samples, not a tenth."""
    z = np.concatenate([np.arange(0.0, 5.0, 0.25), np.arange(5.0, 10.1, 2.5)])
    shape = (len(z), 8, 9)
    rng = np.random.default_rng(0)
    parts = {name: (("z", "y", "x"), rng.normal(size=shape), {"units": "m/s"}) for name in "uvw"}
    path = tmp_path / "a.nc"
    xr.Dataset(parts, {"x": X, "y": Y, "z": z}).to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path)))
    assert (data.x[:, 2] > 5.0).mean() == pytest.approx(0.5, abs=0.08)
    assert len(np.unique(np.round(data.x, 9), axis=0)) == len(data.x) and data.nodes < len(data.x)
    nearest = np.abs(data.x[: data.nodes, 2][:, None] - z).min(axis=1)
    assert nearest.max() < 1e-12


def test_units_voids_and_what_is_no_box(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    box(("cm/s", "m/s", "m/s")).to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path)))
    right = np.stack([part.ravel() for part in U], axis=1) * (0.01, 1.0, 1.0)
    assert data.value == "m/s" and np.abs(data.f - right).max() < 1e-12
    box(("Pa/s", "m/s", "m/s")).to_netcdf(path)
    with pytest.raises(InputError, match="different units"):
        read_gridded(path, FieldSpec(source=str(path)))
    ds = box()
    ds["w"][0, 0, :4] = np.nan
    ds["w"][1, :3, 0] = -9999.0
    ds.to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path)))
    assert data.voids == 7 and len(data.f) == 9 * 8 * 7 - 7 and any("-9999" in note for note in data.notes)
    thin = read_gridded(path, FieldSpec(source=str(path), max_samples=100))
    assert len(thin.f) < 100 and any("One point in 2 along each side" in note for note in thin.notes)
    ds["w"][...] = np.nan
    ds["w"][0, 0, :4] = 1.0
    ds.to_netcdf(path)
    with pytest.raises(InputError, match="are known at 4 points, too few"):
        read_gridded(path, FieldSpec(source=str(path)))
    box().assign_coords(z=("z", np.where(np.arange(7) == 3, np.nan, Z))).to_netcdf(path)
    with pytest.raises(InputError, match="z holds positions that are no numbers"):
        read_gridded(path, FieldSpec(source=str(path)))
    ds = box().rename(x="lon", y="lat")
    for key in ("lon", "lat"):
        ds[key].attrs["units"] = f"degrees_{'east' if key == 'lon' else 'north'}"
    ds.to_netcdf(path)
    assert read_gridded(path, FieldSpec(source=str(path))).variables == ("u", "v")
    with pytest.raises(InputError, match="not the three components of a flow"):
        read_gridded(path, FieldSpec(source=str(path), components="u,v,w"))


def test_a_thin_box_keeps_its_levels_and_no_more_samples_than_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    z, y, x = np.arange(3.0), np.arange(50.0), np.arange(60.0)
    parts = {name: (("z", "y", "x"), np.add.outer(np.add.outer(z, y), x), {"units": "m/s"}) for name in "uvw"}
    xr.Dataset(parts, {"x": x, "y": y, "z": z}).to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path), max_samples=1000))
    assert 500 < len(data.x) <= 1000 and set(data.x[:, 2]) == {0.0, 1.0, 2.0}
    assert np.abs(data.f - data.x.sum(axis=1, keepdims=True)).max() < 1e-9
    assert any("One point in 1 x 4 x 4 along z, y and x was taken" in note for note in data.notes)
    box().isel(x=slice(5), y=slice(5), z=slice(5)).to_netcdf(path)  # of which no side can be thinned
    assert len(read_gridded(path, FieldSpec(source=str(path), max_samples=100)).x) == 100
    assert strides((3, 10_000, 10_000), 5000, 3) == (1, 250, 250) and strides((8, 8, 8), 1000, 3) == (1, 1, 1)


@pytest.mark.parametrize(
    ("attrs", "motion", "turned"),
    [
        ({"positive": "down"}, "", True),
        ({"standard_name": "depth"}, "", True),
        ({"units": "hPa"}, "", True),
        ({"positive": "down"}, "downward_sea_water_velocity", False),
        ({"positive": "up"}, "", False),
        ({}, "", False),
    ],
)
def test_z_grows_the_way_w_points(tmp_path: Path, attrs: dict[str, str], motion: str, turned: bool) -> None:
    """w = 3 z of the height: its derivative along z is 3, whichever way the levels are counted."""
    path = tmp_path / "a.nc"
    ds = box()
    ds["w"] = (("z", "y", "x"), (-3.0 if turned else 3.0) * UP, {"units": "m/s", "standard_name": motion})
    ds["z"].attrs |= attrs
    ds.to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path)))
    assert np.abs(data.f[:, 2] - 3.0 * data.x[:, 2]).max() < 1e-9 and np.sign(data.x[0, 2]) == (-1 if turned else 1)
    assert data.axes[2] == ("-z" if turned else "z") and turned == any("z is -z" in text for text in data.conversions)


def test_smoothing_a_box_does_not_hang_on_how_many_samples_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    shape = (9, 16, 16)
    rng = np.random.default_rng(0)
    parts = {name: (("z", "y", "x"), rng.normal(size=shape), {"units": "m/s"}) for name in "uvw"}
    lines = {name: np.arange(float(size)) for name, size in zip("zyx", shape, strict=True)}
    xr.Dataset(parts, lines).to_netcdf(path)
    all_of_it, few = (read_gridded(path, FieldSpec(source=str(path), smooth=1.5, max_samples=n)) for n in (10_000, 400))
    whole = {tuple(x): f for x, f in zip(all_of_it.x, all_of_it.f, strict=True)}
    assert len(few.x) <= 400 and max(np.abs(f - whole[tuple(x)]).max() for x, f in zip(few.x, few.f, strict=True)) == 0


def test_a_box_is_smoothed_and_offered_beside_its_slices(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    rng = np.random.default_rng(0)
    ds = box()
    ds["u"][...] = rng.normal(size=ds["u"].shape)
    ds.to_netcdf(path)
    rough, smooth = (read_gridded(path, FieldSpec(source=str(path), smooth=steps)) for steps in (0.0, 2.0))
    assert smooth.f[:, 0].std() < 0.3 * rough.f[:, 0].std() and any(
        "smoothed by" in text for text in smooth.conversions
    )
    for spec in (FieldSpec(source=str(path)), FieldSpec(source=str(path), components="u,v", level="#1")):
        seen = look(path, spec)
        assert seen.boxes == (("u", "v", "w"),) and ("u", "v") in seen.pairs and not seen.defect


def heights(path: Path, z: np.ndarray, max_samples: int = 100_000) -> tuple[np.ndarray, np.ndarray, Gridded]:
    """Positions and F = (x, y, z) of a box with these levels."""
    up, across, along = np.meshgrid(z, Y, X, indexing="ij")
    flow = {
        name: (("z", "y", "x"), part, {"units": "m/s"}) for name, part in zip("uvw", (along, across, up), strict=True)
    }
    xr.Dataset(flow, {"x": X, "y": Y, "z": ("z", z, {"units": "m"})}).to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path), max_samples=max_samples))
    return data.x, data.f, data


@pytest.mark.parametrize("uneven", [False, True])
def test_no_sample_lies_in_a_gap_of_a_box(tmp_path: Path, uneven: bool) -> None:
    """Two parts of 90 and 95 m with 410 m between them, evenly and unevenly filled."""
    below = np.arange(0.0, 91.0, 10.0)
    z = np.concatenate([below, 500.0 + below, [595.0] if uneven else []])
    x, f, data = heights(tmp_path / "a.nc", z)
    assert not ((x[:, 2] > 90.0) & (x[:, 2] < 500.0)).any() and np.abs(f - x).max() < 1e-9
    assert (x[:, 2] < 100.0).mean() == pytest.approx(90.0 / 185.0 if uneven else 0.5, abs=0.04)
    assert any("Between z 90 and 500 m lies a gap" in note for note in data.notes)


@pytest.mark.parametrize("side", ["z", "x"])
def test_a_line_written_wrongly_is_left_out_of_a_box_and_told(tmp_path: Path, side: str) -> None:
    path = tmp_path / "a.nc"
    line = np.append(np.arange(0.0, 181.0, 20.0), 5000.0)
    sizes = {"z": 7, "y": 8, "x": 9} | {side: len(line)}
    flow = {name: (("z", "y", "x"), np.random.default_rng(0).normal(size=tuple(sizes.values()))) for name in "uvw"}
    xr.Dataset(flow, {side: line}).to_netcdf(path)
    data = read_gridded(path, FieldSpec(source=str(path)))
    assert data.x[:, "xyz".index(side)].max() == 180.0 and len(data.x) == 10 * np.prod(list(sizes.values())) // 11
    assert any(f"1 of the 11 places along {side} (5000) lie far from all others" in note for note in data.notes)


def test_few_levels_that_grow_by_large_factors_are_all_kept(tmp_path: Path) -> None:
    z = np.array([0.0, 5, 10, 50, 100, 500, 1000, 2000])
    x, f, data = heights(tmp_path / "a.nc", z)
    assert x[:, 2].max() == 2000.0 and x[:, 2].mean() == pytest.approx(1000.0, rel=0.05)
    assert np.abs(f - x).max() < 1e-9 and not any("gap" in note for note in data.notes)
    x, _, data = heights(tmp_path / "b.nc", np.append(z, 1e6))
    assert x[:, 2].max() == 2000.0 and any("(1e+06) lie far from all others" in note for note in data.notes)


def test_a_line_written_wrongly_is_left_out_of_a_box_with_a_gap(tmp_path: Path) -> None:
    part = np.arange(0.0, 91.0, 10.0)
    x, _, data = heights(tmp_path / "a.nc", np.concatenate([part, 500.0 + part, [5000.0]]))
    assert x[:, 2].max() == 590.0 and any("1 of the 21 places along z (5000)" in note for note in data.notes)
    assert any("Between z 90 and 500 m lies a gap" in note for note in data.notes)


def test_outermost_cells_of_an_uneven_box_end_at_their_points(tmp_path: Path) -> None:
    """A box of 0..150 m is full from below to above: its samples are 75 m high in the mean, whichever levels it has."""
    z = np.array([0.0, 1, 2, 4, 8, 16, 32, 64, 100, 150])
    x, f, _ = heights(tmp_path / "a.nc", z)
    assert x[:, 2].mean() == pytest.approx(75.0, abs=2.0) and np.abs(f - x).max() < 1e-9
    for k, line in ((0, X), (1, Y)):
        assert x[:, k].mean() == pytest.approx(line.mean(), abs=0.06)
        assert x[:, k].std() == pytest.approx(np.ptp(line) / 12**0.5, rel=0.08)


def test_a_thinned_uneven_box_keeps_its_ends(tmp_path: Path) -> None:
    z = np.array([0.0, 1, 2, 4, 8, 16, 32, 64, 100, 180])
    x, f, data = heights(tmp_path / "a.nc", z, max_samples=300)
    assert any("One point in 2" in note for note in data.notes) and len(x) <= 300
    assert x[:, 2].max() == 180.0 and x[:, 2].mean() == pytest.approx(90.0, abs=8.0) and np.abs(f - x).max() < 1e-9
    gap = np.concatenate([z, 2000.0 + z])
    x, f, _ = heights(tmp_path / "b.nc", gap, max_samples=300)
    assert not ((x[:, 2] > 180.0) & (x[:, 2] < 2000.0)).any() and np.abs(f - x).max() < 1e-9


def test_smoothing_stays_within_the_parts_of_a_box(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    z = np.concatenate([np.arange(0.0, 91.0, 10.0), 500.0 + np.arange(0.0, 91.0, 10.0)])
    step = np.broadcast_to(np.where(z > 200.0, 10.0, 0.0)[:, None, None], (20, 8, 9))
    flow = {name: (("z", "y", "x"), step.copy()) for name in "uvw"}
    xr.Dataset(flow, {"z": z}).to_netcdf(path)
    f = read_gridded(path, FieldSpec(source=str(path), smooth=3.0)).f
    assert np.minimum(np.abs(f), np.abs(f - 10.0)).max() < 1e-9


def test_components_of_a_box_are_put_into_order(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    box().to_netcdf(path)
    right = read_gridded(path, FieldSpec(source=str(path), components="u,v,w"))
    assert not any("in this order" in note for note in right.notes)
    ds = box().rename(u="a", v="b", w="c")
    for name, said in zip("abc", ("eastward_wind", "northward_wind", "upward_air_velocity"), strict=True):
        ds[name].attrs["standard_name"] = said
    ds.to_netcdf(tmp_path / "b.nc")
    for file, text in (("a.nc", "v,u,w"), ("a.nc", "w,v,u"), ("b.nc", "c,b,a"), ("b.nc", "b,c,a")):
        data = read_gridded(tmp_path / file, FieldSpec(source=str(tmp_path / file), components=text))
        assert np.array_equal(data.f, right.f) and any(
            "in this order, and were taken so" in note for note in data.notes
        )
    for text in ("u,w", "w,v"):
        with pytest.raises(
            InputError, match=r"w is the component along the levels of a box.*components = u,v and a level"
        ):
            read_gridded(path, FieldSpec(source=str(path), components=text))
    assert read_gridded(path, FieldSpec(source=str(path), components="u,w", level="#2")).variables == ("u", "w")
