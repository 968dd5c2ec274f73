"""Two files of points as one problem: columns by name, an index left out, offsets taken off in double precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields.clouds import pair, read_points
from npf_engine.studies.lab.tasks import build_task

RNG_POINTS = np.random.default_rng(8).normal(size=(80, 2))


def write(path: Path, header: str, rows: np.ndarray) -> Path:
    np.savetxt(path, rows, delimiter=",", header=header, comments="")
    return path


RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(200, 2)), RNG.normal(size=(150, 2)) * [1.0, 5.0] + [0.0, 9.0]


def csv(path: Path, header: str, points: np.ndarray) -> Path:
    lines = [header] + [",".join(map(repr, map(float, row))) for row in points]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_columns_are_matched_by_their_names(tmp_path: Path):
    first = read_points(csv(tmp_path / "a.csv", "height,width", A))
    second = read_points(csv(tmp_path / "b.csv", "Width, height", B[:, ::-1]))
    joined = pair(first, second)
    np.testing.assert_allclose(joined.target, B, rtol=1e-6)
    assert "matched by their names" in joined.notes[0]
    plain = pair(first, read_points(csv(tmp_path / "c.csv", "height,width", B)))
    np.testing.assert_allclose(plain.target, B, rtol=1e-6)
    assert plain.notes == ()


def test_columns_of_other_names_are_matched_in_order_and_told(tmp_path: Path):
    first, second = read_points(csv(tmp_path / "a.csv", "x,y", A)), read_points(csv(tmp_path / "b.csv", "u,v", B))
    joined = pair(first, second)
    np.testing.assert_allclose(joined.target, B, rtol=1e-6)
    assert "in this order" in joined.notes[0]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("x,y", "y [m],x [m]"),
        ("x_1,x_2", "X2,X1"),
        ("x,y", "x2,x1"),
        ("lat,lon", "longitude,latitude"),
        ("easting (m),northing (m)", "North,East"),
        ("easting,northing", "N,E"),
        ("x,y", "y_coord,x_coord"),
    ],
)
def test_columns_are_matched_by_names_that_are_written_otherwise(tmp_path: Path, ours: str, theirs: str):
    first = read_points(csv(tmp_path / "a.csv", ours, A))
    joined = pair(first, read_points(csv(tmp_path / "b.csv", theirs, B[:, ::-1])))
    np.testing.assert_allclose(joined.target, B, rtol=1e-6)
    assert "matched by their names" in joined.notes[0]


def test_clouds_in_different_units_come_into_that_of_the_first(tmp_path: Path):
    first = read_points(csv(tmp_path / "a.csv", "x [km],y [km]", A))
    joined = pair(first, read_points(csv(tmp_path / "b.csv", "y [m],x [m]", B[:, ::-1] * 1000)))
    np.testing.assert_allclose(joined.target, B, rtol=1e-6)
    assert "x [m] of b.csv was turned into km: times 0.001." in joined.notes
    with pytest.raises(InputError, match="in different units"):
        pair(first, read_points(csv(tmp_path / "c.csv", "x [deg],y [deg]", B)))
    unsaid = pair(first, read_points(csv(tmp_path / "d.csv", "x,y", B)))
    assert any("d.csv does not say the unit of x: km was assumed" in text for text in unsaid.notes)


def test_a_name_of_any_length_is_cut_in_a_sentence(tmp_path: Path):
    """Found by fuzzing: a header of thousands of letters stood in the sentence, whole."""
    long = "speed, of a long name" + "," * 4000
    path = tmp_path / "a.csv"
    path.write_text(f'"{long}",y\n1,2\n3,4\nfive,6\n')
    with pytest.raises(InputError, match="row 3 of the data") as caught:
        read_points(path)
    assert len(str(caught.value)) < 300
    first = read_points(csv(path, f"{'a' * 4000},y", A))
    with pytest.raises(InputError) as caught:
        pair(first, read_points(csv(tmp_path / "b.csv", f"{'b' * 4000} [km],y", B)))
    assert len(str(caught.value)) < 600
    joined = pair(first, read_points(csv(tmp_path / "c.csv", f"{'b' * 4000},{'c' * 4000}", B)))
    assert joined.notes and all(len(note) < 800 for note in joined.notes)


@pytest.mark.parametrize("header", [",x,y", "Unnamed: 0,x,y"])
def test_an_index_that_was_shuffled_or_thinned_is_no_dimension(tmp_path: Path, header: str):
    for index in (RNG.permutation(len(A)), 2 * np.arange(len(A))):
        cloud = read_points(csv(tmp_path / "a.csv", header, np.column_stack([index, A])))
        np.testing.assert_array_equal(cloud.points, A)
        assert "numbers the rows" in cloud.notes[0]
    twice = read_points(csv(tmp_path / "b.csv", header, np.column_stack([np.arange(len(A)) // 2, A])))
    assert twice.points.shape == (200, 3)


def test_columns_of_which_one_is_alone_are_refused(tmp_path: Path):
    first, second = read_points(csv(tmp_path / "a.csv", "x,y", A)), read_points(csv(tmp_path / "b.csv", "x,z", B))
    with pytest.raises(InputError, match="give both the same columns"):
        pair(first, second)
    twice = read_points(csv(tmp_path / "c.csv", "x,x", A))
    with pytest.raises(InputError, match="give both the same columns"):
        pair(twice, read_points(csv(tmp_path / "d.csv", "y,x", B)))


@pytest.mark.parametrize("header", [",x,y", "index,x,y", "Unnamed: 0,x,y", "ID,x,y"])
@pytest.mark.parametrize("start", [0, 1])
def test_an_index_is_no_dimension(tmp_path: Path, header: str, start: int):
    counted = np.column_stack([np.arange(len(A)) + start, A])
    cloud = read_points(csv(tmp_path / "a.csv", header, counted))
    np.testing.assert_array_equal(cloud.points, A)
    assert "numbers the rows" in cloud.notes[0]


def test_a_column_that_does_not_count_is_a_dimension(tmp_path: Path):
    assert read_points(csv(tmp_path / "a.csv", "id,y", A)).points.shape == (200, 2)
    rising = np.column_stack([np.arange(len(A)), A[:, 0]])
    assert read_points(csv(tmp_path / "b.csv", "t,y", rising)).points.shape == (200, 2), "t may be a time"


def test_metres_of_a_map_keep_their_digits(tmp_path: Path):
    north = np.array([500_000.0, 5_100_000.0])
    small, other = A * 0.1, B * 0.1
    joined = pair(
        read_points(csv(tmp_path / "a.csv", "east,north", small + north)),
        read_points(csv(tmp_path / "b.csv", "east,north", other + north)),
    )
    assert len(np.unique(joined.source[:, 1])) == len(A)
    np.testing.assert_allclose(joined.source + (joined.offset - north), small, atol=1e-7)
    np.testing.assert_allclose(joined.target - joined.source[:150], other - small[:150], atol=2e-6)
    assert "taken off both" in joined.notes[-1]


def test_complex_numbers_are_refused(tmp_path: Path):
    np.savez(tmp_path / "c.npz", x=A + 1j)
    with pytest.raises(InputError, match="complex"):
        read_points(tmp_path / "c.npz")
    (tmp_path / "c.csv").write_text("x,y\n" + "1+2j,3\n" * 20)
    with pytest.raises(InputError, match="not a number"):
        read_points(tmp_path / "c.csv")


def test_marks_for_nothing_known_are_left_out(tmp_path: Path):
    marked = A.copy()
    marked[[3, 50], 1] = -9999
    cloud = read_points(csv(tmp_path / "a.csv", "x,y", marked))
    assert cloud.points.shape == (198, 2) and "-9999" in cloud.notes[0]


def test_the_lab_takes_the_joined_clouds(tmp_path: Path):
    first = csv(tmp_path / "a.csv", ",x,y", np.column_stack([np.arange(len(A)), A]))
    second = csv(tmp_path / "b.csv", "y,x", B[:, ::-1])
    task = build_task(str(first), str(second))
    assert task.d == 2 and len(task.notes) == 2
    assert float(task.test(22, 0)[1].mean(0)[1]) > 5, "the second axis is the wide one"


def test_units_at_the_end_of_a_name_and_identifiers_in_any_order(tmp_path: Path):
    ids = RNG.permutation(10_000)[:350].astype(float)[:, None]
    first = read_points(csv(tmp_path / "a.csv", "OBJECTID,x_km,y_km", np.hstack([ids[:200], A])))
    second = read_points(csv(tmp_path / "b.csv", "y_m,x_m,OBJECTID", np.hstack([1000 * B[:, ::-1], ids[200:]])))
    joined = pair(first, second)
    np.testing.assert_allclose(joined.target + joined.offset, B, rtol=1e-5)
    assert joined.source.shape == (200, 2) and any("OBJECTID" in note for note in joined.notes)
    first = read_points(csv(tmp_path / "a.csv", "lon,lat", A))
    joined = pair(first, read_points(csv(tmp_path / "b.csv", "latitude_deg,longitude_deg", B[:, ::-1])))
    np.testing.assert_allclose(joined.target + joined.offset, B, rtol=1e-5)


def test_values_that_are_too_large_are_called_that(tmp_path: Path, recwarn: pytest.WarningsRecorder):
    large = B.copy()
    large[7, 1] = 1e300
    first, second = read_points(csv(tmp_path / "a.csv", "x,y", A)), read_points(csv(tmp_path / "b.csv", "x,y", large))
    with pytest.raises(InputError, match=r"b\.csv: row 8 of the points, column y holds 1e\+300"):
        pair(first, second)
    assert not recwarn.list


def test_longitudes_of_two_conventions_are_put_on_one_turn(tmp_path: Path):
    lon, lat = RNG_POINTS[:, 0] * 5, RNG_POINTS[:, 1]
    first = write(tmp_path / "a.csv", "lon,lat", np.column_stack([lon - 10, lat]))
    for name, shift in (("b.csv", 340.0), ("c.csv", -20.0)):
        second = write(tmp_path / name, "Longitude,Latitude", np.column_stack([(lon + shift), lat]))
        found = pair(read_points(first), read_points(second))
        assert np.ptp(np.concatenate([found.source, found.target])[:, 0]) < 60
        middles = [part[:, 0].mean() for part in (found.source, found.target)]
        assert middles[1] - middles[0] == pytest.approx(-10.0, abs=1e-3)
        assert any("one turn of the globe" in note for note in found.notes) == (shift > 0)
    plane = write(tmp_path / "d.csv", "x,y", np.column_stack([lon + 340, lat]))
    assert not any("turn" in note for note in pair(read_points(plane), read_points(plane)).notes)


def test_an_empty_column_without_a_name_is_none(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("x,y,\n" + "".join(f"{a},{b},\n" for a, b in RNG_POINTS))
    assert read_points(path).names == ("x", "y")
    np.testing.assert_allclose(read_points(path).points, RNG_POINTS)


@pytest.mark.parametrize("name", ["weight", "Label", "t"])
def test_a_column_that_is_seldom_a_coordinate_is_told(tmp_path: Path, name: str):
    path = write(tmp_path / "a.csv", f"x,y,{name}", np.column_stack([RNG_POINTS, RNG_POINTS[:, 0] ** 2]))
    cloud = read_points(path)
    assert cloud.points.shape[1] == 3 and any(f"'{name}' was taken as a coordinate" in note for note in cloud.notes)


def test_an_array_whose_points_are_columns_is_refused(tmp_path: Path):
    np.savez(tmp_path / "a.npz", x=RNG_POINTS.T)
    with pytest.raises(InputError, match=r"2 points in 80 dimensions.*save x.T"):
        read_points(tmp_path / "a.npz")
