"""Tables whose columns have other names than x1 and F1: read as they say, told; else the setting that says it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields import catalog, uploads
from npf_engine.fields.readers.guessed import guess
from npf_engine.fields.readers.tables import read_table
from npf_engine.fields.spec import FieldSpec

RNG = np.random.default_rng(3)
LON, LAT = RNG.uniform(0, 10, 400), RNG.uniform(40, 50, 400)
U, V = np.sin(LON / 2) * 5 + 0.1 * LAT, np.cos(LAT) * 3 + LON
KNOWN = {"lon": LON, "lat": LAT, "u": U, "v": V}


def save(path: Path, **columns: np.ndarray) -> Path:
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    path.write_text(",".join(columns) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def named(names: str) -> dict[str, np.ndarray]:
    """Columns by "name=what", what of KNOWN; a name alone is a count of the rows."""
    pairs = [name.partition("=") for name in names.split()]
    return {name: KNOWN[what] if what else np.arange(len(LON)) for name, _, what in pairs}


@pytest.mark.parametrize(
    "names",
    [
        "id lat=lat lon=lon u=u v=v",
        "station lon=lon lat=lat u10=u v10=v",
        "lon=lon lat=lat F2=v F1=u",
        "Longitude=lon Latitude=lat v10=v u10=u",
        "lon_dd=lon lat_dd=lat ve=u vn=v",
        "date lat=lat lon=lon eastward_wind=u northward_wind=v T",
        "easting=lon northing=lat ugos=u vgos=v",
        "x=lon y=lat u10=u v10=v speed",
        "depth lon=lon lat=lat uo=u vo=v",
    ],
)
def test_one_pair_of_components_beside_positions_is_read_and_told(tmp_path: Path, names: str) -> None:
    table = read_table(save(tmp_path / "a.csv", **named(names)))
    np.testing.assert_array_equal(table.positions(), np.stack([LON, LAT], axis=1))
    np.testing.assert_array_equal(table.field_values(), np.stack([U, V], axis=1))
    told = [text for text in table.conversions if "By their names the columns were taken as columns = '" in text]
    assert len(told) == 1
    spec = FieldSpec(columns=told[0].partition("'")[2].rpartition("'")[0])  # the sentence is the setting
    assert read_table(tmp_path / "a.csv", spec).layout.columns == table.layout.columns


def test_a_height_beside_longitude_and_latitude_is_one_on_a_grid(tmp_path: Path) -> None:
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(20.0), np.arange(40.0, 60.0)))
    table = read_table(save(tmp_path / "a.csv", lon=lon, lat=lat, z=lon + 2 * lat))
    assert table.layout.kind == "grid" and "columns = 'lon, lat -> z'" in table.conversions[0]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("lon=lon lat=lat u10=u v10=v u100=u v100=v", "'lon, lat -> u10, v10' or columns = 'lon, lat -> u100, v100'"),
        ("lon=lon lat=lat a=u b=v", "as in columns = 'lon, lat -> a, b'"),
        ("lon=lon lat=lat speed=u direction=v", r"u = -speed sin\(direction\)"),
        ("lon=lon lat=lat depth u=u v=v w=v", "'lon, lat, depth -> u, v, w'"),
        ("lon=lon lat=lat u10=u", "none of its columns"),
        ("x=lon y=lat u_err=u v_err=v", "as in columns = 'x, y -> u_err, v_err'"),
        ("a=lon b=lat c=u d=v", "name them x1"),
    ],
)
def test_what_must_be_chosen_is_asked_with_its_setting(tmp_path: Path, names: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_table(save(tmp_path / "a.csv", **named(names)))


def test_a_guess_is_offered_where_it_has_to_be_chosen() -> None:
    assert guess(("id", "lat", "lon", "v", "u")) == ([2, 1], [4, 3])
    assert guess(("a", "b")) == ([], []) and guess(("T", "lon", "lat")) == ([1, 2], [])


@pytest.mark.parametrize("count", [1, 2, 60])
def test_rows_at_nowhere_are_left_out_before_they_contradict_one_another(tmp_path: Path, count: int) -> None:
    parts = {name: np.concatenate([values, np.zeros(count)]) for name, values in KNOWN.items()}
    parts["u"][-count:] = np.arange(1, count + 1)
    path = save(tmp_path / "a.csv", **parts)
    field = catalog.resolve(FieldSpec(source=str(path)))
    assert field.n == 400 and any("at 0, 0, far from all others" in text for text in field.warnings)
    assert not uploads.preview(path).defects
    kept = FieldSpec(source=str(path), missing="keep")
    if count > 1:
        with pytest.raises(InputError, match="have the same x"):
            catalog.resolve(kept)


def test_rows_at_zero_among_others_are_places(tmp_path: Path) -> None:
    parts = {name: np.append(values, 0.0) for name, values in {**KNOWN, "lon": LON - 5, "lat": LAT - 45}.items()}
    assert read_table(save(tmp_path / "a.csv", **parts)).rows == 401


def test_smoothing_that_does_nothing_is_told(tmp_path: Path) -> None:
    path = save(tmp_path / "a.csv", **KNOWN)
    field = catalog.resolve(FieldSpec(source=str(path), smooth=2.0))
    assert any("smooth = 2 is of gridded data and did nothing here" in text for text in field.warnings)
    x, y = (part.ravel() for part in np.meshgrid(np.arange(20.0), np.arange(20.0)))
    path = save(tmp_path / "b.csv", x=x, y=y, z=np.sin(x / 4) * y)
    field = catalog.resolve(FieldSpec(source=str(path), smooth=2.0, sigma=1.0))
    assert any("did nothing here: sigma smooths heights" in text for text in field.warnings)
