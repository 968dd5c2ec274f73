"""Places whose elevation is on this machine: fetched by name, and then to be had without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npf_engine.errors import InputError
from npf_engine.fields.cachedir import cache_folder
from npf_engine.fields.places import elevation_fetch, find
from npf_engine.fields.readers.geotiff import read_geotiff
from npf_engine.settings import reading
from npf_engine.tasks.files import read_json, write_json
from npf_engine.tasks.processes import FileLock

NAMES = "places.json"  # name -> title and bounds of what was fetched that is no region of the gazetteer


@dataclass(frozen=True)
class Kept:
    """A place and its raster: bounds are west, south, east, north in degrees."""

    place: find.Place
    path: Path

    def to_json(self) -> dict[str, object]:
        """{"name", "bounds", "path"}."""
        return {"name": self.place.name, "bounds": list(self.place.bounds), "path": str(self.path)}


def keep(name: str, progress: elevation_fetch.Progress | None = None) -> Kept:
    """The place called ``name`` with its elevation, from the cache or fetched into it.

    Raises InputError, in one sentence, for a name that is none and for every failure to fetch.
    """
    place = find.find_place(name)
    path = elevation_fetch.fetch(place.bounds, progress=progress)
    if place.source != "gazetteer":
        with FileLock(_index().with_suffix(".lock")).held():  # two that keep a place at once: neither line is lost
            told = {item.name: {"title": item.title, "bounds": list(item.bounds)} for item in cities()}
            told[place.name] = {"title": place.title, "bounds": list(place.bounds)}
            write_json(_index(), told)
    return Kept(place, path)


def cities() -> list[find.Place]:
    """Those that were kept by name and are no regions of the gazetteer, as far as their rasters are still there."""
    found = []
    for name, told in (read_json(_index()) or {}).items():
        try:
            entry = reading.as_mapping(name, told)
            west, south, east, north = reading.numbers(entry, "bounds")
            place = find.Place(name, reading.text(entry, "title"), (west, south, east, north), "city")
        except (InputError, ValueError):
            continue  # somebody else's line: the others are still there
        if elevation_fetch.clip_path(place.bounds).is_file():
            found.append(place)
    return found


def all_kept() -> list[Kept]:
    """Every place with a name whose elevation is here."""
    there = [*find.gazetteer(), *cities()]
    paths = [(place, elevation_fetch.clip_path(place.bounds)) for place in there]
    return [Kept(place, path) for place, path in paths if path.is_file()]


def nearest(asked: find.Place | None) -> list[find.Place]:
    """Those places, the nearest to ``asked`` first; as they are listed where nobody knows where that lies."""
    there = [item.place for item in all_kept()]
    return there if asked is None else sorted(there, key=asked.kilometres_to)


def heights(item: Kept, most: int) -> np.ndarray:
    """The elevation of a place that is here, (rows, cols) float32 with NaN where it is unknown, rows running south,
    about ``most`` pixels along its longer side. Raises InputError for a raster that cannot be read."""
    z = read_geotiff(item.path, item.place.title).elevation
    step = max(1, math.ceil(max(z.shape) / most))
    return np.ascontiguousarray(z[::step, ::step])


def _index() -> Path:
    return cache_folder("clips") / NAMES
