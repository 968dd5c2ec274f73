"""A map of the Earth to pick a box from, drawn in the browser from lines that lie in assets/map: no network."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from npf_engine import resources
from npf_engine.errors import InputError
from npf_engine.fields.places import elevation_fetch, kept, overviews
from npf_engine.fields.places import find as places
from npf_engine.figures import relief
from npf_engine.figures.layout import thin
from ui import frame, states

HERE = Path(__file__).parent
LINES = frame.ASSETS / "map" / "lines.json"
WORDS = "Click a name, draw a box (the dashed button), or click twice where it shall be."
MOST_DEGREES = 5  # of a side: what the elevation package fetches at once, roughly
LARGEST_CITIES = 6000
KEY = "worldmap"
MOST_RELIEFS = 24  # places that are shown as they look
PREVIEW, SMALL = 320, 96  # pixels of the box's own relief, and of another place's
FINE = 512  # pixels at most of a raster's relief under the box
LOOK_AGAIN = 1.5  # seconds, while rasters are still read
MOST_TOLD = 3  # rasters that are not drawn, with why
Box = tuple[float, float, float, float]
Label = tuple[str, float, float, int]  # a city: its name, longitude, latitude, people


@dataclass(frozen=True)
class Picked:
    """What was picked: a box (west, south, east, north in degrees), a region by its name, or a city's place
    (latitude, longitude)."""

    box: Box | None = None
    region: str | None = None
    at: tuple[float, float] | None = None


@st.cache_resource(show_spinner=False)
def _components() -> tuple[Callable[..., object], Callable[..., object]]:
    """The lines, mounted once a page and kept by the browser, and the map that draws them."""
    script = f"window.npfWorldLines = {LINES.read_text(encoding='utf-8')};\n"
    script += 'export default function () { window.dispatchEvent(new Event("npf-world-lines")); }'
    lines = st.components.v2.component("npf_world_lines", js=script)
    html, css, js = ((HERE / f"map.{suffix}").read_text(encoding="utf-8") for suffix in ("html", "css", "js"))
    js = resources.linked_script(("frame", "stop")) + js  # one stop of the Tab key, as all pictures
    return lines, st.components.v2.component("npf_world_map", html=html, css=css, js=js)


@st.cache_data(show_spinner=False)
def _regions() -> list[list[object]]:
    """[name, title, west, south, east, north] of every region with a box of its own."""
    return [[place.name, place.title, *place.bounds] for place in places.gazetteer()]


def reliefs(box: Box | None) -> list[list[object]]:
    """[west, south, east, north, picture] of each place whose elevation is here, that of ``box`` in more detail."""
    found: list[list[object]] = []
    for item in kept.all_kept()[:MOST_RELIEFS]:
        side = PREVIEW if item.place.bounds == box else SMALL
        with contextlib.suppress(InputError, OSError):  # a map goes without it
            found.append([*item.place.bounds, _relief(str(item.path), item.path.stat().st_mtime_ns, side, item)])
    return found


@st.cache_data(max_entries=64, show_spinner=False)
def _relief(path: str, written: int, side: int, _item: kept.Kept) -> str:
    return _url(kept.heights(_item, side))


def _url(heights: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(relief.png(relief.of_heights(heights))).decode()


@st.cache_resource(show_spinner=False)
def _overviews() -> overviews.Overviews:
    return overviews.Overviews()


def ground(seen: overviews.Seen, box: Box | None) -> list[list[object]]:
    """[west, south, east, north, picture] of each raster that lies here, in more detail where it is under ``box``."""
    return [
        [*one.bounds, _shaded(key, FINE if box is not None and _meet(one.bounds, box) else SMALL, one)]
        for key, one in seen.found
    ]


def _meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@st.cache_data(max_entries=64, show_spinner=False)
def _shaded(key: overviews.Key, side: int, _one: overviews.Overview) -> str:
    return _url(thin(_one.heights, side)[0])


def _told_of(seen: overviews.Seen, box: Box | None) -> None:
    """What of the rasters that lie here is not on the map, and why; looks again while some are read."""
    for text in seen.refused[:MOST_TOLD]:
        st.caption(states.plain(f"Not on the map: {text}"))
    more = seen.beyond + max(0, len(seen.refused) - MOST_TOLD)
    if more:
        st.caption(f"{more} more {'rasters lie' if more > 1 else 'raster lies'} here and are not on the map.")
    if seen.waiting:
        st.fragment(_waiting, run_every=LOOK_AGAIN)(box, seen)


def _waiting(box: Box | None, before: overviews.Seen) -> None:
    """Until another raster can be drawn, or is known not to be."""
    now = _overviews().look(box)
    drawn, known = ([key for key, _ in seen.found] for seen in (now, before))
    if drawn != known or now.refused != before.refused:
        st.rerun()
    left = now.waiting
    if left:
        st.caption(f"Reading {left} raster{'s' * (left > 1)} that lie{'s' * (left == 1)} here, for the map ...")


def pick(box: Box | None, cities: Sequence[Label], side_km: float, picked: Callable[[Picked], None]) -> None:
    """Draw the map with ``box`` on it; ``picked`` is called with what a person picks there, before the page runs again.

    cities: (name, longitude, latitude, people), the largest first; they are named as the map comes closer. side_km:
    side of the box that two clicks put.
    """
    lines, world = _components()
    seen = _overviews().look(box)
    data = {
        "box": None if box is None else list(box),
        "regions": _regions(),
        "cities": [list(city) for city in cities[:LARGEST_CITIES]],
        "side": side_km,
        "most": MOST_DEGREES,
        "words": WORDS,
        "reliefs": reliefs(box),
        "ground": ground(seen, box),
        "tiles": elevation_fetch.tiles_here(),
        "megabytes": elevation_fetch.TILE_MEGABYTES,
    }
    lines(key=f"{KEY}_lines", height=1)
    world(
        key=KEY,
        data=data,
        on_box_change=lambda: _told(picked, "box"),
        on_place_change=lambda: _told(picked, "place"),
    )
    _told_of(seen, box)


def _told(picked: Callable[[Picked], None], what: str) -> None:
    found = read(what, getattr(st.session_state.get(KEY), what, None))
    if found is not None:
        picked(found)


def read(what: str, value: object) -> Picked | None:
    """What the browser says, checked: anything may come from there."""
    if what == "box":
        numbers = _numbers(value, 4)
        return None if numbers is None else Picked(box=(numbers[0], numbers[1], numbers[2], numbers[3]))
    if not isinstance(value, dict):
        return None
    at = _numbers(value.get("at"), 2)
    if at is not None:
        return Picked(at=(at[0], at[1]))
    names = {place.name for place in places.gazetteer()}
    return Picked(region=value["name"]) if value.get("name") in names else None


def _numbers(value: object, count: int) -> list[float] | None:
    if not isinstance(value, list | tuple) or len(value) != count:
        return None
    found = [float(v) for v in value if isinstance(v, int | float) and abs(v) <= 180]
    return found if len(found) == count else None
