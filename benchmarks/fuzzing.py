"""Seeds and mutators for ``check_fuzz``: files of each format that a reader takes, damaged where its structure lies.

Damage that a checksum would catch at the door (zip, PNG) is made below the checksum, which is then written anew.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Mutator = Callable[[bytes, random.Random], bytes]

NUMBERS = (0, 1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
WORDS = (
    b"nan",
    b"inf",
    b"-inf",
    b"1e309",
    b".1e309",
    b"1e-400",
    b"1_000",
    b"",
    b'"',
    b'""',
    b"'",
    b"\0",
    b"\xff\xfe",
    b"\r",
    b"\n\n",
    b";",
    b"\t",
    b"|",
    b"x1",
    b"F1",
    b"x1000000000",
    b"F0",
    b"z",
    b"0x10",
    b"1,5",
    "é".encode(),
    b"=1+1",
    b"9" * 400,
    b"\xef\xbb\xbf",
    b"None",
    b"True",
    b"1e5" * 30,
)
NAMES = (
    "",
    "/",
    "..",
    "../x1.npy",
    "x1.npy/",
    "x1",
    ".npy",
    "\0",
    "é.npy",
    "x" * 70_000,
    "F.npy",
    "z.npy",
    "a.tif",
    ".tif",
)


@dataclass(frozen=True)
class Target:
    """A reader under test: the file names it is given, files to start from, damage, and what reads (and may raise)."""

    name: str
    seeds: Callable[[], list[bytes]]
    mutators: tuple[Mutator, ...]
    read: Callable[[Path], object]


def damaged(target: Target, rng: random.Random) -> bytes:
    """A seed of the target with one to four pieces of damage."""
    data = rng.choice(target.seeds())
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(target.mutators)(data, rng)
    return data


def any_bytes(data: bytes, rng: random.Random) -> bytes:
    """Damage that knows nothing: bits, numbers, pieces cut, doubled, moved, or put in from elsewhere."""
    if not data:
        return rng.randbytes(8)
    out = bytearray(data)
    at = rng.choice((rng.randrange(len(out)), rng.randrange(min(len(out), 200)), rng.randrange(-min(len(out), 400), 0)))
    at %= len(out)
    end = min(len(out), at + rng.choice((1, 2, 4, 8, 64, 1000)))
    kind = rng.randrange(7)
    if kind == 0:
        out[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        order, size = rng.choice("<>"), rng.choice("BHIQ")
        value = rng.choice(NUMBERS) % (1 << 8 * struct.calcsize(size))
        out[at : at + struct.calcsize(size)] = struct.pack(order + size, value)
    elif kind == 2:
        del out[at:end]
    elif kind == 3:
        out[at:at] = out[at:end] * rng.choice((1, 2, 50))
    elif kind == 4:
        out[at:end] = rng.randbytes(end - at)
    elif kind == 5:
        out[at:at] = rng.choice(WORDS)
    else:
        del out[rng.choice((at, end)) :]
    return bytes(out)


def in_ifd(data: bytes, rng: random.Random) -> bytes:
    """One entry of a little-endian TIFF's directory: its tag, type, count or value."""
    if data[:4] != b"II*\0" or len(data) < 16:
        return any_bytes(data, rng)
    out = bytearray(data)
    at = struct.unpack_from("<I", out, 4)[0]
    if at + 2 > len(out):
        return any_bytes(data, rng)
    entry = at + 2 + 12 * rng.randrange(max(1, struct.unpack_from("<H", out, at)[0]))
    if entry + 12 > len(out):
        return any_bytes(data, rng)
    place, kind = rng.choice(((0, "<H"), (2, "<H"), (4, "<I"), (8, "<I"), (8, "<f")))
    value: Any = rng.choice(NUMBERS) if kind != "<f" else rng.choice((float("nan"), float("inf"), -1.0, 1e30))
    struct.pack_into(kind, out, entry + place, value if kind != "<H" else value & 0xFFFF)
    return bytes(out)


def in_text(data: bytes, rng: random.Random) -> bytes:
    """A cell, a line or the header of a text."""
    lines = data.split(b"\n")
    row = rng.choice((0, rng.randrange(len(lines))))
    cells = lines[row].split(b",")
    kind = rng.randrange(5)
    if kind < 3:
        cells[rng.randrange(len(cells))] = rng.choice(WORDS)
    elif kind == 3:
        cells += [rng.choice(WORDS)] * rng.choice((1, 2, 3000))
    else:
        rng.shuffle(cells)
    lines[row] = b",".join(cells)
    if rng.random() < 0.1:
        lines = lines[:1] + lines[1:] * 3
    return b"\n".join(lines)


def in_zip(inside: Mutator) -> Mutator:
    """A member's content by ``inside``, a name, or a header of a zip whose checksums fit again."""

    def mutate(data: bytes, rng: random.Random) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [(m.filename, archive.read(m)) for m in archive.infolist()]
        except Exception:  # damaged before: any damage will do
            return any_bytes(data, rng)
        k = rng.randrange(len(members)) if members else 0
        if members and rng.random() < 0.8:
            members[k] = (members[k][0], inside(members[k][1], rng))
        elif members and rng.random() < 0.7:
            members[k] = (rng.choice(NAMES), members[k][1])
        else:
            members.append((rng.choice(NAMES), b"more"))
        out = io.BytesIO()
        method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
        try:
            with zipfile.ZipFile(out, "w", method) as archive:
                for name, content in members:
                    archive.writestr(zipfile.ZipInfo(name), content, method)
        except Exception:  # a name that cannot be written
            return any_bytes(data, rng)
        return out.getvalue()

    return mutate


def in_npy(data: bytes, rng: random.Random) -> bytes:
    """The header of an array: shape, type, order, or the numbers."""
    if rng.random() < 0.3 or data[:6] != b"\x93NUMPY":
        return any_bytes(data, rng)
    pairs = (
        (b"<f8", rng.choice((b"<f4", b">f8", b"|O", b"<M8[s]", b"<U9", b"|V8", b"<c16", b"<f16", b"(9,)<f8", b"<f2"))),
        (b"False", b"True"),
        (b"(", rng.choice((b"(-", b"(0,", b"((", b"(9" * 9, b"(1,"))),
        (b")", rng.choice((b"", b"))"))),
        (b"shape", b"shap"),
        (b"'", b'"'),
        (b",", rng.choice((b"", b"L,", b",99999999999999,"))),
    )
    old, new = rng.choice(pairs)
    return data.replace(old, new, 1)


def in_png(data: bytes, rng: random.Random) -> bytes:
    """A chunk of a PNG, its checksum written anew."""
    if not data.startswith(b"\x89PNG"):
        return any_bytes(data, rng)
    chunks, at = [], 8
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return any_bytes(data, rng)
    k = rng.randrange(len(chunks))
    kinds = (chunks[k][0], b"tRNS", b"PLTE", b"eXIf", b"acTL", b"fcTL", b"iCCP", b"zTXt", b"pHYs")
    chunks[k] = (rng.choice(kinds), any_bytes(chunks[k][1], rng))
    if rng.random() < 0.2:
        chunks.insert(k, rng.choice(chunks))
    body = b"".join(struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return data[:8] + body


# seeds


def _terrain(rows: int = 24, cols: int = 20) -> np.ndarray:
    r, c = np.mgrid[0:rows, 0:cols]
    return (300 + 2.5 * c - 1.5 * r + 40 * np.sin(c / 9) * np.cos(r / 7)).astype(np.float32)


def tifs() -> list[bytes]:
    """GeoTIFFs: tiled and in strips, several types, compressions and systems of coordinates."""
    from rasterio.io import MemoryFile
    from rasterio.transform import from_origin

    found = []
    profiles: tuple[dict[str, Any], ...] = (
        {"dtype": "float32", "crs": "EPSG:4326"},
        {"dtype": "int16", "crs": "EPSG:32632", "compress": "deflate"},
        {"dtype": "float64", "compress": "lzw", "predictor": 3, "crs": 'LOCAL_CS["mine",UNIT["metre",1]]'},
        {"dtype": "uint8", "tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "packbits"},
        {"dtype": "float32", "compress": "zstd", "crs": "EPSG:2263"},
    )
    for profile in profiles:
        z = _terrain().astype(profile["dtype"])
        with MemoryFile() as memory:
            with memory.open(
                driver="GTiff",
                width=z.shape[1],
                height=z.shape[0],
                count=1,
                nodata=7,
                transform=from_origin(7, 46, 0.01, 0.01),
                **profile,
            ) as out:
                out.write(z, 1)
            found.append(bytes(memory.read()))
    return found


def zipped(name: str, contents: list[bytes]) -> list[bytes]:
    """Each content in a zip of its own."""
    found = []
    for content in contents:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
        found.append(buffer.getvalue())
    return found


def tiles() -> list[bytes]:
    """An .hgt tile."""
    return [np.add.outer(np.arange(1201) % 400, np.arange(1201) // 3).astype(">i2").tobytes()]


def tiles_of_colours() -> list[bytes]:
    """Heights in the colours of a PNG, in both codings; clear and black pixels."""
    from PIL import Image

    heights = np.rint(_terrain(32, 32)).astype(int)
    found = []
    for whole in ((heights + 10_000) * 10, (heights + 32_768) * 256):
        rgba = np.stack([whole >> 16, (whole >> 8) & 255, whole & 255, np.full_like(whole, 255)], axis=-1)
        rgba[3, 4, 3], rgba[5, 6, :3] = 0, 0
        for mode in ("RGB", "RGBA"):
            buffer = io.BytesIO()
            Image.fromarray(rgba.astype(np.uint8)).convert(mode).save(buffer, "PNG")
            found.append(buffer.getvalue())
    return found


def columns(rows: int = 80) -> dict[str, np.ndarray]:
    """A table of samples in two dimensions."""
    x = np.random.default_rng(0).uniform(-3, 7, (rows, 2))
    return {"x1": x[:, 0], "x2": x[:, 1], "F1": x[:, 0] ** 2, "F2": x[:, 1] - x[:, 0]}


def grid() -> dict[str, np.ndarray]:
    """A table of heights."""
    z = _terrain(12, 12)
    across, down = np.meshgrid(np.arange(12.0), np.arange(12.0))
    return {"x1": across.ravel(), "x2": down.ravel(), "z": z.ravel().astype(float)}


def csvs() -> list[bytes]:
    """Both tables as text."""
    found = []
    for table in (columns(), grid()):
        rows = np.stack(list(table.values()), axis=1).tolist()
        lines = [",".join(table), *(",".join(map(repr, row)) for row in rows)]
        found.append("\n".join(lines).encode())
    return found


def npzs() -> list[bytes]:
    """Tables as arrays: columns, matrices, a grid."""
    table, heights = columns(), grid()
    x, f = np.stack([table["x1"], table["x2"]], 1), np.stack([table["F1"], table["F2"]], 1)
    found = []
    square = {"x1": np.arange(12.0), "x2": np.arange(12.0), "z": heights["z"].reshape(12, 12)}
    for arrays in (table, {"x": x, "F": f}, heights, square, {"x": x}):
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        found.append(buffer.getvalue())
    return found


def parquets() -> list[bytes]:
    """Tables of several types, with a dictionary, text, decimals, and compressions."""
    import pyarrow as pa
    from pyarrow import parquet

    found = []
    words = {"name": pa.array(["a", "é"] * 40).dictionary_encode(), "text": pa.array(["b"] * 80)}
    plain = {name: pa.array(values) for name, values in columns().items()}
    tables = (
        plain | words,
        {n: pa.array(v.astype(np.float32)) for n, v in columns().items()},
        plain | {"F2": pa.array(np.arange(80) % 7).cast(pa.decimal128(30, 2))},
        {n: pa.array(v) for n, v in grid().items()},
    )
    for arrays, compression in zip(tables, ("snappy", "zstd", "none", "gzip"), strict=True):
        buffer = io.BytesIO()
        parquet.write_table(pa.table(arrays), buffer, compression=compression)
        found.append(buffer.getvalue())
    return found


def photos() -> list[bytes]:
    """Pictures in the formats that are read."""
    from PIL import Image

    rgb = np.random.default_rng(0).integers(0, 255, (24, 32, 4), dtype=np.uint8)
    image = Image.fromarray(rgb[:, :, :3])
    forms: tuple[tuple[Any, str, dict[str, Any]], ...] = (
        (image, "PNG", {}),
        (Image.fromarray(rgb), "PNG", {}),
        (image.quantize(8), "PNG", {"transparency": 3}),
        (Image.fromarray(rgb[:, :, 0].astype(np.uint16) * 257), "PNG", {}),
        (image, "JPEG", {}),
        (image.convert("CMYK"), "JPEG", {}),
        (Image.fromarray(rgb), "WEBP", {}),
        (image, "BMP", {}),
        (image.quantize(16), "GIF", {}),
        (image, "TIFF", {"compression": "tiff_lzw"}),
        (Image.fromarray(rgb[:, :, 0].astype(np.float32)), "TIFF", {}),
    )
    found = []
    for picture, form, more in forms:
        buffer = io.BytesIO()
        picture.save(buffer, form, **more)
        found.append(buffer.getvalue())
    return found
