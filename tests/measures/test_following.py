"""A followed point, the loop it is taken from, and what a caption says of M, on maps that are known."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.fields.field import Units
from npf_engine.measures import following
from npf_engine.measures.views import FactorizationView, mixing, rises

PLAIN = Units(("x", "y"), ("", ""), "")


def view(m: np.ndarray, x: np.ndarray, learnt: bool = True) -> FactorizationView:
    """u = |y|^2 on the square, with an M that is given."""
    clouds = {"rho": x, "m": m, "field": 2 * m, "grad_u": 2 * x}
    if learnt:
        clouds |= {"m_network": m + 0.1, "reconstruction": 2 * (m + 0.1)}
    return FactorizationView(clouds, PLAIN, (-1.0, -1.0), (1.0, 1.0), (1.0, 1.0), None)


@pytest.fixture(scope="module")
def square() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (2000, 2))


def test_a_point_goes_from_x_to_m_to_the_gradient_at_m(square: np.ndarray) -> None:
    turned = square[:, ::-1] * [-1, 1]
    found = view(turned, square)
    seen = following.follow(found, 7)
    np.testing.assert_allclose(seen.x, square[7])
    np.testing.assert_allclose(seen.m, turned[7] + 0.1)
    np.testing.assert_allclose(seen.value, 2 * seen.m)
    np.testing.assert_allclose(seen.field, 2 * turned[7])
    spread = np.linalg.norm(2 * turned - (2 * turned).mean(axis=0), axis=1).mean()
    assert seen.miss == pytest.approx(0.2 * np.sqrt(2) / spread)
    plain = view(turned, square, learnt=False)
    assert following.clouds(plain) == ("rho", "m", "field") and following.follow(plain, 7).miss == 0.0


def test_the_walk_is_a_loop_of_neighbours(square: np.ndarray) -> None:
    walk = following.walk(view(square, square))
    radius = np.linalg.norm(square[walk] / 0.98, axis=1)
    assert len(set(walk.tolist())) > 40 and np.abs(radius - following.LOOP).max() < 0.1
    steps = np.linalg.norm(np.diff(square[walk], axis=0), axis=1)
    assert steps.max() < 0.25, "no stop is far from the one before"
    line = FactorizationView(
        {"rho": square[:, :1], "m": square[:, :1], "field": square[:, :1]}, Units(("x",), ("",), ""), (-1.0,), (1.0,),
        (1.0,), None,
    )  # fmt: skip
    assert (np.diff(square[following.walk(line), 0]) > 0).all()


def test_mixing_tells_a_turn_from_a_fold(square: np.ndarray) -> None:
    """A quarter turn keeps neighbours; x -> 2 |x| - 1 lays the two halves of the square on each other."""
    turned = square[:, ::-1] * [-1, 1]
    assert mixing(view(turned, square)) == 0.0
    folded = np.stack([2 * np.abs(square[:, 0]) - 1, square[:, 1]], axis=1)
    # Half of the nearest neighbours come from the other half; those near the fold are close all the same.
    assert mixing(view(folded, square)) == pytest.approx(0.5 * 0.87, abs=0.05)


def test_a_graph_rises_or_falls() -> None:
    x = np.array([0.3, -1.0, 0.9, 0.0])
    assert rises(x, x**3) and rises(x, np.ones(4)) and not rises(x, x**2)
