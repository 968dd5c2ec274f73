"""Hostile files: what a GeoTIFF, a table or a picture is not, and files that are larger than they look."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

VRT = """<VRTDataset rasterXSize="64" rasterYSize="64"><VRTRasterBand dataType="Byte" band="1"
subClass="VRTRawRasterBand">
<SourceFilename relativetoVRT="0">{source}</SourceFilename><ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset>
<LineOffset>64</LineOffset></VRTRasterBand></VRTDataset>"""
DERIVED = """<VRTDataset rasterXSize="64" rasterYSize="64"><VRTRasterBand dataType="Float32" band="1"
subClass="VRTDerivedRasterBand"><PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python
</PixelFunctionLanguage><PixelFunctionCode><![CDATA[
def f(i, o, *a, **k):
    o[:] = open("{source}", "rb").read()[0]
]]></PixelFunctionCode></VRTRasterBand></VRTDataset>"""
WMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service><DataWindow>
<UpperLeftX>-180</UpperLeftX><UpperLeftY>90</UpperLeftY><LowerRightX>180</LowerRightX><LowerRightY>-90</LowerRightY>
<TileLevel>1</TileLevel></DataWindow><Projection>EPSG:4326</Projection><BandsCount>1</BandsCount></GDAL_WMS>"""


def vrt(source: str) -> bytes:
    """A GDAL description that takes its pixels from another file, as they lie there."""
    return VRT.format(source=source).encode()


def derived(source: str) -> bytes:
    """A GDAL description whose pixels are computed by Python code in it."""
    return DERIVED.format(source=source).encode()


def wms(url: str) -> bytes:
    """A GDAL description of a map service."""
    return WMS.format(url=url).encode()


def zipped(name: str, content: bytes) -> bytes:
    """One file in a zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


def ascii_grid() -> bytes:
    """An ESRI ASCII grid, which GDAL reads under any name."""
    rows = "\n".join(" ".join(str(i * j % 97) for i in range(40)) for j in range(40))
    return f"ncols 40\nnrows 40\nxllcorner 0\nyllcorner 0\ncellsize 1\n{rows}\n".encode()


def sparse_tif(folder: Path, side: int = 14_000) -> bytes:
    """A small GeoTIFF of a great many pixels, none of them written."""
    import rasterio

    path = folder / "sparse.tif"
    shape: dict[str, Any] = {"width": side, "height": side, "count": 1, "dtype": "float64", "tiled": True}
    north_up = rasterio.Affine(1, 0, 0, 0, -1, side)
    with rasterio.open(path, "w", driver="GTiff", sparse_ok=True, transform=north_up, **shape):
        pass
    return path.read_bytes()


def long_csv(megabytes: int = 120) -> bytes:
    """A table of many short rows."""
    row = b"0.1,0.2,0.3,0.4\n"
    return b"x1,x2,F1,F2\n" + row * (megabytes * 2**20 // len(row))


def dense_parquet(rows: int = 60_000_000) -> bytes:
    """A table of equal numbers: a small file of many rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = pa.array(np.zeros(rows, np.float64))
    made = io.BytesIO()
    pq.write_table(pa.table(dict.fromkeys(("x1", "x2", "F1", "F2"), column)), made, compression="zstd")
    return made.getvalue()


def bad_dictionary() -> bytes:
    """A parquet table whose dictionary of words is no text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made = io.BytesIO()
    words, numbers = pa.array(["aéb", "c"] * 50).dictionary_encode(), pa.array(np.arange(100.0))
    pq.write_table(pa.table({"x1": words, "x2": numbers, "F1": numbers, "F2": words}), made)
    return made.getvalue().replace("é".encode(), b"\xff\xfe")


def npz_bomb() -> bytes:
    """An .npz whose array says that it has 10^12 numbers."""
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    head += b" " * (118 - len(head) - 1) + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + b"\0" * 64
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("x1", "x2", "F1", "F2"):
            archive.writestr(f"{name}.npy", array)
    return made.getvalue()


def postscript(source: str) -> bytes:
    """A program in PostScript that reads another file; Pillow hands such pictures to Ghostscript."""
    return f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n({source}) (r) file 100 string".encode()


def wide_png(side: int = 20_000) -> bytes:
    """A small PNG of a great many pixels of one colour."""
    packer = zlib.compressobj(9)
    row = bytes(side + 1)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunks = [(b"IHDR", head), (b"IDAT", pixels), (b"IEND", b"")]
    parts = [len(c).to_bytes(4, "big") + n + c + zlib.crc32(n + c).to_bytes(4, "big") for n, c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
