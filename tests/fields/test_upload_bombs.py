"""Archives and files that would fill memory or disk are refused before they do."""

from __future__ import annotations

import copy
import gzip
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.fields.upload_files import refused

pytestmark = pytest.mark.usefixtures("read_here")


def overlapping(path: Path, member: str, copies: int) -> Path:
    """Many directory entries of one compressed member, as in the densest zip bombs."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, bytes(40_000_000))
        for k in range(copies):
            info = copy.copy(archive.filelist[0])
            info.filename = f"{k}{member}"
            archive.filelist.append(info)
    return path


@pytest.mark.parametrize(("name", "member"), [("a.npz", "x1.npy"), ("a.zip", "a.tif"), ("a.hgt.zip", "N00E000.hgt")])
def test_zip_bombs(tmp_path, name, member):
    path = overlapping(tmp_path / name, member, 30)
    assert path.stat().st_size < 100_000
    refused(path, "would unpack", "zip bomb")
    path = overlapping(tmp_path / name, member, 1)
    refused(path, "would unpack to 80.0 MB", "times its size")


def test_other_bombs(tmp_path):
    with gzip.open(tmp_path / "N45E006.hgt.gz", "wb") as stream:
        stream.write(bytes(60_000_000))
    refused(tmp_path / "N45E006.hgt.gz", "more than 25,934,40")
    # a header that promises more than the file holds must not make NumPy allocate it
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name in ("x1", "F1"):
            with archive.open(f"{name}.npy", "w") as stream:
                header = {"descr": "<f8", "fortran_order": False, "shape": (10**14,)}
                np.lib.format.write_array_header_1_0(stream, header)
    refused(tmp_path / "a.npz", "column x1 is damaged", "100000000000000")
    table = pa.table({"x1": pa.array(np.zeros(40_000_000, np.int8)), "F1": pa.array(np.zeros(40_000_000, np.int8))})
    parquet.write_table(table, tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 1_000_000
    refused(tmp_path / "a.parquet", "40,000,000 rows", "at most 25,000,000 numbers")
    with open(tmp_path / "big.csv", "wb") as stream:
        stream.truncate(500_000_000)  # sparse: nothing is written
    refused(tmp_path / "big.csv", "500 MB", "limit is 400 MB")
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as archive:
        for k in range(5000):
            archive.writestr(f"a{k}", b"")
    refused(tmp_path / "many.npz", "5,000 files")


def test_an_encrypted_zip(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.hgt", b"0")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    path.write_bytes(bytes(data))
    refused(path, "a.hgt in a.zip is encrypted")
