"""A fractal that stands in for a place: as large as it, as high as its land, and told where that is a guess."""

from __future__ import annotations

import math

import numpy as np
import pytest

from npf_engine.fields.catalog import resolve
from npf_engine.fields.fractal import fractal_raster
from npf_engine.fields.places import find, standin
from npf_engine.fields.spec import FieldSpec


def test_a_region_gives_its_own_relief_and_size() -> None:
    chamonix, london = (find.find_place(name) for name in ("chamonix", "london"))
    high, low = (standin.stand_in(place, place.name) for place in (chamonix, london))
    assert (high.relief, low.relief) == (3800.0, 150.0) and high.known and low.known
    assert "between about 1,000 and 4,800 m" in high.told and "guess" not in high.told
    west, south, east, north = chamonix.bounds
    area = 111.195**2 * (east - west) * (north - south) * math.cos(math.radians((south + north) / 2))
    assert high.side_km == pytest.approx(math.sqrt(area), abs=0.06)
    assert high.seed != low.seed and high == standin.stand_in(chamonix, " Chamonix ")


def test_what_nobody_says_is_guessed_from_the_size_and_told() -> None:
    small, large = (find.coordinates_place((6.0, 45.0, 6.0 + w, 45.0 + w)) for w in (0.1, 4.0))
    found = standin.stand_in(small, "coordinates")
    assert not found.known and "guessed" in found.told and f"{found.relief:,.0f} m" in found.told
    assert found.relief == pytest.approx(2000 * (found.side_km / 15.36) ** 0.9, abs=50)
    assert standin.stand_in(large, "coordinates").relief == standin.HIGHEST
    nowhere = standin.stand_in(None, "nowhere")
    assert (nowhere.relief, nowhere.side_km, nowhere.known) == (2000.0, 15.36, False) and "not known" in nowhere.told


def test_every_region_has_heights_of_this_earth() -> None:
    heights = {place.name: find.heights_of(place) for place in find.gazetteer()}
    assert all(found is not None and -500 <= found[0] < found[1] <= 8850 for found in heights.values())
    # summits that everybody can look up, in metres
    tops = {
        "mount-everest": 8849,
        "kilimanjaro": 5895,
        "denali": 6190,
        "mount-fuji": 3776,
        "etna": 3357,
        "corsica": 2706,
    }
    assert all(abs(found[1] - tops[name]) <= 50 for name, found in heights.items() if found and name in tops)


def test_the_fractal_is_as_high_and_wide_as_it_is_told_and_by_default_as_it_was() -> None:
    default, other = fractal_raster(5, 64), fractal_raster(5, 64, relief=150.0, side_km=20.0)
    assert default.bounds == (0.0, 0.0, 15360.0, 15360.0) and np.ptp(default.elevation) == 2000.0
    assert other.bounds == (0.0, 0.0, 20_000.0, 20_000.0) and np.ptp(other.elevation) == 150.0
    np.testing.assert_allclose(other.elevation, default.elevation * 0.075, atol=1e-3)
    field = resolve(FieldSpec(source="fractal", relief=150.0, side_km=20.0, max_samples=4000))
    assert "150 m high, 20 km wide" in str(field.provenance["source"])
