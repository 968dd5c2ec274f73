"""Field: the four ways to a field, its options in the link, fetching that fails or waits, and the way to Train."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec

from npf_engine.errors import DiskFull, InputError
from npf_engine.fields import catalog, stored_files
from npf_engine.fields.places import overviews
from npf_engine.fields.places.elevation_fetch import clip_path
from npf_engine.fields.places.find import find_region
from npf_engine.fields.spec import FieldSpec
from npf_engine.numbers import numbers_in
from npf_engine.tasks import layout
from pages.field import building, components, pick
from tests.fields.loopback import Loopback, hill, loopback, need_gdal, serve_folder
from tests.fields.readers.test_raster_vectors import U, V, save
from tests.fields.test_meshes import several
from tests.pages.conftest import button, open_page, texts
from ui import uploading, worldmap

LATTICE = np.stack(np.meshgrid(np.linspace(-1, 1, 30), np.linspace(-1, 1, 30)), axis=-1).reshape(-1, 2)


def table(rows: np.ndarray, head: str = "x1,x2,F1,F2") -> bytes:
    return (head + "\n" + "\n".join(",".join(f"{v:.6f}" for v in row) for row in rows) + "\n").encode()


def swirl_table() -> bytes:
    x = LATTICE + np.random.default_rng(0).normal(scale=0.01, size=LATTICE.shape)
    return table(np.hstack([x, np.stack([np.sin(2 * x[:, 1]), x[:, 0] ** 3 + x[:, 0]], axis=1)]))


def plots(app) -> int:
    return len(app.get("plotly_chart"))


def test_first_visit_shows_the_embedded_terrain(own_home: Path):
    app = open_page("field")
    assert "Jacksboro" in texts(app) and "138,632" in texts(app)
    assert plots(app) == 5 and "The region in space" in texts(app) and "Heights run from" in texts(app)
    assert not app.error and button(app, "Use this field")


def test_options_go_into_the_link_and_from_the_link_into_the_field(own_home: Path):
    app = open_page("field", {"sigma": "5", "max_samples": "4000"})
    assert app.number_input(key="option_sigma").value == 5.0
    app.number_input(key="option_sigma").set_value(8.0).run()
    app.selectbox(key="option_rho").set_value("disc").run()
    assert app.query_params["sigma"] == "8.0" and app.query_params["rho"] == "disc"
    assert app.query_params["max_samples"] == "4000"
    assert "resampled" in texts(app) and not app.exception


def test_another_built_in_field_forgets_what_belonged_to_the_old_one(own_home: Path):
    app = open_page("field", {"source": "fractal", "noise_seed": "7", "sigma": "5", "max_samples": "4000"})
    app.selectbox(key="built_in").set_value("swirl").run()
    assert app.query_params["source"] == "swirl" and app.query_params["rho"] == "disc"
    assert "noise_seed" not in app.query_params and app.query_params["sigma"] == "5.0"
    assert "known as a function" in texts(app) and plots(app) == 4  # no surface: the histograms fill its row


def test_one_and_five_dimensions_have_their_own_pictures(own_home: Path):
    line = open_page("field", {"source": "doubling", "n_samples": "2000"})
    assert plots(line) == 2 and "dimension," in texts(line)
    many = {"source": "rastrigin", "n_samples": "2000", "low": "[-1,-1,-1,-1,-1]", "high": "[1,1,1,1,1]"}
    app = open_page("field", many)
    assert "**5** dimensions" in texts(app) and plots(app) == 2
    app.selectbox(key="axis_across").set_value("F5").run()
    assert not app.exception and plots(app) == 2


def test_domain_typed_in_options_changes_the_dimension(own_home: Path):
    app = open_page("field", {"source": "rastrigin", "n_samples": "2000"})
    app.text_input(key="option_low").set_value("-1, -1, -1").run()
    assert app.query_params["low"] == "[-1.0, -1.0, -1.0]" and "**3** dimensions" in texts(app)
    app.text_input(key="option_high").set_value("1, one, 1").run()
    assert "'one' is not a number" in app.error[0].value and "**3** dimensions" in texts(app)


def test_matrix_of_the_linear_field(own_home: Path):
    app = open_page("field", {"source": "linear", "n_samples": "2000"})
    app.text_input(key="option_matrix").set_value("1 0; 0 0").run()
    assert "singular" in app.error[0].value
    app.text_input(key="option_matrix").set_value("1 2; 0 1").run()
    assert not app.error and app.query_params["matrix"] == "[[1.0, 2.0], [0.0, 1.0]]"


def test_formula_is_read_and_a_wrong_one_is_told(own_home: Path):
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.FORMULA).run()
    app.text_area[0].set_value("x^2 + sin(y)")
    button(app, "Apply").click().run()
    assert app.query_params["source"] == "expression" and "F = ∇(x^2 + sin(y))" in texts(app).replace("\\", "")
    assert plots(app) == 5
    app.text_area[0].set_value("x^2 + boom(y)")
    button(app, "Apply").click().run()
    assert "boom" in app.error[0].value and plots(app) == 0


def test_search_suggests_regions_and_says_when_there_is_none(known_cities: None):
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.PLACE).run()
    app.text_input(key=pick.TYPED).set_value("chamo").run()
    assert any("Chamonix" in item.label for item in app.button)
    app.text_input(key=pick.TYPED).set_value("45.9, 6.9").run()
    places = [item for item in app.button if item.key and item.key.startswith("place_coordinates")]
    assert len(places) == 1
    app.text_input(key=pick.TYPED).set_value("xqzzy").run()
    assert "No region or city begins with" in texts(app)


def test_place_waits_for_a_click_and_its_failure_is_a_sentence(own_home: Path, monkeypatch: pytest.MonkeyPatch):
    app = open_page("field", {"source": "chamonix"})
    assert "not on this machine" in texts(app) and plots(app) == 0
    # a machine without GDAL's tools: the first thing that a fetch needs
    monkeypatch.setenv("PATH", "/nonexistent")
    button(app, "Fetch the elevation").click().run()
    assert "gdal-bin" in app.error[0].value and button(app, "Try again")
    assert plots(app) == 0 and not [item for item in app.button if "stop" in (item.key or "")]
    fractal = app.button(key="instead_fractal")
    assert "of that relief, 3,800 m" in fractal.label and "between about 1,000 and 4,800 m" in texts(app)
    fractal.click().run()
    assert app.query_params["source"] == "fractal" and plots(app) == 5 and not app.error
    assert (app.query_params["relief"], app.query_params["side_km"]) == ("3800.0", "14.7")
    assert app.number_input(key="option_relief").value == 3800.0
    assert app.segmented_control(key=pick.MODE).value == pick.BUILT_IN and button(app, "Use this field")


@pytest.mark.parametrize("way", [pick.UPLOAD, pick.PLACE, pick.FORMULA])
def test_another_way_leaves_no_field_of_before_to_be_used(known_cities: None, own_home: Path, way: str):
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(way).run()
    assert "No field yet" in texts(app) and "Jacksboro" not in texts(app) and plots(app) == 0
    assert not [item for item in app.button if item.label == "Use this field"] and not app.expander
    app.segmented_control(key=pick.MODE).set_value(pick.BUILT_IN).run()
    assert plots(app) == 5 and button(app, "Use this field")


def test_suggestion_sets_link_and_title(known_cities: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    app = open_page("field", {"sigma": "12"})
    app.segmented_control(key=pick.MODE).set_value(pick.PLACE).run()
    app.text_input(key=pick.TYPED).set_value("london").run()
    next(item for item in app.button if item.key == "place_gazetteer_london").click().run()
    assert app.query_params["source"] == "london" and app.query_params["sigma"] == "12.0"
    assert "London" in texts(app)


def test_places_on_this_machine_are_offered(own_home: Path):
    app = open_page("field", {"source": "chamonix"})
    assert not [item for item in app.button if (item.key or "").startswith("kept_")]
    london = find_region("london")
    assert london is not None
    clip_path(london.bounds).write_bytes(b"a raster")
    app = open_page("field", {"source": "chamonix"})
    app.button(key="kept_london").click().run()
    assert app.query_params["source"] == "london"


def test_rasters_of_the_folder_are_read_for_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without keeping the page waiting; what cannot be drawn is told."""
    (tmp_path / "torn.tif").write_bytes(b"II*\0" + bytes(100))
    save(tmp_path / "valley.tif", np.add.outer(np.arange(40.0), np.arange(50.0)))
    monkeypatch.setenv("NPF_DEM_DIR", str(tmp_path))
    every = overviews.Overviews()
    monkeypatch.setattr(worldmap, "_overviews", lambda: every)
    app = open_page("field", {"source": "chamonix"})
    every.join()
    assert not app.run().exception and "torn.tif cannot be read as a GeoTIFF" in texts(app)
    assert "for the map ..." not in texts(app) and "valley.tif" not in texts(app)


def test_upload_is_previewed_then_kept_and_carried_to_train(own_home: Path):
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    app.file_uploader(key="upload").set_value([("my field.csv", swirl_table(), "text/csv")]).run()
    assert not app.exception and not app.error
    assert "900 rows" in texts(app) and plots(app) == 4
    assert not (own_home / layout.UPLOADS).exists()
    button(app, "Use this field").click().run()
    kept = list((own_home / layout.UPLOADS).rglob("*.csv"))
    assert len(kept) == 1 and kept[0].read_bytes() == swirl_table()
    assert app.query_params["source"] == f"upload:{kept[0].parent.name}/my-field.csv" and "my-field" in texts(app)


def test_the_array_of_a_mesh_is_chosen(own_home: Path, tmp_path: Path):
    path = several(tmp_path)
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    app.file_uploader(key="upload").set_value([("flow.vti", path.read_bytes(), "application/xml")]).run()
    assert not app.exception and "choose one of them" in app.error[0].value
    app.selectbox(key="mesh_array").set_value("point:vorticity").run()
    assert not app.exception and not app.error and app.query_params["components"] == "point:vorticity"
    assert "504 points" in texts(app) and "in **3** dimensions" in texts(app)
    app.selectbox(key="mesh_array").set_value("∇ point:w").run()
    assert not app.exception and app.query_params["scalar"] == "point:w" and "components" not in app.query_params
    assert "gradient of w" in texts(app)


def test_columns_that_do_not_say_are_assigned(own_home: Path):
    rows = np.column_stack([np.arange(len(LATTICE)), LATTICE, LATTICE[:, ::-1] ** 2])
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    app.file_uploader(key="upload").set_value([("w.csv", table(rows, "id,lon,lat,u,v"), "text/csv")]).run()
    assert not app.exception and not app.error and "By their names the columns" in texts(app)
    at, of = app.multiselect
    assert (at.value, of.value) == ([1, 2], [3, 4])
    of.set_value([4, 3])
    button(app, "Read it so").click().run()
    assert not app.exception and not app.error
    assert app.query_params["columns"] == "lon, lat -> v, u" and app.query_params["rho"] == "samples"
    assert "Lambert azimuthal" in texts(app) and plots(app) == 4
    app.multiselect[1].set_value([4])
    app.multiselect[0].set_value([1, 2, 3])
    button(app, "Read it so").click().run()
    assert "3 positions need 3 components" in app.error[0].value
    button(app, "By their names").click().run()
    assert "columns" not in app.query_params and not app.error
    several = table(np.column_stack([rows, rows[:, 3:]]), "id,lon,lat,u,v,ua,va")
    app.file_uploader(key="upload").set_value([("s.csv", several, "text/csv")]).run()
    assert not app.exception and not app.error and "no more than a guess" in texts(app)
    assert [part.value for part in app.multiselect] == [[1, 2], [3, 4]]  # offered, not taken


def test_rows_in_degrees_are_read_and_counted_and_their_unit_is_named(own_home: Path):
    lon, lat = (part.ravel() for part in np.meshgrid(np.arange(20.0), np.arange(12.0)))
    rows = np.column_stack([lon, lat, np.sin(lon / 9), np.cos(lat / 9 + lon)])
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    app.file_uploader(key="upload").set_value([("w.csv", table(rows, "lon,lat,u,v"), "text/csv")]).run()
    assert not app.exception and not app.error and "no more than a guess" not in texts(app)
    assert "From **240** rows, interpolated to **100,000** samples" in texts(app)
    assert "does not say what u and v are in" in texts(app)
    app.text_input(key="option_unit").set_value("m/s").run()
    assert not app.exception and app.query_params["unit"] == "m/s" and "F in m/s" in texts(app)


def test_bands_or_a_second_raster_are_chosen(own_home: Path, tmp_path: Path):
    first = save(tmp_path / "w.tif", U, V).read_bytes()
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    app.file_uploader(key="upload").set_value([("w.tif", first, "image/tiff")]).run()
    assert not app.exception and app.selectbox(key=components.KIND).value == components.SLOPE
    assert len(app.dataframe) == 2 and all(len(item.value) for item in app.dataframe)  # what was read; moments
    app.selectbox(key=components.KIND).set_value(components.BANDS).run()
    assert not app.exception and not app.error and app.query_params["components"] == "1, 2"
    assert "F is (band 1, band 2)" in texts(app)
    app.text_input(key=components.WHICH).set_value("2, 1").run()
    assert "F is (band 2, band 1)" in texts(app)
    app.selectbox(key=components.KIND).set_value(components.SECOND).run()
    assert not app.exception and "components" not in app.query_params
    second = save(tmp_path / "v.tif", V).read_bytes()
    app.file_uploader(key=components.FILE).set_value([("v.tif", second, "image/tiff")]).run()
    assert not app.exception and not app.error and app.query_params["second"].endswith("/v.tif")
    assert "v.tif, band 1" in texts(app)
    button(app, "Use this field").click().run()
    assert len(list((own_home / layout.UPLOADS).rglob("*.tif"))) == 2
    assert app.query_params["second"].endswith("/v.tif")


def test_what_was_chosen_of_one_raster_is_not_held_against_the_next(own_home: Path, tmp_path: Path):
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    for name, chosen in (("w.tif", components.SECOND), ("other.tif", components.BANDS), ("last.tif", None)):
        raster = save(tmp_path / name, U, V).read_bytes() + b"\0" * len(name)
        app.file_uploader(key="upload").set_value([(name, raster, "image/tiff")]).run()
        assert not app.exception and not app.error
        assert app.selectbox(key=components.KIND).value == components.SLOPE, name
        assert "components" not in app.query_params and app.query_params["source"].endswith(name)
        if chosen is not None:
            app.selectbox(key=components.KIND).set_value(chosen).run()
            assert app.selectbox(key=components.KIND).value == chosen, "it stays while the file does"


def test_bad_upload_is_told_with_its_place(own_home: Path):
    rows = np.hstack([LATTICE, LATTICE])
    rows[7, 2] = np.nan
    app = open_page("field")
    app.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    app.file_uploader(key="upload").set_value([("broken.csv", table(rows[:, :3], "x1,x2,F1"), "text/csv")]).run()
    assert len(app.error) == 1 and "broken.csv" in app.error[0].value.replace("\\", "")
    assert "No field yet" in texts(app) and plots(app) == 0
    assert not [item for item in app.button if item.label == "Use this field"]


def test_bad_link_is_a_sentence_with_a_way_out(own_home: Path):
    app = open_page("field", {"rho": "sphere"})
    assert "Rho must be one of" in app.error[0].value.replace("\\", "") and plots(app) == 5
    app = open_page("field", {"source": "/etc/passwd"})
    assert "cannot open the file" in app.error[0].value and "Jacksboro" in texts(app)


@pytest.mark.parametrize(
    "link",
    [
        {"sigma": "1e6"},
        {"sigma": "1e300"},
        {"bounds": "[" * 4000},
        {"split_seed": "1e30"},
        {"source": "x" * 300},
        {"source": "a\x00b"},
        {"source": "~nobody"},
        {"source": "flow:F", "low": "[-1, -1]", "high": "[1, 1]"},
        {"n_samples": "1" + "0" * 400},
        {"low": "nan", "high": "1"},
        {"expression": json.dumps([[["x"]]]), "source": "expression"},
    ],
)
def test_a_link_beyond_the_limits_is_one_sentence_beside_the_default(own_home: Path, link: dict[str, str]):
    app = open_page("field", link)
    assert not app.exception and len(app.error) == 1, [item.value for item in app.error]
    assert len(app.error[0].value) < 400


def test_nothing_dear_is_built_by_opening_a_link(own_home: Path, monkeypatch: pytest.MonkeyPatch):
    built: list[str] = []
    monkeypatch.setattr("npf_engine.fields.catalog.resolve", lambda spec, progress=None: built.append(spec.source))
    text = json.dumps(["sin(x512)+x1*x2"])
    app = open_page("field", {"source": "expression", "expression": text, "n_samples": "3000000"})
    assert not app.exception and not built
    assert "at most 100,000,000" in app.error[0].value
    app = open_page("field", {"source": "expression", "expression": text, "n_samples": "100000"})
    assert not app.exception and not app.error and not built
    assert "51,200,000 numbers" in texts(app) and button(app, "Build it")


def test_what_is_too_large_for_a_look_can_be_trained_on(own_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("npf_engine.fields.price.SMALL_BYTES", 1000.0)
    monkeypatch.setattr("npf_engine.fields.price.LARGE_BYTES", 2000.0)
    monkeypatch.setattr("npf_engine.fields.catalog.resolve", lambda spec, progress=None: pytest.fail("it is built"))
    app = open_page("field", {"source": "himmelblau", "n_samples": "2000"})
    assert not app.exception and "too large to be shown here" in texts(app)
    app.session_state["build_asked"] = {"source": "himmelblau", "n_samples": "2000"}
    app.run()
    assert not app.exception and button(app, "Use this field")


def test_fields_kept_for_the_next_visitor_are_few_and_small(monkeypatch: pytest.MonkeyPatch):
    recent, one = building.Recent(), catalog.resolve(FieldSpec(source="himmelblau", n_samples=1000))
    monkeypatch.setattr(building, "MOST_BYTES", 2 * 16 * one.n)  # two of them
    specs = [FieldSpec(source="himmelblau", n_samples=1000 + k) for k in range(4)]
    for spec in specs:
        recent.put(spec, one)
    assert [recent.get(spec) is not None for spec in specs] == [False, False, True, True]
    monkeypatch.setattr(building, "MOST_BYTES", 1)
    recent.put(specs[0], one)
    assert recent.get(specs[0]) is not None, "the one on the screen stays"


def test_files_put_aside_do_not_fill_the_disk(own_home: Path, monkeypatch: pytest.MonkeyPatch):
    def upload(name: str) -> UploadedFile:
        data = (name * 1000).encode()
        return UploadedFile(UploadedFileRec(name, f"{name}.csv", "text/csv", data), FileURLs(file_id=name))

    monkeypatch.setattr(uploading, "STAGED_BYTES", 2500)
    sources, paths = [], []
    for k, name in enumerate("abcd"):
        sources.append(uploading.stage(upload(name)))
        paths.append(stored_files.upload_paths(sources[-1])[1])
        os.utime(paths[-1].parent, (time.time() - 100 + k, time.time() - 100 + k))
    assert [path.exists() for path in paths] == [False, True, True, True]
    uploading.stage(upload("b"))  # used again: c is now the oldest
    uploading.stage(upload("e"))
    assert [path.exists() for path in paths] == [False, True, False, True]
    monkeypatch.setattr("npf_engine.tasks.files.ROOM", 1 << 60)
    with pytest.raises(DiskFull, match="delete runs that are not needed"):
        uploading.stage(upload("f"))
    with pytest.raises(DiskFull, match="runs at work need"):
        uploading.keep(sources[1])
    assert not list((own_home / layout.UPLOADS).glob("*/*"))


def test_what_a_visitor_asks_for_is_built(own_home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("npf_engine.fields.price.SMALL_BYTES", 1000.0)
    app = open_page("field", {"source": "himmelblau", "n_samples": "2000"})
    assert plots(app) == 0
    app = button(app, "Build it").click().run()
    assert plots(app) > 2 and not app.error


def test_unknown_name_is_told_with_near_ones(own_home: Path):
    app = open_page("field", {"source": "jacksbro"})
    assert "did you mean jacksboro" in app.error[0].value


def test_use_leads_to_train_with_the_field_in_the_link(own_home: Path):
    app = open_page("field", {"source": "himmelblau", "n_samples": "2000"})
    button(app, "Use this field").click().run()
    assert app.title[0].value == "Train"
    assert app.query_params["source"] == "himmelblau" and app.query_params["n_samples"] == "2000"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("a b\\c d.csv", "c-d.csv"),
        ("...", "upload"),
        ("Ä.tif", "tif"),
        ("x" * 200, "x" * 80),
    ],
)
def test_upload_names_are_safe(name: str, safe: str):
    assert uploading.safe_name(name) == safe


def test_only_staged_files_are_copied(own_home: Path, tmp_path: Path):
    mine = tmp_path / "mine.csv"
    mine.write_text("x")
    uploading.keep(str(mine))
    assert not (own_home / layout.UPLOADS).exists()
    source = stored_files.upload_name("ab" * 32, "t.csv")
    kept, staged = stored_files.upload_paths(source)
    with pytest.raises(InputError, match="upload it again"):
        uploading.keep(source)
    staged.parent.mkdir(parents=True)
    staged.write_text("x")
    uploading.keep(source)
    assert kept == own_home / layout.UPLOADS / ("ab" * 16) / "t.csv" and kept.read_text() == "x"


def test_numbers_are_read_or_refused():
    assert numbers_in("1, -2;3  4e1", "low") == (1.0, -2.0, 3.0, 40.0)
    with pytest.raises(InputError, match="low: 'two' is not a number"):
        numbers_in("1 two", "low")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tile server has."""
    folder = tmp_path_factory.mktemp("served")
    serve_folder(folder, {"N45E006": hill()})
    return folder


@pytest.fixture
def tiles(own_home: Path, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A tile server on the loopback address behind an empty cache; no other network."""
    need_gdal()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EIO_CACHE_DIR", str(tmp_path / "tiles"))
    with loopback(served) as running:
        monkeypatch.setenv("NPF_ELEVATION_SOURCE", running.gdal_source)
        yield running


BOX = {"source": "coordinates", "bounds": "[6.2, 45.2, 6.3, 45.3]", "max_samples": "4000"}


def test_elevation_is_fetched_at_a_click_and_kept(tiles: Loopback):
    app = open_page("field", BOX)
    assert "not on this machine" in texts(app) and not tiles.asked
    button(app, "Fetch the elevation").click().run()
    assert not app.exception and not app.error, texts(app)
    assert plots(app) == 5 and tiles.asked
    asked = len(tiles.asked)
    tiles.mode = "refuse"
    again = open_page("field", BOX)  # another visitor: it is there
    assert plots(again) == 5 and len(tiles.asked) == asked


def test_refused_tiles_are_a_sentence_and_can_be_asked_for_again(tiles: Loopback):
    tiles.mode = "refuse"
    app = open_page("field", BOX)
    button(app, "Fetch the elevation").click().run()
    assert "refused" in app.error[0].value and plots(app) == 0
    tiles.mode = "files"
    button(app, "Try again").click().run()
    assert plots(app) == 5 and not app.error


def test_a_visitor_who_stops_ends_the_fetch_and_its_processes(tiles: Loopback):
    """A click while a page runs ends it at its next drawing command, as RerunException; the same from a thread here."""
    from streamlit.runtime.scriptrunner_utils.exceptions import RerunException
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

    from npf_engine.fields import catalog
    from npf_engine.studies.factorization.spec import TrainingSpec, with_values

    tiles.mode = "stall"
    spec = with_values(TrainingSpec(), {f"field.{key}": value for key, value in BOX.items()}).field
    calls = []

    def drawing(done: float, total: float, text: str = "") -> None:
        calls.append(text)
        if len(calls) > 3:
            raise RerunException(RerunData())

    with pytest.raises(RerunException):
        catalog.resolve(spec, drawing)
    clips = layout.home() / "cache" / "clips"
    assert not list(clips.glob("*.part*")) and not list(clips.glob("*.tif"))


def test_an_empty_upload_takes_the_place_of_the_field_before(own_home: Path):
    app = open_page("field", {"source": "himmelblau"})
    app.segmented_control(key=pick.MODE).set_value(pick.UPLOAD).run()
    app.file_uploader(key="upload").set_value([("e.csv", b"", "text/csv")]).run()
    assert not app.exception and "e.csv is empty" in app.error[0].value
    assert "Himmelblau" not in texts(app) and not plots(app)
