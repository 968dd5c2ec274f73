"""The preview of an upload, and the paper's own grid."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.fields import uploads
from npf_engine.fields.spec import FieldSpec
from tests.fields.upload_files import SPEC, N, sample_columns, terrain, write, write_tif

pytestmark = pytest.mark.usefixtures("read_here")


def test_preview_of_a_table(tmp_path):
    columns = sample_columns()
    path = write(tmp_path / "wind.csv", {"x1 [km]": columns["x1"]} | {k: columns[k] for k in ("x2", "F1", "F2")})
    shown = uploads.preview(path, SPEC)
    assert shown.ok and shown.kind == "samples" and (shown.d, shown.rows) == (2, N)
    assert [c.role for c in shown.columns] == ["x1", "x2", "F1", "F2"] and shown.columns[0].unit == "km"
    assert shown.columns[2].minimum == columns["F1"].min() and shown.columns[2].maximum == columns["F1"].max()
    np.testing.assert_array_equal(shown.head, np.stack([columns[k][:8] for k in ("x1", "x2", "F1", "F2")], axis=1))
    assert shown.size_bytes == path.stat().st_size and not list(tmp_path.glob("*.npz"))


def test_preview_of_a_raster(tmp_path):
    z = terrain(700, 600)
    z[5:9, 7] = np.nan
    shown = uploads.preview(write_tif(tmp_path / "alp.tif", z), SPEC)
    assert shown.ok and shown.kind == "raster" and shown.shape == (700, 600) and shown.coordinates == "degrees"
    assert shown.elevation.size <= 65_536 and shown.bounds[0] == pytest.approx(7.0)
    assert any("4 pixels" in warning and "void" in warning for warning in shown.warnings)
    assert shown.columns[0].maximum == pytest.approx(np.nanmax(z)) and shown.columns[0].missing == 4


def test_the_papers_own_grid(shared_data):
    field = uploads.load_upload(shared_data / "Chamonix.tif", FieldSpec(source="upload"))
    assert field.n == 503 * 644 and field.d == 2 and field.rho == "box"
    assert field.provenance["elevation_range"] == pytest.approx([998, 4797], abs=1)
