"""Rows of a file on the globe: what is resampled, what stays, and what its header says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.fields.clouds import Cloud
from npf_engine.manifolds import Sphere
from npf_engine.manifolds.globe import LAW, missing_nodes, on_globe, uneven
from npf_engine.manifolds.toys import in_degrees

WINDS = ("longitude", "latitude", "u [m/s]", "v [m/s]")


def rows(longitude: np.ndarray, latitude: np.ndarray, wind: tuple[float, float] = (10.0, 0.0)) -> np.ndarray:
    a, b = (part.ravel() for part in np.meshgrid(longitude, latitude))
    return np.column_stack([a, b, np.full(len(a), wind[0]), np.full(len(a), wind[1])])


def cloud(points: np.ndarray, names: tuple[str, ...] = WINDS) -> Cloud:
    return Cloud("winds.csv", points, names)


GLOBAL = rows(np.arange(0, 360, 20.0), np.arange(-80, 81, 20.0))
REGIONAL = rows(np.linspace(0, 28, 15), np.linspace(40, 58, 10))


def test_a_grid_around_the_globe_is_taken_at_even_places() -> None:
    found = on_globe(cloud(GLOBAL), 6, 100)
    assert len(found.x) == 100 and not uneven(found.x) and "even places" in found.notes[0]
    assert missing_nodes(GLOBAL[:, 0] - 180, GLOBAL[:, 1]) == 0  # wherever it is cut
    assert missing_nodes(*np.delete(GLOBAL, [3, 50], axis=0)[:, :2].T) == 2
    row_lost = np.delete(GLOBAL, np.arange(4 * 18, 4 * 18 + 1), axis=0)
    assert "1 nodes of the grid are missing" in on_globe(cloud(row_lost), 6, 100).notes[1]


def test_a_region_stays_where_it_is_and_is_told_to_be_uneven() -> None:
    found = on_globe(cloud(REGIONAL), 6, 1_000)
    places = in_degrees(found.x).numpy()
    assert np.allclose(places, REGIONAL[:, :2]) and LAW in found.notes[-1]


@pytest.mark.parametrize(
    "places",
    [
        rows(np.array([7.0]), np.linspace(-89, 89, 90)),  # along a meridian
        rows(np.arange(0, 360, 20.0), np.linspace(0, 88, 9)),  # half of the globe
        rows(np.arange(0, 180, 20.0), np.arange(-80, 81, 20.0)),  # half of a turn
    ],
)
def test_what_does_not_fill_the_globe_is_no_grid_of_it(places: np.ndarray) -> None:
    assert missing_nodes(places[:, 0], places[:, 1]) is None


def test_uniform_places_are_not_told() -> None:
    x = Sphere().draw(500, torch.Generator().manual_seed(3))
    points = np.column_stack([in_degrees(x).numpy(), np.full((500, 2), 5.0)])
    assert on_globe(cloud(points), 6, 100).notes == ()


def test_the_unit_of_winds_is_turned_into_m_s() -> None:
    told = on_globe(cloud(REGIONAL * [1, 1, 3.6, 3.6], ("lon", "lat", "u [km/h]", "v [km/h]")), 6, 100)
    plain = on_globe(cloud(REGIONAL), 6, 100)
    assert torch.allclose(told.y, plain.y) and any("km/h" in note for note in told.notes)
    assert any("m/s was assumed" in note for note in on_globe(cloud(REGIONAL, ("lon", "lat", "u", "v")), 6, 100).notes)


@pytest.mark.parametrize(
    ("names", "hours", "sentence"),
    [
        (("latitude", "longitude", "v", "u"), 6, "names its columns latitude, longitude"),
        (("longitude", "latitude", "v", "u"), 6, "names its columns longitude, latitude, v, u"),
        (("longitude", "latitude", "F_lat", "F_lon"), None, "names its columns"),
        (("longitude", "latitude", "u [K]", "v [K]"), 6, "is no speed"),
        (("longitude", "latitude", "u [m/s]", "v"), 6, "of one wind alone"),
        (WINDS, None, "is a speed; give --hours"),
        (("longitude [rad]", "latitude [rad]", "u", "v"), 6, "give degrees"),
    ],
)
def test_names_that_say_otherwise_are_refused(names: tuple[str, ...], hours: float | None, sentence: str) -> None:
    with pytest.raises(InputError, match=r"winds\.csv") as raised:
        on_globe(cloud(REGIONAL, names), hours, 100)
    assert sentence in str(raised.value)


def test_columns_and_latitudes_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="5 columns"):
        on_globe(cloud(np.zeros((4, 5)), ()), None, 100)
    with pytest.raises(InputError, match="beyond a pole"):
        on_globe(cloud(np.array([[0.0, 91.0, 0.0, 0.0]]), ()), None, 100)
