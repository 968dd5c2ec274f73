"""Gridded files that are damaged, hostile or elsewhere: one sentence each, from the locked child."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.fields import uploads
from npf_engine.fields.catalog import resolve
from npf_engine.fields.readers import raster_files
from npf_engine.fields.readers.gridded import read_gridded
from npf_engine.fields.spec import FieldSpec
from npf_engine.fields.stored_files import content_hash
from npf_engine.tasks import child
from npf_engine.tasks.child_limits import Reason, Stopped

xr = pytest.importorskip("xarray")
h5py = pytest.importorskip("h5py")


def data() -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {name: (("lat", "lon"), rng.normal(size=(20, 30)), {"units": "m/s"}) for name in ("u", "v")},
        {"lat": ("lat", np.linspace(40, 50, 20)), "lon": ("lon", np.linspace(0, 15, 30))},
    )


@pytest.fixture(autouse=True)
def quick_reading() -> None:
    """Here the locked child is asked for by ``resolve``, and ``read_gridded`` needs none."""


def refused(path: Path, locked: bool = False) -> str:
    """What is said of a file, read here, or as everywhere else in the locked child."""
    spec = FieldSpec(source=str(path))
    with pytest.raises(InputError) as caught:
        resolve(spec) if locked else read_gridded(path, spec)
    said = str(caught.value)
    assert "\n" not in said and "Traceback" not in said
    return said


def test_zarr_as_a_folder_and_zipped_is_the_same_field(tmp_path: Path) -> None:
    folder, flat, nested = (tmp_path / name for name in ("a.zarr", "b.zarr.zip", "c.zarr.zip"))
    data().to_zarr(folder, consolidated=False)
    for path, root in ((flat, folder), (nested, tmp_path)):
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, file.relative_to(root))
    here = [read_gridded(path, FieldSpec(source=str(path))) for path in (folder, flat, nested)]
    assert all(np.array_equal(data.f, here[0].f) for data in here[1:])
    field = resolve(FieldSpec(source=str(nested)))  # in the child, where nothing may open a socket
    assert field.units.value == "m/s" and field.name == "c" and field.n == len(here[0].f)


def test_a_folder_is_known_by_what_its_arrays_are(tmp_path: Path) -> None:
    folder, other = tmp_path / "a.zarr", tmp_path / "b.zarr"
    data().to_zarr(folder)
    data().to_zarr(other)
    known = content_hash(folder)
    assert len(known) == 64 and content_hash(other) == known
    data().rename(u="w").to_zarr(other, mode="w")
    assert content_hash(other) != known and content_hash(tmp_path / "none.zarr") == ""


def test_zeros_of_zarr_are_values(tmp_path: Path) -> None:
    """Its fill value is 0 where nobody chose one, which stands for nothing that is missing (pydata/xarray 4930)."""
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "plain.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=2)
    rng = np.random.default_rng(0)
    for name in ("u", "v"):
        values = rng.normal(size=(20, 30)).round(0)
        root.create_array(name, data=values, fill_value=0.0).attrs["_ARRAY_DIMENSIONS"] = ["y", "x"]
    data = read_gridded(path, FieldSpec(source=str(path)))
    assert data.voids == 0 and (data.f == 0).any() and any("Zeros of u" in note for note in data.notes)


def test_a_variable_with_a_name_of_any_length_is_no_field(tmp_path: Path) -> None:
    path = tmp_path / "long.h5"
    with h5py.File(path, "w") as file:
        for name in ("u" * 3000, "v" * 3000):
            file[name] = np.ones((20, 30))
    assert len(refused(path)) < 400


@pytest.mark.parametrize("length", [8 * 31, 8 * 31 + 3])
def test_a_chunk_of_another_length_is_damage(tmp_path: Path, length: int) -> None:
    """Found by fuzzing: Zarr has a ValueError for it, when the values are read and no earlier."""
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "short.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=2)
    for name in ("u", "v"):
        made = root.create_array(name, data=np.ones((20, 30)), compressors=None, fill_value=None)
        made.attrs["_ARRAY_DIMENSIONS"] = ["y", "x"]
    (chunk,) = (file for file in (path / "u").iterdir() if not file.name.startswith("."))
    chunk.write_bytes(bytes(length))
    assert "short.zarr" in refused(path) and refused(path) == refused(path, locked=True)


def test_two_files_in_one_zip(tmp_path: Path) -> None:
    path = tmp_path / "winds.nc.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("u", "v"):
            data()[[name]].to_netcdf(tmp_path / f"{name}.nc")
            archive.write(tmp_path / f"{name}.nc", f"{name}.nc")
    assert read_gridded(path, FieldSpec(source=str(path))).variables == ("u", "v")
    other = tmp_path / "winds.zip"
    other.write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"NAME\.nc\.zip"):
        raster_files.read_raster(other)


def test_what_leads_out_of_a_file_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["values"] = np.ones((20, 30))
    link = tmp_path / "link.h5"
    with h5py.File(link, "w") as file:
        file["u"] = h5py.ExternalLink("secret.h5", "values")
    assert "points to another file" in refused(link, locked=True)
    virtual = tmp_path / "virtual.h5"
    with h5py.File(virtual, "w") as file:
        layout = h5py.VirtualLayout((20, 30), dtype="f8")
        layout[:] = h5py.VirtualSource("secret.h5", "values", shape=(20, 30))
        file.create_virtual_dataset("u", layout)
    assert "in other files" in refused(virtual)
    outside = tmp_path / "outside.h5"
    with h5py.File(outside, "w") as file:
        file.create_dataset("u", (20, 30), dtype="f8", external=[("raw.bin", 0, h5py.h5f.UNLIMITED)])
    assert "in other files" in refused(outside)
    tricky = tmp_path / "tricky.zarr.zip"
    with zipfile.ZipFile(tricky, "w") as archive:
        archive.writestr("../.zgroup", '{"zarr_format": 2}')
    assert "leads out of it" in refused(tricky)


def test_damage_is_a_sentence(tmp_path: Path) -> None:
    whole = tmp_path / "whole.nc"
    data().to_netcdf(whole, engine="h5netcdf")
    classic = tmp_path / "classic.nc"
    data().to_netcdf(classic, engine="scipy")
    for path in (whole, classic):
        content = path.read_bytes()
        for cut in (0, 5, len(content) // 3):
            broken = tmp_path / "broken.nc"
            broken.write_bytes(content[:cut])
            assert "broken.nc" in refused(broken)
    for name in ("none.nc", "none.zarr.zip"):  # at a look as at a training
        (tmp_path / name).touch()
        assert "is empty (0 bytes)" in refused(tmp_path / name)
        assert "is empty (0 bytes)" in uploads.preview(tmp_path / name).defects[0]
    other = tmp_path / "other.nc"
    other.write_bytes(b"CDF\x05" + bytes(100))
    assert "CDF-5" in refused(other)
    empty = tmp_path / "empty.zarr"
    empty.mkdir()
    assert "without a Zarr group" in refused(empty)
    assert "no file at" in refused(tmp_path / "absent.nc", locked=True)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_codec_that_makes_objects_is_refused(tmp_path: Path, zarr_format: int) -> None:
    """Before anything of the file is unpacked, in a folder and zipped, and beside data that are well."""
    folder = tmp_path / "a.zarr"
    data().to_zarr(folder, zarr_format=zarr_format, consolidated=False)
    assert read_gridded(folder, FieldSpec(source=str(folder))).nodes == 600
    named = {"id": "pickle"} if zarr_format == 2 else {"name": "numcodecs.pickle", "configuration": {}}
    for key in ("filters", "compressor") if zarr_format == 2 else ("codecs",):
        file = folder / "u" / (".zarray" if zarr_format == 2 else "zarr.json")
        well = file.read_text()
        told = json.loads(well)
        told[key] = named if key == "compressor" else [*(told[key] or []), named]
        file.write_text(json.dumps(told))
        assert "pickle" in refused(folder) and "not opened" in refused(folder)
        with zipfile.ZipFile(tmp_path / "b.zarr.zip", "w") as archive:
            for part in folder.rglob("*"):
                archive.write(part, part.relative_to(folder))
        assert "not opened" in refused(tmp_path / "b.zarr.zip")
        file.write_text(well)


@pytest.mark.parametrize("address", ["https://example.org/winds.nc", "s3://bucket/currents.zarr"])
def test_addresses_are_never_opened(address: str) -> None:
    with pytest.raises(InputError, match="never opened"):
        resolve(FieldSpec(source=address))


def test_grib_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: (name != "cfgrib" and there(name, *more)) or None
    )
    path = tmp_path / "winds.grib2"
    path.write_bytes(b"GRIB" + bytes(100))
    assert "pip install cfgrib eccodes" in refused(path)


def test_what_the_libraries_say_of_a_damaged_file_is_not_shown(tmp_path: Path) -> None:
    whole = tmp_path / "whole.nc"
    data().to_netcdf(whole, engine="h5netcdf")
    content = whole.read_bytes()
    for name, part in (
        ("cut.nc", content[: len(content) // 2]),
        ("head.nc", content[:64]),
        ("noise.nc", content[:8] * 40),
    ):
        path = tmp_path / name
        path.write_bytes(part)
        assert refused(path) == f"{name} is damaged or was not written whole; write it, copy it or download it again."


def test_a_file_beyond_the_limit_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "large.nc"
    with open(path, "wb") as file:
        file.truncate(412_000_000)  # of which nothing lies on the disk
    assert "large.nc has 412 MB; files of up to 400 MB are read" in refused(path)
    (tmp_path / "empty.nc").touch()
    assert refused(tmp_path / "empty.nc") == "empty.nc is empty (0 bytes); export it again."


def test_a_small_file_that_asks_for_gigabytes_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "lies.nc"
    head = (0, 10, 1, 0x7FFFFFF0)  # no records; one dimension, whose name is two gigabytes long
    path.write_bytes(b"CDF\x01" + b"".join(part.to_bytes(4, "big") for part in head) + b"x" * 100)
    assert refused(path, locked=True).startswith("lies.nc is damaged or was not written whole")


@pytest.mark.parametrize(("reason", "size", "small"), [("time", 900, True), ("crash", 900, True), ("time", 3e7, False)])
def test_a_small_file_at_which_its_child_was_stopped_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: Reason, size: float, small: bool
) -> None:
    path = tmp_path / "loops.nc"
    with open(path, "wb") as file:
        file.truncate(int(size))

    def stopped(*_: object, **__: object) -> None:
        raise Stopped("it takes longer than 20 seconds", reason)

    monkeypatch.setattr(child, "call", stopped)
    says = "loops.nc is damaged" if small else "longer than 20 seconds"
    assert says in uploads.preview(path).defects[0] and says in refused(path, locked=True)
