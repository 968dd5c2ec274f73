"""What fuzzing found: files at which a reader raised something of its own, each small and made here."""

from __future__ import annotations

import contextlib
import io
import itertools
import queue
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks import check_fuzz, fuzz_grid, fuzz_readers, fuzz_seeds, fuzzing
from npf_engine.errors import InputError
from npf_engine.fields import catalog, clouds
from npf_engine.fields.readers import file_reading
from npf_engine.fields.spec import FieldSpec
from tests.fields.upload_files import SPEC, sample_columns, terrain, write_tif


def told(path: Path) -> str:
    """The one sentence on a file that cannot be read; parsed here, so that anything else would be raised."""
    seen = file_reading.read_preview(path, SPEC)
    assert not seen.ok and len(seen.defects) == 1
    assert "\n" not in seen.defects[0] and len(seen.defects[0]) < 500
    return seen.defects[0]


def with_entry(data: bytes, tag: int, count: int, value: int) -> bytes:
    """A little-endian TIFF with another count and value in the entry of one tag."""
    out = bytearray(data)
    at = struct.unpack_from("<I", out, 4)[0]
    for k in range(struct.unpack_from("<H", out, at)[0]):
        entry = at + 2 + 12 * k
        if struct.unpack_from("<H", out, entry)[0] == tag:
            struct.pack_into("<II", out, entry + 4, count, value)
    return bytes(out)


BITS, SAMPLES, ROWS_PER_STRIP = 258, 277, 278


def test_headers_of_tiffs_that_promise_too_much(tmp_path: Path) -> None:
    data = write_tif(tmp_path / "good.tif", terrain()).read_bytes()
    path = tmp_path / "a.tif"
    for tag, count, value in ((SAMPLES, 1, 62154), (BITS, 2**32 - 1, 8), (ROWS_PER_STRIP, 1, 0), (256, 1, 2**31 - 1)):
        path.write_bytes(with_entry(data, tag, count, value))
        assert "a.tif" in told(path)


def test_coordinate_systems_that_gdal_does_not_know(tmp_path: Path) -> None:
    """CRSError where a system has no unit of length, or none that can be made out."""
    data = fuzz_seeds.tifs()[2]  # a local system
    path = tmp_path / "a.tif"
    for at in range(len(data) - 600, len(data) - 8, 8):
        path.write_bytes(data[:at] + b"\xff\xff" + data[at + 2 :])
        seen = file_reading.read_preview(path, SPEC)
        assert seen.ok or "a.tif" in seen.defects[0]


def test_a_parquet_file_whose_texts_are_no_utf8(tmp_path: Path) -> None:
    columns = {name: pa.array(values) for name, values in sample_columns().items()}
    words = pa.array(["Zermatt", "Chamonix"] * 200).dictionary_encode()
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns | {"place": words}), buffer, store_schema=False)
    path = tmp_path / "a.parquet"
    for old, new in (
        (b"place", b"pl\xff\xfee"),
        (b"Zermatt", b"Zer\xff\xfett"),
        (b"F1", b"\xff1"),
        (b"x2", b"\xfe\xff"),
    ):
        assert old in buffer.getvalue()
        path.write_bytes(buffer.getvalue().replace(old, new))
        seen = file_reading.read_preview(path, SPEC)
        assert seen.ok or "a.parquet" in seen.defects[0]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    """The header of the first was checked, and the numbers of the last were read: a traceback, or another field."""
    path = tmp_path / "twice.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, shape in (("x1", (12,)), ("F1", (12,)), ("F1", (12, 12))):
            stream = io.BytesIO()
            np.save(stream, np.random.default_rng(0).normal(size=shape))
            archive.writestr(f"{name}.npy", stream.getvalue())
    assert "holds the array F1 twice" in told(path)
    with pytest.raises(InputError, match="holds one array twice"):
        clouds.read_points(path)


@pytest.mark.parametrize(("name", "inner"), [("a.npz", "x.npy"), ("a.tif.zip", "a.tif"), ("N45E006.hgt.zip", "a.hgt")])
def test_a_member_whose_own_name_is_no_text(tmp_path: Path, name: str, inner: str) -> None:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(inner, b"1")
    out = bytearray(path.read_bytes())
    struct.pack_into("<H", out, 6, 0x800)  # of the member, not of the directory: its name is UTF-8
    out[31] = 0x98
    path.write_bytes(bytes(out))
    assert name.partition(".")[0] in told(path)


@pytest.mark.parametrize("name", ["a.npz", "a.zip", "N45E006.hgt.zip"])
def test_a_member_without_a_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("q", b"1")
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    out = bytearray(data[: directory + 46] + data[directory + 47 :])  # the directory's name is taken out
    struct.pack_into("<H", out, directory + 28, 0)
    end = out.index(b"PK\x05\x06")
    struct.pack_into("<I", out, end + 12, struct.unpack_from("<I", out, end + 12)[0] - 1)
    path.write_bytes(bytes(out))
    assert name in told(path)


def test_names_of_members_are_bounded_in_sentences(tmp_path: Path) -> None:
    path = tmp_path / "points.npz"
    buffer = io.BytesIO()
    np.save(buffer, np.ones((4, 2), dtype="U3"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x" * 60_000 + ".npy", buffer.getvalue())
    with pytest.raises(InputError) as caught:
        clouds.read_points(path)
    assert len(str(caught.value)) < 300 and "points.npz" in str(caught.value)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", buffer.getvalue())
    # the name in front of the member is longer than that in the directory, and the error quotes it whole
    out = bytearray(path.read_bytes() + bytes(9000))
    struct.pack_into("<H", out, 26, 9000)
    path.write_bytes(bytes(out))
    with pytest.raises(InputError) as caught:
        clouds.read_points(path)
    assert len(str(caught.value)) < 500
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("y" * 60_000 + ".tif", b"no tiff")
    assert "a.zip" in told(path)


def test_numbers_of_a_formula_that_no_float_holds() -> None:
    for texts in ((".1e309",), (".1e309*x",), ("x+.1e309", "y"), ("min(x,.1e309)", "1e200*1e100")):
        with pytest.raises(InputError, match=r"not a finite number|constant|0 everywhere"):
            catalog.resolve(FieldSpec(source="expression", expression=texts, n_samples=1000))


def test_the_fuzzer_finds_what_is_wrong_with_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that fails on some of its files is found, and one that answers them all is not."""

    def careless(path: Path) -> None:
        if path.read_bytes().count(b"\xff"):
            raise KeyError("found")
        raise InputError("a.csv is no good.")

    monkeypatch.setattr(check_fuzz.lockdown, "limit", lambda *_: None)
    monkeypatch.setattr(check_fuzz.os, "dup2", lambda *_: None)
    monkeypatch.setattr(check_fuzz.signal, "signal", lambda *_: None)
    monkeypatch.setattr(check_fuzz.signal, "setitimer", lambda *_: None)
    target = fuzzing.Target("a.csv", fuzz_seeds.csvs, (fuzzing.in_text, fuzzing.any_bytes), careless)
    results: queue.SimpleQueue[tuple[str, str, str, bytes]] = queue.SimpleQueue()
    for name in check_fuzz.targets():
        assert len(fuzzing.damaged(check_fuzz.targets()[name], random.Random(3))) >= 0
    found = type("Results", (), {"put": staticmethod(results.put)})
    check_fuzz.work(target, 1, 150, tmp_path, found, clock=itertools.count().__next__)
    kinds = set()
    while not results.empty():
        kinds.add(results.get()[:2])
    assert any(kind == "find" and "KeyError" in where for kind, where in kinds)
    assert not any("InputError" in where for _, where in kinds)


@pytest.mark.parametrize("name", [name for name in fuzz_readers.readers() if name not in ("npf-bundle.zip", "a.vtu")])
def test_each_reader_of_the_guided_fuzzer_takes_the_files_it_begins_with(tmp_path: Path, name: str) -> None:
    """Files to start from that are refused at the door lead a fuzzer nowhere."""
    target = fuzz_readers.readers()[name].target
    path, taken = tmp_path / name, 0
    for content in target.seeds():
        path.write_bytes(content)
        with contextlib.suppress(InputError):
            target.read(path)
            taken += 1
    assert taken >= min(2, len(target.seeds()))


def test_a_refusal_that_shows_the_inside_of_a_library_is_a_find() -> None:
    fuzz_readers.check_sentence("a.nc is damaged; write it again.")
    for text in ("two\nlines", "x" * 3000, "<h5py object at 0x7f>", "read failed: errno = 5"):
        with pytest.raises(AssertionError):
            fuzz_readers.check_sentence(text)


def test_chunks_of_a_zarr_whose_packing_is_damaged(tmp_path: Path) -> None:
    """LZMAError, as the chunk is read long after the file was opened."""
    path = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(io.BytesIO(fuzz_grid.zarrs()[0])) as whole, zipfile.ZipFile(path, "w") as packed:
        for info in whole.infolist():
            packed.writestr(info.filename, whole.read(info), zipfile.ZIP_LZMA)
    with zipfile.ZipFile(path) as packed:
        starts = [
            i.header_offset + 30 + len(i.filename) + 9
            for i in packed.infolist()
            if "10/c" in i.filename or "10/0" in i.filename
        ]
    content = bytearray(path.read_bytes())
    for start in starts:
        content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged or was not written whole"):
        fuzz_readers.gridded(path)


def test_keys_of_a_geotiff_that_are_of_no_type(tmp_path: Path) -> None:
    """CPLE_AppDefinedError, as the colours of the bands are asked for."""
    data = bytearray(fuzz_seeds.tifs()[4])
    data[155] = 127  # of the tag that is the size of pixels
    data[341] = 199  # of where the value of the last key lies
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    assert "cannot be read as a GeoTIFF" in told(path)
