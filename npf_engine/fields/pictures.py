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
from PIL import Image, ImageOps, UnidentifiedImageError

from npf_engine.errors import InputError
from npf_engine.fields import stored_files
from npf_engine.tasks import child

MAX_PIXELS = 50_000_000  # 150 MB as RGB; larger ones are refused before they are decoded
MAX_BYTES = 200_000_000
# what cameras and editors write; Pillow's other formats call programs (EPS), or have parsers that few have looked at
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
# what Pillow raises for a damaged file besides OSError, SyntaxError and ValueError
DAMAGE = (AttributeError, IndexError, KeyError, NotImplementedError, OverflowError, TypeError, struct.error, zlib.error)
BUILT_IN = ("day", "sunset")


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
            image.load()
            return _to_rgb(_eight_bit(ImageOps.exif_transpose(image), name))
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise InputError(
            f"{name} has too many pixels; at most {MAX_PIXELS // 1_000_000} million are read: shrink it"
        ) from None
    except UnidentifiedImageError:
        raise InputError(f"{name} is not a picture that can be read; save it as PNG or JPEG") from None
    except (OSError, SyntaxError, ValueError, EOFError, *DAMAGE) as error:
        raise InputError(f"{name} is damaged and cannot be decoded ({error}); save it again") from None


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
    values = np.array(image, dtype=np.float32)  # 16 bits fit exactly
    lowest, highest = float(values.min()), float(values.max())
    if not 0 <= lowest <= highest <= 65535:
        raise InputError(f"{name} holds numbers that are no grey levels; save it as an 8- or 16-bit picture")
    tops = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    top = next(top for top in tops if highest <= top)
    values *= np.float32(255 / top)
    return Image.fromarray(np.rint(values, out=values).astype(np.uint8))


def _to_rgb(image: Image.Image) -> Picture:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        pixels = np.asarray(image.convert("RGBA"))
        return Picture(np.ascontiguousarray(pixels[:, :, :3]), np.ascontiguousarray(pixels[:, :, 3]))
    return Picture(np.asarray(image.convert("RGB")))
