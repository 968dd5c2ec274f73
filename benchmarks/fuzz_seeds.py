"""Sound files of each format that a reader takes, small, which ``fuzzing`` damages."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np


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
