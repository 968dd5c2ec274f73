"""Pictures of every depth and profile: levels and colours known by arithmetic."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.io import MemoryFile

from npf_engine.errors import InputError
from npf_engine.fields.pictures import read_picture

RAMP = np.linspace(0, 65535, 64 * 64).reshape(64, 64)


def tiff(planes: np.ndarray, **options: str) -> bytes:
    with warnings.catch_warnings(), MemoryFile() as file:
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        size = {"height": planes.shape[1], "width": planes.shape[2], "count": planes.shape[0], "dtype": planes.dtype}
        with file.open(driver="GTiff", **size, **options) as out:
            out.write(planes)
        return bytes(file.read())


def levels(values: np.ndarray, top: float) -> np.ndarray:
    return np.rint(np.clip(values.astype(float), 0, top) * 255 / top).astype(np.uint8)


@pytest.mark.parametrize("interleave", ["band", "pixel"])
def test_sixteen_bits_in_three_channels(interleave: str):
    planes = np.stack([RAMP, RAMP[::-1], RAMP.T]).astype(np.uint16)
    picture = read_picture(tiff(planes, photometric="RGB", interleave=interleave))
    assert np.abs(picture.rgb.astype(int) - levels(np.moveaxis(planes, 0, -1), 65535)).max() <= 1


@pytest.mark.parametrize(
    ("values", "top"),
    [
        ((RAMP // 16).astype(np.uint16), 4095),  # 12 bits in 16
        (RAMP.astype(np.uint16), 65535),
        ((RAMP / 65535).astype(np.float32), 1),
        ((RAMP / 65535 * 1.002).astype(np.float32), 1),  # just over white
        ((RAMP / 257 * 1.01).astype(np.float32), 255),
    ],
)
def test_grey_of_every_depth(values: np.ndarray, top: float):
    picture = read_picture(tiff(values[None]))
    assert np.abs(picture.rgb[..., 0].astype(int) - levels(values, top)).max() <= 1


def test_floating_point_colours():
    planes = np.stack([RAMP, RAMP[::-1], RAMP.T]).astype(np.float32) / 65535
    picture = read_picture(tiff(planes, photometric="RGB"))
    assert np.abs(picture.rgb.astype(int) - levels(np.moveaxis(planes, 0, -1), 1)).max() <= 1


def test_numbers_that_are_no_levels_are_refused():
    with pytest.raises(InputError, match="no grey levels"):
        read_picture(tiff((RAMP - 30_000).astype(np.float32)[None]))


def s15(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def profile(primaries: list[tuple[float, float, float]], gamma: float) -> bytes:
    """An ICC profile of three primaries (XYZ, adapted to D50) and one gamma."""
    xyz = [b"XYZ \0\0\0\0" + b"".join(map(s15, values)) for values in primaries]
    white = b"XYZ \0\0\0\0" + b"".join(map(s15, (0.9642, 1.0, 0.8249)))
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"test profile\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * (78 - 0)
    described += b"\0" * (-len(described) % 4)
    parts = [(b"desc", described), (b"wtpt", white), (b"cprt", b"text\0\0\0\0none\0\0\0\0")]
    parts += [(name, data) for name, data in zip((b"rXYZ", b"gXYZ", b"bXYZ"), xyz, strict=True)]
    parts += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    at, table, body = 128 + 4 + 12 * len(parts), struct.pack(">I", len(parts)), b""
    for name, data in parts:
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"\0\0\0\0", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    head += b"".join(map(s15, (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + body


ADOBE = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
SRGB = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)]


def expected(pixel: tuple[int, int, int], primaries: list[tuple[float, float, float]], gamma: float) -> np.ndarray:
    """By hand: linear light, to XYZ, to the primaries of sRGB, its curve."""
    xyz = (np.array(pixel) / 255) ** gamma @ np.array(primaries)
    linear = np.clip(xyz @ np.linalg.inv(np.array(SRGB)), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("pixel", [(200, 120, 60), (60, 190, 90), (128, 128, 128)])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_profile_is_applied(pixel: tuple[int, int, int], alpha: bool):
    image = Image.new("RGBA" if alpha else "RGB", (9, 9), (*pixel, 77) if alpha else pixel)
    file = io.BytesIO()
    image.save(file, "PNG", icc_profile=profile(ADOBE, 563 / 256))
    picture = read_picture(file.getvalue())
    np.testing.assert_allclose(picture.rgb[4, 4], expected(pixel, ADOBE, 563 / 256), atol=2)
    assert (picture.alpha is not None and int(picture.alpha[4, 4]) == 77) is alpha


def test_a_damaged_profile_is_left_out():
    file = io.BytesIO()
    Image.new("RGB", (9, 9), (10, 20, 30)).save(file, "PNG", icc_profile=b"nonsense" * 30)
    assert read_picture(file.getvalue()).rgb[0, 0].tolist() == [10, 20, 30]


def test_no_other_program_reads_a_picture():
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "EPS")
    with pytest.raises(InputError, match="not a picture that can be read"):
        read_picture(file.getvalue())


def exif(entries: list[tuple[int, int, int, bytes]], tail: bytes = b"") -> bytes:
    """An EXIF block of these entries (tag, type, count, four bytes), as it stands in a JPEG."""
    body = b"".join(struct.pack("<HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + b"\0\0\0\0" + tail


TURNED = (0x0112, 3, 1, struct.pack("<HH", 6, 0))


@pytest.mark.parametrize(
    "entry",
    [
        (0x011A, 5, 1, struct.pack("<I", 60_000)),  # a rational that lies beyond the block
        (0x011A, 5, 1, struct.pack("<I", 38)),  # one of which the block has four bytes
        (0x011A, 5, 0, struct.pack("<I", 38)),  # none of them
        (0x011A, 5, 2**31, struct.pack("<I", 38)),
        (0x011A, 10, 1, struct.pack("<I", 38)),
        (0x011A, 2, 3, b"ab\0\0"),  # a text where a rational belongs
        (0x8769, 4, 1, struct.pack("<I", 8)),  # a block of blocks that is itself
    ],
)
def test_a_damaged_rational_is_a_picture_or_a_sentence(entry: tuple[int, int, int, bytes]):
    plain = io.BytesIO()
    Image.fromarray(np.full((20, 10, 3), 120, dtype=np.uint8)).save(
        plain, format="JPEG", exif=exif([entry, TURNED], tail=b"\1\0\0\0")
    )
    try:
        found = read_picture(plain.getvalue())
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert found.rgb.shape in ((10, 20, 3), (20, 10, 3))  # turned, or its orientation not read
