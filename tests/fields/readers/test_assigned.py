"""Columns by assignment: a table whose names do not say what they hold is read as its owner says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.cli import main
from npf_engine.errors import InputError
from npf_engine.fields import uploads
from npf_engine.fields.catalog import resolve
from npf_engine.fields.readers.assigned import assigned, written
from npf_engine.fields.readers.tables import read_table
from npf_engine.fields.spec import FieldSpec
from ui.link import FIELD

RNG = np.random.default_rng(0)
A = np.column_stack([np.arange(90), RNG.uniform(0, 1, (90, 5))])
NAMES = ("station", "lon", "lat", "speed, east [m/s]", "v [m/s]", "T")
SAYS = 'lon, lat -> "speed, east [m/s]", v'


def save(path: Path, names: tuple[str, ...] = NAMES, values: np.ndarray = A) -> Path:
    head = ",".join(f'"{name}"' if "," in name else name for name in names)
    if path.suffix == ".csv":
        path.write_text(head + "\n" + "".join(",".join(map(repr, map(float, row))) + "\n" for row in values))
    elif path.suffix == ".npz":
        np.savez(path, **{name: values[:, k] for k, name in enumerate(names)})
    else:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table({name: values[:, k] for k, name in enumerate(names)}), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
@pytest.mark.parametrize("says", [SAYS, "#2, #3 -> #4, #5", "LON, Lat → #4, v [m/s]", "lon,lat->#4,v"])
def test_a_table_is_read_as_it_is_assigned(tmp_path: Path, suffix: str, says: str) -> None:
    table = read_table(save(tmp_path / f"a{suffix}"), FieldSpec(columns=says))
    np.testing.assert_array_equal(table.positions(), A[:, 1:3])
    np.testing.assert_array_equal(table.field_values(), A[:, 3:5])
    assert [column.unit for column in table.layout.values] == ["m/s", "m/s"]
    assert table.layout.ignored == ("station", "T")


def test_three_positions_and_one(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv")
    table = read_table(path, FieldSpec(columns="T, v, lat -> lon, #4, station"))
    np.testing.assert_array_equal(table.positions(), A[:, [5, 4, 2]])
    np.testing.assert_array_equal(table.field_values(), A[:, [1, 3, 0]])
    assert read_table(path, FieldSpec(columns="lon -> v")).layout.d == 1


def test_one_name_after_the_arrow_is_a_height(tmp_path: Path) -> None:
    x, y = np.meshgrid(np.arange(12.0), np.arange(10.0))
    values = np.column_stack([x.ravel(), y.ravel(), (3 * x - 2 * y + 0.5).ravel()])
    path = save(tmp_path / "a.csv", ("across", "up", "phi"), values)
    field = resolve(FieldSpec(source=str(path), columns="across, up -> phi", sigma=0.0))
    found = np.concatenate([field.y_train, field.y_test])
    np.testing.assert_allclose(found, np.broadcast_to([3, -2], (120, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("says", "wrong"),
    [
        ("lon, lat, u, v", "are assigned as 'lon, lat -> u, v'"),
        ("lon, lat -> T", None),
        ("lon, lat ->", "no column stands after the arrow"),
        ("-> T", "no column stands before the arrow"),
        ("lon, lat, T -> v", "3 positions need 3 components of F, but 1"),
        ("lon, lat -> T, lon", "lon is assigned twice"),
        ("lon, lat -> Tt, v", "has no column Tt; did you mean T"),
        ("lon, #9 -> T, v", "has 6 columns; there is no #9"),
        ('lon, "lat -> T, v', "cannot be read"),
    ],
)
def test_what_does_not_fit_is_one_sentence(says: str, wrong: str | None) -> None:
    if wrong is None:
        assert assigned("a.csv", NAMES, says).kind == "grid"
        return
    with pytest.raises(InputError, match=wrong.replace("(", r"\(")) as told:
        assigned("a.csv", NAMES, says)
    assert "\n" not in str(told.value) and "a.csv" in str(told.value)


def test_columns_of_one_name_are_told_apart_by_number(tmp_path: Path) -> None:
    names = ("x", "x", "u", "v")
    with pytest.raises(InputError, match="2 columns are called x; write #1 or #2"):
        assigned("a.csv", names, "x, u -> u, v")
    path = save(tmp_path / "a.csv", names, A[:, 1:5])
    np.testing.assert_array_equal(read_table(path, FieldSpec(columns="#1, #2 -> u, v")).positions(), A[:, 1:3])
    assert written(names, [0, 1], [2, 3]) == "#1, #2 -> u, v"


def test_what_is_written_is_read_again() -> None:
    for names in (NAMES, ("a->b", "", 'c"d', "#4", "e, f", "g")):
        layout = assigned("a.csv", names, written(names, [0, 4], [2, 3]))
        assert [column.index for column in layout.columns] == [0, 4, 2, 3]


def test_columns_stand_in_links_and_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = FieldSpec(source="jacksboro", columns=SAYS)
    assert FIELD.read(FIELD.write(spec)) == spec
    path = save(tmp_path / "a.csv")
    assert main(["preview", str(path), "--set", f"field.columns={SAYS}"]) == 0
    assert "90 samples" in capsys.readouterr().out
    assert main(["preview", str(path)]) == 2
    assert "as in columns = 'lon, lat -> " in capsys.readouterr().err


@pytest.mark.parametrize("text", ["lat, lon -> u, v", "Latitude [deg], Longitude [deg] -> z"])
def test_latitude_first_is_asked_about(text: str) -> None:
    names = ["lat", "lon", "u", "v", "Latitude [deg]", "Longitude [deg]", "z"]
    with pytest.raises(InputError, match="latitude is assigned before longitude"):
        assigned("a.csv", names, text)


@pytest.mark.parametrize("names", ["lon,lat,u,v", "lat,lon,v,u", "u [m/s],v [m/s],Longitude,Latitude", "LON,LAT,U,V"])
def test_longitude_latitude_u_and_v_and_nothing_else_are_no_guess(tmp_path: Path, names: str) -> None:
    order = {"lon": 1, "longitude": 1, "lat": 2, "latitude": 2, "u": 3, "v": 4}
    which = [order[name.partition(" ")[0].lower()] for name in names.split(",")]
    path = save(tmp_path / "a.csv", tuple(names.split(",")), A[:, which])
    table = read_table(path)
    np.testing.assert_array_equal(np.hstack([table.positions(), table.field_values()]), A[:, 1:5])
    seen = uploads.preview(path)
    assert seen.ok and [column.unit for column in seen.columns[:2]] == ["degrees", "degrees"]
    field = resolve(FieldSpec(source=str(path)))
    assert field.units.position == ("km", "km") and field.provenance["origin"] is not None
    unit = "m/s" if "[" in names else ""
    assert field.units.value == unit and any("not say what" in text for text in field.warnings) == (not unit)


def test_the_unit_of_f_can_be_named_where_the_table_does_not(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", ("lon", "lat", "u", "v"), A[:, 1:5])
    field = resolve(FieldSpec(source=str(path), unit="cm/s"))
    assert field.units.value == "cm/s" and not any("set unit" in text for text in field.warnings)
    path = save(tmp_path / "b.csv", ("lon", "lat", "u [m/s]", "v [m/s]"), A[:, 1:5])
    field = resolve(FieldSpec(source=str(path), unit="cm/s"))
    assert field.units.value == "m/s" and any("unit = cm/s was left out" in text for text in field.warnings)


def test_rows_that_become_many_samples_are_counted_as_rows(tmp_path: Path) -> None:
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(40.0), np.arange(30.0)))
    path = save(
        tmp_path / "a.csv", ("lon", "lat", "u", "v"), np.column_stack([lon, lat, np.sin(lon / 9), np.cos(lat / 9)])
    )
    field = resolve(FieldSpec(source=str(path)))
    assert field.n == 100_000 and field.provenance["interpolated"] == 100_000 - 1200
    assert any("known at 1,200 rows alone" in text and "kept for tests" in text for text in field.warnings)
