"""Slopes per metre are those of the ground, whatever the map: each right value is known by arithmetic."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from npf_engine.errors import InputError
from npf_engine.fields import uploads
from npf_engine.fields.field import Field
from npf_engine.fields.readers.options import RasterOptions
from npf_engine.fields.readers.raster_files import read_raster
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.summary import moments

pytestmark = pytest.mark.usefixtures("read_here")

ROWS, COLS = 60, 80
ROW, COL = np.mgrid[0:ROWS, 0:COLS].astype(float)
GROUND = FieldSpec(source="it", sigma=0.0, slope="per-metre")
A, B = 6378137.0, 6356752.314245179
E2 = 1 - (B / A) ** 2


def tif(path: Path, z: np.ndarray, crs: str | CRS | None, corner: tuple[float, float], pixel: float, unit: str = ""):
    profile = {"driver": "GTiff", "height": z.shape[0], "width": z.shape[1], "count": 1, "dtype": z.dtype, "crs": crs}
    with rasterio.open(path, "w", **profile, transform=from_origin(*corner, pixel, pixel)) as out:
        out.write(z, 1)
        if unit:
            out.units = (unit,)
    return path


def mean(path: Path, **options: object) -> np.ndarray:
    return np.array(moments(field(path, **options)).mean)


def field(path: Path, **options: object) -> Field:
    return uploads.load_upload(path, dataclasses.replace(GROUND, **options))


def ellipsoid(path: Path, radius: float, flattening: float, name: str) -> Path:
    """A rise of 10 m a column of 100 m at the equator of another body, in degrees."""
    wkt = (
        f'GEOGCS["{name}",DATUM["{name}",SPHEROID["{name}",{radius},{flattening}]],PRIMEM["Zero",0],'
        'UNIT["Degree",0.0174532925199433]]'
    )
    pixel = math.degrees(100 / radius)
    return tif(path, 10 * COL + 0.01, CRS.from_wkt(wkt), (0, ROWS / 2 * pixel), pixel)


def test_web_mercator_at_60_north(tmp_path: Path):
    """60 m of the map are 30.08 m of the ground: N(phi) cos(phi) / a of the ellipsoid, a half on a sphere."""
    north = A * math.asinh(math.tan(math.radians(60)))
    path = tif(tmp_path / "a.tif", 3 * COL + 0.01, "EPSG:3857", (0, north + ROWS / 2 * 60), 60)
    stretch = math.cos(math.radians(60)) / math.sqrt(1 - E2 * math.sin(math.radians(60)) ** 2)
    assert mean(path) == pytest.approx([0.05 / stretch, 0], rel=1e-3)
    told = [text for text in field(path).conversions if "EPSG:3857" in text]
    assert len(told) == 1 and "0.501" in told[0] and "60 N" in told[0]
    assert mean(path, slope="per-pixel") == pytest.approx([3, 0], rel=1e-6), "metres per pixel know no map"


def test_plate_carree_in_metres_at_60_north(tmp_path: Path):
    path = tif(tmp_path / "a.tif", 3 * COL + 0.01, "EPSG:32662", (0, math.radians(60) * A + ROWS / 2 * 60), 60)
    stretch = math.cos(math.radians(60)) / math.sqrt(1 - E2 * math.sin(math.radians(60)) ** 2)
    assert mean(path) == pytest.approx([0.05 / stretch, 0], rel=1e-3)


@pytest.mark.parametrize(
    ("x", "scale"), [(500_000.0, 0.9996), (800_000.0, 0.9996 * (1 + 0.5 * (3e5 / 6_380_000) ** 2))]
)
def test_utm_has_its_scale(tmp_path: Path, x: float, scale: float):
    """k = k0 (1 + (x - x0)^2 / (2 R^2)): 0.9996 in the middle, 1.0007 300 km beside it."""
    scale = 0.9996 * (1 + 0.5 * ((x - 500_000) / 6_380_000) ** 2)
    path = tif(tmp_path / "a.tif", 3 * COL + 0.01, "EPSG:32632", (x - COLS / 2 * 30, 5e6), 30)
    assert mean(path) == pytest.approx([0.1 * scale, 0], rel=2e-5)


@pytest.mark.parametrize(("radius", "flattening", "name"), [(3396190.0, 169.8944472, "Mars"), (1737400.0, 0.0, "Moon")])
def test_other_bodies_have_their_own_size(tmp_path: Path, radius: float, flattening: float, name: str):
    path = ellipsoid(tmp_path / "a.tif", radius, flattening, name)
    assert mean(path) == pytest.approx([0.1, 0], rel=1e-5)
    assert not read_raster(path, RasterOptions()).earth  # it gets no coastlines
    assert read_raster(tif(tmp_path / "b.tif", 3 * COL + 0.01, "EPSG:4326", (0, 1), 0.01), RasterOptions()).earth


def test_grads_are_no_degrees(tmp_path: Path):
    """EPSG:4807: 400 grads round the globe, on Clarke's ellipsoid; 10 m a column of 100 m at the equator."""
    radius = 6378249.2
    pixel = 100 / radius * 200 / math.pi
    path = tif(tmp_path / "a.tif", 10 * COL + 0.01, "EPSG:4807", (0, ROWS / 2 * pixel), pixel)
    assert mean(path) == pytest.approx([0.1, 0], rel=1e-5)
    north = field(path).high[1]
    assert north == pytest.approx(0.9 * (ROWS / 2 - 0.5) * pixel, rel=1e-6), "positions in degrees"


def test_a_row_at_a_pole_has_no_east(tmp_path: Path):
    z = 100 * np.sin(COL / 9) + ROW + 0.01
    path = tif(tmp_path / "a.tif", z, "EPSG:4326", (0, 90.25), 0.5)
    here = field(path)
    assert np.abs(moments(here).max).max() < 0.03 and here.n == (ROWS - 1) * COLS
    assert [text for text in here.warnings if "pole" in text]
    assert here.high[1] == pytest.approx(89.5)


def test_beyond_the_edge_of_the_globe_there_is_no_slope(tmp_path: Path):
    """A map of the world in Mollweide's ellipse: its corners are no places."""
    z = 3 * COL + ROW + 0.01
    path = tif(tmp_path / "a.tif", z, "ESRI:54009", (-18.1e6, 13.5e6), 452_500)
    here = field(path)
    assert 0.2 * z.size < here.n < 0.7 * z.size and here.rho == "land"
    assert np.isfinite(here.y_train.numpy()).all()


@pytest.mark.parametrize(
    ("unit", "metres", "value"),
    [
        ("ft", 0.3048, "metres"),
        ("US survey foot", 1200 / 3937, "metres"),
        ("dm", 0.1, "metres"),
        ("km", 1000.0, "metres"),
        ("K", 1.0, "K"),
        ("mGal", 1.0, "mGal"),
        ("m", 1.0, "metres"),
    ],
)
def test_heights_have_the_unit_of_the_band(tmp_path: Path, unit: str, metres: float, value: str):
    path = tif(tmp_path / "a.tif", 10 * COL + 0.5, CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]'), (0, 0), 100, unit)
    here = field(path)
    assert moments(here).mean == pytest.approx((0.1 * metres, 0), rel=1e-6)
    assert here.units.value == f"{value} per metre"
    assert mean(path, slope="per-pixel") == pytest.approx([10 * metres, 0], rel=1e-6)


def test_a_compound_system_says_what_heights_are_in(tmp_path: Path):
    """EPSG:6529+6360: heights in US survey feet; 10 ft a column of 30 US survey feet is a third."""
    path = tif(tmp_path / "a.tif", 10 * COL + 0.5, CRS.from_string("EPSG:6529+6360"), (1e6, 5e5), 30)
    assert mean(path)[0] == pytest.approx(1 / 3, rel=1e-3)
    assert any("US survey feet" in text for text in field(path).conversions)


def test_the_visitor_knows_better(tmp_path: Path):
    path = tif(tmp_path / "a.tif", 10 * COL + 0.5, "EPSG:32632", (500_000, 5e6), 100, "m")
    assert mean(path, height_unit="foot")[0] == pytest.approx(0.03048 * 0.9996, rel=1e-5)
    assert field(path, height_unit="none").units.value == "units of z per metre"
    assert mean(path, crs="EPSG:3857")[0] == pytest.approx(0.1 / math.cos(math.atan(math.sinh(5e6 / A))), rel=5e-3)
    degrees = tif(tmp_path / "b.tif", 10 * COL + 0.5, "EPSG:4326", (0, 0.5), 0.01)
    assert mean(degrees, crs="none")[0] == pytest.approx(10 / (math.radians(0.01) * A), rel=1e-3)


def test_nothing_is_voided_for_being_high(tmp_path: Path):
    """Olympus Mons in metres, Everest in feet or decimetres: values beyond 9,500 are heights."""
    path = tif(tmp_path / "a.tif", 15_000 + 100 * COL + 7 * ROW, "EPSG:32632", (500_000, 5e6), 100)
    here = field(path)
    assert here.provenance["voids"] == 0 and moments(here).mean[0] == pytest.approx(0.9996, rel=1e-4)


@pytest.mark.parametrize(
    "wkt",
    [
        'LOCAL_CS["site",UNIT["metre",1]]',
        'ENGCRS["site",EDATUM["P"],CS[Cartesian,2],AXIS["e",east],AXIS["n",north],LENGTHUNIT["metre",1.0]]',
        'GEOCCS["g",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["m",1]]',
        'VERT_CS["h",VERT_DATUM["d",2005],UNIT["metre",1],AXIS["Up",UP]]',
    ],
)
def test_systems_that_are_no_map_are_read(tmp_path: Path, wkt: str):
    path = tif(tmp_path / "a.tif", 3 * COL + 0.01, CRS.from_wkt(wkt), (0, 10), 30)
    assert mean(path, slope="per-pixel") == pytest.approx([3, 0], rel=1e-5)


def test_a_rotated_pole_is_measured_on_the_ground(tmp_path: Path):
    """Degrees about a pole of their own are as long as any: 0.01 degrees at its equator are 1,113 m or so."""
    from npf_engine.fields.readers import crs as systems

    rotated = systems.parsed("+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=39.25 +lon_0=18 +R=6371000", "it")
    frame = systems.frame(rotated, "it", (0.0, -0.3, 0.8, 0.3), (60, 80))
    assert frame.ground is not None and frame.coordinates == "degrees"
    east, north = frame.ground.pixels((60, 80), frame.bounds)
    assert np.median(east) == pytest.approx(math.radians(0.01) * 6371000, rel=2e-4)
    assert np.median(north) == pytest.approx(math.radians(0.01) * 6371000, rel=2e-4)


@pytest.mark.parametrize(("shear", "read"), [(1e-19, True), (1e-7, True), (0.1, False)])
def test_a_shear_that_is_rounding_is_no_rotation(tmp_path: Path, shear: float, read: bool):
    path = tmp_path / "a.tif"
    transform = rasterio.Affine(30.0, shear, 500_000.0, shear, -30.0, 5e6)
    size = {"height": ROWS, "width": COLS, "count": 1, "dtype": "float64", "crs": "EPSG:32632"}
    with rasterio.open(path, "w", driver="GTiff", **size, transform=transform) as out:
        out.write(3 * COL + 0.01, 1)
    if read:
        assert mean(path)[0] == pytest.approx(0.1 * 0.9996, rel=1e-4)
    else:
        with pytest.raises(InputError, match="rotated"):
            mean(path)


def test_heights_coded_as_colours_are_refused(tmp_path: Path):
    """Terrain-RGB and Terrarium tiles: no band of them is a height."""
    path = tmp_path / "a.tif"
    size = {"height": ROWS, "width": COLS, "count": 3, "dtype": "uint8", "crs": "EPSG:3857", "photometric": "RGB"}
    with rasterio.open(path, "w", driver="GTiff", **size, transform=from_origin(0, 0, 30, 30)) as out:
        out.write(np.random.default_rng(0).integers(0, 255, (3, ROWS, COLS), dtype=np.uint8))
    with pytest.raises(InputError, match="Terrarium"):
        mean(path)


def test_values_beyond_all_numbers_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="larger unit"):
        mean(tif(tmp_path / "a.tif", (COL + 1) * 1e30, "EPSG:32632", (500_000, 5e6), 30))


def test_the_side_of_a_pixel_is_believed_where_numbers_without_a_system_look_like_degrees(tmp_path: Path):
    path = tif(tmp_path / "a.tif", 3 * COL + 0.01, None, (0, 1), 0.01)
    assert mean(path, pixel_size=30.0) == pytest.approx([0.1, 0], rel=1e-6)


@pytest.mark.parametrize("lon", [0.0, 40.0, -70.0])
def test_slopes_on_a_map_whose_axes_are_not_at_right_angles(tmp_path: Path, lon: float):
    """The sinusoidal map of MODIS: its east is east, its north leans by lambda sin(phi) per metre. Of a rise of 500 m a
    degree of longitude F is the gradient along axes at right angles, each half of the lean off its own."""
    R, phi = 6371007.181, math.radians(50.0)
    lam = math.radians(lon)
    x, y = R * lam * math.cos(phi), R * phi
    pixel = 100.0
    cols, rows = x + (COL + 0.5 - COLS / 2) * pixel, y - (ROW + 0.5 - ROWS / 2) * pixel
    degrees = np.degrees(cols / (R * np.cos(rows / R)))
    corner = (x - COLS / 2 * pixel, y + ROWS / 2 * pixel)
    path = tif(tmp_path / "a.tif", 500 * degrees + 7.01, f"+proj=sinu +R={R} +units=m", corner, pixel)
    steep = 500 / (math.radians(1) * R * math.cos(phi))
    lean = math.atan(lam * math.sin(phi)) / 2
    found = field(path)
    right = [steep * math.cos(lean), steep * math.sin(lean)]  # the first lies half the lean south of east
    np.testing.assert_allclose(moments(found).mean, right, rtol=5e-3, atol=1e-6)
    np.testing.assert_allclose(float(found.y_train.norm(dim=1).mean()), steep, rtol=2e-3)
    assert any("on the ground, at the least" in text for text in found.conversions) == (lon != 0)
