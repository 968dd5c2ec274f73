"""Files that other programs were reported to misread, each with its thread and the value right by arithmetic."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine, from_origin

from npf_engine.errors import InputError
from npf_engine.fields.raster import Raster
from npf_engine.fields.readers.raster_files import read_raster
from npf_engine.fields.readers.tables import read_table
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.topography import raster_field

FLAT = FieldSpec(sigma=0.0, slope="per-metre")
EAST, SOUTH = np.meshgrid(np.arange(20.0), np.arange(16.0))


def save(path: Path, z: np.ndarray, transform: Affine, crs: str = "EPSG:32632", **more: object) -> Path:
    tags = more.pop("tags", {})
    profile = {"driver": "GTiff", "width": z.shape[1], "height": z.shape[0], "count": 1, "dtype": z.dtype, "crs": crs}
    with rasterio.open(path, "w", **profile, transform=transform, nodata=more.pop("nodata", None)) as out:
        out.write(z, 1)
        out.update_tags(**tags)
        for name, value in more.items():
            setattr(out, name, (value,))
    return path


def values(raster: Raster) -> np.ndarray:
    return raster.elevation.astype(float) + raster.offset


def slopes(raster: Raster, **changes: object) -> np.ndarray:
    """F (n, 2) in metres per metre, in no order."""
    field = raster_field("case", raster, dataclasses.replace(FLAT, **changes))
    return np.concatenate([field.y_train, field.y_test]).astype(float)


def test_rows_that_run_north_do_not_turn_the_slope_round(tmp_path: Path) -> None:
    """OSGeo/gdal 13100, perrygeo/python-rasterstats 98: a positive pixel height gave another aspect."""
    z = 3.0 * EAST + 5.0 * (15 - SOUTH) + 0.25  # 0.3 eastward, 0.5 northward over pixels of 10 m
    north_up = save(tmp_path / "north.tif", z, Affine(10, 0, 500_000, 0, -10, 5_000_160))
    south_up = save(tmp_path / "south.tif", z[::-1].copy(), Affine(10, 0, 500_000, 0, 10, 5_000_000))
    first, second = read_raster(north_up), read_raster(south_up)
    np.testing.assert_array_equal(values(first), values(second))
    assert first.bounds == second.bounds
    np.testing.assert_allclose(slopes(second), np.broadcast_to([0.3, 0.5], (320, 2)), rtol=1e-3)


def test_degrees_at_60_north_are_measured_on_the_ellipsoid(tmp_path: Path) -> None:
    """OSGeo/gdal 3243: one scale for all latitudes gave half the eastward slope in Alaska."""
    step, latitude = 1 / 1200, 60.0
    z = 2.0 * EAST + 0.25  # 2 m a column
    raster = read_raster(save(tmp_path / "a.tif", z, from_origin(-150, latitude + 8 * step, step, step), "EPSG:4326"))
    e2, a, phi = 0.00669437999014, 6378137.0, np.radians(latitude)
    column = np.radians(step) * a * np.cos(phi) / np.sqrt(1 - e2 * np.sin(phi) ** 2)
    np.testing.assert_allclose(slopes(raster).mean(0), [2.0 / column, 0.0], rtol=1e-4, atol=1e-6)


def test_the_scale_of_a_band_is_applied(tmp_path: Path) -> None:
    """rasterio/rasterio 2219, rspatial/terra 509: whole numbers with a scale were taken as they stand."""
    raw = (12_000 + 7 * EAST + 3 * SOUTH).astype(np.uint16)
    raw[0, 0] = 0
    path = save(tmp_path / "a.tif", raw, from_origin(5e5, 5e6, 10, 10), scales=0.02, offsets=1.86, units="K", nodata=0)
    raster = read_raster(path)
    assert np.isnan(raster.elevation[0, 0]) and raster.unit.name == "K"
    np.testing.assert_allclose(values(raster)[1:], raw[1:] * 0.02 + 1.86, rtol=1e-7)


@pytest.mark.parametrize("nodata", [float("nan"), -9999.0])
def test_nan_is_nothing_known_beside_whatever_is_declared(tmp_path: Path, nodata: float) -> None:
    """ASFHyP3/asf-tools 270, DHI/terracotta 181, GlacioHack/geoutils 522: NaN, declared or not, was not masked."""
    z = (EAST + 2 * SOUTH).astype(np.float32)
    z[2, 3], z[4, 5] = np.nan, nodata
    raster = read_raster(save(tmp_path / "a.tif", z, from_origin(5e5, 5e6, 10, 10), nodata=nodata))
    assert int(np.isnan(raster.elevation).sum()) == 2 and np.isnan(raster.elevation[[2, 4], [3, 5]]).all()


@pytest.mark.parametrize("kind", ["Point", "Area"])
def test_a_pixel_that_is_a_point_is_not_shifted_twice(tmp_path: Path, kind: str) -> None:
    """corteva/rioxarray 805, dem-stitcher 151, raster2dggs 70: half a pixel was added for AREA_OR_POINT=Point."""
    raster = read_raster(
        save(
            tmp_path / "a.tif", EAST + SOUTH, from_origin(100.0, 50.0, 1, 1), "EPSG:4326", tags={"AREA_OR_POINT": kind}
        )
    )
    assert raster.bounds == (100.0, 34.0, 120.0, 50.0)  # the first sample at (100.5, 49.5), as gdalinfo says


def table(path: Path, cell: str) -> Path:
    rng = np.random.default_rng(0)
    rows = [";".join(f"{v:.6f}".replace(".", ",") for v in row) for row in rng.uniform(1, 2, (80, 4))]
    rows[59] = ";".join([cell, *rows[59].split(";")[1:]])
    path.write_text("x1;x2;F1;F2\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("cell", ["1.234", "1.234,56", "12.345.678"])
def test_a_point_of_thousands_is_no_decimal_point(tmp_path: Path, cell: str) -> None:
    """pandas-dev/pandas 59299, pola-rs/polars 18797: 1.234 became 1.234, or an earlier row was blamed."""
    with pytest.raises(
        InputError, match=r"row 60 of the data \(line 61\), column x1: '.*' is not a number; decimals are"
    ):
        read_table(table(tmp_path / "a.csv", cell))


def test_a_mark_with_a_decimal_comma_is_a_mark(tmp_path: Path) -> None:
    """biolab/orange3 5266: -9999,0 stopped the reading."""
    found = read_table(table(tmp_path / "a.csv", "-9999,0"))
    assert found.rows == 79 and found.dropped == 1 and any("-9999" in text for text in found.notes)
