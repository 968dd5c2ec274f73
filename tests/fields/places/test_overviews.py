"""What lies on this machine without a place's name is read beside, once, and drawn where it lies."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_bounds

from npf_engine.errors import InputError
from npf_engine.fields.cachedir import tile_cache
from npf_engine.fields.places import overviews
from npf_engine.fields.places.elevation_fetch import DEFAULT_PRODUCT
from npf_engine.fields.readers import raster_overview
from npf_engine.fields.readers.raster_overview import Overview

ALPS = (6.0, 45.0, 8.0, 47.0)


def written(path: Path, z: np.ndarray, bounds: tuple[float, float, float, float], crs: str | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, cols = z.shape
    transform = from_bounds(*bounds, cols, rows)
    with rasterio.open(
        path, "w", driver="GTiff", width=cols, height=rows, count=1, dtype="float32", crs=crs, transform=transform
    ) as out:
        out.write(z.astype(np.float32), 1)
    return path


def latitudes(found: Overview) -> np.ndarray:
    """Of the rows, by Mercator's formula."""
    _, south, _, north = (np.radians(edge) for edge in found.bounds)
    low, high = (np.log(np.tan(np.pi / 4 + edge / 2)) for edge in (south, north))
    rows = len(found.heights)
    y = high + (low - high) * (np.arange(rows) + 0.5) / rows
    return np.degrees(2 * np.arctan(np.exp(y)) - np.pi / 2)


def test_rows_lie_where_the_map_has_them(tmp_path: Path) -> None:
    """Heights that are the latitude: of a raster that reaches far, rows of equal degrees would lie wrong by many."""
    z = np.repeat(np.linspace(80, 0, 1601)[:-1, None] - 0.025, 400, axis=1)
    found = raster_overview.overview(written(tmp_path / "far.tif", z, (200.0, 0.0, 220.0, 80.0), "EPSG:4326"))
    assert found.bounds == (-160.0, 0.0, -140.0, 80.0)
    assert max(found.heights.shape) <= 2 * raster_overview.SIDE and found.heights.dtype == np.float32
    np.testing.assert_allclose(found.heights[:, 50], latitudes(found), atol=0.15)


def test_a_projected_raster_is_put_where_it_lies(tmp_path: Path) -> None:
    """Heights that are the latitude less 45.5, on UTM's map, which is turned against the parallels."""
    from pyproj import Transformer

    bounds = (300_000.0, 5_000_000.0, 400_000.0, 5_100_000.0)
    x, y = np.meshgrid(np.linspace(3e5, 4e5, 401)[1:] - 125, np.linspace(5.1e6, 5e6, 401)[1:] + 125)
    lat = Transformer.from_crs("EPSG:32632", "EPSG:4326", always_xy=True).transform(x, y)[1]
    found = raster_overview.overview(written(tmp_path / "utm.tif", lat - 45.5, bounds, "EPSG:32632"))
    error = found.heights + 45.5 - latitudes(found)[:, None]
    assert np.nanmax(np.abs(error)) < 0.006  # two pixels of the overview
    assert 0.001 < np.isnan(error).mean() < 0.1  # the corners that the turned square leaves
    assert 6 < found.bounds[0] < found.bounds[2] < 8 and 45 < found.bounds[1] < found.bounds[3] < 46.2


def test_a_raster_without_a_place_is_refused(tmp_path: Path) -> None:
    z = np.add.outer(np.arange(40.0), np.arange(40.0))
    with pytest.raises(InputError, match=r"plain\.tif does not say where on the Earth it lies; warp it to EPSG:4326"):
        raster_overview.overview(written(tmp_path / "plain.tif", z, (0, 0, 4000, 4000), None))


@pytest.fixture
def here(tmp_path: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of rasters, and two tiles in the cache."""
    monkeypatch.delenv("EIO_CACHE_DIR", raising=False)
    monkeypatch.setenv("NPF_DEM_DIR", str(tmp_path))
    for row, corner in (("N45", (6, 45)), ("N10", (6, 10))):
        z = np.add.outer(np.arange(30.0), np.arange(30.0))
        path = tile_cache() / DEFAULT_PRODUCT / "cache" / row / f"{row}E006.tif"
        written(path, z, (*corner, corner[0] + 1, corner[1] + 1), "EPSG:4326")
    (tmp_path / "bad.tif").write_bytes(b"II*\0" + bytes(100))
    return tmp_path


def test_tiles_and_the_folder_are_read_in_a_child(here: Path) -> None:
    """A broken raster has the sentence that it has as a field; the tile that is nearest to the box comes first."""
    every = overviews.Overviews()
    assert every.look(ALPS).waiting == 3
    every.join()
    seen = every.look(ALPS)
    assert [one.bounds[:2] for _, one in seen.found] == [(6.0, 45.0), (6.0, 10.0)] and seen.waiting == seen.beyond == 0
    (refused,) = seen.refused
    assert refused.startswith("bad.tif cannot be read as a GeoTIFF")


def test_nobody_waits_and_nothing_is_read_twice(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, read = threading.Event(), []

    def slow(path: Path) -> Overview:
        assert gate.wait(60)
        read.append(path.name)
        return Overview((0, 0, 1, 1), np.zeros((2, 2), np.float32))

    monkeypatch.setattr(overviews, "MOST_TILES", 1)
    every = overviews.Overviews(slow)
    for _ in range(3):
        seen = every.look(ALPS)  # answers while the reader waits
        assert seen.waiting == 2 and not seen.found and seen.beyond == 1
    gate.set()
    every.join()
    assert len(every.look(ALPS).found) == 2 and read == ["bad.tif", "N45E006.tif"]
    (here / "bad.tif").write_bytes(b"another file")
    assert every.look(ALPS).waiting <= 1
    every.join()
    assert read == ["bad.tif", "N45E006.tif", "bad.tif"]
