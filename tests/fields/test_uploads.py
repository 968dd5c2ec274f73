"""Real files of every kind, good and bad, built here: what is read is checked against what was written."""

from __future__ import annotations

import copy
import gzip
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from npf_engine.errors import InputError
from npf_engine.fields import catalog, uploads
from npf_engine.fields.spec import FieldSpec

N = 400
SPEC = FieldSpec(source="upload", sigma=2.0)


def sample_columns(d: int = 2, n: int = N, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 7, (n, d))
    f = x @ (np.eye(d) + 0.1 * rng.standard_normal((d, d)))
    return {f"x{k + 1}": x[:, k] for k in range(d)} | {f"F{k + 1}": f[:, k] for k in range(d)}


def write_csv(path: Path, columns: dict[str, np.ndarray], delimiter: str = ",", head: str = "") -> Path:
    rows = [delimiter.join(columns)] + [delimiter.join(map(repr, map(float, row))) for row in zip(*columns.values())]  # noqa: B905
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def write(path: Path, columns: dict[str, np.ndarray]) -> Path:
    if path.suffix == ".csv":
        return write_csv(path, columns)
    if path.suffix == ".npz":
        np.savez(path, **columns)
    else:
        parquet.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    return path


def refused(path: Path, *says: str, spec: FieldSpec = SPEC) -> str:
    """The one sentence that both the load and the preview give, which names the file and all of ``says``."""
    with pytest.raises(InputError) as caught:
        uploads.load_upload(path, spec)
    sentence = str(caught.value)
    for part in (path.name, *says):
        assert part in sentence, sentence
    assert "\n" not in sentence and sentence[-1] in ".?"
    shown = uploads.preview(path, spec)
    assert not shown.ok and sentence in shown.defects
    return sentence


# -- tables that are right


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


# -- tables that are wrong


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_defects_of_every_kind_of_table(tmp_path, suffix):
    good = sample_columns()

    def bad(**changes: np.ndarray) -> Path:
        return write(tmp_path / f"bad{suffix}", good | changes)

    def with_cell(name: str, row: int, value: float) -> dict[str, np.ndarray]:
        values = good[name].copy()
        values[row - 1] = value
        return {name: values}

    refused(bad(**with_cell("F2", 17, np.nan)), "row 17 of the data", "column F2", "NaN")
    refused(bad(**with_cell("x1", 3, np.inf)), "row 3 of the data", "column x1", "beyond 1e+15")
    refused(bad(**with_cell("F1", 400, -1e200)), "row 400 of the data", "column F1")
    refused(bad(x2=np.full(N, 4.0)), "column x2 is constant (4 in all 400 rows)")
    refused(bad(F1=np.zeros(N)), "column F1 is constant", "leave x1 and F1 out")
    twice = {name: values.copy() for name, values in good.items()}
    for name in ("x1", "x2"):
        twice[name][299] = twice[name][9]
    refused(bad(**twice), "rows 10 and 300", "same x", "column F1")
    refused(bad(F3=good["F1"]), "column F3 has no partner", "x3 is missing")
    refused(bad(x4=good["x1"], F4=good["F1"]), "columns x3 and F3 are missing")
    refused(write(tmp_path / f"bad{suffix}", {k: v for k, v in good.items() if k != "F2"}), "the column F2 is missing")
    refused(bad(x0=good["x1"]), "count from x1")
    refused(write(tmp_path / f"bad{suffix}", {"a": good["x1"], "b": good["F1"]}), "'a', 'b'", "name them x1")
    refused(write(tmp_path / f"bad{suffix}", {k: v[:20] for k, v in good.items()}), "20 rows", "at least 52")
    refused(write(tmp_path / f"bad{suffix}", {k: v[:0] for k, v in good.items()}), "no rows")
    refused(bad(x9999=good["x1"], F9999=good["F1"]), "9999 is beyond the limit of 512 dimensions")


def test_all_defects_are_shown_at_once_by_the_preview(tmp_path):
    columns = sample_columns()
    columns["x1"][4] = np.nan
    columns["F2"][[6, 8]] = np.nan
    shown = uploads.preview(write(tmp_path / "a.csv", columns), SPEC)
    assert len(shown.defects) == 2
    assert "row 5 of the data, column x1" in shown.defects[0]
    assert "row 7 of the data, column F2" in shown.defects[1] and "first of 2 such rows" in shown.defects[1]
    assert {c.role: c.missing for c in shown.columns} == {"x1": 1, "x2": 0, "F1": 0, "F2": 2}


def edit_line(path: Path, line: int, text: str) -> Path:
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (5, "1,2,abc,4", ("row 4 of the data (line 5)", "column F1", "'abc' is not a number")),
        (5, "1,2,3", ("row 4 of the data (line 5)", "3 cells", "4 columns")),
        (5, "1,2,3,4,5", ("row 4 of the data (line 5)", "5 cells")),
        (401, "1,2,3,1_000", ("row 400 of the data (line 401)", "column F2", "'1_000'")),
        (5, "1,2,,4", ("row 4 of the data", "column F1", "empty")),
        (5, "1,2,3,NA", ("row 4 of the data", "column F2", "empty")),
        (5, "1,2,0x10,4", ("column F1", "'0x10'")),
        (5, "1,2," + "9" * 60 + "z,4", ("column F1", "99...")),
        (1, "1.5,2.5,3.5,4.5", ("line 1 has numbers where the header should be",)),
        (1, "x1,x1,F1,F2", ("column x1 is there twice", "column 1 and column 2")),
        (1, "x1 x2 F1 F2", ("single column", "commas")),
        (1, "", ("header",)),
    ],
)
def test_a_bad_line_of_csv_is_named(tmp_path, line, text, says):
    refused(edit_line(write_csv(tmp_path / "wind.csv", sample_columns()), line, text), *says)


def test_decimal_commas_are_recognised(tmp_path):
    path = edit_line(write_csv(tmp_path / "wind.csv", sample_columns(), ";"), 2, "1,5;2;3;4")
    refused(path, "row 1 of the data (line 2)", "column x1", "'1,5'", "decimals with a point")


def test_a_bad_cell_of_an_unused_column_does_no_harm(tmp_path):
    path = write_csv(tmp_path / "a.csv", sample_columns() | {"label": np.zeros(N)})
    text = path.read_text().replace(",0.0\n", ",København\n")
    path.write_text(text, encoding="utf-8")
    assert uploads.load_upload(path, SPEC).n == N


@pytest.mark.parametrize(
    "suffix", [".csv", ".parquet", ".npz", ".tif", ".hgt", ".hgt.gz", ".zip", ".hgt.zip", ".tif.zip"]
)
def test_files_that_are_nothing(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"")
    refused(path, "is empty (0 bytes)")
    for seed in range(3):
        path.write_bytes(np.random.default_rng(seed).bytes(3000))
        refused(path)
    path.unlink()
    refused(path, "no file called")
    path.mkdir()
    refused(path, "no file called")


def test_other_files_and_encodings(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    refused(tmp_path / "a.xlsx", "no kind that is understood", ".parquet")
    path = tmp_path / "a.csv"
    path.write_bytes("x1,F1\n1,2\n".encode("utf-16"))
    refused(path, "UTF-16")
    path.write_bytes(b"x1,F1\n1,2\n3,\xff4\n")
    refused(path, "line 3 is not UTF-8")
    path.write_bytes(b"  \n \n")
    refused(path, "nothing but white space")
    path.write_bytes(b"x1,F1\n")
    refused(path, "header but no rows")
    path.write_bytes(b"x1,F1\n1,\x00\n")
    refused(path, "binary file")
    path.write_bytes(b'x1,F1\n1,2\n"3' + b"a" * 300_000 + b"\n")
    refused(path)


def test_a_truncated_file_of_each_kind(tmp_path):
    for suffix in (".parquet", ".npz"):
        path = write(tmp_path / f"a{suffix}", sample_columns())
        path.write_bytes(path.read_bytes()[:-40])
        refused(path, "cannot be read")
    path = write(tmp_path / "b.npz", sample_columns())  # a flipped byte inside an array: the checksum tells
    data = bytearray(path.read_bytes())
    data[1000] ^= 0xFF
    path.write_bytes(bytes(data))
    refused(path, "column x1 cannot be unpacked", "damaged")


def test_wrong_types(tmp_path):
    good = sample_columns()
    words = np.array(["a"] * N)
    refused(write(tmp_path / "a.parquet", good | {"F1": words}), "column F1", "type string")
    refused(write(tmp_path / "a.npz", good | {"F1": words}), "column F1", "type <U1")
    refused(write(tmp_path / "a.npz", good | {"x2": good["x2"] + 1j}), "column x2", "complex128")
    refused(write(tmp_path / "a.npz", good | {"x2": good["x2"] > 0}), "column x2", "bool")
    refused(write(tmp_path / "a.parquet", good | {"x2": good["x2"] > 0}), "column x2", "bool")
    refused(write(tmp_path / "a.npz", good | {"x2": np.zeros((N, 2))}), "column x2", "400 x 2")
    refused(write(tmp_path / "a.npz", good | {"x2": np.float64(3)}), "column x2", "single number")
    refused(write(tmp_path / "a.npz", good | {"F2": good["F2"][:-1]}), "column F2 has 399 rows", "x1 has 400")
    structured = np.zeros(N, dtype=[("a", "f8")])
    refused(write(tmp_path / "a.npz", good | {"x1": structured}), "column x1")
    assert uploads.load_upload(write(tmp_path / "b.npz", good | {"label": words}), SPEC).n == N


class Boobytrap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (Path(self.mark),)


def test_pickles_are_never_opened(tmp_path):
    mark = tmp_path / "opened"
    trap = np.array([Boobytrap(str(mark))] * N, dtype=object)
    np.savez(tmp_path / "a.npz", **(sample_columns() | {"F1": trap}))
    refused(tmp_path / "a.npz", "column F1 holds pickled Python objects")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        for name in ("x1", "F1"):
            archive.writestr(f"{name}.npy", pickle.dumps(Boobytrap(str(mark))))
    refused(tmp_path / "b.npz", "not a readable NumPy array", "pickles")
    (tmp_path / "c.npz").write_bytes(pickle.dumps(Boobytrap(str(mark))))
    refused(tmp_path / "c.npz", "zip archive")
    assert not mark.exists()
    pickle.loads(pickle.dumps(Boobytrap(str(mark))))  # the trap is a real one
    assert mark.exists()


# -- bombs


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
    refused(tmp_path / "a.parquet", "40,000,000 rows", "at most 60,000,000 numbers")
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


# -- heights on a grid


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
    assert field.units.position == ("deg", "deg") and field.units.value == "m per metre"
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


# -- rasters


def terrain(rows: int = 60, cols: int = 50) -> np.ndarray:
    r, c = np.mgrid[0:rows, 0:cols]
    return (300 + 2.5 * c - 1.5 * r + 40 * np.sin(c / 9) * np.cos(r / 7)).astype(np.float32)


def write_tif(path: Path, elevation: np.ndarray) -> Path:
    import rasterio
    from rasterio.transform import from_origin

    rows, cols = elevation.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=cols, height=rows, count=1, dtype="float32", crs="EPSG:4326",
        transform=from_origin(7.0, 46.0, 1 / 3600, 1 / 3600), nodata=-9999.0,
    ) as out:  # fmt: skip
        out.write(np.where(np.isnan(elevation), -9999.0, elevation).astype(np.float32), 1)
    return path


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


# -- the preview


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
