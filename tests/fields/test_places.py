"""Names, accents, namesakes and coordinates, against the real list of cities."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from npf_engine.errors import InputError
from npf_engine.fields.places import cities
from npf_engine.fields.places.cities import normalise
from npf_engine.fields.places.elevation_fetch import MAX_TILES, check_bounds
from npf_engine.fields.places.find import box_around, coordinates_place, find_place, find_region, gazetteer, suggest


@pytest.fixture(scope="module", autouse=True)
def one_index(tmp_path_factory: pytest.TempPathFactory, lend_cities: Callable[[Path], None]) -> None:
    """The index of cities, in a home of its own; it stays in memory for the whole session."""
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("cities_home")
    lend_cities(home)
    patch.setenv("NPF_HOME", str(home))
    cities.load_index()
    patch.undo()


def test_the_papers_regions_have_the_papers_boxes() -> None:
    assert find_place("Chamonix").bounds == (6.827917, 45.822917, 7.006806, 45.962639)
    assert find_place("London").bounds == (-0.25625, 51.419028, -0.005139, 51.639028)
    assert find_place("Cyprus").bounds == (32.2, 34.5, 34.7, 35.75)
    assert find_place("Chamonix").source == "gazetteer"


def test_the_gazetteer_is_sound() -> None:
    places = gazetteer()
    assert len(places) >= 60
    assert len({p.name for p in places}) == len(places)
    owners: dict[str, str] = {}
    for region in (p for p in places):
        west, south, east, north = check_bounds(region.bounds)
        tiles = (math.floor(east) - math.floor(west) + 1) * (math.floor(north) - math.floor(south) + 1)
        assert tiles <= MAX_TILES, region.name
        assert find_place(region.name) == region
        assert find_place(region.title) == region
        assert owners.setdefault(normalise(region.name), region.name) == region.name


@pytest.mark.parametrize(
    ("region", "city"),
    [
        ("chamonix", "Chamonix-Mont-Blanc, FR"),
        ("london", "London, GB"),
        ("hong-kong", "Hong Kong, HK"),
        ("liechtenstein", "Vaduz, LI"),
        ("luxembourg", "Luxembourg, LU"),
        ("malta", "Valletta, MT"),
        ("cyprus", "Nicosia, CY"),
        ("taiwan", "Taipei, TW"),
        ("crete", "Chania, GR"),
        ("sicily", "Palermo, IT"),
        ("etna", "Nicolosi, IT"),
        ("mallorca", "Palma, ES"),
        ("andorra", "Andorra la Vella, AD"),
        ("hawaii", "Hilo, US"),
        ("reunion", "Saint-Denis, RE"),
        ("bali", "Denpasar, ID"),
        ("switzerland", "Bern, CH"),
        ("guilin", "Guilin, CN"),
        ("machu-picchu", "Machu Picchu, PE"),
        ("corsica", "Ajaccio, FR"),
    ],
)
def test_regions_lie_where_their_towns_are(region: str, city: str) -> None:
    west, south, east, north = find_place(region).bounds
    found = cities.load_index().find(city)
    assert found is not None
    assert west < found.longitude < east
    assert south < found.latitude < north


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("CHAMONIX", "chamonix"),
        ("  chamonix-mont-blanc ", "chamonix"),
        ("réunion", "reunion"),
        ("La Reunion", "reunion"),
        ("Oraefajokull", "vatnajokull"),
        ("Hawaiʻi", "hawaii"),
        ("grand canyon", "grand-canyon"),
        ("Mt_Fuji".replace("Mt", "mount"), "mount-fuji"),
        ("富士山", "mount-fuji"),
        ("Κύπρος", "cyprus"),
        ("Agri Dagi", "ararat"),
        ("Ağrı Dağı", "ararat"),
    ],
)
def test_case_accents_and_punctuation_do_not_matter(typed: str, name: str) -> None:
    region = find_region(typed)
    assert region is not None
    assert region.name == name


def test_cities_with_a_size() -> None:
    zermatt = find_place("zermatt", size_km=10)
    assert zermatt.source == "city"
    assert zermatt.title.startswith("Zermatt, Switzerland")
    west, south, east, north = zermatt.bounds
    assert west < 7.749 < east and south < 46.02 < north
    assert (north - south) * 111.195 == pytest.approx(10, rel=1e-3)
    assert (east - west) * 111.195 * math.cos(math.radians((south + north) / 2)) == pytest.approx(10, rel=1e-3)
    assert find_place("ZÜRICH").name == find_place("Zurich").name == "Zürich"
    assert find_place("München").bounds == find_place("Munich").bounds


def test_namesakes() -> None:
    france = find_place("Paris")
    assert france.bounds[1] < 48.85 < france.bounds[3]
    texas = find_place("Paris, Texas")
    assert texas.bounds[1] < 33.66 < texas.bounds[3]
    assert find_place("paris, tx").bounds == texas.bounds
    for name in ("Springfield", "San José", "Santa Cruz", "Saint-Martin", "Paris"):
        for place in suggest(name, limit=10):
            assert find_place(place.name).bounds == place.bounds, place
    with pytest.raises(InputError, match="no region or city"):
        find_place("Paris, Japan")


def test_coordinates() -> None:
    square = find_place("45.92, 6.87", size_km=20)
    assert square.source == "coordinates"
    assert square.bounds == box_around(45.92, 6.87, 20)
    for typed in ("45.92N 6.87E", "45.92 6.87", "6.87e, 45.92n", "+45.92; 6.87"):
        assert find_place(typed, size_km=20).bounds == square.bounds, typed
    assert find_place(square.name, size_km=20).bounds == square.bounds
    south_west = find_place("32.65S 70.01W")
    assert south_west.bounds == box_around(-32.65, -70.01, 20)
    box = find_place("6.8, 45.8, 7, 46")
    assert box.bounds == (6.8, 45.8, 7.0, 46.0)
    assert find_place(box.name).bounds == box.bounds == coordinates_place((6.8, 45.8, 7.0, 46.0)).bounds


@pytest.mark.parametrize(
    ("typed", "size", "says"),
    [
        ("", 20, "name of the place is empty"),
        ("95, 4", 20, "no point on Earth"),
        ("45N 7N", 20, "no pair of coordinates"),
        ("45.9, 6.9", 0, "size of the box is 0 km"),
        ("45.9, 6.9", 1e4, "size of the box is 10000 km"),
        ("-17, 179.99", 20, "180th meridian"),
        ("7, 45.8, 6.8, 46", 20, "West lies east of east"),
        ("Chammonix", 20, "did you mean chamonix"),
        ("Kiplimanjaro", 20, "did you mean kilimanjaro"),
        ("Zermat", 20, "did you mean Zermatt"),
        ("qqqqzzzz", 20, "no region or city called 'qqqqzzzz'"),
    ],
)
def test_what_cannot_be_found_says_why(typed: str, size: float, says: str) -> None:
    with pytest.raises(InputError, match=says):
        find_place(typed, size)


def test_suggestions() -> None:
    assert [p.name for p in suggest("chamo")][:2] == ["chamonix", "Chamonix-Mont-Blanc"]
    assert suggest("fuji")[0].name == "mount-fuji"
    assert suggest("Zürich, Sw")[0].title.startswith("Zürich, Switzerland")
    assert suggest("45.9, 6.9")[0].source == "coordinates"
    assert suggest("45.9, 6.9E and") == []
    assert len(suggest("", limit=5)) == 5
    assert len(suggest("san", limit=3)) == 3
    assert all(normalise(p.name).startswith("spring") for p in suggest("spring") if p.source == "city")


def test_suggestions_are_fast_once_the_index_is_there() -> None:
    for typed in ("a", "sa", "par", "new yo", "tokyo"):
        times = []
        for _ in range(5):
            start = time.process_time()
            suggest(typed)
            times.append(time.process_time() - start)
        assert min(times) < 0.05, (typed, times)


def test_the_index_is_kept_and_a_damaged_one_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPF_HOME", str(tmp_path))
    load = cities.load_index.__wrapped__  # past the copy in memory
    made = load(15000)
    (kept,) = (tmp_path / "cache" / "cities").glob("*.npz")
    written = kept.stat().st_mtime_ns
    start = time.process_time()
    again = load(15000)
    assert time.process_time() - start < 2.0
    assert kept.stat().st_mtime_ns == written, "read, not made again"
    assert len(made) == len(again) > 20_000
    assert made.find("Tokyo") == again.find("Tokyo") is not None
    kept.write_bytes(b"damaged")
    assert load(15000).find("Tokyo") == made.find("Tokyo")
    assert kept.stat().st_size > 1_000_000
    assert len(cities.load_index()) > 200_000
