"""Pictures: reading what a user gives, writing PNG, and a pair made by code (a day and a sunset) for the first look.

Inside, a picture is 8-bit RGB with an optional 8-bit alpha. Grey becomes equal channels, 16-bit is brought down to 8,
palettes and CMYK are converted, the camera's orientation is applied, and of an animation the first frame is taken.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.fields.readers.geotiff import GDAL_OPTIONS, MAGIC
from npf_engine.tasks import child
from npf_engine.tasks.archives import said

MAX_PIXELS = 50_000_000  # 150 MB as RGB; larger ones are refused before they are decoded
MAX_BYTES = 200_000_000
# what cameras and editors write; Pillow's other formats call programs (EPS), or have parsers that few have looked at
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
# what Pillow raises for a damaged file besides OSError, SyntaxError and ValueError
DAMAGE = (AttributeError, IndexError, KeyError, NotImplementedError, OverflowError, TypeError, struct.error, zlib.error)
BUILT_IN = ("day", "sunset")
NEARLY, BELOW = 1.05, 0.02  # of white: how far nearly all floating-point levels may lie beyond it, and below black
ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """rgb (h, w, 3) uint8; alpha (h, w) uint8 or None."""

    rgb: np.ndarray
    alpha: np.ndarray | None = None

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.rgb.shape[0])

    def visible(self) -> np.ndarray:
        """Colours (n, 3) uint8 of the pixels that are not fully transparent; of all where none is visible."""
        flat = self.rgb.reshape(-1, 3)
        if self.alpha is None:
            return flat
        seen = flat[self.alpha.reshape(-1) > 0]
        return seen if len(seen) else flat


def open_picture(source: str | Path, most: int | None = None) -> Picture:
    """The picture in a file, or one of the built-in pair by its name where no such file exists.

    most: every k-th pixel, so that at most so many remain on the longer side; a page needs no more.
    """
    path = stored_files.path_of(str(source))
    if str(source) in BUILT_IN and not path.exists():
        return thinned(built_in(str(source)), most)
    if not path.is_file():
        raise InputError(f"there is no picture {source}; give a file (PNG, JPEG, ...) or one of {', '.join(BUILT_IN)}")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path.name} has more than {MAX_BYTES // 1_000_000} MB; make it smaller")
    return child.call(decode, path, most, what=path.name, returns=(Picture,))


def decode(path: Path, most: int | None) -> Picture:
    """What ``open_picture`` has its child do with a file, here and now."""
    return thinned(read_picture(path.read_bytes(), path.name), most)


def thinned(picture: Picture, most: int | None) -> Picture:
    """Every k-th pixel, so that at most ``most`` remain on the longer side; all of them for None."""
    step = 1 if most is None else -(-max(picture.width, picture.height) // most)
    if step <= 1:
        return picture
    alpha = None if picture.alpha is None else picture.alpha[::step, ::step]
    return Picture(np.ascontiguousarray(picture.rgb[::step, ::step]), alpha)


def read_picture(data: bytes, name: str = "the picture") -> Picture:
    """Decode the bytes of a file in this process. Raises InputError for what is no picture, damaged, or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of bombs (their size is looked at below) and of damaged metadata
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise InputError(
                    f"{name} is {width} x {height}; at most {MAX_PIXELS // 1_000_000} million pixels are read: "
                    "shrink it"
                )
            deep = _deep_tiff(data)
            if deep is not None:
                return _oriented(deep, image)
            image.load()
            return _to_rgb(_in_srgb(_eight_bit(ImageOps.exif_transpose(image), name)))
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise InputError(
            f"{name} has too many pixels; at most {MAX_PIXELS // 1_000_000} million are read: shrink it"
        ) from None
    except UnidentifiedImageError:
        deep = _deep_tiff(data)  # floating-point colours, of which Pillow knows nothing
        if deep is not None:
            return _to_rgb(Image.fromarray(deep))
        raise InputError(f"{name} is not a picture that can be read; save it as PNG or JPEG") from None
    except (OSError, SyntaxError, ValueError, EOFError, *DAMAGE) as error:
        raise InputError(f"{name} is damaged and cannot be decoded ({said(error)}); save it again") from None


def write_png(picture: Picture, path: str | Path) -> Path:
    """Write a PNG, with alpha where there is one. The suffix .png is added where it is missing."""
    out = Path(path)
    if out.suffix.lower() != ".png":
        out = out.with_name(out.name + ".png")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(png_bytes(picture))
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror or error}); choose another --out") from None
    return out


def png_bytes(picture: Picture) -> bytes:
    """The picture as the bytes of a PNG."""
    pixels = picture.rgb
    if picture.alpha is not None:
        pixels = np.dstack([pixels, picture.alpha])
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def resized(picture: Picture, width: int, height: int) -> Picture:
    """The picture at another size (bicubic), for previews and benchmarks."""

    def fit(plane: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC))

    return Picture(fit(picture.rgb), None if picture.alpha is None else fit(picture.alpha))


def built_in(name: str, width: int = 480, height: int = 320) -> Picture:
    """``day``: a blue sky over green hills; ``sunset``: the same land by evening. Made by code, always the same."""
    if name not in BUILT_IN:
        raise InputError(f"the built-in pictures are {' and '.join(BUILT_IN)}, not {name!r}")
    day = name == "day"
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    colour = _blend(down / 0.75, *((86, 148, 222), (205, 226, 244)) if day else ((62, 44, 92), (250, 166, 84)))
    sun = np.exp(-((across - 0.68) ** 2 + (0.7 * (down - (0.18 if day else 0.52))) ** 2) / (0.004 if day else 0.012))
    colour += sun[:, :, None] * np.array((60, 50, 20) if day else (90, 60, 10))
    for index, base in enumerate((0.55, 0.66, 0.8)):
        ridge = base + 0.05 * np.sin(7 * across + 2 * index) + 0.025 * np.sin(19 * across + 5 * index)
        depth = np.clip((down - ridge) / (1 - base), 0, 1)
        far, near = _HILLS[name][index]
        inside = (down > ridge)[:, :, None]
        colour = np.where(inside, _blend(depth, far, near), colour)
    grain = np.random.default_rng(7).normal(scale=5.0, size=colour.shape)
    return Picture(np.clip(np.rint(colour + grain), 0, 255).astype(np.uint8))


_HILLS = {
    "day": (((126, 158, 150), (98, 140, 112)), ((84, 134, 84), (70, 122, 58)), ((96, 132, 52), (52, 86, 34))),
    "sunset": (((150, 92, 96), (110, 64, 84)), ((104, 56, 66), (70, 38, 54)), ((58, 34, 42), (26, 18, 30))),
}


def _blend(share: np.ndarray, first: tuple[int, ...], last: tuple[int, ...]) -> np.ndarray:
    """(h, w, 3) float colours from ``first`` at 0 to ``last`` at 1."""
    t = np.clip(share, 0, 1)[:, :, None]
    return (1 - t) * np.array(first, dtype=float) + t * np.array(last, dtype=float)


def _eight_bit(image: Image.Image, name: str) -> Image.Image:
    """16-bit and floating-point greys as 8-bit; other modes as they are."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    return Image.fromarray(_levels(np.array(image), name))


def _levels(values: np.ndarray, name: str) -> np.ndarray:
    """Numbers of any depth as 8-bit levels. What white is follows from where nearly all of them lie: 1, 255, 4095 (12
    bits in 16) or 65535; the few beyond, as sharpening leaves them, are white or black."""
    if values.dtype == np.uint8:
        return values
    whole = values.dtype.kind in "iu"
    finite = np.nan_to_num(values.astype(np.float32))  # 16 bits fit exactly
    low, high = (float(finite.min()), float(finite.max())) if whole else map(float, np.quantile(finite, (0.005, 0.995)))
    tops = (255.0, 4095.0, 65535.0) if whole else (1.0, 255.0, 65535.0)
    top = next((top for top in tops if high <= top * (1.0 if whole else NEARLY)), None)
    if top is None or low < -BELOW * top:
        raise InputError(f"{name} holds numbers that are no grey levels; save it as an 8- or 16-bit picture")
    return np.rint(np.clip(finite, 0, top) * np.float32(255 / top)).astype(np.uint8)


def _deep_tiff(data: bytes) -> np.ndarray | None:
    """(h, w, 3 or 4) uint8 of a TIFF with three channels or more of more than 8 bits, which Pillow misreads where they
    lie in planes of their own and cannot read where they are floating point; None for any other picture."""
    if data[:4] not in MAGIC:
        return None
    from rasterio import Env
    from rasterio.errors import RasterioError
    from rasterio.io import MemoryFile

    try:
        with Env(**GDAL_OPTIONS), MemoryFile(data) as file, file.open(driver="GTiff") as dataset:
            if dataset.count < 3 or dataset.dtypes[0] == "uint8" or dataset.width * dataset.height > MAX_PIXELS:
                return None
            planes = dataset.read(list(range(1, min(dataset.count, 4) + 1)))
    except RasterioError:
        return None  # Pillow says what is wrong with it
    if planes.dtype.kind not in "iuf":
        return None
    return np.ascontiguousarray(np.moveaxis(_levels(planes, "the picture"), 0, -1))


def _oriented(pixels: np.ndarray, image: Image.Image) -> Picture:
    """The picture of decoded channels, with the profile and the orientation of the file they came from."""
    turned = Image.fromarray(pixels, "RGBA" if pixels.shape[2] == 4 else "RGB")
    turned.info["icc_profile"] = image.info.get("icc_profile")
    way = ORIENTATIONS.get(image.getexif().get(0x0112, 1))
    return _to_rgb(_in_srgb(turned if way is None else turned.transpose(way)))


def _in_srgb(image: Image.Image) -> Image.Image:
    """The colours as sRGB has them, where the file brings another profile (Display P3, Adobe RGB, a printer's CMYK); a
    profile that cannot be used is left out."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        plain = image.convert("RGB") if alpha is not None else image
        out = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image
    if out is None:
        return image
    if alpha is not None:
        out.putalpha(alpha)
    return out


def _to_rgb(image: Image.Image) -> Picture:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        pixels = np.asarray(image.convert("RGBA"))
        return Picture(np.ascontiguousarray(pixels[:, :, :3]), np.ascontiguousarray(pixels[:, :, 3]))
    return Picture(np.asarray(image.convert("RGB")))
