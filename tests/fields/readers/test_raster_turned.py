"""Bands of a raster about a pole of its own, which is set as a GeoTIFF has no keys for it: true places, by pyproj."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.transform import from_origin

from npf_engine.fields import catalog
from npf_engine.fields.spec import FieldSpec

ROWS, COLS = 30, 40


def crs() -> str:
    """A pole at 39.25 N, 162 W, as the grids of CORDEX have it."""
    base = pyproj.CRS.from_cf(
        {
            "grid_mapping_name": "rotated_latitude_longitude",
            "grid_north_pole_latitude": 39.25,
            "grid_north_pole_longitude": -162.0,
            "earth_radius": 6371229.0,
        }
    )
    return str(base.to_wkt())


@pytest.fixture
def raster(tmp_path: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A file with a vector that is eastward everywhere, of 5 + sin(longitude) m/s, given along columns and rows."""
    system = pyproj.CRS.from_wkt(crs())
    x, y = np.meshgrid(-10.0 + 0.5 * (np.arange(COLS) + 0.5), 8.0 - 0.5 * (np.arange(ROWS) + 0.5))
    place = pyproj.Transformer.from_crs(system, system.source_crs, always_xy=True).transform
    lon, lat = place(x, y)
    step = 1e-4
    ahead = place(x + step, y)
    angle = np.arctan2(
        (ahead[1] - lat), (ahead[0] - lon) * np.cos(np.radians(lat))
    )  # of a column's direction from east
    speed = 5 + np.sin(np.radians(lon))
    bands = speed * np.cos(angle), -speed * np.sin(angle)
    profile = {"driver": "GTiff", "width": COLS, "height": ROWS, "count": 2, "dtype": "float64"}
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", **profile, transform=from_origin(-10.0, 8.0, 0.5, 0.5)) as out:
        for k, band in enumerate(bands, start=1):
            out.write(band, k)
            out.set_band_unit(k, "m/s")
    return path, lon, lat


def test_bands_about_a_pole_of_their_own_lie_where_the_ground_is(raster: tuple[Path, np.ndarray, np.ndarray]) -> None:
    path, lon, lat = raster
    field = catalog.resolve(FieldSpec(source=str(path), components="1, 2", rho="samples", axes="earth", crs=crs()))
    assert field.units.position == ("km", "km") and field.units.value == "m/s"
    x = np.concatenate([field.scaling.to_user(part.double()).numpy() for part in (field.x_train, field.x_test)])
    f = np.concatenate([field.y_train, field.y_test]) + np.array(field.shift or (0.0, 0.0))
    told = " ".join(field.conversions)
    assert "about a pole of the file's own" in told and " about 0 N" not in told
    assert any("set along=earth" in text for text in field.warnings)
    assert np.abs(f[:, 1]).max() < 0.01 and np.abs(f[:, 0] - 5).max() < 1.0  # eastward again
    middle = told.split("map about ")[1].split(" (")[0]
    lat_0, lon_0 = (float(part.split()[0]) for part in middle.split(", "))
    assert lat.min() < lat_0 < lat.max() and lon.min() < lon_0 < lon.max()
    project = pyproj.Proj(proj="laea", lon_0=lon_0, lat_0=lat_0, R=6371229.0)
    where = project(*(1000.0 * x.T), inverse=True)
    assert where[0].min() == pytest.approx(lon.min(), abs=0.05) and where[1].max() == pytest.approx(lat.max(), abs=0.05)
    np.testing.assert_allclose(f[:, 0], 5 + np.sin(np.radians(where[0])), atol=5e-3)


def test_bands_on_a_projection_that_is_set(raster: tuple[Path, np.ndarray, np.ndarray]) -> None:
    field = catalog.resolve(FieldSpec(source=str(raster[0]), components="1, 2", rho="samples", crs="EPSG:32632"))
    assert field.units.position == ("metres", "metres") and any("EPSG:32632" in text for text in field.conversions)
