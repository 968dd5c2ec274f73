"""Marks for nothing known that a file does not declare: found, told, left out; a value like its neighbours stays."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields import sentinels, uploads
from npf_engine.fields.readers import raster_files
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.summary import moments
from tests.fields.test_ground_slopes import tif

pytestmark = pytest.mark.usefixtures("read_here")

ROW, COL = np.mgrid[0:60, 0:80]
RELIEF = 300 + 2.0 * COL + ROW + 3 * np.sin(COL / 4)
RAW = FieldSpec(source="it", sigma=0.0)


@pytest.mark.parametrize(
    "mark",
    [-9999.0, -32767.0, -99999.0, 1e20, 9.969209968386869e36, -3.4028234663852886e38, -88888.0, -32766.0, 1e10, -1e9],
)
@pytest.mark.parametrize("block", [(slice(20, 30), slice(10, 30)), (slice(5, 6), slice(7, 8))])
def test_marks_are_void_and_told(tmp_path: Path, mark: float, block: tuple[slice, slice]):
    z = RELIEF.astype(np.float32)
    z[block] = mark
    field = uploads.load_upload(tif(tmp_path / "a.tif", z, "EPSG:32632", (500_000, 5e6), 30), RAW)
    count = z[block].size
    assert field.provenance["voids"] == count
    assert max(np.abs(moments(field).max)) < 10
    assert len([text for text in field.warnings if f"{mark:.7g}" in text and "nothing known" in text]) == 1


def test_whole_numbers_have_marks_too(tmp_path: Path):
    z = RELIEF.astype(np.int16)
    z[10:20, 10:20] = -32768
    field = uploads.load_upload(tif(tmp_path / "a.tif", z, "EPSG:32632", (500_000, 5e6), 30), RAW)
    assert field.provenance["voids"] == 100


def test_a_mark_is_kept_on_request(tmp_path: Path):
    z = RELIEF.astype(np.float32)
    z[20:30, 10:30] = -9999
    path = tif(tmp_path / "a.tif", z, "EPSG:32632", (500_000, 5e6), 30)
    field = uploads.load_upload(path, dataclasses.replace(RAW, missing="keep"))
    assert field.provenance["voids"] == 0 and max(np.abs(moments(field).max)) > 4000
    assert [text for text in field.warnings if "perhaps" in text]


def test_a_depth_like_its_neighbours_is_a_depth():
    depths = -10_500 + np.linspace(0, 1500, 5000)
    depths[2000:2010] = -9999
    assert sentinels.find(depths) == []
    assert sentinels.find(np.array([0.0, 1.0] * 50)) == []
    assert sentinels.find(np.array([5000.0] * 20 + [0.0] * 500)) == [], "two values are no mark and its field"
    assert sentinels.find(np.array([])) == []
    assert sentinels.find(np.full(9, -9999.0)) == []


def test_several_marks_at_once():
    values = np.concatenate([np.linspace(0, 100, 500), np.full(7, -9999.0), np.full(4, -32767.0), [1e20]])
    assert sorted(sentinels.find(values)) == [(-32767.0, 4), (-9999.0, 7), (1e20, 1)]


def test_rows_of_a_table_with_a_mark_are_left_out(tmp_path: Path):
    x = np.random.default_rng(0).uniform(-1, 1, (300, 2))
    f = x.copy()
    f[5:12, 1] = -9999
    lines = [",".join(map(repr, map(float, (*p, *v)))) for p, v in zip(x, f, strict=True)]
    (tmp_path / "a.csv").write_text("x1,x2,F1,F2\n" + "\n".join(lines) + "\n")
    field = uploads.load_upload(tmp_path / "a.csv", RAW)
    assert field.n == 293 and field.provenance["voids"] == 7 and moments(field).min[1] > -1
    assert [text for text in field.warnings if "-9999" in text]
    kept = uploads.load_upload(tmp_path / "a.csv", dataclasses.replace(RAW, missing="keep"))
    assert kept.n == 300 and moments(kept).min[1] == -9999


def test_an_empty_height_of_a_grid_is_void(tmp_path: Path):
    rows = [
        f"{c},{r},{-9999 if (c, r) in ((3, 4), (5, 5), (6, 5)) else 2 * c + r}" for c in range(20) for r in range(15)
    ]
    (tmp_path / "a.csv").write_text("x1,x2,z\n" + "\n".join(rows) + "\n")
    field = uploads.load_upload(tmp_path / "a.csv", RAW)
    assert field.provenance["voids"] == 3 and max(np.abs(moments(field).max)) < 10


def test_a_mark_in_a_tile(tmp_path: Path):
    tile = np.full((1201, 1201), 300, dtype=">i2")
    tile[100:200] += np.arange(1201, dtype=">i2") // 10
    tile[7, :50] = -9999
    (tmp_path / "N10E010.hgt").write_bytes(tile.tobytes())
    raster = raster_files.read_raster(tmp_path / "N10E010.hgt")
    assert int(np.isnan(raster.elevation).sum()) == 50 and "-9999" in raster.notes[0]


def test_a_short_mark_stands_far_away_and_often_and_inf_is_told(tmp_path: Path):
    """-99 is a value as any other where its neighbours are near, or where it stands there once."""
    rng = np.random.default_rng(0)
    heights = rng.uniform(80.0, 120.0, 3000)
    assert sentinels.find(np.append(heights, [-99.0] * 5)) == [(-99.0, 5)]
    assert sentinels.find(np.append(heights, -99.0)) == []
    assert sentinels.find(np.append(rng.uniform(-90.0, 120.0, 3000), [-99.0] * 5)) == []
    z = RELIEF.astype(np.float32)
    z[20:30, 10:30] = np.inf
    field = uploads.load_upload(tif(tmp_path / "a.tif", z, "EPSG:32632", (500_000, 5e6), 30), RAW)
    assert field.provenance["voids"] == 200 and any("holds inf 200 times" in text for text in field.warnings)


@pytest.mark.parametrize("mark", [-9.99e8, 9.99e8, -999.99, 999.9, -9999.99, 9999.9, -2e9])
def test_marks_are_far_from_all_others_and_written_often(mark: float):
    """As -9999 is: rarely it must lie beyond the whole spread of all other values, often beyond a tenth of it."""
    values = np.linspace(0.0, 50.0, 1000) * (1 if abs(mark) > 9e3 or mark < 0 else 10)
    assert sentinels.find(np.append(values, [mark] * 5)) == [(mark, 5)]
    wide = np.linspace(-abs(mark), abs(mark), 1000) * 0.95  # whose neighbour it is
    assert sentinels.find(np.append(wide, [mark] * 5)) == []
    far = np.linspace(-abs(mark), abs(mark), 1000) * 0.6
    assert sentinels.find(np.append(far, [mark])) == []
