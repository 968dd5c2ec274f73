"""Shares of draws near modes, saddles and maxima, where they are known; ends of the flow on plateaus."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npf_engine.sampling import landscapes, outcome
from npf_engine.sampling.exact import Truth
from npf_engine.sampling.langevin import LangevinSettings
from npf_engine.sampling.nearness import ELSEWHERE, HELD, LEVEL, MAXIMUM, SADDLE, Nearness


@pytest.fixture(scope="module")
def himmelblau() -> Truth:
    return Truth(landscapes.find("himmelblau"), 1.0, side=401)


def test_exact_draws_are_near_modes_as_often_as_quadrature_says(himmelblau: Truth) -> None:
    near = Nearness(himmelblau)
    assert near.expected.modes == pytest.approx(HELD, abs=2e-3) and near.expected.maxima < 1e-9
    shares = near.shares(himmelblau.sample(20_000, torch.Generator().manual_seed(0)))
    assert shares.modes == pytest.approx(near.expected.modes, abs=4 * np.sqrt(0.01 / 20_000))
    np.testing.assert_allclose(shares.each, near.expected.each, atol=0.015)
    np.testing.assert_allclose(near.expected.each, HELD * np.array(himmelblau.weights), atol=2e-3)


def test_a_gaussian_mode_reaches_as_far_as_its_own_gaussian() -> None:
    """c (g - g_0) is exponential with mean 1 on a quadratic in the plane: its 99 % lie below log 100."""
    truth = Truth(landscapes.find("2*x^2 + y^2/2", low=(-3, -6), high=(3, 6)), 2.0, side=401)
    near = Nearness(truth)
    assert float(near.levels[0]) == pytest.approx(LEVEL, rel=0.02)
    edge = float(np.sqrt(LEVEL / 2 / 2))  # c 2 x^2 = LEVEL
    found = near.where(torch.tensor([[0.97 * edge, 0.0], [1.03 * edge, 0.0]], dtype=torch.float64))
    assert found.tolist() == [0, ELSEWHERE]


def test_each_place_is_near_what_is_there(himmelblau: Truth) -> None:
    near = Nearness(himmelblau)
    for point in himmelblau.critical:
        at = torch.tensor([point.location], dtype=torch.float64)
        found = int(near.where(at)[0])
        assert found == {"saddle": SADDLE, "maximum": MAXIMUM}.get(point.kind, int(himmelblau.basin(at)[0]))
    # On a wall: in a basin all the same, and near nothing.
    assert near.where(torch.tensor([[4.9, 4.9], [-4.9, 0.5]])).tolist() == [ELSEWHERE, ELSEWHERE]
    assert near.shares(torch.empty(0, 2)).modes == 0.0


def test_the_ellipse_of_a_saddle_is_that_of_its_curvatures() -> None:
    """On (x^2 - 1)^2 + y^2/2 the Hessian is diag(-4, 1) at the origin: c (4 x^2 + y^2) / 2 <= LEVEL."""
    near = Nearness(Truth(landscapes.find("double-well"), 50.0, side=401))
    across, along = np.sqrt(2 * LEVEL / (50 * 4)), np.sqrt(2 * LEVEL / 50)
    places = [[0.97 * across, 0.0], [1.03 * across, 0.0], [0.0, 0.97 * along], [0.0, 1.03 * along]]
    assert near.where(torch.tensor(places)).tolist() == [SADDLE, ELSEWHERE, SADDLE, ELSEWHERE]


def test_jumps_alone_leave_half_of_their_draws_at_the_saddle_of_a_double_well() -> None:
    """1/|det| is 1/8 at both minima and 1/4 at the saddle. The jump's law there is a Gaussian of covariance b H^-2 / c
    with b = 2^(1/2), so that c x^T |H| x / 2 = b z_1^2 / (2 |h_1|) + b z_2^2 / (2 |h_2|), h = (-4, 1): 98.9 %."""
    truth = Truth(landscapes.find("double-well"), 50.0, side=401)
    draws = truth.own_draws(LangevinSettings(1e-3, 50.0, inner=1))
    assert draws is not None
    shares = Nearness(truth).shares(draws)
    assert shares.saddles == pytest.approx(0.5 * 0.989, abs=0.03)
    assert shares.modes == pytest.approx(0.5 * 0.989, abs=0.03)


def test_the_own_law_is_that_of_all_moments_between_two_jumps() -> None:
    """Of N = 2 half of the draws have made no step on g yet: their mean is that of a chain of no steps and of one."""
    truth = Truth(landscapes.find("double-well"), 2.0, side=201)
    step = 0.05  # from the saddle a step is 8 tau x outwards, and noise
    found = [truth.own_draws(LangevinSettings(step, 2.0, inner=n)) for n in (1, 2)]
    moved = (found[0] != found[1]).any(dim=1).double().mean()
    assert float(moved) == pytest.approx(0.5, abs=1e-3)


def test_compare_puts_draws_between_the_exact_law_and_one_basin(himmelblau: Truth) -> None:
    g = torch.Generator().manual_seed(3)
    right = outcome.compare(himmelblau, himmelblau.sample(4000, g), None, 0)
    stuck = outcome.compare(himmelblau, himmelblau.sample(4000, g, 0), None, 0)
    truth = right["truth"]
    assert right["energy_distance"] < 6 * truth["energy_distance_of_exact_samples"] + 2e-3
    assert stuck["modes"][0]["occupancy"] > 0.99 and stuck["near_modes"] == pytest.approx(0.99, abs=0.01)
    assert stuck["energy_distance"] == pytest.approx(truth["energy_distance_of_one_basin"], rel=0.15)
    assert right["energy_distance"] < 0.02 * stuck["energy_distance"] and truth["own"] is None
    empty = outcome.compare(himmelblau, torch.empty(0, 2), None, 0)
    assert empty["energy_distance"] is None and empty["near_modes"] == 0.0


@pytest.mark.parametrize(
    ("text", "kind"),
    [("max(x^2 + y^2 - 4, 0)", "degenerate"), ("abs(x) + abs(y)", "degenerate"), ("x + y", "boundary")],
)
def test_a_plateau_a_kink_and_an_edge_are_one_mode_each(text: str, kind: str) -> None:
    """Every cell of a flat bottom is an end of the flow: they are one place, or there would be thousands."""
    truth = Truth(landscapes.find(text), 1.0, side=101)
    assert [mode.kind for mode in truth.modes] == [kind] and truth.weights == pytest.approx([1.0])
    place = np.array(truth.modes[0].location)
    assert np.abs(place - (-4.95 if kind == "boundary" else 0.0)).max() < 0.06
