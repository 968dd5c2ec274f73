"""Colour transfer: known maps come back, what is no colour stays, and odd pictures get an answer or a sentence."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from npf_engine.cli import main
from npf_engine.errors import InputError
from npf_engine.fields.pictures import Picture, built_in, open_picture, png_bytes, read_picture, resized, write_png
from npf_engine.studies.recolor.measure import colour_match
from npf_engine.studies.recolor.transfer import recolor, sample_colours, structure

DAY, SUNSET = built_in("day", 60, 40), built_in("sunset", 60, 40)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def plain(colour: tuple[int, int, int], width: int = 1, height: int = 1) -> Picture:
    return Picture(np.full((height, width, 3), colour, dtype=np.uint8))


@pytest.mark.parametrize("method", ["gaussian", "exact"])
def test_an_affine_change_of_colours_is_found(method: str) -> None:
    """A palette made by a symmetric positive definite map: the optimal map is that map, pixel by pixel."""
    A = np.array([[0.5, 0.1, 0.0], [0.1, 0.6, 0.1], [0.0, 0.1, 0.4]])
    wanted = np.rint(DAY.rgb @ A + 20).astype(np.uint8)
    found = recolor(DAY, Picture(wanted), method).picture.rgb
    error = np.abs(found.astype(int) - wanted.astype(int)).mean()
    assert error < (1.0 if method == "gaussian" else 6.0)


def test_pixels_of_one_colour_stay_of_one_colour_and_the_map_is_monotone() -> None:
    result = recolor(DAY, SUNSET, "exact")
    before, after = DAY.rgb.reshape(-1, 3).astype(float), result.picture.rgb.reshape(-1, 3).astype(float)
    _, place = np.unique(before, axis=0, return_inverse=True)
    for number in np.unique(place.reshape(-1))[:50]:
        assert (after[place.reshape(-1) == number] == after[place.reshape(-1) == number][0]).all()
    a, b = np.random.default_rng(0).integers(len(before), size=(2, 3000))
    product = ((after[a] - after[b]) * (before[a] - before[b])).sum(1)
    assert product.min() >= -3 * 255  # rounding of both ends to whole levels


def test_strength_interpolates_and_alpha_passes_through() -> None:
    alpha = np.random.default_rng(1).integers(0, 256, size=DAY.rgb.shape[:2]).astype(np.uint8)
    source = Picture(DAY.rgb, alpha)
    none, half, full = (recolor(source, SUNSET, "gaussian", strength=s).picture for s in (0.0, 0.5, 1.0))
    assert np.array_equal(none.rgb, DAY.rgb) and np.array_equal(full.alpha, alpha)
    inside = ((full.rgb > 0) & (full.rgb < 255)).all(axis=2)
    middle = (none.rgb.astype(float) + full.rgb.astype(float)) / 2
    assert np.abs(half.rgb - middle)[inside].max() <= 1


def test_transparent_pixels_have_no_say() -> None:
    rgb = SUNSET.rgb.copy()
    rgb[:20] = (0, 255, 0)
    alpha = np.full(rgb.shape[:2], 255, dtype=np.uint8)
    alpha[:20] = 0
    hidden = recolor(DAY, Picture(rgb, alpha), "gaussian").picture.rgb
    without = recolor(DAY, Picture(SUNSET.rgb[20:]), "gaussian").picture.rgb
    assert np.array_equal(hidden, without)
    assert len(Picture(rgb, np.zeros_like(alpha)).visible()) == rgb.shape[0] * rgb.shape[1]


def test_the_smoothing_keeps_a_constant_shift_and_calms_noise() -> None:
    brighter = Picture(np.clip(DAY.rgb // 2 + 60, 0, 255).astype(np.uint8))
    half = Picture(DAY.rgb // 2)
    same = recolor(half, brighter, "gaussian", smooth=4).picture.rgb
    assert np.abs(same.astype(int) - brighter.rgb.astype(int)).mean() < 1.5
    rough, calm = (recolor(DAY, SUNSET, "exact", smooth=radius).picture for radius in (0, 5))
    assert structure(DAY, calm) > structure(DAY, rough)


def test_structure_is_one_up_to_contrast_and_lost_by_shuffling() -> None:
    assert structure(DAY, Picture(DAY.rgb // 2 + 3)) == pytest.approx(1.0, abs=0.05)
    shuffled = np.random.default_rng(2).permutation(DAY.rgb.reshape(-1, 3)).reshape(DAY.rgb.shape)
    assert abs(structure(DAY, Picture(shuffled))) < 0.1
    assert np.isnan(structure(DAY, plain((9, 9, 9), 60, 40)))


@pytest.mark.parametrize("method", ["fit", "cmgn", "gaussian", "exact"])
def test_a_single_pixel_has_the_palettes_mean_and_gives_its_colour(method: str) -> None:
    mean = SUNSET.rgb.reshape(-1, 3).mean(0)
    one = recolor(plain((10, 200, 30)), SUNSET, method)
    assert np.abs(one.picture.rgb[0, 0] - mean).max() < 2 and "one colour" in one.note
    all_of_it = recolor(DAY, plain((10, 200, 30)), method)
    assert (all_of_it.picture.rgb == (10, 200, 30)).all() and "second picture has one colour" in all_of_it.note
    match = colour_match(DAY, plain((10, 200, 30)), all_of_it.picture, n=64, draws=1)
    assert match["value"] == pytest.approx(0.0, abs=1e-9) and match["ratio"] is None


@pytest.mark.parametrize("method", ["gaussian", "exact"])
def test_grey_stays_grey_with_a_grey_palette(method: str) -> None:
    ramp = np.tile(np.linspace(0, 200, 64).astype(np.uint8)[:, None, None], (1, 32, 3))
    dark = (ramp // 2 + 5).astype(np.uint8)
    out = recolor(Picture(ramp), Picture(dark), method).picture.rgb.astype(int)
    assert np.abs(out - dark).max() <= (2 if method == "gaussian" else 8)
    assert np.ptp(out, axis=2).max() <= 2


def test_the_match_is_one_for_the_palette_itself_and_large_for_the_source() -> None:
    own = colour_match(DAY, SUNSET, SUNSET, n=400, draws=3)
    far = colour_match(DAY, SUNSET, DAY, n=400, draws=3)
    assert 0.4 < own["ratio"] < 2.0 and far["ratio"] > 10
    assert set(own) == {"value", "self_distance", "ratio", "se", "trivial", "n", "eps", "draws"}
    assert own["self_distance"] < own["trivial"]


# -- reading ----------------------------------------------------------------------------------------------------------


def test_every_kind_of_picture_becomes_eight_bit_rgb() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    grey = read_picture(encoded(Image.fromarray(ramp)))
    assert grey.alpha is None and all(np.array_equal(grey.rgb[:, :, c], ramp) for c in range(3))
    deep = read_picture(encoded(Image.fromarray(ramp.astype(np.uint16) * 257)))
    assert np.array_equal(deep.rgb, grey.rgb)
    floating = read_picture(encoded(Image.fromarray((ramp / 255).astype(np.float32)), "TIFF"))
    assert np.array_equal(floating.rgb, grey.rgb)
    both = read_picture(encoded(Image.merge("LA", [Image.fromarray(ramp), Image.fromarray(ramp.T)])))
    assert both.alpha is not None and np.array_equal(both.alpha, ramp.T)
    paletted = read_picture(encoded(Image.fromarray(DAY.rgb).quantize(16)))
    assert paletted.rgb.shape == DAY.rgb.shape and len(np.unique(paletted.rgb.reshape(-1, 3), axis=0)) <= 16
    inks = read_picture(encoded(Image.fromarray(DAY.rgb).convert("CMYK"), "JPEG"))
    assert np.abs(inks.rgb.astype(int) - DAY.rgb.astype(int)).mean() < 12
    again = read_picture(png_bytes(Picture(DAY.rgb, DAY.rgb[:, :, 0])))
    assert np.array_equal(again.rgb, DAY.rgb) and np.array_equal(again.alpha, DAY.rgb[:, :, 0])


def test_the_cameras_orientation_is_applied() -> None:
    image = Image.fromarray(DAY.rgb)
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    turned = read_picture(buffer.getvalue())
    assert (turned.width, turned.height) == (DAY.height, DAY.width)


def huge() -> bytes:
    """A PNG that announces 100,000 x 100,000 pixels in a hundred bytes."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a picture"),
        (b"hello, I am a text", "not a picture"),
        (png_bytes(DAY)[:900], "damaged"),
        (png_bytes(DAY)[:200] + bytes(400) + png_bytes(DAY)[600:], "damaged"),
        (huge(), "shrink it"),
        (encoded(Image.fromarray(np.full((4, 4), -3.0, dtype=np.float32)), "TIFF"), "no grey levels"),
    ],
)
def test_what_is_no_picture_is_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_picture(data, "holiday.png")


def test_names_and_files(tmp_path: Path) -> None:
    assert open_picture("sunset").width == 480
    with pytest.raises(InputError, match="no picture"):
        open_picture(tmp_path / "absent.png")
    with pytest.raises(InputError, match="day and sunset"):
        built_in("noon")
    out = write_png(DAY, tmp_path / "new" / "picture.jpg")
    assert out.name == "picture.jpg.png" and np.array_equal(open_picture(out).rgb, DAY.rgb)
    assert resized(DAY, 30, 20).rgb.shape == (20, 30, 3)


@pytest.mark.parametrize("given", [{"method": "magic"}, {"strength": 1.5}, {"smooth": -1}, {"budget_seconds": 0}])
def test_bad_settings_are_a_sentence(given: dict) -> None:
    with pytest.raises(InputError):
        recolor(DAY, SUNSET, **given)


def test_samples_repeat_with_the_seed_and_spread_within_a_level() -> None:
    first, again = sample_colours(DAY, 500, 3), sample_colours(DAY, 500, 3)
    assert (first == again).all()
    whole = sample_colours(DAY, 500, 3, spread=False)
    assert float((first - whole).abs().max()) <= 0.5 / 255 + 1e-6


# -- the command, real photographs ------------------------------------------------------------------------------------


def test_the_command_writes_and_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, picture in (("a", DAY), ("b", SUNSET)):
        write_png(picture, tmp_path / f"{name}.png")
    words = ["recolor", str(tmp_path / "a.png"), str(tmp_path / "b.png"), "--out", str(tmp_path / "out.png")]
    assert main([*words, "--method", "exact", "--draws", "1", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert set(data) == {"out", "width", "height", "pushforward", "seconds", "verdict", "verdict_reason"}
    assert (data["width"], data["height"]) == (60, 40) == Image.open(data["out"]).size
    assert data["pushforward"]["value"] < data["pushforward"]["trivial"] * 1.5 and data["seconds"] > 0
    for bad, says in (
        (["--method", "magic"], "explicit, implicit"),
        (["--draws", "0"], "draws"),
        (["--strength", "7"], "0 and 1"),
    ):
        assert main([*words, *bad]) == 2
        err = capsys.readouterr().err
        assert says in err and "Traceback" not in err


def test_photographs(shared_data: Path) -> None:
    park, venice = (resized(open_picture(path), 150, 65) for path in sorted((shared_data / "images").glob("*.png")))
    result = recolor(park, venice, "exact")
    match = colour_match(park, venice, result.picture, n=800, draws=2)
    assert match["value"] < 0.3 * match["trivial"]
    assert structure(park, result.picture) > 0.7
