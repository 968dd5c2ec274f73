"""Tables and bands in degrees: on the map of the ground, as gridded data are; values known by arithmetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import from_origin

from npf_engine.errors import InputError
from npf_engine.fields import catalog
from npf_engine.fields.field import Field
from npf_engine.fields.spec import FieldSpec

A, B = 6_378_137.0, 6_356_752.314245179
LON, LAT = np.linspace(0.0, 20.0, 41), np.linspace(40.0, 70.0, 61)
ACROSS, UP = (part.ravel() for part in np.meshgrid(LON, LAT))
PROJ = pyproj.Proj(proj="laea", lon_0=10.0, lat_0=55.0, a=A, b=B)


def on_laea(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    return np.stack(PROJ(lon, lat), axis=1) / 1000.0


def gradient(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eastward and northward slope per metre of 10 m a degree of longitude and 20 m a degree of latitude."""
    phi, e2 = np.radians(lat), 1 - (B / A) ** 2
    w2 = 1 - e2 * np.sin(phi) ** 2
    degree = np.radians(1.0)
    return 10.0 / (degree * A * np.cos(phi) / np.sqrt(w2)), 20.0 / (degree * A * (1 - e2) / w2**1.5)


def write(path: Path, lon: np.ndarray, lat: np.ndarray, u: np.ndarray, v: np.ndarray) -> Path:
    rows = np.column_stack([lon, lat, u, v])
    path.write_text("lon,lat,u,v\n" + "".join(",".join(map(repr, map(float, row))) + "\n" for row in rows))
    return path


def samples(field: Field) -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([field.scaling.to_user(part.double()).numpy() for part in (field.x_train, field.x_test)])
    f = np.concatenate([field.y_train, field.y_test]) + np.array(field.shift or (0.0, 0.0))
    return x, f


def check(field: Field, most: float) -> None:
    """F is the gradient in metres of what rises by 10 m a degree east and 20 m a degree north, wherever it is asked."""
    x, f = samples(field)
    lon, lat = PROJ(*(1000.0 * x.T), inverse=True)
    east, north = gradient(lon, lat)
    np.testing.assert_allclose(np.hypot(*f.T), np.hypot(east, north), rtol=most)

    # along the map: the slope of the same height by steps of a metre on it
    def height(p: np.ndarray) -> np.ndarray:
        where = PROJ(*p.T, inverse=True)
        return np.asarray(10.0 * where[0] + 20.0 * where[1])

    steps = [(height(1000.0 * x + step) - height(1000.0 * x - step)) / 2 for step in np.eye(2)]
    along = np.stack(steps, axis=1)
    cos = (f * along).sum(axis=1) / (np.hypot(*f.T) * np.hypot(*along.T))
    assert np.degrees(np.arccos(np.clip(cos, -1, 1))).max() < 2.0  # the map keeps areas, and directions nearly


def told(field: Field) -> str:
    return " ".join(field.conversions)


def test_a_table_on_a_grid_of_degrees_is_a_field_of_the_ground(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ACROSS, UP, *gradient(ACROSS, UP))
    field = catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> u, v"))
    assert field.units.position == ("km", "km") and "Lambert azimuthal" in told(field)
    assert field.units.axes == ("east of the middle", "north of the middle") and field.provenance["origin"] == [10, 55]
    assert "Taken as eastward and northward: u and v." in told(field) and "by the area of the cells" in told(field)
    check(field, 2e-3)
    x, _ = samples(field)
    _, lat = PROJ(*(1000.0 * x.T), inverse=True)
    mean = (np.sin(np.radians(70.0)) + np.sin(np.radians(40.0))) / 2  # of sin(latitude) by area
    assert np.sin(np.radians(lat)).mean() == pytest.approx(mean, abs=2e-3)


def test_scattered_rows_are_placed_and_keep_their_law(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(0, 20, 300), rng.uniform(40, 70, 300)
    lon[:2], lat[:2] = (0.0, 20.0), (40.0, 70.0)
    path = write(tmp_path / "a.csv", lon, lat, *gradient(lon, lat))
    spec = FieldSpec(source=str(path), columns="lon, lat -> u, v", axes="earth")
    field = catalog.resolve(spec)
    x, f = samples(field)
    assert len(x) == 300 and "rho is the law of the rows, not of areas" in told(field)
    # kept east and north: the same values, each at its own place of an equal-area map of the region
    want = np.stack(gradient(lon, lat), axis=1)
    here, there = np.argsort(f[:, 1]), np.argsort(want[:, 1])  # the slope north tells the latitude
    np.testing.assert_allclose(f[here], want[there], rtol=1e-6)
    places = on_laea(lon, lat)[there]
    apart = x[here] - x.mean(axis=0) - (places - places.mean(axis=0))
    assert np.abs(apart).max() < 0.02 * np.ptp(places)  # the two maps have other middles: turned by a degree at most


def test_degrees_can_stay_as_they_stand(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ACROSS, UP, *gradient(ACROSS, UP))
    field = catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> u, v", crs="none"))
    x, _ = samples(field)
    assert x.min(axis=0) == pytest.approx([0.0, 40.0]) and x.max(axis=0) == pytest.approx([20.0, 70.0])
    assert any("only at the equator" in text for text in field.warnings)


def test_two_bands_in_degrees_are_a_field_of_the_ground(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    u, v = (part.reshape(61, 41)[::-1].astype(np.float32) for part in gradient(ACROSS, UP))
    corner = from_origin(-0.25, 70.25, 0.5, 0.5)
    profile = {"driver": "GTiff", "width": 41, "height": 61, "count": 2, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", **profile, transform=corner) as out:
        out.write(u, 1)
        out.write(v, 2)
    field = catalog.resolve(FieldSpec(source=str(path), components="1, 2", rho="samples"))
    assert field.units.position == ("km", "km")
    check(field, 2e-3)


def test_heights_over_columns_that_are_called_lon_and_lat(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = np.column_stack([ACROSS, UP, 1.0173 * (10.0 * ACROSS + 20.0 * UP)])  # no whole numbers
    path.write_text("lon,lat,h [m]\n" + "".join(",".join(map(repr, map(float, row))) + "\n" for row in rows))
    field = catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> h [m]", slope="per-metre", sigma=0.0))
    x, f = samples(field)
    np.testing.assert_allclose(f, 1.0173 * np.stack(gradient(x[:, 0], x[:, 1]), axis=1), rtol=1e-3)


def test_a_region_across_180_degrees_is_one_region(tmp_path: Path) -> None:
    """170 ... 180, -179 ... -170 is 170 ... 190: the same samples, and a tenth of them in each tenth of the width."""
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(170.0, 191.0), np.arange(-20.0, 1.0)))
    fields = []
    for name, east in (("a", lon), ("b", np.where(lon > 180, lon - 360, lon))):
        path = write(tmp_path / f"{name}.csv", east, lat, np.sin(np.radians(lon)), np.cos(np.radians(3 * lat)))
        fields.append(catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> u, v")))
    (x, f), (other, same) = map(samples, fields)
    np.testing.assert_allclose(x, other, atol=1e-3)
    np.testing.assert_allclose(f, same, atol=1e-6)
    place = pyproj.Proj(proj="laea", lon_0=180.0, lat_0=-10.0, a=A, b=B)
    east = np.mod(place(*(1000.0 * x.T), inverse=True)[0], 360.0)
    shares = np.histogram(east, np.linspace(170.0, 190.0, 11))[0] / len(east)
    assert np.abs(shares - 0.1).max() < 0.01


def test_a_meridian_written_twice_counts_once_and_scattered_rows_are_no_grid(tmp_path: Path) -> None:
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(-180.0, 181.0, 10.0), np.arange(-60.0, 61.0, 10.0)))
    path = write(tmp_path / "a.csv", lon, lat, np.sin(np.radians(lon)), np.cos(np.radians(lat)))
    field = catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> u, v"))
    assert "by the area of the cells" in told(field)
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(-110.0, 110.0, 2_000), rng.uniform(-60.0, 60.0, 2_000)
    path = write(tmp_path / "b.csv", lon, lat, np.sin(np.radians(lon)), np.cos(np.radians(lat)))
    notes = " ".join(catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> u, v")).warnings)
    assert "globe" not in notes and "region of the rows is 219" in notes


def test_angles_in_other_units_are_refused_and_lengths_are_a_plane(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.uniform(0, 1, (300, 2)), rng.normal(size=(300, 2))])
    for unit, says in (("rad", "is in rad"), ("gon", "is in gon")):
        path = tmp_path / f"{unit}.csv"
        np.savetxt(path, rows, delimiter=",", header=f"lon [{unit}],lat [{unit}],u,v", comments="")
        with pytest.raises(InputError, match=says):
            catalog.resolve(FieldSpec(source=str(path), columns="#1, #2 -> u, v"))
    path = tmp_path / "km.csv"
    np.savetxt(path, rows, delimiter=",", header="lon [km],lat [km],u,v", comments="")
    field = catalog.resolve(FieldSpec(source=str(path), columns="#1, #2 -> u, v"))
    assert "Lambert" not in told(field) and field.low == pytest.approx((0.0, 0.0), abs=0.02)


def test_the_globe_is_not_cut_anew_for_rounding(tmp_path: Path) -> None:
    lon, lat = (part.ravel() for part in np.meshgrid(-180.0 + 10.0 * np.arange(36), np.arange(-60.0, 61.0, 10.0)))
    for shift in (0.0, 1e-9):
        east = np.where(lon > 5.0, lon + shift, lon)  # the step at 5 E is a little wider than that at 180
        path = write(tmp_path / "a.csv", east, lat, np.sin(np.radians(lon)), np.cos(np.radians(lat + lon / 9)))
        notes = " ".join(catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> u, v")).warnings)
        assert "cut open at 175 E" in notes


@pytest.mark.parametrize(
    "names", ["lon_dd,lat_dd", "longitude_deg,latitude_deg", "x1 [degrees_east],x2 [degrees_north]"]
)
def test_degrees_by_other_names_and_by_units(tmp_path: Path, names: str) -> None:
    path = write(tmp_path / "a.csv", ACROSS, UP, *gradient(ACROSS, UP))
    path.write_text(path.read_text().replace("lon,lat,u,v", f"{names},u,v", 1))
    check(catalog.resolve(FieldSpec(source=str(path), columns="#1, #2 -> #3, #4")), 2e-3)


def test_what_is_on_no_globe_is_one_sentence_and_crs_is_no_setting_of_tables(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", UP, 100.0 + ACROSS, *gradient(ACROSS, UP))
    spec = FieldSpec(source=str(path), columns="lon, lat -> u, v")
    with pytest.raises(InputError, match="lat reaches 120, and latitudes end at 90: perhaps the two columns"):
        catalog.resolve(spec)
    assert "taken as they stand" in " ".join(catalog.resolve(replace(spec, crs="none")).warnings)
    path = write(tmp_path / "b.csv", ACROSS, UP, *gradient(ACROSS, UP))
    for columns in ("lon, lat -> u, v", "lon, lat -> v"):
        with pytest.raises(InputError, match="tables are read without one"):
            catalog.resolve(FieldSpec(source=str(path), columns=columns, crs="IAU_2015:30100"))


def test_heights_across_180_degrees_are_one_grid(tmp_path: Path) -> None:
    """170 ... 180, -179 ... -170 has the slopes of 170 ... 190."""
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(170.0, 191.0), np.arange(-10.0, 11.0)))
    found = []
    for name, east in (("a", lon), ("b", np.where(lon > 180, lon - 360, lon))):
        rows = np.column_stack([east, lat, 1.0173 * (10.0 * lon + 20.0 * lat)])
        path = tmp_path / f"{name}.csv"
        np.savetxt(path, rows, delimiter=",", header="lon,lat,h [m]", comments="", fmt="%.9g")
        found.append(
            catalog.resolve(FieldSpec(source=str(path), columns="lon, lat -> h [m]", slope="per-metre", sigma=0))
        )
    (x, f), (other, same) = map(samples, found)
    assert found[0].units.value == "metres per metre" and found[1].low[0] == pytest.approx(169.5, abs=0.51)
    np.testing.assert_allclose(x, other, atol=1e-4)
    np.testing.assert_allclose(f, same, rtol=1e-6)


def test_areas_of_another_body_are_not_the_earths(tmp_path: Path) -> None:
    path = tmp_path / "mars.tif"
    across, up = np.meshgrid(np.arange(20.0), np.arange(20.0))
    profile = {"driver": "GTiff", "width": 20, "height": 20, "count": 2, "dtype": "float32", "crs": "IAU_2015:49900"}
    with rasterio.open(path, "w", **profile, transform=from_origin(0, 40, 0.5, 0.5)) as out:
        out.write(np.sin(across).astype(np.float32), 1)
        out.write(np.cos(up + across).astype(np.float32), 2)
    field = catalog.resolve(FieldSpec(source=str(path), components="1, 2", rho="samples"))
    assert field.provenance["origin"] is None  # no coasts of the Earth there
    assert "a body of 3,396 km radius" in told(field) and "the Earth" not in told(field)
