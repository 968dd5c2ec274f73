"""Factorizations that are known exactly: what M must keep, what u must be, closed forms on the line."""

from __future__ import annotations

import math

import numpy as np
import pytest

from npf_engine.errors import InputError
from npf_engine.polar.toys import DOUBLE, FOLD, PLANAR, TURN, TWIST, disc, matrix_toy, planar_toy, rearranged, square


@pytest.mark.parametrize("A", [[[0.4, -1.2], [1.1, 0.6]], [[1.0, 2.0], [0.5, -1.0]], [[2.0, 0.0], [0.0, 0.5]]])
def test_a_matrix_is_a_symmetric_one_after_an_orthogonal_one(A: list[list[float]]) -> None:
    toy = matrix_toy(np.asarray(A))
    assert np.allclose(toy.P @ toy.Q, A) and np.allclose(toy.Q @ toy.Q.T, np.eye(2))
    assert np.allclose(toy.P, toy.P.T) and np.linalg.eigvalsh(toy.P).min() >= 0
    assert np.allclose(toy.field, toy.x @ np.asarray(A).T) and toy.unique
    # of all orthogonal matrices Q is the nearest: E <F, Q x> is the largest (the trace of P)
    angles = np.linspace(0, 2 * math.pi, 90)
    turns = np.stack([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    assert max(np.trace(turn.T @ A) for turn in turns) <= np.trace(toy.P) + 1e-9


def test_a_singular_matrix_is_said_to_leave_m_open() -> None:
    assert not matrix_toy(np.asarray([[1.0, 2.0], [2.0, 4.0]])).unique
    assert not matrix_toy(np.zeros((2, 2))).unique


@pytest.mark.parametrize(
    ("field", "increasing", "m"),
    [
        (lambda x: np.sin(2 * math.pi * x), lambda q: -np.cos(math.pi * q), lambda f: np.arccos(-f) / math.pi),
        (lambda x: np.mod(2 * x, 1), lambda q: q, lambda f: f),
        (lambda x: 1 - np.abs(2 * x - 1), lambda q: q, lambda f: f),
        (lambda x: (2 * x - 1) ** 2, lambda q: q**2, np.sqrt),
    ],
)
def test_rearrangements_with_a_closed_form(field, increasing, m) -> None:
    found = rearranged(field)
    assert np.abs(found.increasing - increasing(found.x)).max() < 2e-3
    assert np.abs(found.m - m(found.field)).max() < 0.02 and np.abs(found.m - m(found.field)).mean() < 1e-3
    assert np.abs(np.interp(found.m, found.x, found.increasing) - found.field).max() < 5e-3  # F = u' o M
    assert np.abs(np.sort(found.m) - found.x).max() < 2e-3  # M keeps the uniform law
    assert found.plateau == 0


def test_a_plateau_is_measured_and_a_pole_refused() -> None:
    assert rearranged(lambda x: np.maximum(x - 0.5, 0)).plateau == pytest.approx(0.5, abs=1e-3)
    assert rearranged(lambda x: np.floor(200 * x) / 200).plateau == 1
    with pytest.raises(InputError, match="not a finite number at x = 0"):
        rearranged(lambda x: np.where(x > 0.5, x, np.nan))


@pytest.mark.parametrize("kind", PLANAR)
def test_maps_of_the_plane_keep_the_area_and_u_is_convex(kind: str) -> None:
    toy = planar_toy(kind, 3 if kind in (FOLD, DOUBLE) else 200, 0.7, 20_000)
    if kind in (TURN, TWIST):
        assert np.allclose(np.linalg.norm(toy.m, axis=1), np.linalg.norm(toy.x, axis=1))
    edges = np.linspace(-1, 1, 7)
    before, after = (np.histogram2d(*cloud.T, bins=[edges, edges])[0] for cloud in (toy.x, toy.m))
    full = before > 300  # cells that lie in the region wholly
    assert full.sum() >= 12 and (np.abs(after - before)[full] < 0.12 * before[full]).all()
    order = toy.m[:, 0].argsort()
    assert (np.diff(toy.field[order, 0]) >= 0).all()  # grad u is monotone in each coordinate


def test_points_are_even_in_disc_and_square() -> None:
    assert np.linalg.norm(disc(1_000), axis=1).max() <= 1 and abs(disc(1_000).mean()) < 2e-3
    assert np.abs(square(1_000)).max() <= 1
    assert (np.linalg.norm(disc(1_000), axis=1) < math.sqrt(0.5)).mean() == pytest.approx(0.5, abs=2e-3)
