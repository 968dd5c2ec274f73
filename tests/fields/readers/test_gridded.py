"""Gridded data by the CF conventions: every value against xarray's own, or known by arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.readers.gridded import Gridded, read_gridded
from npf_engine.fields.readers.gridded_axes import layout
from npf_engine.fields.readers.gridded_open import opened
from npf_engine.fields.readers.gridded_place import points
from npf_engine.fields.readers.gridded_values import Log
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")
R = 6_371_229.0  # metres: a sphere, where a test wants arithmetic


def spec_of(path: Path, **values: object) -> FieldSpec:
    return FieldSpec(source=str(path), **({"axes": "earth"} | values))  # type: ignore[arg-type]


def read(path: Path, **values: object) -> Gridded:
    return read_gridded(path, spec_of(path, **values))


def nodes(data: Gridded, shape: tuple[int, int]) -> np.ndarray:
    """F at the nodes of a grid that is known everywhere."""
    assert data.nodes == shape[0] * shape[1]
    return data.f[: data.nodes].reshape(*shape, 2)


def vector(lat: np.ndarray, lon: np.ndarray, seed: int = 0, **attrs: dict[str, str]) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    shape = (len(lat), len(lon))
    u = {"standard_name": "eastward_wind", "units": "m s-1"} | attrs.get("u", {})
    v = {"standard_name": "northward_wind", "units": "m s-1"} | attrs.get("v", {})
    return xr.Dataset(
        {
            "first": (("lat", "lon"), rng.normal(size=shape), u),
            "second": (("lat", "lon"), rng.normal(size=shape), v),
        },
        {
            "lat": ("lat", lat, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("lon", lon, {"units": "degrees_east", "standard_name": "longitude"}),
        },
    )


LAT, LON = np.linspace(60.0, 40.0, 21), np.linspace(0.0, 30.0, 31)


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_packed_values_are_those_of_xarray(tmp_path: Path, engine: str) -> None:
    """scale_factor, add_offset, _FillValue, a descending latitude, longitudes to 360."""
    path = tmp_path / "packed.nc"
    ds = vector(LAT, np.linspace(340.0, 355.0, 31))
    ds["first"][3, 4] = np.nan
    packed = {"dtype": "i2", "scale_factor": 0.001, "add_offset": 1.5, "_FillValue": np.int16(-32767)}
    ds.to_netcdf(path, engine=engine, encoding={"first": packed, "second": packed})
    data = read(path)
    with xr.open_dataset(path, engine=engine) as own:
        u, v = own.first.values.ravel(), own.second.values.ravel()
    good = np.isfinite(u)
    assert data.nodes == good.sum() == 21 * 31 - 1 and data.voids == 1
    assert np.abs(data.f[: data.nodes] - np.stack([u[good], v[good]], axis=1)).max() < 1e-6
    assert data.value == "m/s"


def test_units_of_components_are_made_one_and_told(tmp_path: Path) -> None:
    path = tmp_path / "units.nc"
    ds = vector(LAT, LON, u={"units": "cm s-1"}, v={"units": "km/h"})
    ds.to_netcdf(path)
    f = nodes(read(path), (21, 31))
    assert np.allclose(f[..., 0], ds.first / 100, rtol=1e-12) and np.allclose(f[..., 1], ds.second / 3.6, rtol=1e-12)
    told = " ".join(read(path).conversions)
    assert "cm s-1" in told and "0.01" in told and "km/h" in told
    ds.second.attrs["units"] = "K"
    ds.to_netcdf(path)
    with pytest.raises(InputError, match="cannot be turned into one another"):
        read(path)


@pytest.mark.parametrize(
    ("first", "second"),
    [("u10", "v10"), ("uo", "vo"), ("U", "V"), ("ugrd10m", "vgrd10m"), ("vozocrtx", "vomecrty"), ("Vx", "Vy")],
)
def test_components_are_found_by_their_names(tmp_path: Path, first: str, second: str) -> None:
    path = tmp_path / "names.nc"
    ds = vector(LAT, LON).rename(first=first, second=second)
    for name in (first, second):
        ds[name].attrs.pop("standard_name")
    ds = ds.assign(temperature=ds[first] * 2, pressure=ds[first] * 3)[["pressure", second, "temperature", first]]
    ds.to_netcdf(path)
    assert read(path).variables == (first, second)
    assert read(path, components=f"temperature,{second}").variables == ("temperature", second)
    assert read(path, scalar="pressure").variables == ("pressure",)
    with pytest.raises(InputError, match="has no variable 'nothing'"):
        read(path, scalar="nothing")


def test_standard_names_go_before_common_ones(tmp_path: Path) -> None:
    path = tmp_path / "both.nc"
    ds = vector(LAT, LON)
    ds["u"], ds["v"] = (("lat", "lon"), ds.first.values * 0 + 1), (("lat", "lon"), ds.first.values * 0)
    ds.to_netcdf(path)
    data = read(path)
    assert data.variables == ("first", "second") and data.pairs == (("first", "second"), ("u", "v"))
    assert any("components = u,v" in note for note in data.notes)


def steps(tmp_path: Path) -> tuple[Path, xr.Dataset]:
    path = tmp_path / "steps.nc"
    rng = np.random.default_rng(1)
    dims = ("number", "time", "plev", "lat", "lon")
    base = vector(LAT, LON)
    ds = base.drop_vars(["first", "second"])
    for name, standard in (("a", "eastward_wind"), ("b", "northward_wind")):
        ds[name] = (dims, rng.normal(size=(2, 3, 2, 21, 31)), {"standard_name": standard, "units": "m/s"})
    ds = ds.assign_coords(
        time=np.array(["2020-01-01", "2020-02-01T06:00", "2020-03-01"], "M8[ns]"),
        plev=("plev", [50000.0, 85000.0], {"units": "Pa", "standard_name": "air_pressure"}),
        number=("number", [0, 1], {"standard_name": "realization"}),
    )
    ds.to_netcdf(path)
    return path, ds


@pytest.mark.parametrize(
    ("chosen", "at"),
    [
        ({}, (0, 0, 0)),
        ({"time": "1"}, (0, 1, 0)),
        ({"time": "2020-02"}, (0, 1, 0)),
        ({"time": "2020-03-01", "level": "85000 Pa", "member": "1"}, (1, 2, 1)),
        ({"time": "-1", "level": "1"}, (0, 2, 1)),
    ],
)
def test_time_level_and_member_are_chosen(tmp_path: Path, chosen: dict[str, str], at: tuple[int, int, int]) -> None:
    path, ds = steps(tmp_path)
    f = nodes(read(path, **chosen), (21, 31))
    own = ds.isel(number=at[0], time=at[1], plev=at[2])
    assert np.abs(f - np.stack([own.a, own.b], axis=-1)).max() < 1e-6


def test_components_are_of_one_time_and_level(tmp_path: Path) -> None:
    """Dimensions in another order, and times of their own: steps go together by their names, or not at all."""
    path, ds = steps(tmp_path)
    later = ds["b"].isel(time=slice(1, 3)).rename(time="later").transpose("plev", "later", "number", "lat", "lon")
    other = xr.Dataset({"a": ds["a"], "b": later})
    other.to_netcdf(path)
    f = nodes(read(path, time="2020-02", level="#1", member="#1"), (21, 31))
    own = ds.isel(number=1, time=1, plev=1)
    assert np.abs(f - np.stack([own.a, own.b], axis=-1)).max() < 1e-6
    with pytest.raises(InputError, match=r"of time 2020-01-01 .*which b does not have"):
        read(path, time="#0")
    other.isel(later=0).to_netcdf(path)
    assert read(path, time="#2").nodes == 21 * 31  # what has no time is of every one


def test_steps_are_told_and_a_wrong_one_is_a_sentence(tmp_path: Path) -> None:
    path, _ = steps(tmp_path)
    told = " ".join(read(path, time="1").conversions)
    assert "Time 2020-02-01 06:00: month 2 of 3 (time=#1)." in told and "Level (plev) 50000 Pa: level 1" in told
    for key, value in (("time", "1999-01-01"), ("time", "7"), ("level", "300 hPa"), ("member", "2")):
        with pytest.raises(InputError, match=key):
            read(path, **{key: value})


def test_calendars_and_times_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "calendar.nc"
    ds = vector(LAT, LON).expand_dims(time=2)
    ds["time"] = ("time", [0.0, 59.0], {"units": "days since 2001-01-01", "calendar": "360_day"})
    ds.to_netcdf(path)
    data = read(path, time="2001-02-30")  # a day that only this calendar has
    assert data.choices[0].labels == ("2001-01-01", "2001-02-30") and any("360_day" in note for note in data.notes)
    ds["time"].attrs = {"units": "moons since the flood"}
    ds.to_netcdf(path)
    data = read(path, time="1")
    assert data.choices[0].index == 1 and any("cannot be read as dates" in note for note in data.notes)


def sphere(ds: xr.Dataset, name: str) -> None:
    ds[name].attrs["grid_mapping"] = "crs"
    ds["crs"] = ((), 0, {"grid_mapping_name": "latitude_longitude", "earth_radius": R})


def test_a_scalar_becomes_its_gradient_per_metre_of_the_ground(tmp_path: Path) -> None:
    path = tmp_path / "scalar.nc"
    ds = vector(LAT, LON)[["first"]].rename(first="pv")
    ds["pv"] = ds.pv.astype("f8")
    ds.pv.attrs = {"units": "K"}
    sphere(ds, "pv")
    ds.to_netcdf(path)
    f = nodes(read(path), (21, 31))
    east = ds.pv.differentiate("lon") / (np.radians(1) * R * np.cos(np.radians(ds.lat)))
    north = ds.pv.differentiate("lat") / (np.radians(1) * R)
    assert np.abs(f[..., 0] - east.values).max() < 1e-6 * np.abs(east.values).max()
    assert np.abs(f[..., 1] - north.values).max() < 1e-6 * np.abs(north.values).max()
    assert read(path).value == "K per metre"


def test_a_height_in_feet_becomes_metres_per_metre(tmp_path: Path) -> None:
    path = tmp_path / "feet.nc"
    ds = vector(LAT, LON)[["first"]].rename(first="zos")
    ds["zos"] = (("lat", "lon"), 1000 * np.radians(ds.lat.values)[:, None] + 0 * ds.zos.values + ds.lon.values)
    ds.zos.attrs = {"units": "ft"}
    sphere(ds, "zos")
    ds.to_netcdf(path)
    data = read(path)
    assert data.value == "metres per metre"
    assert np.allclose(data.f[: data.nodes, 1], 1000 * 0.3048 / R, rtol=1e-9)


def test_rho_is_the_area_measure(tmp_path: Path) -> None:
    """From the equator to 60 N the mean of sin(latitude) is sin(60) / 2; of a box of degrees it would be 0.477."""
    path = tmp_path / "area.nc"
    lat, lon = np.linspace(0.0, 60.0, 121), np.linspace(0.0, 90.0, 91)
    ds = vector(lat, lon)
    ds["first"] = (("lat", "lon"), np.sin(np.radians(lat))[:, None] + 0.0 * ds.first.values)
    ds.first.attrs = {"standard_name": "eastward_wind", "units": "m s-1"}
    sphere(ds, "first")
    ds.to_netcdf(path)
    assert read(path).f[:, 0].mean() == pytest.approx(np.sqrt(3) / 4, abs=2e-3)


def test_the_globe_lies_on_an_equal_area_cylinder(tmp_path: Path) -> None:
    path = tmp_path / "globe.nc"
    ds = vector(np.linspace(90, -90, 37), np.arange(0.0, 360.0, 5.0))
    sphere(ds, "first")
    ds.to_netcdf(path)
    data = read(path, axes="map")
    assert any("round the globe" in note for note in data.notes)
    assert np.abs(data.x[:, 1]).max() <= R / 1000 * (1 + 1e-12)
    density, _ = np.histogram(data.x[:, 1], bins=10, range=(-R / 1000, R / 1000))
    assert np.abs(density / len(data.x) - 0.1).max() < 0.003  # equal areas have equal mass
    part = read(path, axes="map", bounds=(-30.0, 20.0, 60.0, 80.0))  # across the seam of 0..360
    assert not any("round the globe" in note for note in part.notes) and part.nodes == 19 * 13


@pytest.mark.parametrize(
    ("east", "says"), [(359.0, "goes round the globe"), (250.0, "is 250 degrees wide and reaches from 60 S to 60 N")]
)
def test_a_wide_band_is_not_the_globe(tmp_path: Path, east: float, says: str) -> None:
    path = tmp_path / "band.nc"
    vector(np.linspace(-60.0, 60.0, 25), np.linspace(0.0, east, round(east) + 1)).to_netcdf(path)
    assert any(says in note for note in read(path).notes)


def test_positions_and_vectors_are_those_of_the_map(tmp_path: Path) -> None:
    """On Lambert's azimuthal map about 50 N, 15 E: an eastward vector points where the map goes eastward."""
    from pyproj import Proj

    path = tmp_path / "map.nc"
    ds = vector(LAT, LON)
    ds["first"][:], ds["second"][:] = 1.0, 0.0
    ds["second"][0, 0] = 1e-3  # not the same everywhere
    sphere(ds, "first")
    ds.to_netcdf(path)
    data = read(path, axes="map")
    project = Proj(proj="laea", lat_0=50, lon_0=15, R=R)
    lon, lat = np.meshgrid(LON, LAT)
    x, y = project(lon, lat)
    assert np.abs(data.x[: data.nodes] - np.stack([x.ravel(), y.ravel()], axis=1) / 1000).max() < 1e-6
    row = 10 * 31  # 50 N: at the middle the map is true
    at = data.f[: data.nodes][row + 15]
    assert np.allclose(at, (1.0, 0.0), atol=1e-9)
    step = np.stack(project(lon + 1e-5, lat), axis=-1) - np.stack([x, y], axis=-1)
    step = (step / np.linalg.norm(step, axis=-1, keepdims=True)).reshape(-1, 2)
    assert np.abs(np.linalg.norm(data.f[1 : data.nodes], axis=1) - 1).max() < 1e-12  # turned, never stretched
    assert (data.f[1 : data.nodes] * step[1:]).sum(axis=1).min() > np.cos(np.radians(1.0))  # up to the map's shear


def test_components_along_a_turned_grid(tmp_path: Path) -> None:
    """A grid turned by 30 degrees at the equator: (1, 0) along its columns is (cos 30, sin 30)."""
    path = tmp_path / "turned.nc"
    i, j = np.meshgrid(np.arange(20) * 0.01, np.arange(16) * 0.01)
    turn = np.radians(30)
    ds = xr.Dataset(
        {
            "u": (("y", "x"), np.ones(i.shape) + i, {"units": "m/s", "standard_name": "sea_water_x_velocity"}),
            "v": (("y", "x"), np.zeros(i.shape), {"units": "m/s", "standard_name": "sea_water_y_velocity"}),
            "nav_lat": (("y", "x"), np.sin(turn) * i + np.cos(turn) * j, {"units": "degrees_north"}),
            "nav_lon": (("y", "x"), np.cos(turn) * i - np.sin(turn) * j, {"units": "degrees_east"}),
            "crs": ((), 0, {"grid_mapping_name": "latitude_longitude", "earth_radius": R}),
        }
    )
    ds.u.attrs["grid_mapping"] = "crs"
    ds.to_netcdf(path)
    data = read(path)
    f = nodes(data, i.shape) / (1 + i)[..., None]
    assert np.allclose(f, (np.cos(turn), np.sin(turn)), atol=1e-5)
    assert any("along the grid" in told for told in data.conversions)
    assert np.allclose(nodes(read(path, along="earth"), i.shape)[..., 0], 1 + i)
    for name, standard in (("u", "eastward_wind"), ("v", "northward_wind")):  # as cfgrib writes what lies along a grid
        ds[name].attrs |= {"standard_name": standard, "GRIB_uvRelativeToGrid": 1}
    ds.to_netcdf(path)
    assert np.allclose(nodes(read(path), i.shape) / (1 + i)[..., None], (np.cos(turn), np.sin(turn)), atol=1e-5)
    for name in ("u", "v"):
        ds[name].attrs = {"units": "m/s"}
    ds.to_netcdf(path)
    assert any("along=earth" in note for note in read(path).notes)


def test_rotated_poles_and_projections(tmp_path: Path) -> None:
    """Places by the grid mapping, and grid-relative components turned by the directions that the grid really has."""
    import pyproj

    mappings = {
        "pole": {
            "grid_mapping_name": "rotated_latitude_longitude",
            "grid_north_pole_latitude": 39.25,
            "grid_north_pole_longitude": -162.0,
            "earth_radius": R,
        },
        "conic": {
            "grid_mapping_name": "lambert_conformal_conic",
            "standard_parallel": [30.0, 60.0],
            "longitude_of_central_meridian": 10.0,
            "latitude_of_projection_origin": 45.0,
            "earth_radius": R,
        },
    }
    for name, mapping in mappings.items():
        rotated = name == "pole"
        scale, unit = (1.0, "degrees") if rotated else (100.0, "km")
        x, y = np.linspace(-5, 5, 21) * scale, np.linspace(-4, 4, 17) * scale
        kinds = (
            ("grid_longitude", "grid_latitude") if rotated else ("projection_x_coordinate", "projection_y_coordinate")
        )
        ds = xr.Dataset(
            {
                "u": (("y", "x"), np.full((17, 21), 2.0), {"standard_name": "x_wind", "units": "m/s"}),
                "v": (("y", "x"), np.zeros((17, 21)), {"standard_name": "y_wind", "units": "m/s"}),
                "mapping": ((), 0, mapping),
            },
            {
                "x": ("x", x, {"standard_name": kinds[0], "units": unit}),
                "y": ("y", y, {"standard_name": kinds[1], "units": unit}),
            },
        )
        for key in ("u", "v"):
            ds[key].attrs["grid_mapping"] = "mapping"
        path = tmp_path / f"{name}.nc"
        ds.to_netcdf(path)
        f = nodes(read(path), (17, 21))
        assert np.allclose(np.linalg.norm(f, axis=2), 2.0)
        crs = pyproj.CRS.from_cf(mapping)
        base = crs.source_crs or crs.geodetic_crs
        there = pyproj.Transformer.from_crs(crs, base, always_xy=True)
        factor = 1.0 if rotated else 1000.0
        lon, lat = there.transform(*np.meshgrid(x * factor, y * factor))
        lon2, lat2 = there.transform(*np.meshgrid(x * factor + 1e-4, y * factor))
        step = np.stack([(lon2 - lon) * np.cos(np.radians(lat)), lat2 - lat], axis=-1)
        step /= np.linalg.norm(step, axis=-1, keepdims=True)
        assert np.abs(f / 2 - step)[1:-1, 1:-1].max() < 2e-4  # central differences over a step of the grid


def test_grads_from_paris_are_degrees_from_greenwich(tmp_path: Path) -> None:
    """Lambert II of France (EPSG:27572): its origin is 52 grads north on the meridian of Paris, 2 20' 14.025" E."""
    x, y = np.linspace(500e3, 700e3, 21), np.linspace(2100e3, 2300e3, 21)
    wave = np.sin(x[None, :] / 5e4) + np.cos(y[:, None] / 6e4)
    ds = xr.Dataset({"a": (("y", "x"), wave), "b": (("y", "x"), wave.T)}, {"x": x, "y": y})
    for name in "xy":
        ds[name].attrs["units"] = "m"
    path = tmp_path / "lambert.nc"
    ds.to_netcdf(path)
    with opened(path) as own:
        at = points(own, "a", layout(own, "a"), {}, "EPSG:27572", Log())
    assert abs(at.lat[10, 10] - 46.8) < 1e-6 and abs(at.lon[10, 10] - 2.33722917) < 1e-6
    grads = xr.Dataset({"a": (("y", "x"), wave)}, {"x": np.linspace(-1, 1, 21), "y": np.linspace(51, 53, 21)})
    for unit, share in (("", 1.0), ("grad", 1.0), ("degrees", 1 / 0.9)):
        for name in "xy":
            grads[name] = (name, grads[name].values, {"units": unit})
        at = points(grads, "a", layout(grads, "a"), {}, "EPSG:4807", Log())
        assert abs(at.lat[10, 10] - 46.8 * share) < 1e-6 and abs(at.lon[10, 10] - 2.33722917) < 1e-6


def test_staggered_components_meet_at_common_points(tmp_path: Path) -> None:
    """Arakawa C: u on the sides and v on the upper and lower edges of cells; both linear, so their means are exact."""
    lon, lat = np.arange(0.0, 10.0, 0.5), np.arange(40.0, 46.0, 0.5)
    lon_u, lat_v = np.append(lon - 0.25, lon[-1] + 0.25), np.append(lat - 0.25, lat[-1] + 0.25)
    ds = xr.Dataset(
        {
            "u": (
                ("lat", "lon_u"),
                2 * lon_u[None, :] + lat[:, None],
                {"standard_name": "eastward_wind", "units": "m/s"},
            ),
            "v": (
                ("lat_v", "lon"),
                3 * lat_v[:, None] + lon[None, :],
                {"standard_name": "northward_wind", "units": "m/s"},
            ),
        },
        {
            name: (name, values, {"units": unit})
            for name, values, unit in (
                ("lon", lon, "degrees_east"),
                ("lon_u", lon_u, "degrees_east"),
                ("lat", lat, "degrees_north"),
                ("lat_v", lat_v, "degrees_north"),
            )
        },
    )
    path = tmp_path / "stagger.nc"
    ds.to_netcdf(path)
    data = read(path)
    f = nodes(data, (12, 20))
    assert np.allclose(f[..., 0], 2 * lon[None, :] + lat[:, None]) and np.allclose(
        f[..., 1], 3 * lat[:, None] + lon[None, :]
    )
    assert any("staggered" in told for told in data.conversions)


def test_staggered_components_of_equal_size_meet_at_the_middle(tmp_path: Path) -> None:
    """As NEMO writes them: u half a step east and v half a step north of each point, in two dimensions."""
    lon, lat = np.meshgrid(np.arange(0.0, 10.0, 0.5), np.arange(40.0, 46.0, 0.5))
    ds = xr.Dataset(
        {
            "uo": (
                ("y", "x"),
                2 * (lon + 0.25) + lat,
                {"standard_name": "eastward_sea_water_velocity", "units": "m/s"},
            ),
            "vo": (
                ("y2", "x2"),
                3 * (lat + 0.25) + lon,
                {"standard_name": "northward_sea_water_velocity", "units": "m/s"},
            ),
            "lon_u": (("y", "x"), lon + 0.25, {"units": "degrees_east"}),
            "lat_u": (("y", "x"), lat, {"units": "degrees_north"}),
            "lon_v": (("y2", "x2"), lon, {"units": "degrees_east"}),
            "lat_v": (("y2", "x2"), lat + 0.25, {"units": "degrees_north"}),
        }
    )
    path = tmp_path / "nemo.nc"
    ds.to_netcdf(path)
    f = nodes(read(path), (11, 19))
    assert np.allclose(f[..., 0], (2 * lon + lat)[1:, 1:]) and np.allclose(f[..., 1], (3 * lat + lon)[1:, 1:])


def test_a_grid_without_places_of_the_earth(tmp_path: Path) -> None:
    path = tmp_path / "flow.nc"
    x, y = np.linspace(0, 0.3, 31), np.linspace(0, 0.1, 11)
    ds = xr.Dataset(
        {"p": (("y", "x"), 5 * x[None, :] ** 2 + y[:, None], {"units": "Pa"})},
        {"x": ("x", x, {"units": "m"}), "y": ("y", y, {"units": "m"})},
    )
    ds.to_netcdf(path)
    data = read(path)
    assert data.value == "Pa per m" and data.position == ("m", "m")
    f = nodes(data, (11, 31))
    assert np.allclose(f[:, 1:-1, 0], 10 * x[None, 1:-1]) and np.allclose(f[..., 1], 1.0)


def test_undeclared_marks_and_masks(tmp_path: Path) -> None:
    path = tmp_path / "marks.nc"
    ds = vector(LAT, LON)
    ds["first"][:5, :5] = -9999.0
    ds["second"][0, 20] = 9.96921e36
    ds.to_netcdf(path)
    data = read(path)
    assert data.nodes == 21 * 31 - 26 and np.abs(data.f).max() < 10
    assert any("-9999" in note or "-9,999" in note for note in data.notes)


def test_large_constants_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "large.nc"
    ds = vector(LAT, LON)
    ds["first"] = ds.first + 1e8
    ds.to_netcdf(path)
    assert np.abs(nodes(read(path), (21, 31))[..., 0] - ds.first.values).max() < 1e-7


def test_a_large_grid_is_thinned_and_told(tmp_path: Path) -> None:
    path = tmp_path / "large.nc"
    ds = vector(np.linspace(0, 30, 301), np.linspace(0, 40, 401))
    ds.to_netcdf(path)
    data = read(path, max_samples=10_000)
    assert len(data.x) <= 10_000 and any("one row and column in 4" in note for note in data.notes)
    own = set(np.round(ds.first.values[::4, ::4].ravel(), 12))
    assert set(np.round(data.f[: data.nodes, 0], 12)) <= own


def test_what_is_no_grid_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "points.nc"
    station = ("station",)
    xr.Dataset(
        {"u": (("time", "station"), np.ones((20, 30)))},
        {"lat": (station, np.arange(30.0), {"units": "degrees_north"}), "lon": (station, np.arange(30.0))},
    ).to_netcdf(path)
    with pytest.raises(InputError, match="without rows and columns"):
        read(path)
    xr.Dataset({"u": (("time",), np.ones(20))}).to_netcdf(path)
    with pytest.raises(InputError, match="no numbers on a grid"):
        read(path)


def packed(tmp_path: Path, raw: np.ndarray, attrs: dict[str, object], other: np.ndarray | None = None) -> Path:
    """A file whose first component is written as these numbers with these attributes, nothing of it encoded."""
    path = tmp_path / "packed.nc"
    ds = vector(LAT, LON)
    ds["first"] = (("lat", "lon"), raw, ds.first.attrs | attrs)
    if other is not None:
        ds["second"] = (("lat", "lon"), other, ds.second.attrs)
    ds.to_netcdf(path, engine="h5netcdf", encoding={"first": {"_FillValue": None}})
    return path


COUNT = np.arange(21 * 31).reshape(21, 31)


@pytest.mark.parametrize(
    ("kind", "attrs", "scale", "offset", "known"),
    [
        # a byte that is said to be signed stays so (pydata/xarray 2583)
        ("i1", {"_Unsigned": "false", "scale_factor": 0.5, "valid_range": np.array([-127, 127], "i2")}, 0.5, 0.0, None),
        # written as the signed twin: 0 to 65530 valid, 65535 nothing (Unidata/netcdf4-python 794)
        (
            "u2",
            {
                "_Unsigned": "true",
                "valid_range": np.array([0, -6], "i2"),
                "missing_value": np.int16(-1),
                "scale_factor": 0.25,
                "add_offset": 0.0,
            },
            0.25,
            0.0,
            lambda raw: raw <= 65530,
        ),
        # limits that no value of the type can have, or in the unit of the unpacked values (netcdf4-python 707, 703)
        ("i1", {"valid_range": np.array([0, 255], "i2"), "scale_factor": 1.0, "add_offset": 0.5}, 1.0, 0.5, None),
        ("i2", {"valid_min": -0.5, "valid_max": 10.0, "scale_factor": 0.001}, 0.001, 0.0, None),
        # limits of the packed numbers under a negative factor (Unidata/netcdf-java 572)
        ("i2", {"valid_range": np.array([0, 400], "i2"), "scale_factor": -1.0}, -1.0, 0.0, lambda raw: raw <= 400),
        # limits of the unpacked numbers in the packed type: none would be left (netcdf4-python 936)
        ("i2", {"valid_range": np.array([30000, 32000], "i2"), "add_offset": 32000.0}, 1.0, 32000.0, None),
        # two decimals of a short are not those of a float (pydata/xarray 2304)
        ("i2", {"scale_factor": 0.01, "missing_value": np.int16(32767)}, 0.01, 0.0, None),
        # one value as two types, neither of which it is in exactly (pydata/xarray 1601, xCDAT/xcdat 736)
        ("f4", {"missing_value": np.float64(-999.99)}, 1.0, 0.0, lambda raw: raw != np.float32(-999.99)),
    ],
)
def test_packed_numbers_as_they_are_found(
    tmp_path: Path, kind: str, attrs: dict[str, object], scale: float, offset: float, known: object
) -> None:
    raw = (COUNT % 120 if kind == "i1" else COUNT).astype(kind)
    if kind == "u2":
        raw = (65530 - 600 + COUNT % 606).astype("u2")
    if kind == "f4":
        raw[3, 3] = np.float32(-999.99)
    stored = raw.view("i2") if kind == "u2" else raw
    data = read(packed(tmp_path, stored, attrs))
    good = np.ones(raw.shape, dtype=bool) if known is None else known(raw)  # type: ignore[operator]
    assert data.nodes == good.sum()
    assert np.abs(data.f[: data.nodes, 0] - (raw[good].astype(float) * scale + offset)).max() < 1e-9


def test_a_turned_grid_across_the_date_line(tmp_path: Path) -> None:
    """Vectors are turned as anywhere else where longitudes jump from 180 to -180 (UMR-CNRM/EPyGrAM 52)."""
    i, j = np.meshgrid(np.arange(20) * 0.1, np.arange(16) * 0.1)
    turn = np.radians(20)
    found = []
    for start in (10.0, 179.0):
        lon = (start + np.cos(turn) * i - np.sin(turn) * j + 180) % 360 - 180
        ds = xr.Dataset(
            {
                "u": (("y", "x"), np.ones(i.shape), {"units": "m/s", "standard_name": "x_wind"}),
                "v": (("y", "x"), 0.1 * i, {"units": "m/s", "standard_name": "y_wind"}),
                "lat": (("y", "x"), np.sin(turn) * i + np.cos(turn) * j),  # no units, no axis (MDTF-diagnostics 282)
                "lon": (("y", "x"), lon),
            },
            {"x": ("x", np.arange(20), {"units": "1", "long_name": "cell index along first dimension"})},
        )
        path = tmp_path / "line.nc"
        ds.to_netcdf(path)
        data = read(path, axes="map")
        found.append(data)
    assert np.allclose(found[0].f, found[1].f, atol=1e-9) and np.allclose(found[0].x, found[1].x, atol=1e-6)
    f = found[1].f[: found[1].nodes].reshape(16, 20, 2)
    assert np.abs(f[8, 10] - (np.cos(turn) - 0.1 * np.sin(turn), np.sin(turn) + 0.1 * np.cos(turn))).max() < 5e-3


def test_wrf_with_staggered_winds_and_times_as_texts(tmp_path: Path) -> None:
    """U and V on the sides of cells, each with places of its own of three dimensions; both lie along the grid."""
    lon, lat = np.meshgrid(np.linspace(5, 8, 16), np.linspace(45, 47, 12))
    half = (lon[0, 1] - lon[0, 0]) / 2, (lat[1, 0] - lat[0, 0]) / 2
    lon_u = np.concatenate([lon[:, :1] - half[0], lon + half[0]], axis=1)
    lat_v = np.concatenate([lat[:1] - half[1], lat + half[1]], axis=0)
    dims = ("Time", "bottom_top", "south_north", "west_east")
    u_dims, v_dims = (*dims[:3], "west_east_stag"), (*dims[:2], "south_north_stag", dims[3])

    def stack(grid: np.ndarray) -> np.ndarray:
        return np.stack([grid, grid])

    ds = xr.Dataset(
        {
            "Times": (("Time",), np.array([b"2020-05-01_00:00:00", b"2020-05-01_06:00:00"])),
            "U": (
                u_dims,
                np.stack([stack(lon_u), 10 + stack(lon_u)]),
                {"units": "m s-1", "coordinates": "XLONG_U XLAT_U"},
            ),
            "V": (
                v_dims,
                np.stack([stack(lat_v), 10 + stack(lat_v)]),
                {"units": "m s-1", "coordinates": "XLONG_V XLAT_V"},
            ),
            "T": (dims, np.ones((2, 2, 12, 16)), {"units": "K", "coordinates": "XLONG XLAT"}),
        }
    )
    for ending, where in (
        ("", (lon, lat)),
        ("_U", (lon_u, lat[:, :1] + 0 * lon_u)),
        ("_V", (lon[:1] + 0 * lat_v, lat_v)),
    ):
        own = {"": dims, "_U": u_dims, "_V": v_dims}[ending]
        for name, grid, unit in (("XLONG", where[0], "degree_east"), ("XLAT", where[1], "degree_north")):
            ds[name + ending] = (("Time", *own[2:]), stack(grid), {"units": unit})
    path = tmp_path / "wrfout.nc"
    ds.to_netcdf(path, engine="h5netcdf")
    data = read(path, time="2020-05-01 06:00", along="earth")
    assert data.variables == ("U", "V")
    f = nodes(data, (12, 16))
    assert np.allclose(f, np.stack([lon, lat], axis=-1) + 10, atol=1e-6)
    assert any("2020-05-01 06:00" in told for told in data.conversions)


def test_a_level_by_its_number_alone(tmp_path: Path) -> None:
    """A whole number is a value where there is no such step."""
    path, ds = steps(tmp_path)
    f = nodes(read(path, level="85000"), (21, 31))
    assert np.abs(f[..., 0] - ds.a[0, 0, 1]).max() < 1e-6


def test_positions_of_a_curvilinear_grid_on_a_plane(tmp_path: Path) -> None:
    """x and y of two dimensions are places and no vector; a mask that stands first is no field."""
    i, j = np.meshgrid(np.linspace(0, 1, 30), np.linspace(0, 1, 25))
    x, y = i + 0.2 * j, j + 0.1 * i
    flag = {"flag_values": [0, 1], "flag_meanings": "no yes"}
    ds = xr.Dataset(
        {
            "quality": (("n", "m"), np.ones(i.shape, "i1"), flag),
            "x": (("n", "m"), x, {"units": "m"}),
            "y": (("n", "m"), y, {"units": "m"}),
            "p": (("n", "m"), 3 * x - 2 * y + x**2, {"units": "Pa"}),
        }
    )
    path = tmp_path / "plane.h5"
    ds.to_netcdf(path, engine="h5netcdf")
    data = read(path)
    assert data.variables == ("p",) and data.value == "Pa per m" and data.position == ("m", "m")
    f = nodes(data, i.shape)[1:-1, 1:-1]
    assert np.allclose(f[..., 0], 3 + 2 * x[1:-1, 1:-1], atol=1e-9) and np.allclose(f[..., 1], -2, atol=1e-9)


def test_plain_hdf5_counts_grid_steps(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "simulation.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name in ("velocity_x", "velocity_y"):
            file[f"run/step_0001/{name}"] = rng.normal(size=(3, 20, 24))
    data = read(path, member="2")
    with h5py.File(path) as file:
        own = np.stack([file[f"run/step_0001/velocity_{k}"][2] for k in "xy"], axis=-1)
    assert np.abs(nodes(data, (20, 24)) - own).max() < 1e-12
    assert data.position == ("grid steps", "grid steps") and any("grid steps" in note for note in data.notes)


def test_longitudes_that_jump_in_the_middle_of_a_row(tmp_path: Path) -> None:
    """0 to 177.5, then -180 to -2.5, is one row round the globe (xCDAT/xcdat 463)."""
    lat, lon = np.linspace(-80, 80, 33), np.arange(0.0, 360.0, 5.0)
    found = []
    for row in (lon, (lon + 180) % 360 - 180):
        path = tmp_path / "jump.nc"
        vector(lat, row).to_netcdf(path)
        found.append(read(path))
    assert np.abs(found[0].x - found[1].x).max() < 1e-6 and np.array_equal(found[0].f, found[1].f)


def test_a_step_far_beyond_those_that_are_named(tmp_path: Path) -> None:
    path = tmp_path / "long.nc"
    count, at = 25_000, 24_000
    ds = xr.Dataset(
        {
            "p": (("time", "y", "x"), np.zeros((count, 8, 8), "i1"), {"units": "Pa"}),
            "time": ("time", np.arange(count) * 3600.0, {"units": "seconds since 2020-01-01"}),
        }
    )
    ds["p"][at] = np.add.outer(np.arange(8), np.arange(8)).astype("i1") ** 2 % 50
    ds.to_netcdf(path, engine="scipy")
    data = read(path, time="2022-09-27")
    assert data.choices[0].index == at and data.choices[0].label == "2022-09-27" and len(data.choices[0].labels) < count
