"""Heights on a grid, as a table and as a raster."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields import uploads
from npf_engine.fields.spec import FieldSpec
from tests.fields.upload_files import SPEC, refused, terrain, write, write_tif

pytestmark = pytest.mark.usefixtures("read_here")


def heights(rows: int = 30, cols: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x1, x2 = np.linspace(10, 20, cols), np.linspace(-4, 2, rows)
    return x1, x2, np.sin(x1)[None, :] * x2[:, None] + 0.1 * x2[:, None] ** 2


def as_columns(x1: np.ndarray, x2: np.ndarray, z: np.ndarray, seed: int | None = None) -> dict[str, np.ndarray]:
    across, down = np.meshgrid(x1, x2)
    columns = {"x1": across.ravel(), "x2": down.ravel(), "z": z.ravel()}
    if seed is None:
        return columns
    order = np.random.default_rng(seed).permutation(z.size)
    return {name: values[order] for name, values in columns.items()}


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_a_table_of_heights_gives_their_gradient_per_step(tmp_path, suffix):
    x1, x2, z = heights()
    path = write(tmp_path / f"hill{suffix}", as_columns(x1, x2, z, seed=3))
    field = uploads.load_upload(path, FieldSpec(source="upload", sigma=0.0))
    assert field.n == z.size and field.low == pytest.approx((10, -4)) and field.high == pytest.approx((20, 2))
    x = field.scaling.to_user(torch.cat([field.x_train, field.x_test]).double()).numpy()
    y = torch.cat([field.y_train, field.y_test]).double().numpy()
    inside = (np.abs(x[:, 0] - 15) < 4.7) & (np.abs(x[:, 1] + 1) < 2.7)  # central differences
    step1, step2 = x1[1] - x1[0], x2[1] - x2[0]
    exact = np.stack([np.cos(x[:, 0]) * x[:, 1] * step1, (np.sin(x[:, 0]) + 0.2 * x[:, 1]) * step2], axis=1)
    np.testing.assert_allclose(y[inside], exact[inside], atol=0.02)
    assert field.units.value == "units of z per grid step" and field.grid is not None
    np.testing.assert_allclose(field.grid.raw, z[::-1], atol=1e-6)  # row 0 is the north


def test_z_as_a_matrix_in_npz(tmp_path):
    x1, x2, z = heights()
    np.savez(tmp_path / "m.npz", x1=x1, x2=x2, z=z)
    field = uploads.load_upload(tmp_path / "m.npz", SPEC)
    plain = uploads.load_upload(write(tmp_path / "p.npz", as_columns(x1, x2, z)), SPEC)
    assert torch.equal(field.x_train, plain.x_train) and torch.equal(field.y_train, plain.y_train)
    np.savez(tmp_path / "t.npz", x1=x2, x2=x1, z=z)
    refused(tmp_path / "t.npz", "z is a grid of 30 x 40", "column x1 must have 40 numbers", "shape 30")


def test_missing_heights_are_voids(tmp_path):
    x1, x2, z = heights()
    columns = as_columns(x1, x2, z)
    columns["z"][37] = np.nan
    left_out = {name: np.delete(values, [100, 101]) for name, values in columns.items()}
    path = write(tmp_path / "hill.csv", left_out)
    field = uploads.load_upload(path, SPEC)
    assert any("leaves out 2 of the 1,200 points" in w for w in field.warnings)
    assert any("3 void pixels" in w and "filled" in w for w in field.warnings)
    masked = uploads.load_upload(path, FieldSpec(source="upload", sigma=2.0, voids="mask"))
    assert masked.n == 1197
    shown = uploads.preview(path, SPEC)
    assert shown.ok and shown.shape == (30, 40) and int(np.isnan(shown.elevation).sum()) == 3


def test_units_of_a_grid_fix_its_lengths(tmp_path):
    x1, x2, z = heights()
    columns = as_columns(x1, x2, z)
    named = {"x1 [deg]": columns["x1"], "x2 [deg]": columns["x2"], "z [m]": columns["z"]}
    field = uploads.load_upload(write(tmp_path / "a.csv", named), FieldSpec(source="u", sigma=2.0, slope="per-metre"))
    assert field.units.position == ("deg", "deg") and field.units.value == "metres per metre"
    per_pixel = uploads.load_upload(tmp_path / "a.csv", SPEC)
    ratio = (per_pixel.y_train[:, 1] / field.y_train[:, 1]).median()
    assert float(ratio) == pytest.approx((x2[1] - x2[0]) * 110_574, rel=0.01)  # metres in a degree at the equator
    with pytest.raises(InputError, match="metres per pixel"):
        uploads.load_upload(write(tmp_path / "b.csv", columns), FieldSpec(source="u", slope="per-metre"))


def test_defects_of_a_grid(tmp_path):
    x1, x2, z = heights()
    path = tmp_path / "hill.csv"
    columns = as_columns(x1, x2, z)
    uneven = x1.copy()
    uneven[-1] += 0.1
    refused(write(path, as_columns(uneven, x2, z)), "column x1 is not evenly spaced", "row 40 of the data")
    again = {name: np.append(values, values[7]) for name, values in columns.items()}
    refused(write(path, again), "rows 8 and 1,201 of the data are the same grid point")
    scattered = {"x1": np.random.default_rng(0).random(500), "x2": np.random.default_rng(1).random(500)}
    refused(write(path, scattered | {"z": scattered["x1"]}), "no regular grid", "F1, F2 for scattered points")
    infinite = columns | {"z": np.where(np.arange(z.size) == 9, np.inf, columns["z"])}
    refused(write(path, infinite), "row 10 of the data, column z")
    refused(write(path, {k: v for k, v in columns.items() if k != "x2"}), "column z needs the columns x1 and x2")
    refused(write(path, columns | {"z": np.full(z.size, 3.0)}), "level")
    refused(write(path, {k: v[:30] for k, v in columns.items()}), "30 rows", "at least 64")


def test_a_geotiff_and_the_same_zipped(tmp_path):
    path = write_tif(tmp_path / "alp.tif", terrain())
    spec = FieldSpec(source="upload", sigma=0.0)
    field = uploads.load_upload(path, spec)
    assert field.name == "alp" and field.n == 3000 and field.units.value == "metres per pixel"
    np.testing.assert_array_equal(field.grid.raw, terrain())
    d_row, d_col = np.gradient(terrain())
    x = torch.cat([field.x_train, field.x_test])
    col, row = ((x[:, 0] + 1) / 2 * 49).round().int(), ((1 - x[:, 1]) / 2 * 59).round().int()
    y = torch.cat([field.y_train, field.y_test]).numpy()
    np.testing.assert_allclose(y, np.stack([d_col[row, col], -d_row[row, col]], axis=1), atol=1e-4)
    with zipfile.ZipFile(tmp_path / "alp.tif.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, "inner/alp.tif")
        archive.writestr("readme.txt", "about")
    zipped = uploads.load_upload(tmp_path / "alp.tif.zip", spec)
    assert torch.equal(zipped.x_train, field.x_train) and torch.equal(zipped.y_train, field.y_train)


def test_an_hgt_in_its_three_wrappings(tmp_path):
    tile = np.add.outer(np.arange(1201) % 400, np.arange(1201) // 3).astype(">i2")
    (tmp_path / "N46E007.hgt").write_bytes(tile.tobytes())
    with gzip.open(tmp_path / "N46E007.hgt.gz", "wb", compresslevel=1) as stream:
        stream.write(tile.tobytes())
    with zipfile.ZipFile(tmp_path / "N46E007.hgt.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "N46E007.hgt", "N46E007.hgt")
    spec = FieldSpec(source="upload", max_samples=2000)
    fields = [uploads.load_upload(tmp_path / f"N46E007.hgt{end}", spec) for end in ("", ".gz", ".zip")]
    for field in fields:
        assert field.name == "N46E007" and torch.equal(field.y_train, fields[0].y_train)
    assert fields[0].low[0] == pytest.approx(7.0, abs=0.03) and fields[0].high[1] == pytest.approx(47.0, abs=0.03)


def test_defects_of_rasters(tmp_path):
    refused(write_tif(tmp_path / "level.tif", np.full((30, 30), 5.0, np.float32)), "level")
    refused(write_tif(tmp_path / "void.tif", np.full((30, 30), np.nan, np.float32)), "void")
    refused(write_tif(tmp_path / "thin.tif", terrain(3, 50)), "3 x 50")
    path = write_tif(tmp_path / "cut.tif", terrain())
    path.write_bytes(path.read_bytes()[:3000])
    refused(path)
    (tmp_path / "N46E007.hgt").write_bytes(bytes(1000))
    refused(tmp_path / "N46E007.hgt", "1,000 bytes")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.tif", b"")
        archive.writestr("b.tif", b"")
    refused(tmp_path / "two.zip", "2 rasters")
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("a.csv", b"x1,F1")
    refused(tmp_path / "none.zip", "0 rasters")
