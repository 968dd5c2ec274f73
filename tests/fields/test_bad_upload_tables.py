"""Tables that are wrong: each defect is named with its place."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from npf_engine.fields import uploads
from tests.fields.upload_files import SPEC, N, refused, sample_columns, write, write_csv

pytestmark = pytest.mark.usefixtures("read_here")


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
