"""World rasters whose outermost pixels have their middles at 180 degrees and at the poles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from npf_engine.fields.catalog import resolve
from npf_engine.fields.field import Field
from npf_engine.fields.readers.crs import within_globe
from npf_engine.fields.readers.raster_files import read_raster
from npf_engine.fields.spec import FieldSpec


def world(path: Path, west: float, step: float, crs: str | None = "EPSG:4326", north: float = 90.0) -> Path:
    """cos(lat) sin(2 lon) in thousands, and cos and sin of the longitude, on a grid of lines."""
    lon, lat = np.meshgrid(np.arange(west, west + 360.0 + step / 2, step), np.arange(north, -north - step / 2, -step))
    east, up = np.radians(lon), np.radians(lat)
    bands = np.stack([1000 * np.cos(up) * np.sin(2 * east), np.cos(east) + lat / 100, np.sin(east)]).astype("float32")
    profile = {"driver": "GTiff", "count": 3, "dtype": "float32", "crs": crs, "height": lon.shape[0]}
    corner = from_origin(west - step / 2, north + step / 2, step, step)
    with rasterio.open(path, "w", width=lon.shape[1], transform=corner, **profile) as out:
        out.write(bands)
    return path


def mean(field: Field) -> np.ndarray:
    f = np.concatenate([field.y_train, field.y_test]).astype(float)
    return np.asarray(f.mean(axis=0) + np.array(field.shift or (0.0, 0.0)))


@pytest.mark.parametrize(("west", "step"), [(-180.0, 2.0), (0.0, 5.0), (-180.0, 1.0)])
@pytest.mark.parametrize("crs", ["EPSG:4326", None])
def test_heights_on_grid_lines_have_slopes_per_metre(tmp_path: Path, west: float, step: float, crs: str | None) -> None:
    path = world(tmp_path / "w.tif", west, step, crs)
    raster = read_raster(path)
    assert raster.coordinates == "degrees" and raster.elevation.shape[1] == 360 / step
    assert raster.bounds == (west - step / 2, -90 - step / 2, west + 360 - step / 2, 90 + step / 2)
    assert any("lie on one meridian" in text for text in raster.notes)
    field = resolve(FieldSpec(str(path), sigma=0.0, slope="per-metre"))
    east = np.concatenate([field.y_train, field.y_test])[:, 0]
    most = 2000 / 6_378_137.0 * np.sinc(2 * np.radians(step) / np.pi)  # of a difference across two pixels
    assert np.abs(east).max() == pytest.approx(most, rel=0.01)


def test_bands_on_grid_lines_count_their_meridian_once(tmp_path: Path) -> None:
    path = world(tmp_path / "w.tif", 0.0, 5.0)
    field = resolve(FieldSpec(str(path), components="2,3", axes="earth", max_samples=20_000))
    assert np.abs(mean(field)).max() < 0.003, "0.0137 with the meridian of 0 twice"
    assert field.units.position == ("km", "km")


def test_half_a_pixel_may_lie_beyond_a_globe_and_no_more() -> None:
    assert within_globe((-182.5, -92.5, 182.5, 92.5), (37, 73), 180.0, 180.0)
    assert not within_globe((-182.5, -95.0, 182.5, 95.0), (38, 73), 180.0, 180.0)
    assert not within_globe((-182.5, -92.5, 187.5, 92.5), (37, 74), 180.0, 180.0)
    assert not within_globe((-300.0, -60.0, 300.0, 60.0), (3, 2), 180.0, 180.0), "half of two pixels is no little"
