"""Every field by its name, as page and command line ask for it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import Cancelled, InputError
from npf_engine.fields.catalog import list_fields, resolve
from npf_engine.fields.places.elevation_fetch import clip_path
from npf_engine.fields.spec import FieldSpec
from tests.fields.loopback import chamonix_tiles, closed_source, hill, loopback, need_gdal, seed_cache, serve_folder

BUILT_IN = {
    "jacksboro",
    "fractal",
    "himmelblau",
    "cosines",
    "double-well",
    "mueller-brown",
    "rastrigin",
    "swirl",
    "rotation",
    "linear",
    "doubling",
    "chamonix",
    "london",
    "cyprus",
}


def test_the_list_has_what_others_rely_on() -> None:
    infos = {info.name: info for info in list_fields()}
    assert set(infos) >= BUILT_IN
    assert infos["jacksboro"].n == 138_632 and not infos["jacksboro"].needs_network
    assert infos["jacksboro"].group == "terrain" and infos["jacksboro"].d == 2
    assert infos["doubling"].d == 1 and infos["doubling"].kind == "function"
    assert infos["himmelblau"].group == "analytic" and infos["himmelblau"].n is not None
    assert infos["chamonix"].group == "place" and infos["chamonix"].needs_network and infos["chamonix"].n is None
    assert len(infos) == len(list_fields()), "names are unique"
    assert dataclasses.asdict(infos["london"])["units"] == "metres per pixel"


def test_names_of_every_kind_resolve_and_keep_their_spec() -> None:
    for name in ("jacksboro", "FRACTAL", "himmelblau", "Swirl"):
        spec = FieldSpec(source=name, n_samples=1000)
        field = resolve(spec)
        assert field.name.lower() == name.lower()
        assert field.provenance["spec"] == dataclasses.asdict(spec)


def test_a_file(shared_data: Path) -> None:
    field = resolve(FieldSpec(source=str(shared_data / "Chamonix.tif")))
    assert field.n == 323_932
    assert field.kind == "samples"


def test_a_folder_of_rasters(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(shared_data / "Chamonix.tif", tmp_path / "My valley.tif")
    shutil.copy(shared_data / "N43E007.hgt.zip", tmp_path)
    (tmp_path / "notes.txt").write_text("no raster")
    monkeypatch.setenv("NPF_DEM_DIR", str(tmp_path))
    folder = [info for info in list_fields() if info.group == "raster folder"]
    assert [info.name for info in folder] == ["My valley", "N43E007"]
    assert not any(info.needs_network for info in folder)
    assert resolve(FieldSpec(source="my valley")).n == 323_932
    nice = resolve(FieldSpec(source="N43E007", rho="land"))
    assert nice.provenance["resampled"] and nice.rho == "land"
    monkeypatch.setenv("NPF_DEM_DIR", str(tmp_path / "absent"))
    assert not [info for info in list_fields() if info.group == "raster folder"]


def test_a_region_by_name_out_of_a_seeded_cache(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_gdal()
    monkeypatch.setenv("EIO_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("NPF_ELEVATION_SOURCE", closed_source())
    seed_cache(tmp_path, chamonix_tiles(shared_data / "Chamonix.tif"))
    by_name = resolve(FieldSpec(source="Chamonix"))
    assert by_name.n == 323_932
    assert by_name.provenance["product"] == "MAPZEN"
    by_file = resolve(FieldSpec(source=str(shared_data / "Chamonix.tif")))
    assert np.array_equal(by_name.y_train.numpy(), by_file.y_train.numpy()), "the same grid, the same field"
    bounds = (6.827917, 45.822917, 7.006806, 45.962639)
    by_box = resolve(FieldSpec(source="coordinates", bounds=bounds))
    assert np.array_equal(by_box.y_train.numpy(), by_name.y_train.numpy())
    assert clip_path(bounds).is_file()
    assert not next(info for info in list_fields() if info.name == "chamonix").needs_network


@pytest.mark.usefixtures("known_cities")
def test_a_city_from_a_server_and_its_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_gdal()
    monkeypatch.setenv("EIO_CACHE_DIR", str(tmp_path / "tiles"))
    served = tmp_path / "served"
    served.mkdir()
    serve_folder(served, {"N46E007": hill(1), "N45E007": hill(2)})
    said: list[str] = []
    with loopback(served) as server:
        monkeypatch.setenv("NPF_ELEVATION_SOURCE", server.gdal_source)

        def stop(done: float, total: float, text: str) -> None:
            raise Cancelled

        with pytest.raises(Cancelled):
            resolve(FieldSpec(source="Zermatt", size_km=10), stop)
        field = resolve(FieldSpec(source="Zermatt", size_km=10), lambda done, total, text: said.append(text))
    assert field.name == "Zermatt"
    assert field.provenance["place"].startswith("Zermatt, Switzerland")
    west, south, east, north = field.provenance["bounds"]
    assert west < 7.749 < east and south < 46.021 < north
    assert (north - south) * 111.195 == pytest.approx(10, abs=0.1)
    assert "the field is ready" in said


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (FieldSpec(source=" "), "no name"),
        (FieldSpec(source="jaksboro"), r"no field called 'jaksboro'; did you mean jacksboro"),
        (FieldSpec(source="himelblau"), r"did you mean himmelblau"),
        (FieldSpec(source="Chammonix"), r"did you mean chamonix"),
        (FieldSpec(source="missing/data.csv"), r"no file at missing/data\.csv"),
        (FieldSpec(source="terrain.tif"), r"no file at terrain\.tif"),
        (FieldSpec(source="coordinates"), r"needs bounds"),
        (FieldSpec(source="coordinates", bounds=(7, 45, 6, 46)), r"West lies east of east"),
        (FieldSpec(source="Chamonix", product="SRTM1"), r"SRTM1 was retired"),
    ],
)
def test_what_is_no_field_says_what_to_do(spec: FieldSpec, says: str) -> None:
    if spec.product == "SRTM1":
        need_gdal()
    with pytest.raises(InputError, match=says):
        resolve(spec)
