"""Tables as programs write them: the same numbers whatever stands around them, and sentences that do not mislead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.readers.tables import read_table
from npf_engine.fields.spec import FieldSpec

RNG = np.random.default_rng(0)
X, F = RNG.uniform(-1, 1, (120, 3)), RNG.normal(size=(120, 3))
TWO = np.column_stack([X[:, :2], F[:, :2]])


def rows(values: np.ndarray, delimiter: str = ",", decimal: str = ".") -> str:
    return "".join(delimiter.join(repr(float(v)).replace(".", decimal) for v in row) + "\n" for row in values)


@pytest.mark.parametrize(
    "text",
    [
        "x1;x2;F1;F2\n" + rows(TWO, ";", ","),
        "sep=;\nx1;x2;F1;F2\n" + rows(TWO, ";", ","),
        '"sep=,"\nx1,x2,F1,F2\n' + rows(TWO),
        "x1\tx2\tF1\tF2\n" + rows(TWO, "\t", ","),
        "# made at noon, on a day\n# by a solver\nx1,x2,F1,F2\n" + rows(TWO),
        "# x1,x2,F1,F2\n" + rows(TWO),  # as numpy.savetxt writes it
        "x1,x2,F1,F2\n" + rows(TWO) + "# the end\n",
        "% x, y, u, v\nx,y,u,v\n" + rows(TWO),
        "x1,x2,Fx,Fy\n" + rows(TWO),
        "x,y,vx,vy\n" + rows(TWO),
        "i,u,v,x,y\n" + rows(np.column_stack([np.arange(120), F[:, :2], X[:, :2]])),
        "x,y,Fx,Fy,quality\n" + rows(np.column_stack([TWO, X[:, 2]])),
    ],
)
def test_two_dimensions_in_many_shapes(tmp_path: Path, text: str):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    table = read_table(tmp_path / "a.csv")
    np.testing.assert_array_equal(table.positions(), X[:, :2])
    np.testing.assert_array_equal(table.field_values(), F[:, :2])


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("x [mm],y [mm],z [mm],u [m/s],v [m/s],w [m/s]", np.column_stack([X, F])),
        ('"U:0","U:1","U:2","p","Points:0","Points:1","Points:2"', np.column_stack([F, F[:, :1], X])),
        ("Points_0,Points_1,Points_2,velocity_0,velocity_1,velocity_2", np.column_stack([X, F])),
        ("x,y,z,Fx,Fy,Fz", np.column_stack([X, F])),
    ],
)
def test_three_dimensions_as_solvers_name_them(tmp_path: Path, header: str, values: np.ndarray):
    (tmp_path / "a.csv").write_text(header + "\n" + rows(values))
    table = read_table(tmp_path / "a.csv")
    np.testing.assert_array_equal(table.positions(), X)
    np.testing.assert_array_equal(table.field_values(), F)


def test_a_row_of_units(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x1,x2,F1,F2\nmm,mm,m/s,m/s\n" + rows(TWO))
    table = read_table(tmp_path / "a.csv")
    assert [column.unit for column in table.layout.columns] == ["mm", "mm", "m/s", "m/s"]
    np.testing.assert_array_equal(table.field_values(), F[:, :2])


def test_a_first_row_with_one_bad_cell_is_no_row_of_units(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x1,x2,F1,F2\noops,1,2,3\n" + rows(TWO))
    with pytest.raises(InputError, match=r"row 1 of the data .*'oops' is not a number"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("text", "says", "never"),
    [
        ("x1,x2,Fy,F2\n" + rows(TWO), "the column F1 is missing", "Fy"),  # it is the second component
        ("# only a comment, of two parts\n", "nothing but comments", "separate columns"),
        ("# one more\n\n", "nothing but comments", "separate columns"),
    ],
)
def test_advice_that_does_not_mislead(tmp_path: Path, text: str, says: str, never: str):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "a.csv")
    assert says in str(caught.value) and never not in str(caught.value)


def test_six_digits_do_not_make_a_contradiction(tmp_path: Path):
    """5,000 rows of which some share a rounded x: F differs as rounding does, and the rows become their mean."""
    x = np.round(np.random.default_rng(1).uniform(100, 200, 5000) + 3e-4, 3)
    near = x + np.random.default_rng(2).uniform(-5e-4, 5e-4, 5000)
    (tmp_path / "a.csv").write_text("x1,F1\n" + rows(np.column_stack([x, np.round(np.sin(near / 20), 6)])))
    table = read_table(tmp_path / "a.csv")
    assert table.rows == len(np.unique(x)) < 5000
    assert np.abs(table.values["F1"] - np.sin(table.values["x1"] / 20)).max() < 5e-5
    assert "became its mean" in table.notes[0]


def test_a_real_contradiction_stays_one(tmp_path: Path):
    from npf_engine.fields import uploads
    from npf_engine.fields.spec import FieldSpec

    values = np.column_stack([X[:, 0], F[:, 0]])
    values[7, 0] = values[90, 0]
    (tmp_path / "a.csv").write_text("x1,F1\n" + rows(values))
    with pytest.raises(InputError, match="rows 8 and 91 of the data have the same x"):
        uploads.load_upload(tmp_path / "a.csv", FieldSpec(source="it"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_that_is_commented_out_is_no_row_though_its_first_cell_is_not_used(tmp_path: Path, end: str):
    lines = [f"{k},{row}" for k, row in enumerate(rows(TWO).splitlines())]
    lines[0], lines[7] = "#" + lines[0], '"# ' + lines[7].replace(",", '",', 1)
    (tmp_path / "a.csv").write_bytes(end.join(["# made at noon", "id,x,y,u,v", *lines]).encode())
    table = read_table(tmp_path / "a.csv")
    np.testing.assert_array_equal(table.positions(), np.delete(X[:, :2], [0, 7], axis=0))


@pytest.mark.parametrize("mark", ["\f", "\v", "\x1c", "\x85", "\u2028"])
def test_only_an_end_of_line_ends_a_line_of_the_header(tmp_path: Path, mark: str):
    (tmp_path / "a.csv").write_text(f"# made by Ren{mark}# at noon\nx1,x2,F1,F2\n" + rows(TWO), encoding="utf-8")
    np.testing.assert_array_equal(read_table(tmp_path / "a.csv").positions(), X[:, :2])


@pytest.mark.parametrize(
    ("header", "factors"),
    [
        ("x1 [m],x2 [m],F1 [cm/s],F2 [m/s]", (0.01, 1.0)),
        ("x,y,u,v\nm,m,knots,m/s", (1852 / 3600, 1.0)),
        ("x,y,u [mm],v [km]", (0.001, 1000.0)),
        ("x,y,u [cm/s],v [cm s-1]", (0.01, 0.01)),
    ],
)
def test_components_in_different_units_come_into_one(tmp_path: Path, header: str, factors: tuple[float, float]):
    (tmp_path / "a.csv").write_text(header + "\n" + rows(TWO))
    table = read_table(tmp_path / "a.csv")
    np.testing.assert_allclose(table.field_values(), F[:, :2] * factors, rtol=1e-12)
    assert len(table.conversions) == sum(factor != 1 for factor in factors)


def test_components_of_different_kinds_are_told(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x,y,u [m/s],v [K]\n" + rows(TWO))
    assert any("u in m/s, v in K" in text.replace(" [m/s]", "").replace(" [K]", "") for text in _notes(tmp_path))
    (tmp_path / "a.csv").write_text("x,y,u [m/s],v\n" + rows(TWO))
    assert any("The unit of v is not said" in text for text in _notes(tmp_path))
    (tmp_path / "a.csv").write_text("x [m],y [s],u [J/m],v [J/s]\n" + rows(TWO))
    assert not _notes(tmp_path), "as the gradient of a J by a place and a time"


def _notes(folder: Path) -> tuple[str, ...]:
    return read_table(folder / "a.csv").notes


def test_commas_that_may_mark_thousands_are_told(tmp_path: Path):
    three = np.column_stack([np.round(X[:, :2] * 1e5), np.abs(F[:, :2]) * 900 + 1])
    for digits, doubted in ((3, True), (2, False)):
        lines = ";".join(["%d", "%d", f"%.{digits}f", f"%.{digits}f"])
        text = "".join((lines % tuple(row)).replace(".", ",") + "\n" for row in three)
        (tmp_path / "a.csv").write_text("x;y;u;v\n" + text)
        table = read_table(tmp_path / "a.csv")
        assert table.conversions == ("Commas in numbers were read as decimal points.",)
        assert any("1000 times too small" in note for note in table.notes) == doubted
    (tmp_path / "a.csv").write_text("x,y,u,v\n" + rows(TWO))
    assert read_table(tmp_path / "a.csv").conversions == ()


def test_a_component_that_is_there_twice_is_named(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x,y,u,v,u\n" + rows(np.column_stack([TWO, F[:, 1]])))
    with pytest.raises(InputError, match="u is there twice, as column 3 and column 5"):
        read_table(tmp_path / "a.csv")


def test_a_huge_mark_in_one_row_is_left_out(tmp_path: Path):
    marked = TWO.copy()
    marked[4, 2] = 1e20
    (tmp_path / "a.csv").write_text("x,y,u,v\n" + rows(marked))
    table = read_table(tmp_path / "a.csv")
    assert table.rows == 119 and table.dropped == 1 and "1e+20" in table.notes[0]


def test_a_typographic_minus_sign_is_named(tmp_path: Path):
    (tmp_path / "a.csv").write_text("x,y,u,v\n" + rows(TWO) + "\u22121,2,3,4\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"U\+2212; write the plain hyphen"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "header", ["x0,x1,x2,u,v", "x,y,z,u,v", "Points:0,Points:1,Points:2,U:0,U:1", "x1,x2,x3,Fx,Fy"]
)
def test_three_positions_beside_two_components_are_asked_about(tmp_path: Path, header: str):
    path = tmp_path / "a.csv"
    values = np.random.default_rng(0).normal(size=(80, 5))
    path.write_text(header + "\n" + "\n".join(",".join(map(repr, map(float, row))) for row in values))
    names = header.split(",")
    says = f"columns = {names[0]}, {names[1]} -> {names[3]}, {names[4]}"
    with pytest.raises(InputError, match=r"are 3 positions, but .* are 2 components") as caught:
        read_table(path, FieldSpec(source="a"))
    assert says in str(caught.value)
    table = read_table(path, FieldSpec(columns=says.partition("= ")[2]))
    np.testing.assert_array_equal(table.positions(), values[:, :2])
