"""Heights in the colours of a PNG: the values of both codings, known by arithmetic, and where a tile lies."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from npf_engine.errors import InputError
from npf_engine.fields import catalog, uploads
from npf_engine.fields.readers.options import RasterOptions
from npf_engine.fields.readers.raster_files import read_raster
from npf_engine.fields.readers.terrain_tiles import MAPBOX, TERRARIUM, decoded, read_tile, tile_of
from npf_engine.fields.spec import FieldSpec

A, E2 = 6_378_137.0, 0.00669437999014
SIDE = 64
ROW, COL = np.mgrid[0:SIDE, 0:SIDE]
HEIGHTS = 1234.5 + 3.0 * COL - 2.0 * ROW  # metres; both codings hold them without rounding


def colours(heights: np.ndarray, kind: str) -> np.ndarray:
    whole = np.rint((heights + 10_000.0) * 10 if kind == MAPBOX else (heights + 32_768.0) * 256).astype(int)
    return np.stack([whole >> 16, (whole >> 8) & 255, whole & 255], axis=-1).astype(np.uint8)


def save(path: Path, rgb: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)
    return path


def test_colours_are_the_heights_of_their_makers() -> None:
    """By hand: Terrain-RGB (1, 134, 160) is 0 m and black -10,000 m; Terrarium (128, 0, 0) is 0 m, (162, 145, 128)
    8,849.5 m."""
    rgb = np.array([[[1, 134, 160], [0, 0, 0], [2, 224, 92]]], dtype=np.uint8)
    np.testing.assert_allclose(decoded(rgb, MAPBOX), [[0.0, -10_000.0, 8850.8]], atol=1e-9)
    rgb = np.array([[[128, 0, 0], [162, 145, 128], [84, 255, 0]]], dtype=np.uint8)
    np.testing.assert_allclose(decoded(rgb, TERRARIUM), [[0.0, 8849.5, -11_009.0]], atol=1e-9)


@pytest.mark.parametrize("kind", [MAPBOX, TERRARIUM])
@pytest.mark.parametrize("low", [-11_000.0, -400.0, 0.0, 7000.0])
def test_both_kinds_are_recognised_and_told(tmp_path: Path, kind: str, low: float) -> None:
    heights = HEIGHTS - HEIGHTS.min() + low
    if kind == MAPBOX and low < -10_000:
        return  # which Terrain-RGB cannot hold
    raster = read_tile(save(tmp_path / "a.png", colours(heights, kind)), RasterOptions())
    np.testing.assert_allclose(raster.elevation.astype(float) + raster.offset, heights, atol=1e-3)
    assert raster.coordinates == "pixels" and "zoom/column/row.png" in raster.notes[0]
    named = "Terrain-RGB" if kind == MAPBOX else "Terrarium"
    assert named in raster.conversions[0] and "set encoding" in raster.conversions[0]


def test_the_kind_can_be_said(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", colours(HEIGHTS, TERRARIUM))
    raster = read_tile(path, RasterOptions(encoding=MAPBOX))
    assert raster.elevation.max() + raster.offset > 800_000 and "as it was said" in raster.conversions[0]


def test_a_picture_and_a_grey_one_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    for name, picture, says in (
        ("photo.png", noise, "neither kind of tile"),
        ("grey.png", noise[..., 0], "no colours of 8 bits"),
    ):
        with pytest.raises(InputError, match=says):
            read_tile(save(tmp_path / name, picture), RasterOptions())
    cut = tmp_path / "cut.png"
    cut.write_bytes(save(tmp_path / "b.png", colours(HEIGHTS, MAPBOX)).read_bytes()[:400])
    with pytest.raises(InputError, match="damaged and cannot be decoded"):
        read_tile(cut, RasterOptions())


def test_clear_and_black_pixels_are_void(tmp_path: Path) -> None:
    rgb = np.concatenate([colours(HEIGHTS, MAPBOX), np.full((SIDE, SIDE, 1), 255, np.uint8)], axis=2)
    rgb[3, 4, 3], rgb[5, 6, :3] = 0, 0
    raster = read_tile(save(tmp_path / "a.png", rgb), RasterOptions())
    assert np.argwhere(np.isnan(raster.elevation)).tolist() == [[3, 4], [5, 6]] and "2 pixels" in raster.notes[-1]


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("tiles/12/2138/1444.png", (12, 2138, 1444)),
        ("12-2138-1444.png", (12, 2138, 1444)),
        ("terrain_12_2138_1444@2x.png", (12, 2138, 1444)),
        ("2020-10-05.png", None),
        ("survey_12_05_24.png", None),
        ("survey_12_15_24.png", None),
        ("12_15_24.png", (12, 15, 24)),
        ("3/9/1.png", None),  # of eight columns
        ("a.png", None),
    ],
)
def test_where_a_tile_lies_by_its_path(path: str, tile: tuple[int, int, int] | None) -> None:
    assert tile_of(Path("/home/x") / path) == tile


def test_slopes_of_a_placed_tile_are_those_of_the_ground(tmp_path: Path) -> None:
    """3 m a column and 2 m a row at 60.06 N (zoom 9, row 148): a metre of the map is cos(latitude) of the ground."""
    path = save(tmp_path / "9" / "270" / "148.png", colours(HEIGHTS, TERRARIUM))
    field = catalog.resolve(FieldSpec(source=str(path), sigma=0.0, slope="per-metre"))
    f = np.concatenate([field.y_train, field.y_test]) + np.array(field.shift or (0.0, 0.0))
    pixel = 2 * math.pi * A / 2**9 / SIDE
    middle = math.atan(math.sinh(math.pi * (1 - 2 * 148.5 / 2**9)))
    width = pixel * math.cos(middle) / math.sqrt(1 - E2 * math.sin(middle) ** 2)
    height = pixel * math.cos(middle) * (1 - E2) / (1 - E2 * math.sin(middle) ** 2) ** 1.5
    assert np.median(f[:, 0]) == pytest.approx(3.0 / width, rel=2e-3)
    assert np.median(f[:, 1]) == pytest.approx(2.0 / height, rel=2e-3)
    assert any("zoom 9, column 270, row 148" in text for text in field.conversions)


def test_without_a_place_the_side_of_a_pixel_is_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", colours(HEIGHTS, MAPBOX))
    spec = FieldSpec(source=str(path), sigma=0.0, slope="per-metre")
    with pytest.raises(InputError, match="set pixel_size"):
        catalog.resolve(spec)
    field = catalog.resolve(FieldSpec(source=str(path), sigma=0.0, slope="per-metre", pixel_size=30.0))
    f = np.concatenate([field.y_train, field.y_test]) + np.array(field.shift or (0.0, 0.0))
    assert np.median(f, axis=0) == pytest.approx([0.1, 2.0 / 30.0], rel=1e-3)
    raster = read_raster(path, RasterOptions(pixel_size=30.0))
    assert raster.bounds == (0.0, 0.0, 1920.0, 1920.0) and not raster.notes
    assert uploads.preview(path).ok


def test_a_header_that_comes_second_is_none(tmp_path: Path) -> None:
    """The size in the first chunk is believed only where that is the header: another chunk could hide a larger one."""
    data = save(tmp_path / "a.png", colours(HEIGHTS, MAPBOX)).read_bytes()
    false = (13).to_bytes(4, "big") + b"zzZz" + data[16:29] + b"0000"
    hidden = tmp_path / "b.png"
    hidden.write_bytes(data[:8] + false + data[8:])
    with pytest.raises(InputError, match="does not begin as a PNG"):
        read_tile(hidden, RasterOptions())


@pytest.mark.parametrize(("kind", "mark"), [(MAPBOX, -9999.0), (TERRARIUM, -32767.0)])
def test_marks_for_nothing_in_a_tile_are_no_heights(tmp_path: Path, kind: str, mark: float) -> None:
    heights = HEIGHTS.copy()
    heights[3:6, 7:10] = mark
    raster = read_tile(save(tmp_path / "a.png", colours(heights, kind)), RasterOptions(encoding=kind))
    assert np.isnan(raster.elevation[3:6, 7:10]).all() and int(np.isnan(raster.elevation).sum()) == 9
    assert any(f"holds {mark:.7g} 9 times" in note for note in raster.notes)
    kept = read_tile(tmp_path / "a.png", RasterOptions(encoding=kind, missing="keep"))
    assert not np.isnan(kept.elevation).any()


def test_a_tile_is_one_band(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", colours(HEIGHTS, MAPBOX))
    for more in ({"components": "1,2"}, {"band": 2}):
        with pytest.raises(InputError, match="heights, which are one band"):
            catalog.resolve(FieldSpec(source=str(path), pixel_size=30.0, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(("side", "border"), [(256, 0), (258, 1), (514, 1), (260, 2)])
def test_a_border_of_the_neighbours_is_left_out(tmp_path: Path, side: int, border: int) -> None:
    """3 m a column is 3 over the pixel's metres of the ground, whether the tile has a border or not."""
    _, col = np.mgrid[0:side, 0:side]
    path = save(tmp_path / "9/270/148.png", colours(100.0 + 3.0 * col, MAPBOX))
    raster = read_tile(path, RasterOptions())
    inner = side - 2 * border
    assert raster.elevation.shape == (inner, inner) and raster.coordinates == "metres"
    assert raster.bounds[2] - raster.bounds[0] == pytest.approx(2 * math.pi * A / 2**9, rel=1e-9)
    assert float(raster.elevation[0, 0]) + raster.offset == pytest.approx(100.0 + 3.0 * border, abs=1e-3)
    assert any("those of its neighbours" in text for text in raster.conversions) == bool(border)


@pytest.mark.parametrize("shape", [(100, 256), (300, 300), (256, 512)])
def test_what_is_no_square_of_the_web_is_not_stretched_to_one(tmp_path: Path, shape: tuple[int, int]) -> None:
    _, col = np.mgrid[0 : shape[0], 0 : shape[1]]
    path = save(tmp_path / "9/270/148.png", colours(100.0 + 3.0 * col, MAPBOX))
    raster = read_tile(path, RasterOptions())
    assert raster.elevation.shape == shape and raster.coordinates == "pixels"
    assert f"has {shape[0]} x {shape[1]} pixels" in raster.notes[0] and "not believed" in raster.notes[0]


def test_feet_of_a_tile_are_not_called_metres(tmp_path: Path) -> None:
    raster = read_tile(save(tmp_path / "a.png", colours(HEIGHTS, MAPBOX)), RasterOptions(height_unit="foot"))
    assert raster.conversions[0].count("feet") == 1 and "metres" not in raster.conversions[0]


def test_why_a_tile_has_no_place_is_said_where_slopes_need_one(tmp_path: Path) -> None:
    heights = 500 + 3.0 * np.arange(257)[None, :] + np.arange(257)[:, None]
    path = tmp_path / "9" / "270" / "148.png"
    path.parent.mkdir(parents=True)
    save(path, colours(heights, TERRARIUM))
    with pytest.raises(InputError, match="has 257 x 257 pixels, and tiles of the web are squares") as caught:
        catalog.resolve(FieldSpec(source=str(path), slope="per-metre"))
    assert "set pixel_size" in str(caught.value)
    assert "crs = none leaves out" in read_tile(path, RasterOptions(crs="none")).notes[0]


def test_a_size_of_pixels_is_told_to_do_nothing_where_the_path_says_it(tmp_path: Path) -> None:
    path = tmp_path / "9" / "270" / "148.png"
    path.parent.mkdir(parents=True)
    save(path, colours(500 + 3.0 * np.arange(256)[None, :] + np.arange(256)[:, None], TERRARIUM))
    said = "pixel_size = 30 was left out: 148.png says where it lies"
    for pixel_size in (0.0, 30.0):
        field = catalog.resolve(FieldSpec(source=str(path), pixel_size=pixel_size))
        assert any(text.startswith(said) for text in field.warnings) == bool(pixel_size)
    field = catalog.resolve(FieldSpec(source=str(path), pixel_size=30.0, crs="none", slope="per-metre"))
    assert not any("was left out" in text for text in field.warnings)
