"""Two bands, or two rasters, as the components of F: their own numbers at the middles of their pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from npf_engine.cli import main
from npf_engine.errors import InputError
from npf_engine.fields import uploads
from npf_engine.fields.catalog import resolve
from npf_engine.fields.readers.raster_vectors import read_vectors
from npf_engine.fields.spec import FieldSpec
from npf_engine.studies.factorization.bundling import known_settings
from npf_engine.studies.factorization.spec import preset, to_json, with_values
from ui.link import FIELD

ROWS, COLS = 12, 15
EAST, NORTH = np.meshgrid(6.0 + 0.1 * (np.arange(COLS) + 0.5), 46.0 - 0.1 * (np.arange(ROWS) + 0.5))
U, V = (5 * np.sin(3 * EAST) + NORTH).astype(np.float32), (EAST * NORTH / 10).astype(np.float32)


def save(
    path: Path, *bands: np.ndarray, corner: tuple[float, float] = (6.0, 46.0), unit: str = "m/s", crs: str = "EPSG:4326"
) -> Path:
    profile = {"driver": "GTiff", "width": bands[0].shape[1], "height": bands[0].shape[0], "count": len(bands)}
    with rasterio.open(
        path, "w", **profile, dtype=bands[0].dtype, crs=crs, transform=from_origin(*corner, 0.1, 0.1)
    ) as out:
        for k, band in enumerate(bands, start=1):
            out.write(band, k)
            out.set_band_unit(k, unit)
    return path


def check(x: np.ndarray, f: np.ndarray, scale: float = 1.0) -> None:
    row, col = np.rint((46.0 - x[:, 1]) / 0.1 - 0.5).astype(int), np.rint((x[:, 0] - 6.0) / 0.1 - 0.5).astype(int)
    np.testing.assert_allclose(x, np.stack([EAST[row, col], NORTH[row, col]], axis=1), atol=1e-6)
    np.testing.assert_allclose(f, scale * np.stack([U[row, col], V[row, col]], axis=1), rtol=1e-6)


@pytest.mark.parametrize("says", ["1,2", "1, 2", "band 1, band 2", "Band 1,2"])
def test_two_bands_are_the_two_components(tmp_path: Path, says: str) -> None:
    table = read_vectors(save(tmp_path / "w.tif", U, V, U * 0), FieldSpec(components=says))
    assert table.rows == ROWS * COLS
    check(table.positions(), table.field_values())
    assert "F is (band 1, band 2), the first along longitude, the second along latitude" in table.conversions[0]
    assert "Positions are in EPSG:4326." in table.conversions[0]
    assert resolve(FieldSpec(source=str(tmp_path / "w.tif"))).provenance["crs"] == "EPSG:4326"


def test_two_rasters_are_the_two_components(tmp_path: Path) -> None:
    first, second = save(tmp_path / "u.tif", U), save(tmp_path / "v.tif", V)
    field = resolve(FieldSpec(source=str(first), second=str(second), rho="samples", crs="none"))
    assert field.d == 2 and field.n == ROWS * COLS and field.units.value == "m/s"
    assert field.units.position == ("degrees", "degrees")
    x = np.concatenate([field.scaling.to_user(part.double()) for part in (field.x_train, field.x_test)])
    f = np.concatenate([field.y_train, field.y_test]) + np.array(field.shift or (0, 0))
    check(x, f)
    assert any("u.tif, band 1" in text and "v.tif, band 1" in text for text in field.conversions)
    assert any("only at the equator" in text for text in field.warnings)


def test_scale_offset_and_voids_are_the_files(tmp_path: Path) -> None:
    whole = np.rint(U * 100).astype(np.int16), np.rint(V * 100).astype(np.int16)
    whole[1][3, 4] = -32768
    path = save(tmp_path / "w.tif", *whole)
    with rasterio.open(path, "r+") as out:
        out.scales, out.offsets, out.nodata = (0.01, 0.01), (0.0, 100.0), -32768
    table = read_vectors(path, FieldSpec(components="1,2"))
    assert table.rows == ROWS * COLS - 1 and any("1 of 180 pixels" in text for text in table.notes)
    order = np.ravel_multi_index(
        (
            np.rint((46.0 - table.positions()[:, 1]) / 0.1 - 0.5).astype(int),
            np.rint((table.positions()[:, 0] - 6.0) / 0.1 - 0.5).astype(int),
        ),
        U.shape,
    )
    np.testing.assert_allclose(table.field_values()[:, 0], whole[0].ravel()[order] * 0.01, rtol=1e-6)
    np.testing.assert_allclose(table.field_values()[:, 1], whole[1].ravel()[order] * 0.01 + 100, rtol=1e-6)


def test_smooth_does_nothing_to_a_raster_and_that_is_told(tmp_path: Path) -> None:
    path = save(tmp_path / "w.tif", U, V, U * 0)
    for spec, said in (
        (FieldSpec(components="1,2", smooth=2.0), "bands are taken as they are"),
        (FieldSpec(smooth=2.0, sigma=1.0), "sigma smooths a raster"),
    ):
        told = uploads.load_upload(path, spec).warnings
        assert [text for text in told if "smooth = 2 is of gridded data and did nothing" in text and said in text]
        assert not any("did nothing" in text for text in uploads.load_upload(path, replace(spec, smooth=0.0)).warnings)


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    path = save(tmp_path / "w.tif", U, V)
    for says, wrong in (
        ("1", "components of a raster are two bands"),
        ("u, v", "components of a raster are two bands"),
        ("1,3", "there is no band 3"),
        ("1,2,1", "components of a raster are two bands"),
    ):
        with pytest.raises(InputError, match=wrong):
            read_vectors(path, FieldSpec(components=says))
    for other, wrong in (
        (save(tmp_path / "small.tif", V[:, :-1]), "do not lie on one grid"),
        (save(tmp_path / "off.tif", V, corner=(6.05, 46.0)), "do not lie at the same place"),
        (save(tmp_path / "near.tif", V, corner=(6.001, 46.0)), "do not lie at the same place"),  # 1% of a pixel
        (save(tmp_path / "datum.tif", V, crs="EPSG:4267"), r"different coordinate systems \(EPSG:4326 and EPSG:4267"),
    ):
        with pytest.raises(InputError, match=wrong):
            read_vectors(path, FieldSpec(), other)
    for second in (str(tmp_path / "none.tif"), "/etc/passwd"):
        with pytest.raises(InputError, match=r"is not there|is of no kind"):
            resolve(FieldSpec(source=str(path), second=second))
    seen = uploads.preview(path, FieldSpec(source=str(path)))
    assert seen.ok and seen.bands == 2


def test_large_rasters_apart_are_not_one_grid(tmp_path: Path) -> None:
    """The tolerance is a share of a pixel, however many there are."""
    wide = np.tile(U, (60, 60))
    path, other = save(tmp_path / "a.tif", wide), save(tmp_path / "b.tif", wide, corner=(6.03, 46.0))
    with pytest.raises(InputError, match="do not lie at the same place"):
        read_vectors(path, FieldSpec(max_samples=1000), other)


def test_a_link_or_an_import_cannot_name_a_second_file_of_the_server(tmp_path: Path) -> None:
    path = save(tmp_path / "w.tif", U, V)
    with pytest.raises(InputError, match="cannot open the file"):
        FIELD.read({"source": "jacksboro", "second": str(path)})
    told = to_json(with_values(preset("quick"), {"field.source": str(path), "field.second": str(path)}))
    assert known_settings(told)["field"]["second"] == "w.tif"


def test_bands_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(tmp_path / "w.tif", U, V)
    assert main(["preview", str(path), "--set", "field.components=1,2"]) == 0
    out = capsys.readouterr().out
    assert "F in m/s" in out and "converted: F is (band 1, band 2)" in out


@pytest.mark.parametrize(
    ("units", "factors", "name"),
    [
        (("cm/s", "m/s"), (0.01, 1.0), "m/s"),
        (("knots", "km h-1"), (1852 / 3600, 1 / 3.6), "m/s"),
        (("ft", "m"), (0.3048, 1.0), "m"),
        (("m s-1", "m/s"), (1.0, 1.0), ""),
    ],
)
def test_bands_in_different_units_come_into_one(
    tmp_path: Path, units: tuple[str, str], factors: tuple[float, float], name: str
) -> None:
    path = save(tmp_path / "w.tif", U, V)
    with rasterio.open(path, "r+") as out:
        out.units = units
    table = read_vectors(path, FieldSpec(components="1,2"))
    check(table.positions(), table.field_values() / np.array(factors))
    assert not name or {column.unit for column in table.layout.values} == {name}


def test_bands_of_no_one_vector_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "w.tif", U, V)
    with rasterio.open(path, "r+") as out:
        out.units = ("m/s", "K")
    with pytest.raises(InputError, match="choose components of one vector"):
        read_vectors(path, FieldSpec(components="1,2"))
