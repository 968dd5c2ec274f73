"""What the map of the Earth says is checked before it is believed."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from npf_engine.fields.places import find as places
from npf_engine.fields.places import overviews
from npf_engine.fields.places.elevation_fetch import clip_path
from npf_engine.fields.places.find import find_region
from npf_engine.fields.readers.raster_overview import Overview
from tests.fields.readers.test_raster_vectors import save
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


def test_a_place_that_is_here_is_shown_as_it_looks(own_home: Path) -> None:
    london, cyprus = (find_region(name) for name in ("london", "cyprus"))
    assert london is not None and cyprus is not None
    clip_path(cyprus.bounds).write_bytes(b"no raster")
    save(clip_path(london.bounds), np.add.outer(np.arange(40.0), np.arange(50.0)))
    (found,) = worldmap.reliefs(london.bounds)
    assert tuple(found[:4]) == london.bounds
    picture = base64.b64decode(str(found[4]).removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(picture)).size == (50, 40)


def test_a_raster_without_a_name_is_drawn_in_detail_under_the_box() -> None:
    heights = np.add.outer(np.arange(300.0), np.arange(280.0)).astype(np.float32)
    one, other = (Overview((west, 45.0, west + 1, 46.0), heights) for west in (6.0, 7.0))
    seen = overviews.Seen(((("a.tif", 0.0, 1), one), (("b.tif", 0.0, 1), other)), (), 0, 0)
    found = worldmap.ground(seen, (6.2, 45.2, 6.8, 45.4))
    assert [tuple(item[:4]) for item in found] == [one.bounds, other.bounds]
    pictures = [base64.b64decode(str(item[4]).removeprefix("data:image/png;base64,")) for item in found]
    assert [Image.open(io.BytesIO(picture)).size for picture in pictures] == [(280, 300), (70, 75)]
    assert max(worldmap.FINE, worldmap.SMALL) <= 512 and len(pictures[1]) < 30_000


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
