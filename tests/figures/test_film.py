"""The film of a chain: places to a 65,535th of their range, and no jump is lost where moments are left out."""

from __future__ import annotations

import numpy as np

from npf_engine.figures.film import MOST_PARTICLES, film

NOISE = np.random.default_rng(0)


def test_places_and_jumps_of_a_short_chain_are_all_kept() -> None:
    steps, paths = np.arange(0, 70, 10), NOISE.normal(size=(7, 5, 2)) * [1.0, 1000.0]
    jumped = NOISE.random((7, 5)) < 0.3
    found = film(steps, paths, jumped)
    np.testing.assert_array_equal(found.steps, steps)
    np.testing.assert_array_equal(found.jumped, jumped)
    assert (np.abs(found.places() - paths) <= np.ptp(paths, axis=(0, 1)) / 65535).all()


def test_a_jump_between_two_moments_that_are_kept_is_told_at_the_second() -> None:
    jumped = np.zeros((10, 4), dtype=bool)
    jumped[4, 1] = jumped[9, 2] = True
    found = film(np.arange(10), NOISE.normal(size=(10, 4, 2)), jumped, most=16)
    np.testing.assert_array_equal(found.steps, [0, 3, 6, 9])
    assert [tuple(place) for place in np.argwhere(found.jumped)] == [(2, 1), (3, 2)]


def test_particles_beyond_those_that_are_seen_are_left_out_and_one_place_alone_is_a_film() -> None:
    many = film(np.arange(2), np.zeros((2, MOST_PARTICLES + 5, 2)), np.zeros((2, MOST_PARTICLES + 5)))
    assert many.codes.shape == (2, MOST_PARTICLES, 2) and np.isfinite(many.places()).all()
    alone = film(np.arange(1), np.full((1, 1, 2), 7.0), np.ones((1, 1)))
    np.testing.assert_array_equal(alone.places(), [[[7.0, 7.0]]])
    assert alone.jumped.all()
