"""Places that are kept: fetched once by name, listed as needing no network, and told as the contract has it."""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from npf_engine.cli import main
from npf_engine.errors import InputError
from npf_engine.fields.catalog import list_fields
from npf_engine.fields.places import elevation_fetch, find, kept

Bounds = tuple[float, float, float, float]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Bounds]:
    """The boxes that were fetched, into a home of the test's own; nothing leaves the machine."""
    monkeypatch.setenv("NPF_HOME", str(tmp_path))
    boxes: list[Bounds] = []

    def fetch(bounds: Bounds, progress: object = None) -> Path:
        boxes.append(bounds)
        path = elevation_fetch.clip_path(bounds)
        path.write_bytes(b"raster")
        return path

    def place(name: str, size_km: float = 20.0) -> find.Place:
        region = find.find_region(name)
        if region is None and name != "Zermatt":
            raise InputError(f"There is no region or city called {name!r}; try another spelling.")
        return region or find.Place("Zermatt, CH", "Zermatt, Switzerland", (7.6, 45.9, 7.9, 46.1), "city")

    monkeypatch.setattr(elevation_fetch, "fetch", fetch)
    monkeypatch.setattr(find, "find_place", place)  # without the index of cities, which takes ten seconds to make
    return boxes


def needs_network() -> dict[str, bool]:
    return {info.name: info.needs_network for info in list_fields() if info.group == "place"}


def test_what_was_fetched_is_listed_as_needing_no_network(asked: list[Bounds]) -> None:
    assert needs_network()["chamonix"] and not kept.all_kept()
    assert main(["regions", "fetch", "chamonix", "Zermatt"]) == 0
    assert len(asked) == 2
    listed = needs_network()
    assert not listed["chamonix"] and not listed["Zermatt, CH"]
    assert [item.place.name for item in kept.all_kept()] == ["chamonix", "Zermatt, CH"]
    elevation_fetch.clip_path((7.6, 45.9, 7.9, 46.1)).unlink()
    assert "Zermatt, CH" not in needs_network(), "its raster is gone"


def test_the_command_tells_names_bounds_and_paths(asked: list[Bounds], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["regions", "fetch", "chamonix", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    region = find.find_region("chamonix")
    assert region is not None and told["name"] == "chamonix" and told["bounds"] == list(region.bounds)
    assert told.keys() == {"name", "bounds", "path"} and Path(told["path"]).is_file()


def test_a_name_that_is_none_is_a_sentence_before_anything_is_fetched(
    asked: list[Bounds], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["regions", "fetch", "chamonix", "nowhere-at-all"]) == 2
    assert "nowhere-at-all" in capsys.readouterr().err and asked == []

    def fails(bounds: Bounds, progress: object = None) -> Path:
        raise InputError(elevation_fetch.sentence("no-network", "MAPZEN", bounds))

    monkeypatch.setattr(elevation_fetch, "fetch", fails)
    assert main(["regions", "fetch", "chamonix"]) == 2
    assert "cannot be reached" in capsys.readouterr().err.strip().splitlines()[-1]


def test_the_nearest_is_so_on_the_sphere(asked: list[Bounds], monkeypatch: pytest.MonkeyPatch) -> None:
    """Across 180 degrees east, and at high latitudes, where a degree east is short: not by squares of degrees."""

    def at(name: str, lon: float, lat: float) -> find.Place:
        return find.Place(name, name, (lon - 0.1, lat - 0.1, lon + 0.1, lat + 0.1), "city")

    east, west, polar, south = at("a", 179, -17), at("b", 170, -17), at("c", 60, 80), at("d", 20, 70)
    monkeypatch.setattr(kept, "all_kept", lambda: [kept.Kept(place, Path()) for place in (west, east, south, polar)])
    asking = at("x", -179, -17)
    assert [place.name for place in kept.nearest(asking)][:2] == ["a", "b"]
    assert asking.kilometres_to(east) == pytest.approx(2 * 111.195 * 0.9563, rel=1e-3)
    assert kept.nearest(at("y", 20, 80))[0] is polar  # 771 km by 40 degrees, the other 1,112 km by 10
    assert [place.name for place in kept.nearest(None)] == ["b", "a", "d", "c"]
    across = find.Place("z", "z", (179.0, 0.0, -179.0, 1.0), "coordinates")
    assert across.middle == (180.0, 0.5)


def test_an_index_that_somebody_spoilt_costs_only_its_lines(asked: list[Bounds]) -> None:
    kept.keep("Zermatt")
    path = kept._index()
    path.write_text(json.dumps({"x": 3, "y": {"bounds": [1.0]}, **json.loads(path.read_text())}))
    assert [place.name for place in kept.cities()] == ["Zermatt, CH"]


def test_places_kept_at_the_same_moment_are_all_remembered(
    asked: list[Bounds], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"Village {k}" for k in range(4)]
    boxes = {name: (7.0 + k, 45.0, 7.5 + k, 45.5) for k, name in enumerate(names)}
    monkeypatch.setattr(find, "find_place", lambda name: find.Place(name, name, boxes[name], "city"))
    read, together = kept.read_json, threading.Barrier(len(names))

    def slowly(path: Path) -> dict[str, object] | None:
        """Read, and write no sooner than the others have read too, where nothing keeps them from it."""
        told = read(path)
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.2)
        return told

    monkeypatch.setattr(kept, "read_json", slowly)
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(kept.keep, names))
    assert sorted(place.name for place in kept.cities()) == names
