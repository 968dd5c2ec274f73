"""Coasts lie where their fields do: on both maps that gridded data are read onto, as the projection library has it."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.fields.field import Units
from npf_engine.figures import coast

KM = ("km", "km")
CYLINDER = Units(("along the equator", "R sin(latitude)"), KM, "m/s")
AZIMUTHAL = Units(("east of the middle", "north of the middle"), KM, "m/s")
DEGREES = Units(("longitude", "latitude"), ("degrees", "degrees"), "m/s")
LINE = np.array([[-9.5, 38.7], [2.3, 48.9], [12.5, 41.9], [23.7, 38.0]])


@pytest.mark.parametrize(
    ("units", "origin", "projection"),
    [
        (CYLINDER, (178.75, 0.0), "+proj=cea +lon_0=178.75"),
        (AZIMUTHAL, (5.0, 45.0), "+proj=laea +lon_0=5 +lat_0=45"),
    ],
)
def test_places_are_those_of_the_projection(units: Units, origin: tuple[float, float], projection: str) -> None:
    pyproj = pytest.importorskip("pyproj")
    x, y = pyproj.Proj(f"{projection} +R={coast.RADIUS * 1000}")(*LINE.T)
    (found,) = coast.on_map([LINE], units, origin)
    np.testing.assert_allclose(found, np.stack([x, y], axis=1) / 1000, atol=1e-6)


def test_a_coast_is_cut_where_the_map_is_and_left_out_where_it_is_not_seen() -> None:
    across = np.array([[-1.0, 10.0], [-2.0, 11.0]])  # the map about 178.75 E is cut at 1.25 W
    drawn = coast.trace([across], CYLINDER, (-20000, -6400), (20000, 6400), (178.75, 0.0))
    assert drawn is not None and np.isnan(drawn.x[1]) and drawn.x[0] * drawn.x[2] < 0
    assert coast.trace([LINE], DEGREES, (100, 0), (110, 10), None) is None
    assert coast.known(DEGREES, None) and coast.known(CYLINDER, (0, 0)) and not coast.known(CYLINDER, None)
    assert not coast.known(Units(("x", "y"), ("", ""), ""), None)


def test_the_other_side_of_the_earth_is_no_line() -> None:
    (found,) = coast.on_map([np.array([[-175.0, -45.0], [5.0, 45.0]])], AZIMUTHAL, (5.0, 45.0))
    assert np.isnan(found[0]).all() and np.allclose(found[1], 0.0, atol=1e-6)
