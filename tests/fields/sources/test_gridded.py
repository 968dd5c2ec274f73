"""Gridded files and the winds that come with the program, as sources of fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.catalog import list_fields, resolve
from npf_engine.fields.gridded_field import gridded_field
from npf_engine.fields.readers.gridded import Gridded, read_gridded
from npf_engine.fields.readers.gridded_look import look
from npf_engine.fields.sources import gridded
from npf_engine.fields.sources.registry import source_of
from npf_engine.fields.spec import FieldSpec

xr = pytest.importorskip("xarray")


def iris(name: str) -> Path:
    """A file of the package iris-sample-data, which nobody here wrote."""
    package = pytest.importorskip("iris_sample_data", reason="iris-sample-data is not installed (requirements-dev.txt)")
    path = Path(package.path) / name
    if not path.is_file():
        pytest.skip(f"this version of iris-sample-data has no {name}")
    return path


def read(path: Path, **values: object) -> Gridded:
    spec = FieldSpec(source=str(path), **({"axes": "earth"} | values))  # type: ignore[arg-type]
    return read_gridded(path, spec)


def test_a_source_by_its_name() -> None:
    for name in ("a.nc", "folder/b.zarr", "c.zarr.zip", "d.h5", "e.grib2", "winds.nc.zip"):
        assert isinstance(source_of(FieldSpec(source=name)), gridded.Gridded), name
    assert gridded.name_of(Path("x/winds.2020.nc.zip")) == "winds.2020"
    assert gridded.file_of(FieldSpec(source="jacksboro")) is None


def test_winds_are_listed_and_are_those_of_their_file() -> None:
    info = next(info for info in list_fields() if info.name == "winds")
    assert not info.needs_network and info.d == 2 and info.units == "m/s"
    field = resolve(FieldSpec(source="winds", time="July", axes="earth", bounds=(-30.0, 20.0, 60.0, 80.0)))
    assert field.n == info.n and field.units.value == "m/s" and field.units.position == ("km", "km")
    path = gridded.Winds(FieldSpec(source="winds")).path
    with xr.open_dataset(path) as ds:
        own = ds.sel(month="July")
        part = xr.concat([own.sel(longitude=slice(330, 360)), own.sel(longitude=slice(0, 60))], "longitude")
        part = part.sel(latitude=slice(80, 20))
        want = np.stack([part.u.values, part.v.values], axis=-1).reshape(-1, 2)
    data = read(path, time="July", bounds=(-30.0, 20.0, 60.0, 80.0))
    assert np.abs(data.f[: data.nodes] - want).max() < 1e-6
    assert look(path, FieldSpec(source="winds")).choices[0].labels[6] == "July"
    assert path.with_suffix(".txt").read_text().count("MIT licence") == 1


def test_what_rho_may_be() -> None:
    data = read(gridded.Winds(FieldSpec(source="winds")).path)
    with pytest.raises(InputError, match="area measure"):
        gridded_field("winds", data, FieldSpec(source="winds", rho="gaussian"))
    assert gridded_field("winds", data, FieldSpec(source="winds")).rho == "box"


def gradient(ds: xr.Dataset, name: str, radius: float) -> np.ndarray:
    """xarray's own derivative of a variable on parallels and meridians, per metre of a sphere."""
    lat, lon = next((a, b) for a, b in (("latitude", "longitude"), ("lat", "lon")) if a in ds.dims)
    scalar = ds[name].astype("f8")
    ds = scalar.assign_coords({lat: ds[lat].astype("f8"), lon: ds[lon].astype("f8")})
    metre = np.radians(1.0) * radius
    east = ds.differentiate(lon) / (metre * np.cos(np.radians(ds[lat])))
    return np.stack([east.values, (ds.differentiate(lat) / metre).values], axis=-1)


def test_a_real_scalar_has_the_gradient_of_xarray() -> None:
    path = iris("A1B_north_america.nc")
    data = read(path, time="7", bounds=None)
    with xr.open_dataset(path, decode_times=False) as ds:
        mapping = ds.latitude_longitude.attrs
        assert mapping.get("semi_minor_axis", mapping["semi_major_axis"]) == mapping["semi_major_axis"]
        want = gradient(ds.isel(time=7).load(), "air_temperature", float(mapping["semi_major_axis"])).reshape(-1, 2)
    assert data.nodes == len(want) and data.value == "K per metre"
    assert np.abs(data.f[: data.nodes] - want).max() < 1e-6 * np.abs(want).max()
    assert data.choices[0].kind == "time" and len(data.choices[0].labels) == 240
    assert data.choices[0].labels[0].startswith("1860-06") and any("360_day" in note for note in data.notes)


@pytest.mark.parametrize(
    ("name", "level"), [("rotated_pole.nc", ""), ("hybrid_height.nc", "#3"), ("toa_brightness_stereographic.nc", "")]
)
def test_real_grids_of_other_maps_against_their_own_distances(name: str, level: str) -> None:
    """F along a row times the ground's length of two steps is the difference of the scalar, to the grid's curve."""
    import pyproj

    from npf_engine.fields.readers.gridded_axes import layout
    from npf_engine.fields.readers.gridded_open import opened
    from npf_engine.fields.readers.gridded_place import points
    from npf_engine.fields.readers.gridded_samples import derivative
    from npf_engine.fields.readers.gridded_values import Log, values

    path = iris(name)
    data = read(path, level=level)
    with opened(path) as ds:
        grid = layout(ds, data.variables[0])
        steps = {dim: int(level.removeprefix("#") or 0) for _, dim in grid.others}
        at = points(ds, data.variables[0], grid, steps, "", Log())
        scalar = values(ds, data.variables[0], steps, (grid.y, grid.x))
    f = derivative(at, scalar)
    assert at.axes is not None and not at.rectilinear
    geod = pyproj.Geod(a=at.axes[0], b=at.axes[1])
    _, _, metres = geod.inv(at.lon[1:-1, :-2], at.lat[1:-1, :-2], at.lon[1:-1, 2:], at.lat[1:-1, 2:])
    middle, _, _ = geod.inv(at.lon[1:-1, 1:-1], at.lat[1:-1, 1:-1], at.lon[1:-1, 2:], at.lat[1:-1, 2:])
    along = f[1:-1, 1:-1, 0] * np.sin(np.radians(middle)) + f[1:-1, 1:-1, 1] * np.cos(np.radians(middle))
    rise = scalar[1:-1, 2:] - scalar[1:-1, :-2]
    good = np.isfinite(along) & np.isfinite(rise) & (np.abs(at.lat[1:-1, 1:-1]) < 80)
    assert good.sum() > 300
    assert np.quantile(np.abs(along * metres - rise)[good], 0.95) < 0.02 * np.quantile(np.abs(rise[good]), 0.95)


def test_places_of_a_rotated_grid_are_those_that_its_file_gives() -> None:
    """space_weather.nc has its latitudes too; its longitudes were lost, so the grid mapping is used, told."""
    path = iris("space_weather.nc")
    data = read(path, scalar="TEC")
    with xr.open_dataset(path) as ds:
        latitude = ds.latitude.values
    assert any("mostly empty" in note for note in data.notes)
    from npf_engine.fields.readers.gridded_axes import layout
    from npf_engine.fields.readers.gridded_open import opened
    from npf_engine.fields.readers.gridded_place import points
    from npf_engine.fields.readers.gridded_values import Log

    with opened(path) as ds:
        at = points(ds, "TEC", layout(ds, "TEC"), {}, "", Log())
    good = np.abs(latitude) <= 90
    assert good.mean() > 0.7 and np.abs(at.lat - latitude)[good].max() < 1e-3


def test_the_curvilinear_ocean_of_nemo() -> None:
    path = iris("NEMO/nemo_1m_20150101-20150201_grid-T.nc")
    data = read(path, bounds=(-80.0, 20.0, 0.0, 65.0), axes="map")
    assert data.variables == ("tos",) and data.shape == (330, 360) and data.value == "degree_C per metre"
    assert data.nodes > 3000 and np.abs(data.f).max() < 1e-3
    assert np.hypot(*data.x.T).max() < 6000 and not any("360_day" in note for note in data.notes)  # of its one time
    whole = read(path)
    assert any("round the globe" in note for note in whole.notes) and whole.voids > 50_000


def test_slopes_of_the_curvilinear_ocean_are_those_of_tangent_planes() -> None:
    """At each point of NEMO's grid, to 89.4 N and across its seams: the slope that has the differences to its
    neighbours along the chords of the ellipsoid, by pyproj's geocentric places."""
    import pyproj

    from npf_engine.fields.readers.gridded_place import EARTH, Points
    from npf_engine.fields.readers.gridded_samples import derivative

    with xr.open_dataset(iris("NEMO/nemo_1m_20150101-20150201_grid-T.nc"), decode_times=False) as ds:
        lon, lat, t = (ds[name].values.squeeze().astype(float) for name in ("nav_lon", "nav_lat", "tos"))
    f = derivative(Points(lon, lat, EARTH, rectilinear=False), t)
    place = np.stack(pyproj.Transformer.from_crs(4979, 4978, always_xy=True).transform(lon, lat, 0 * lon), axis=-1)
    phi, lam = np.radians(lat), np.radians(lon)
    east = np.stack([-np.sin(lam), np.cos(lam), 0 * lam], axis=-1)
    north = np.stack([-np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)], axis=-1)

    def steps(
        grid: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:  # to both neighbours; the last column is beside the first
        up = np.full(grid.shape, np.nan)
        up[1:-1] = grid[2:] - grid[:-2]
        return np.roll(grid, -1, axis=1) - np.roll(grid, 1, axis=1), up

    sides = [np.stack([(step * east).sum(-1), (step * north).sum(-1)], axis=-1) for step in steps(place)]
    matrix, rise = np.stack(sides, axis=-2), np.stack(steps(t), axis=-1)
    good = np.isfinite(matrix).all(axis=(-1, -2)) & np.isfinite(rise).all(axis=-1)
    right = np.linalg.solve(matrix[good], rise[good][..., None])[..., 0]
    miss = np.hypot(*(f[good] - right).T) / np.sqrt(np.square(right).sum(axis=1).mean())
    assert good.sum() > 60_000 and good[:, [0, -1]].any() and lat[good].max() > 89
    assert np.quantile(miss, 0.99) < 2e-4 and miss.max() < 2e-3


def test_real_files_that_are_no_grid_say_so() -> None:
    for name, word in (("mesh_C4_synthetic_float.nc", "rows and columns"), ("SOI_Darwin.nc", "no numbers on a grid")):
        with pytest.raises(InputError, match=word):
            read(iris(name))
