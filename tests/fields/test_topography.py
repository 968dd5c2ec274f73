"""Rasters and the fields made of them, against planes, quadratics, tables of the ellipsoid and the paper's own grid."""

from __future__ import annotations

import gzip
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine, from_origin

from npf_engine.errors import Cancelled, InputError
from npf_engine.fields import terrains
from npf_engine.fields.field import Field
from npf_engine.fields.fractal import HURST, fractal_raster
from npf_engine.fields.places.find import Place
from npf_engine.fields.raster import Raster, fill_voids, resample
from npf_engine.fields.readers.raster_files import read_raster
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.terrains import fractal_field, jacksboro_field
from npf_engine.fields.topography import raster_field, terrain_field

RAW = FieldSpec(sigma=0.0)
ROWS, COLS = 40, 60
BOX = (10.0, 20.0, 10.6, 20.4)  # 60 x 40 pixels of 0.01 degrees


def plane(east: float, north: float, rows: int = ROWS, cols: int = COLS) -> np.ndarray:
    """Metres: rises by ``east`` a column and by ``north`` a row to the north; never whole numbers."""
    col, row = np.arange(cols)[None, :], np.arange(rows)[:, None]
    return (east * col + north * (rows - 1 - row) + 0.37).astype(np.float32)


def everything(field: Field) -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([field.x_train.numpy(), field.x_test.numpy()])
    return x, np.concatenate([field.y_train.numpy(), field.y_test.numpy()])


def on_grid(field: Field) -> np.ndarray:
    """F put back on its pixels, (rows, cols, 2), by the positions alone."""
    assert field.grid is not None
    rows, cols = field.grid.elevation.shape
    x, y = everything(field)
    col = np.rint((x[:, 0] + 1) / 2 * (cols - 1)).astype(int)
    row = np.rint((1 - x[:, 1]) / 2 * (rows - 1)).astype(int)
    out = np.full((rows, cols, 2), np.nan)
    out[row, col] = y
    return out


def curl(f: np.ndarray) -> np.ndarray:
    """dF_north/d(east) - dF_east/d(north) in pixel coordinates; rows run south."""
    return np.gradient(f[..., 1], axis=1) + np.gradient(f[..., 0], axis=0)


def test_tilted_plane_has_its_slope_in_the_right_order_everywhere() -> None:
    field = terrain_field("plane", plane(3.25, -2.5), BOX, RAW)
    _, y = everything(field)
    assert np.allclose(y, [3.25, -2.5], atol=1e-4)
    assert field.units.value == "metres per pixel"
    assert field.n == ROWS * COLS
    assert len(field.x_test) == round(0.15 * ROWS * COLS)


def test_a_peak_lies_where_its_pixel_lies() -> None:
    z = plane(0.01, 0.01)
    z[5, 48] += 100  # sixth row from the north, column 48
    field = terrain_field("peak", z, BOX, RAW)
    x, y = everything(field)
    user = field.scaling.to_user(field.x_train).numpy()
    assert user.min(axis=0) == pytest.approx([10.005, 20.005], abs=1e-5), "pixel centres, not edges"
    assert user.max(axis=0) == pytest.approx([10.595, 20.395], abs=1e-5)
    assert (field.low, field.high) == (pytest.approx((10.005, 20.005)), pytest.approx((10.595, 20.395)))
    lon, lat = 10.485, 20.345
    at = (np.array([lon, lat]) - field.scaling.offset) / field.scaling.scale
    step = 2 / (COLS - 1)
    west_of_it = np.abs(x - at - [-step, 0]).sum(axis=1).argmin()
    east_of_it = np.abs(x - at - [step, 0]).sum(axis=1).argmin()
    south_of_it = np.abs(x - at - [0, -2 / (ROWS - 1)]).sum(axis=1).argmin()
    assert y[west_of_it, 0] == pytest.approx(50.01, abs=1e-3), "uphill is east of a point west of the peak"
    assert y[east_of_it, 0] == pytest.approx(-49.99, abs=1e-3)
    assert y[south_of_it, 1] == pytest.approx(50.01, abs=1e-3), "uphill is north of a point south of the peak"


def test_chamonix_is_the_papers_grid_and_curl_free(shared_data: Path) -> None:
    raster = read_raster(shared_data / "Chamonix.tif")
    start = time.process_time()
    field = raster_field("Chamonix", raster, FieldSpec())
    assert time.process_time() - start < 2.0
    assert field.n == 323_932
    assert field.grid is not None and field.grid.elevation.shape == (503, 644)
    assert field.provenance["elevation_range"] == [998.0, 4797.0]
    assert field.provenance["dequantised"] is True
    assert field.warnings == []
    f = on_grid(field)
    assert not np.isnan(f).any()
    assert np.abs(curl(f)).max() < 1e-3 * np.abs(f).max()
    swapped = f[..., ::-1]
    assert np.abs(curl(swapped)).max() > 1e-2 * np.abs(f).max(), "components in the wrong order are not curl-free"
    # the field is the slope of the smoothed surface: its integral along a row is the climb
    climb = ((f[:, 1:, 0] + f[:, :-1, 0]) / 2).sum(axis=1)
    height = field.grid.elevation
    assert np.allclose(climb, height[:, -1] - height[:, 0], atol=15.0)
    assert np.corrcoef(climb, height[:, -1] - height[:, 0])[0, 1] > 0.999


def test_per_metre_uses_the_ellipsoid() -> None:
    # at 60 degrees north one degree is 111.412 km of latitude and 55.800 km of longitude (WGS84 tables)
    z = plane(1.0, 1.0, 41, 41)
    box = (5.0, 59.98, 5.04 + 0.001, 60.02 + 0.001)
    field = terrain_field("plane", z, box, replace(RAW, slope="per-metre"))
    f = on_grid(field)[20, 20]
    assert 1 / f[0] == pytest.approx(55_800 * 0.001, rel=1e-3)
    assert 1 / f[1] == pytest.approx(111_412 * 0.001, rel=1e-3)
    assert field.units.value == "metres per metre"
    metres = terrain_field("m", z, (0, 0, 41 * 30.0, 41 * 10.0), replace(RAW, slope="per-metre"), coordinates="metres")
    assert np.allclose(everything(metres)[1], [1 / 30, 1 / 10], atol=1e-5)
    with pytest.raises(InputError, match="how large its pixels are"):
        terrain_field("p", z, (0, 0, 41, 41), replace(RAW, slope="per-metre"), coordinates="pixels")


def test_disc_is_uniform_on_the_inscribed_ellipse() -> None:
    field = terrain_field("disc", plane(1, 1, 200, 300), BOX, replace(RAW, rho="disc"))
    x, _ = everything(field)
    radius = np.linalg.norm(x, axis=1)
    assert radius.max() <= 1 + 1e-6
    assert field.rho == "disc"
    assert field.n / (200 * 300) == pytest.approx(np.pi / 4, abs=0.01)
    assert (radius**2).mean() == pytest.approx(0.5, abs=0.01)
    assert bool(field.inside(field.x_train).all())


def test_gaussian_is_standard_in_model_units_and_interpolates() -> None:
    # z quadratic: its central differences are linear, which bilinear interpolation reproduces exactly
    row, col = np.mgrid[0:101, 0:141]
    north = 100 - row
    z = 0.02 * col**2 + 0.03 * north**2 + 0.01 * col * north + 0.123
    field = terrain_field("bowl", z, BOX, replace(RAW, rho="gaussian"))
    x, y = everything(field)
    assert np.abs(x).max() <= 3
    assert np.allclose(x.mean(axis=0), 0, atol=0.03)
    assert np.allclose(x.std(axis=0), np.sqrt(0.9733), atol=0.02), "standard normal cut at three sigma"
    assert bool(field.inside(field.x_train).all())
    at = np.stack([(x[:, 0] / 3 + 1) / 2 * 140, (x[:, 1] / 3 + 1) / 2 * 100], axis=1)
    inner = ((at > 1) & (at < [139, 99])).all(axis=1)
    expected = np.stack([0.04 * at[:, 0] + 0.01 * at[:, 1], 0.06 * at[:, 1] + 0.01 * at[:, 0]], axis=1)
    assert np.allclose(y[inner], expected[inner], atol=2e-3)
    user = field.scaling.to_user(field.x_train).numpy()
    assert (user >= np.array(field.low) - 1e-4).all() and (user <= np.array(field.high) + 1e-4).all()


def test_same_spec_same_numbers_and_seeds_matter() -> None:
    z = np.round(plane(3, 2))
    spec = FieldSpec(sigma=1.0)
    first, again = terrain_field("a", z, BOX, spec), terrain_field("a", z, BOX, spec)
    assert bool((first.y_train == again.y_train).all())
    other = terrain_field("a", z, BOX, replace(spec, noise_seed=1))
    assert bool((first.y_train != other.y_train).any())
    split = terrain_field("a", z, BOX, replace(spec, split_seed=1))
    assert bool((first.x_train != split.x_train).any())


def test_flat_sea_is_told_and_left_out_by_land(shared_data: Path) -> None:
    raster = read_raster(shared_data / "N43E007.hgt.zip")
    assert raster.elevation.shape == (1201, 1201)
    half = 0.5 / 1200
    assert raster.bounds == pytest.approx((7 - half, 43 - half, 8 + half, 44 + half))
    assert int(np.isnan(raster.elevation).sum()) == 1595
    box = raster_field("Nice", raster, FieldSpec(max_samples=2_000_000))
    sea = float((raster.elevation == 0).mean())
    assert box.provenance["flat_share"] == pytest.approx(sea, abs=0.01)
    assert any("rho = land" in w and "%" in w for w in box.warnings)
    assert any("1,595 void pixels" in w and "filled" in w for w in box.warnings)
    land = raster_field("Nice", raster, FieldSpec(max_samples=2_000_000, rho="land", voids="mask"))
    assert land.rho == "land" and land.grid is not None
    assert land.n == int(land.grid.mask.sum()) < box.n
    assert box.grid is not None
    level = (raster.elevation == 0)[land.grid.mask].mean()
    assert level < 0.01, "what is left at sea level is no large patch"
    assert not np.isnan(raster.elevation)[land.grid.mask].any()
    assert any("left out of Omega" in w for w in land.warnings)


@pytest.mark.parametrize(
    ("sea", "changes", "rho"),
    [
        (30, {}, "land"),
        (30, {"water": "keep"}, "box"),
        (30, {"rho": "disc"}, "disc"),
        (3, {}, "box"),
        (0, {}, "box"),
    ],
)
def test_a_place_with_much_level_water_has_the_land_as_rho_by_itself(
    monkeypatch: pytest.MonkeyPatch, sea: int, changes: dict[str, str], rho: str
) -> None:
    """Of a place's 100 columns the first ``sea`` are level; a raster of one's own keeps its box and is told."""
    z = plane(3, 2, 80, 100) + 50
    z[:, :sea] = 0
    monkeypatch.setattr(terrains, "fetch", lambda *a, **k: Path("nowhere"))
    monkeypatch.setattr(terrains, "open_raster", lambda *a, **k: Raster(z.astype(np.float32), BOX))
    field = terrains.place_field(Place("here", "Here", BOX, "coordinates"), FieldSpec(sigma=1.0, **changes))
    assert field.rho == rho
    assert rho == "disc" or field.n == 80 * (100 if rho == "box" else 70)
    by_itself = [text for text in field.warnings if "water = keep keeps them" in text]
    assert len(by_itself) == (rho == "land") and all("30.0 % of the pixels" in text for text in by_itself)
    assert terrain_field("own", z, BOX, FieldSpec(sigma=1.0)).rho == "box"


def test_large_grids_are_resampled_and_say_so() -> None:
    z = plane(0.5, 0.25, 900, 1200)
    field = terrain_field("large", z, BOX, FieldSpec(max_samples=50_000, sigma=2.0))
    assert field.grid is not None
    rows, cols = field.grid.elevation.shape
    assert 0.95 * 50_000 < rows * cols <= 50_000
    assert field.n == rows * cols
    inner = on_grid(field)[20:-20, 20:-20].reshape(-1, 2)
    assert np.allclose(inner, [0.5 * 1200 / cols, 0.25 * 900 / rows], rtol=1e-3), "per pixel of the grid used"
    assert any("900 x 1200" in w and f"{rows} x {cols}" in w and "coarser" in w for w in field.warnings)


def test_resampling_keeps_means_and_voids() -> None:
    z = np.random.default_rng(0).normal(size=(97, 131)).astype(np.float32)
    small = resample(z, 2000)
    assert small.size <= 2000
    assert small.mean() == pytest.approx(z.mean(), abs=1e-5)
    assert resample(z, z.size) is z
    z[:50] = np.nan
    coarse = resample(z, 2000)
    share = np.isnan(coarse).mean()
    assert share == pytest.approx(50 / 97, abs=0.03)
    assert np.nanmean(coarse) == pytest.approx(np.nanmean(z), abs=0.02)


def test_voids_filled_on_a_plane_stay_near_it() -> None:
    z = plane(3.0, 2.0)
    holed = z.copy()
    holed[10:16, 20:26] = np.nan
    filled = fill_voids(holed)
    assert np.array_equal(filled[~np.isnan(holed)], holed[~np.isnan(holed)])
    assert np.abs(filled - z).max() < 1.0, "nearest neighbours alone are off by up to 9 m"
    masked = terrain_field("holes", holed, BOX, replace(RAW, voids="mask"))
    assert masked.n == ROWS * COLS - 36
    assert masked.rho == "land"
    assert any("36 void pixels" in w for w in masked.warnings)


@pytest.mark.parametrize(
    ("elevation", "spec", "says"),
    [
        (np.full((20, 20), np.nan), RAW, "every pixel is void"),
        (np.full((20, 20), -32768), RAW, "every pixel is void"),
        (np.full((20, 20), 7), RAW, "level: every known pixel is 7 m"),
        (np.zeros((20, 5)), RAW, "20 x 5"),
        (np.zeros((20, 20, 3)), RAW, "two dimensions"),
    ],
)
def test_grids_without_a_field_are_refused(elevation: np.ndarray, spec: FieldSpec, says: str) -> None:
    with pytest.raises(InputError, match=says):
        terrain_field("it", elevation, BOX, spec)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rho": "ball"}, "rho must be one of box, disc"),
        ({"slope": "steep"}, "slope must be one of per-pixel"),
        ({"sigma": -1.0}, "sigma must be 0 or more, not -1"),
        ({"voids": "dig"}, "voids must be one of fill, mask, not 'dig'"),
    ],
)
def test_options_that_no_field_has_are_refused_as_the_spec_is_made(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        replace(RAW, **options)


def test_progress_can_stop_the_work() -> None:
    def progress(done: float, total: float, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        terrain_field("plane", plane(1, 2), BOX, RAW, progress=progress)


def test_jacksboro_is_embedded_and_the_right_way_up() -> None:
    field = jacksboro_field(FieldSpec())
    assert field.n == 344 * 403
    assert field.provenance["elevation_range"] == [236.0, 1076.0]
    assert field.grid is not None
    assert (field.grid.south, field.grid.north) == pytest.approx((36.44625, 36.73291667))
    assert field.units.axes == ("longitude", "latitude")
    assert field.low[0] < field.high[0] and field.low[1] < field.high[1]


def test_fractal_terrain_follows_its_seed_and_its_law() -> None:
    a, b = fractal_raster(3).elevation, fractal_raster(4).elevation
    assert np.array_equal(a, fractal_raster(3).elevation)
    assert not np.array_equal(a, b)
    # E|z(x+h) - z(x)|^2 grows like h^(2H)
    near, far = (np.mean([((z[:, h:] - z[:, :-h]) ** 2).mean() for z in (a, b)]) for h in (4, 16))
    assert np.log(far / near) / np.log(4) / 2 == pytest.approx(HURST, abs=0.1)
    field = fractal_field(FieldSpec(noise_seed=3))
    assert field.n == 512 * 512
    assert field.units.position == ("metres", "metres")
    assert not field.provenance["dequantised"]


def tif(path: Path, z: np.ndarray, transform: Affine, crs: str | None = "EPSG:4326", **more: object) -> Path:
    profile = {
        "driver": "GTiff",
        "height": z.shape[0],
        "width": z.shape[1],
        "count": 1,
        "dtype": z.dtype.name,
        "transform": transform,
        **({"crs": crs} if crs else {}),
        **more,
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(z, 1)
    return path


def test_tif_south_up_is_turned(tmp_path: Path) -> None:
    z = plane(1, 2)
    up = Affine(0.01, 0, 10, 0, 0.01, 20)
    turned = read_raster(tif(tmp_path / "up.tif", z[::-1].copy(), up))
    assert np.array_equal(turned.elevation, z)
    assert turned.bounds == pytest.approx(BOX)


def test_tif_in_other_systems(tmp_path: Path) -> None:
    z = plane(1, 2)
    utm = read_raster(tif(tmp_path / "utm.tif", z, from_origin(500_000, 5_000_000, 30, 30), "EPSG:32632"))
    assert utm.coordinates == "metres"
    assert utm.bounds == pytest.approx((500_000, 5_000_000 - 30 * ROWS, 500_000 + 30 * COLS, 5_000_000))
    feet = read_raster(tif(tmp_path / "feet.tif", z, from_origin(1000, 1000, 10, 10), "EPSG:2263"))
    assert feet.bounds[2] - feet.bounds[0] == pytest.approx(10 * COLS * 0.3048006, rel=1e-6)
    bare = read_raster(tif(tmp_path / "bare.tif", z, Affine.identity(), None))
    assert bare.coordinates == "pixels" and bare.bounds == (0, 0, COLS, ROWS)
    assert "does not say where it lies" in bare.notes[0]
    with pytest.raises(InputError, match="rotated against north"):
        read_raster(tif(tmp_path / "turned.tif", z, Affine.rotation(20) @ Affine.scale(0.01, -0.01)))


def test_tif_voids_declared_or_not(tmp_path: Path) -> None:
    z = np.round(plane(1, 2)).astype(np.int16)
    z[3, 4], z[5, 6] = -9999, -32768
    declared = read_raster(tif(tmp_path / "nodata.tif", z, from_origin(10, 20.4, 0.01, 0.01), nodata=-9999))
    assert np.isnan(declared.elevation[3, 4])
    assert np.isnan(declared.elevation[5, 6]), "no place on Earth lies that deep"
    assert int(np.isnan(declared.elevation).sum()) == 2


def test_hgt_in_its_wrappings_and_its_defects(tmp_path: Path) -> None:
    side = 1201
    tile = np.arange(side * side, dtype=np.int64).reshape(side, side) % 3000
    data = tile.astype(">i2").tobytes()
    (tmp_path / "S12W077.hgt").write_bytes(data)
    (tmp_path / "S12W077.hgt.gz").write_bytes(gzip.compress(data, 1))
    with zipfile.ZipFile(tmp_path / "S12W077.hgt.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("S12W077.hgt", data)
    half = 0.5 / 1200
    for name in ("S12W077.hgt", "S12W077.hgt.gz", "S12W077.hgt.zip"):
        raster = read_raster(tmp_path / name)
        assert np.array_equal(raster.elevation, tile.astype(np.float32))
        assert raster.bounds == pytest.approx((-77 - half, -12 - half, -76 + half, -11 + half))
    (tmp_path / "cut.hgt").write_bytes(data[:-100])
    with pytest.raises(InputError, match=r"cut\.hgt has 2,884,702 bytes.*no square.*1201 x 1201"):
        read_raster(tmp_path / "cut.hgt")
    (tmp_path / "N00E000.hgt.gz").write_bytes(data[:1000])
    with pytest.raises(InputError, match="not a readable gzip"):
        read_raster(tmp_path / "N00E000.hgt.gz")
    (tmp_path / "N01E000.hgt.gz").write_bytes(gzip.compress(bytes(200_000_000), 1))
    with pytest.raises(InputError, match="more than 25"):
        read_raster(tmp_path / "N01E000.hgt.gz")
    (tmp_path / "mine.hgt").write_bytes(data)
    assert read_raster(tmp_path / "mine.hgt").coordinates == "pixels"


def test_zip_defects(tmp_path: Path) -> None:
    path = tmp_path / "two.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.hgt", b"1")
        archive.writestr("b.hgt", b"1")
    with pytest.raises(InputError, match="holds 2 rasters"):
        read_raster(path)
    path.write_bytes(b"no zip at all")
    with pytest.raises(InputError, match="cannot be read as a zip archive"):
        read_raster(path)
    (tmp_path / "fake.tif").write_bytes(b"no tif at all")
    with pytest.raises(InputError, match=r"fake\.tif cannot be read as a GeoTIFF"):
        read_raster(tmp_path / "fake.tif")
    with pytest.raises(InputError, match="no raster file"):
        read_raster(tmp_path / "absent.tif")
    (tmp_path / "x.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="no raster that is understood"):
        read_raster(tmp_path / "x.jpg")
    inside = tif(tmp_path / "in.tif", plane(1, 2), from_origin(10, 20.4, 0.01, 0.01))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(inside, "folder/in.tif")
    assert np.array_equal(read_raster(path).elevation, plane(1, 2))
