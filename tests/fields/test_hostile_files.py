"""Files that try to make their reader open other files, ask servers, start programs, or fill the machine."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from npf_engine.errors import InputError
from npf_engine.fields import pictures, raster, uploads
from npf_engine.fields.readers import file_reading, raster_files
from npf_engine.fields.spec import FieldSpec
from tests.fields.upload_files import SPEC, terrain, write_tif

SECRET = "the-password-is-geheim"
VRT = """<VRTDataset rasterXSize="{n}" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1" {kind}>
{inner}</VRTRasterBand></VRTDataset>"""
RAW = (
    '<SourceFilename relativetoVRT="0">{secret}</SourceFilename><ImageOffset>0</ImageOffset>'
    "<PixelOffset>1</PixelOffset><LineOffset>16</LineOffset>"
)
SIMPLE = '<SimpleSource><SourceFilename relativeToVRT="0">{source}</SourceFilename></SimpleSource>'
WMS = """<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:{port}/${{z}}</ServerUrl></Service>
<DataWindow><UpperLeftX>0</UpperLeftX><UpperLeftY>1</UpperLeftY><LowerRightX>1</LowerRightX><LowerRightY>0</LowerRightY>
<SizeX>64</SizeX><SizeY>64</SizeY></DataWindow><BandsCount>1</BandsCount></GDAL_WMS>"""
ASCII = "ncols 9\nnrows 9\nxllcorner 0\nyllcorner 0\ncellsize 1\n" + "\n".join(" ".join("123456789") for _ in range(9))
PYTHON = (
    "<PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
    "<PixelFunctionCode><![CDATA[def f(*a): raise SystemExit]]></PixelFunctionCode>"
)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port of the loopback address at which nobody may knock."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


def hostile(folder: Path, port: int) -> dict[str, str]:
    """What a file named .tif may hold instead of a TIFF."""
    secret = folder / "secret.txt"
    secret.write_text(SECRET)
    raw = VRT.format(n=len(SECRET), kind='subClass="VRTRawRasterBand"', inner=RAW.format(secret=secret))
    web = {
        prefix: VRT.format(n=16, kind="", inner=SIMPLE.format(source=f"{prefix}http://127.0.0.1:{port}/a.tif"))
        for prefix in ("", "/vsicurl/", "/vsigzip//vsicurl/")
    }
    derived = VRT.format(n=16, kind='subClass="VRTDerivedRasterBand"', inner=PYTHON)
    return {
        "raw": raw,
        **{f"web {prefix}": text for prefix, text in web.items()},
        "derived": derived,
        "wms": WMS.format(port=port),
        "url": f"http://127.0.0.1:{port}/a.tif",
        "ascii": ASCII,
        "after a magic": "II*\0" + raw,
    }


def test_what_is_no_tiff_is_never_opened_as_something_else(tmp_path: Path, listener: socket.socket) -> None:
    """Parsed here, without the child's locks: the reader alone refuses, plain and in a zip."""
    for what, text in hostile(tmp_path, listener.getsockname()[1]).items():
        path = tmp_path / "alp.tif"
        path.write_text(text)
        with zipfile.ZipFile(tmp_path / "alp.zip", "w") as archive:
            archive.write(path, "inner/alp.tif")
        for file in (path, tmp_path / "alp.zip"):
            seen = file_reading.read_preview(file, SPEC)
            assert seen.kind == "unreadable" and seen.elevation is None, what
            assert len(seen.defects) == 1 and "cannot be read as a GeoTIFF" in seen.defects[0], what
            assert file.name in seen.defects[0] and SECRET not in seen.defects[0], what


def test_a_vrt_named_tif_gives_away_nothing(tmp_path: Path, listener: socket.socket, own_temp: Path) -> None:
    """The same through the doors of page, worker and command line."""
    path = tmp_path / "alp.tif"
    path.write_text(hostile(tmp_path, listener.getsockname()[1])["raw"])
    seen = uploads.preview(path, SPEC)
    assert not seen.ok and SECRET not in json.dumps(dataclasses.asdict(seen), default=str)
    with pytest.raises(InputError, match=r"alp\.tif cannot be read as a GeoTIFF") as caught:
        uploads.load_upload(path, SPEC)
    assert SECRET not in str(caught.value)


@pytest.fixture
def own_temp(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of the test's own, in which nothing may stay."""
    folder = tmp_path_factory.mktemp("temp")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def test_files_beside_a_tif_are_not_read(tmp_path: Path) -> None:
    alone = raster_files.read_raster(write_tif(tmp_path / "alone.tif", terrain()))
    path = write_tif(tmp_path / "alp.tif", terrain())
    rows, cols = terrain().shape
    with rasterio.open(
        tmp_path / "alp.tif.msk", "w", driver="GTiff", width=cols, height=rows, count=1, dtype="uint8"
    ) as mask:
        mask.write(np.zeros((rows, cols), np.uint8), 1)
    (tmp_path / "alp.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><NoDataValue>300</NoDataValue><Scale>7</Scale><Offset>1</Offset>'
        "</PAMRasterBand></PAMDataset>"
    )
    (tmp_path / "alp.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    (tmp_path / "alp.tif.ovr").write_text("no tiff")
    seen = raster_files.read_raster(path)
    assert np.array_equal(seen.elevation, alone.elevation) and seen.bounds == alone.bounds


def sparse(path: Path, side: int, dtype: str = "float64", **more: object) -> Path:
    """A TIFF of ``side`` x ``side`` pixels of which none is stored."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=1,
        dtype=dtype,
        SPARSE_OK=True,
        tiled=True,
        blockxsize=512,
        blockysize=512,
        compress="deflate",
        **more,
    ):
        return path


def held() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_a_huge_sparse_tif_costs_the_server_nothing(tmp_path: Path, own_temp: Path) -> None:
    path = sparse(tmp_path / "huge.tif", 8_000)
    assert path.stat().st_size < 100_000
    before = held()
    seen = uploads.preview(path, SPEC)
    assert held() - before < 50_000_000
    assert "is level" in seen.defects[0] and seen.shape == (4000, 4000), seen.defects
    assert any("averaged over 2 x 2" in note for note in seen.warnings)
    assert "limit is 200,000,000" in uploads.preview(sparse(tmp_path / "more.tif", 15_000), SPEC).defects[0]


def test_a_block_larger_than_memory(tmp_path: Path, own_temp: Path) -> None:
    """One strip of 1.5 GB: the reader runs into its limit, and says so."""
    path = tmp_path / "strip.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=14_000,
        height=14_000,
        count=1,
        dtype="float64",
        SPARSE_OK=True,
        blockysize=14_000,
        compress="deflate",
    ):
        pass
    before = held()
    seen = uploads.preview(path, SPEC)
    assert held() - before < 50_000_000
    assert not seen.ok and path.name in seen.defects[0]


def test_a_large_raster_is_averaged_as_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    z = terrain(403, 304)
    z[9:15, 18:24] = z[0, 0] = np.nan  # whole blocks, and a pixel of one
    path = write_tif(tmp_path / "alp.tif", z)
    whole = raster_files.read_raster(path)
    monkeypatch.setattr("npf_engine.fields.readers.geotiff.FULL_PIXELS", 20_000)
    monkeypatch.setattr("npf_engine.fields.readers.raster_band.STRIP_PIXELS", 9_000)
    thin = raster_files.read_raster(path)
    assert thin.elevation.shape == (403 // 3, 304 // 3)
    blocks = whole.elevation[:402, :303].reshape(134, 3, 101, 3)
    assert int(np.isnan(thin.elevation).sum()) == 4
    known = ~np.isnan(thin.elevation)
    np.testing.assert_allclose(thin.elevation[known], np.nanmean(blocks.swapaxes(1, 2)[known], axis=(1, 2)), rtol=1e-5)
    pixel = 1 / 3600
    assert thin.bounds == pytest.approx((7.0, 46 - 402 * pixel, 7 + 303 * pixel, 46.0))
    assert any("403 x 304 pixels; it was averaged over 3 x 3" in note for note in thin.notes)


def test_georeferences_that_are_none(tmp_path: Path) -> None:
    for name, transform, crs, says in (
        ("nowhere.tif", rasterio.Affine(float("nan"), 0, 0, 0, -1, 0), None, "lies nowhere"),
        ("flat.tif", rasterio.Affine(1, 0, 0, 0, 1e-320, 0), None, ""),
        ("local.tif", rasterio.Affine(1, 0, 5, 0, -1, 5), 'LOCAL_CS["mine",UNIT["metre",1]]', ""),
    ):
        with rasterio.open(
            tmp_path / name,
            "w",
            driver="GTiff",
            width=20,
            height=20,
            count=1,
            dtype="float32",
            transform=transform,
            crs=crs,
        ) as out:
            out.write(terrain(20, 20), 1)
        try:
            raster_files.read_raster(tmp_path / name)
        except InputError as error:
            assert name in str(error) and says in str(error)


def test_a_large_picture_is_small_to_the_server_that_shows_it(tmp_path: Path, own_temp: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (900, 2000, 3), dtype=np.uint8)
    pictures.write_png(pictures.Picture(rgb, rgb[:, :, 0]), tmp_path / "photo.png")
    shown = pictures.open_picture(tmp_path / "photo.png", 500)
    assert shown.rgb.shape == (225, 500, 3) and shown.alpha is not None and shown.alpha.shape == (225, 500)
    assert np.array_equal(shown.rgb, rgb[::4, ::4]), "its colours are colours of the picture"
    assert pictures.open_picture(tmp_path / "photo.png").rgb.shape == rgb.shape


def test_pictures_of_other_formats_are_refused(tmp_path: Path, own_temp: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(secret) run\nshowpage\n")
    with pytest.raises(InputError, match=r"photo\.png is not a picture that can be read"):
        pictures.open_picture(path)
    for start in (b"DDS |" + bytes(124), b"\0\0\0 ftypavif" + bytes(64), b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64)):
        with pytest.raises(InputError, match="not a picture that can be read"):
            pictures.read_picture(start, "photo.png")


def test_only_the_readers_parse() -> None:
    """Libraries that parse files are used where the child calls them, and nowhere else in the package."""
    parsers = {"rasterio", "pyarrow", "Image.open", "read_raster(", "read_table(", "read_picture("}
    allowed = {"geotiff.py", "raster_files.py", "csv_table.py", "binary_table.py", "pictures.py", "tables.py"}
    allowed |= {
        "terrain_tiles.py",
        "file_reading.py",
        "elevation_child.py",
        "doctor.py",
        "raster_band.py",
        "raster_overview.py",
        "raster_vectors.py",
    }
    root = Path(raster.__file__).parents[1]
    for folder in (root, root.parent / "pages", root.parent / "ui"):
        for path in folder.rglob("*.py"):
            found = [word for word in parsers if word in path.read_text()]
            assert not found or path.name in allowed, f"{path} parses by itself: {found}"


@pytest.mark.parametrize(("name", "samples"), [("Chamonix.tif", 1_000_000), ("N43E007.hgt.zip", 1_000_000)])
def test_real_elevation_reads_as_it_lies_in_the_file(shared_data: Path, name: str, samples: int) -> None:
    field = uploads.load_upload(shared_data / name, FieldSpec(source=name, max_samples=samples, sigma=0.0))
    here = raster_files.read_raster(shared_data / name)
    known = ~np.isnan(here.elevation)
    if here.elevation.size <= samples:
        assert np.array_equal(field.grid.raw[known], here.elevation[known])
    else:
        used = raster.resample(here.elevation, samples)
        assert np.array_equal(field.grid.raw[~np.isnan(used)], used[~np.isnan(used)])
    assert field.provenance["source_grid"] == list(here.elevation.shape)
    assert field.provenance["voids"] == int((~known).sum())
