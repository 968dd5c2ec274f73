"""Shaded relief: light from the north-west, whatever the units."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from npf_engine.figures import relief


def _cone(side: int = 41) -> np.ndarray:
    """Heights of a cone in the middle, rows running south."""
    at = np.linspace(-1, 1, side)
    return np.asarray(1.0 - np.hypot(*np.meshgrid(at, at)))


@pytest.mark.parametrize("unit", [1.0, 1e-6, 3e5])
def test_slopes_towards_the_north_west_are_bright_in_any_unit(unit: float) -> None:
    picture = relief.of_heights(unit * _cone()).astype(int).sum(axis=-1)
    assert picture[10, 10] > picture[10, 30] > picture[30, 30]
    np.testing.assert_allclose(picture, relief.of_heights(_cone()).astype(int).sum(axis=-1), atol=3)


def test_a_field_is_shaded_as_the_heights_whose_slope_it_is() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (40_000, 2))
    f = -x / np.linalg.norm(x, axis=1, keepdims=True)  # of the cone, east and north
    picture = relief.of_field(x, f, (-1.0, -1.0), (1.0, 1.0)).astype(int).sum(axis=-1)
    side = len(picture)
    assert picture[side // 4, side // 4] > picture[3 * side // 4, 3 * side // 4] + 100


def test_what_is_not_known_is_clear_and_a_plain_is_even() -> None:
    z = np.zeros((5, 4))
    z[0, 0] = np.nan
    picture = relief.of_heights(z)
    assert (
        picture[0, 0, 3] == 0
        and picture[4, 3, 3] == 255
        and len(np.unique(picture[3:, 2:].reshape(-1, 4), axis=0)) == 1
    )
    image = Image.open(io.BytesIO(relief.png(picture, 40)))
    assert image.size == (40, 50) and image.mode == "RGBA"


def test_minima_between_high_walls_are_seen_by_their_ranks() -> None:
    """Of a potential whose walls are far higher, heights alone show one plain; ranks differ there."""
    z = np.array([[1e6, 1e5, 1e6], [3.0, 1.0, 2.0], [1e6, 1e5, 1e6]])
    wanted = np.array([[6.5, 3.5, 6.5], [2.0, 0.0, 1.0], [6.5, 3.5, 6.5]])  # equal heights have equal ranks
    assert np.array_equal(relief.of_ranks(z), relief.of_heights(wanted))
    assert np.array_equal(relief.of_ranks(z), relief.of_ranks(np.sqrt(z)))
