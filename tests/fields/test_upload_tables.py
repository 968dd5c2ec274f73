"""Tables that are right, of every kind: what is read is checked against what was written."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from npf_engine.fields import catalog, uploads
from npf_engine.fields.spec import FieldSpec
from tests.fields.upload_files import SPEC, N, sample_columns, write, write_csv

pytestmark = pytest.mark.usefixtures("read_here")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
@pytest.mark.parametrize("d", [1, 2, 7])
def test_a_table_comes_back_as_it_was_written(tmp_path, suffix, d):
    columns = sample_columns(d)
    field = uploads.load_upload(write(tmp_path / f"wind{suffix}", columns), SPEC)
    assert (field.name, field.kind, field.rho, field.d, field.n) == ("wind", "samples", "samples", d, N)
    assert len(field.x_test) == round(0.15 * N) and field.function is None
    x = torch.cat([field.x_train, field.x_test])
    torch.testing.assert_close(x.min(dim=0).values, -torch.ones(d))
    torch.testing.assert_close(x.max(dim=0).values, torch.ones(d))
    user = field.scaling.to_user(x.double()).numpy()
    order, wanted = np.argsort(user[:, 0]), np.argsort(columns["x1"])
    for k in range(d):
        np.testing.assert_allclose(user[order, k], columns[f"x{k + 1}"][wanted], atol=1e-6)
        y = torch.cat([field.y_train, field.y_test]).numpy()
        np.testing.assert_allclose(y[order, k], columns[f"F{k + 1}"][wanted], rtol=1e-6)
    assert field.low == pytest.approx([columns[f"x{k + 1}"].min() for k in range(d)])


def test_the_catalog_resolves_a_path(tmp_path):
    path = write(tmp_path / "wind.csv", sample_columns())
    field = catalog.resolve(FieldSpec(source=str(path)))
    assert field.n == N and field.provenance["source"] == "table wind.csv"


def test_units_case_order_and_strange_columns(tmp_path):
    columns = sample_columns()
    named = {
        "station": np.arange(N) * 1.0,
        "f2 (m/s)": columns["F2"],
        "X1 [km]": columns["x1"],
        "F_1 (m/s)": columns["F1"],
        " x2 [km] ": columns["x2"],
    }
    field = uploads.load_upload(write_csv(tmp_path / "wind.csv", named), SPEC)
    assert field.units.axes == ("x1", "x2") and field.units.position == ("km", "km") and field.units.value == "m/s"
    assert any("'station'" in warning for warning in field.warnings)
    plain = uploads.load_upload(write_csv(tmp_path / "plain.csv", columns), SPEC)
    assert torch.equal(field.x_train, plain.x_train) and torch.equal(field.y_train, plain.y_train)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("head", ["", "\ufeff", "\n\n", "# "])
def test_dialects_of_csv(tmp_path, delimiter, head):
    field = uploads.load_upload(write_csv(tmp_path / "a.csv", sample_columns(), delimiter, head), SPEC)
    plain = uploads.load_upload(write_csv(tmp_path / "b.csv", sample_columns()), SPEC)
    assert torch.equal(field.x_train, plain.x_train) and torch.equal(field.y_train, plain.y_train)


def test_a_table_that_only_the_careful_reader_takes(tmp_path):
    """Leading plus signs and blanks: refused by the quick reader, read by the one that goes cell by cell."""
    columns = sample_columns()
    rows = [",".join(columns)] + [", ".join(f" {v:+.17g} " for v in row) for row in zip(*columns.values())]  # noqa: B905
    (tmp_path / "a.csv").write_text("\n".join(rows[:9]) + "\n\n" + "\n".join(rows[9:]))
    field = uploads.load_upload(tmp_path / "a.csv", SPEC)
    plain = uploads.load_upload(write_csv(tmp_path / "b.csv", columns), SPEC)
    assert torch.equal(field.x_train, plain.x_train) and torch.equal(field.y_train, plain.y_train)


def test_matrices_in_npz(tmp_path):
    columns = sample_columns(3)
    x, f = (np.stack([columns[f"{letter}{k}"] for k in (1, 2, 3)], axis=1) for letter in "xF")
    np.savez_compressed(tmp_path / "m.npz", x=x.astype(np.float32), F=f)
    field = uploads.load_upload(tmp_path / "m.npz", SPEC)
    plain = uploads.load_upload(write(tmp_path / "p.npz", columns), SPEC)
    torch.testing.assert_close(field.x_train, plain.x_train)
    assert torch.equal(field.y_train, plain.y_train)


def test_integers_and_decimals_are_numbers(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.permutation(N)
    table = pa.table({"x1": pa.array(x), "F1": pa.array(x**2 / 4).cast(pa.decimal128(20, 2))})
    parquet.write_table(table, tmp_path / "a.parquet")
    field = uploads.load_upload(tmp_path / "a.parquet", SPEC)
    user = field.scaling.to_user(field.x_test.double())
    torch.testing.assert_close(field.y_test.double(), user**2 / 4, rtol=1e-5, atol=1e-2)


def test_more_rows_than_wanted_are_thinned_by_seed(tmp_path):
    path = write(tmp_path / "a.npz", sample_columns())
    spec = FieldSpec(source="upload", max_samples=100)
    field = uploads.load_upload(path, spec)
    assert field.n == 100 and any("400 rows, 100 were drawn" in warning for warning in field.warnings)
    assert torch.equal(field.x_train, uploads.load_upload(path, spec).x_train)


def test_warnings_that_do_not_stop(tmp_path):
    columns = sample_columns()
    doubled = {name: np.concatenate([values, values[:5]]) for name, values in columns.items()}
    assert any("5 rows repeat" in w for w in uploads.load_upload(write(tmp_path / "a.npz", doubled), SPEC).warnings)
    flat = columns | {"x2": 2 * columns["x1"] + 1}
    assert any("rho has no density" in w for w in uploads.load_upload(write(tmp_path / "b.npz", flat), SPEC).warnings)
    flat = columns | {"F2": 2 * columns["F1"] + 1}
    assert any("F#rho has no density" in w for w in uploads.load_upload(write(tmp_path / "c.npz", flat), SPEC).warnings)
    level = columns | {"F1": np.maximum(columns["F1"], 0.0)}
    assert any("plateaus of F1" in w for w in uploads.load_upload(write(tmp_path / "d.npz", level), SPEC).warnings)
    far = columns | {"x1": columns["x1"] + 1e7}
    assert any("x1 varies by" in w for w in uploads.load_upload(write(tmp_path / "e.npz", far), SPEC).warnings)
    spec = FieldSpec(source="upload", rho="disc")
    assert any("rho = disc cannot" in w for w in uploads.load_upload(write(tmp_path / "f.npz", columns), spec).warnings)
    assert uploads.load_upload(write(tmp_path / "g.npz", columns), SPEC).warnings == []


def test_a_unit_is_one_short_line_without_tags(tmp_path):
    columns = sample_columns(1)
    evil = '<a href="https://evil.example">click</a>' + "k" * 500
    path = write(tmp_path / "wind.npz", {f"x1 [{evil}]": columns["x1"], "F1 [<b>m</b>  /s]": columns["F1"]})
    units = uploads.load_upload(path, SPEC).units
    assert units.position[0].startswith("‹a href=") and len(units.position[0]) <= 80
    assert units.value == "‹b›m‹/b› /s"
