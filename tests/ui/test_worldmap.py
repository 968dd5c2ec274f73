"""What the map of the Earth says is checked before it is believed."""

from __future__ import annotations

import json

import pytest

from npf_engine.fields.places import find as places
from ui import worldmap


@pytest.mark.parametrize(
    "value",
    [None, "x", [1, 2, 3], [1, 2, 3, "4"], [float("nan")] * 4, [1e9, 2, 3, 4], {"at": [1]}, [[1], 2, 3, 4], [True]],
)
def test_what_is_no_box_is_left_alone(value: object) -> None:
    assert worldmap.read("box", value) is None


def test_a_box_a_region_and_a_city() -> None:
    name = places.gazetteer()[0].name
    assert worldmap.read("box", [6.7, 45.8, 7, 46.1]) == worldmap.Picked(box=(6.7, 45.8, 7.0, 46.1))
    assert worldmap.read("place", {"name": name}) == worldmap.Picked(region=name)
    assert worldmap.read("place", {"name": "../etc"}) is None and worldmap.read("place", []) is None
    assert worldmap.read("place", {"name": "Paris", "at": [48.85, 2.35]}) == worldmap.Picked(at=(48.85, 2.35))


def test_the_lines_are_the_earths() -> None:
    """Deltas of hundredths of a degree that never leave the map, and no line that runs around the Earth."""
    lines = json.loads(worldmap.LINES.read_text(encoding="utf-8"))
    assert worldmap.LINES.stat().st_size < 1e6 and (worldmap.LINES.parent / "LICENSE-world-atlas.txt").is_file()
    for part in ("coast", "border", "coarse"):
        for line in lines[part]:
            lon = lat = 0
            for k in range(0, len(line), 2):
                assert k == 0 or abs(line[k]) <= 18_000
                lon, lat = lon + line[k], lat + line[k + 1]
                assert abs(lon) <= 18_001 and abs(lat) <= 9_001
