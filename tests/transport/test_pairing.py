"""Exact pairs against brute force and sorting; strata of equal mass."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from npf_engine.transport.pairing import (
    MAX_TIES,
    Stratifier,
    draw_pairs,
    nearest,
    neighbours,
    optimal_assignment,
    tie_free,
)


def test_the_assignment_beats_every_permutation() -> None:
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(6, 2, generator=g), torch.randn(6, 2, generator=g)
    best = min((x - y[list(p)]).square().sum() for p in itertools.permutations(range(6)))
    sigma = optimal_assignment(x, y)
    torch.testing.assert_close((x - y[sigma]).square().sum(), best)
    assert sorted(sigma.tolist()) == list(range(6))


def test_in_one_dimension_it_is_the_monotone_rearrangement() -> None:
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(200, 1, generator=g), torch.rand(200, 1, generator=g)
    sigma = optimal_assignment(x, y)
    torch.testing.assert_close(y[sigma][x[:, 0].argsort(), 0], y[:, 0].sort().values)


def test_clouds_of_different_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        optimal_assignment(torch.zeros(3, 2), torch.zeros(4, 2))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_strata_cover_the_cloud_evenly(d: int) -> None:
    """The mean of stratified draws has a much smaller error than that of independent draws of the same size."""
    g = torch.Generator().manual_seed(2)
    x = torch.rand(20_000, d, generator=g)
    strata = Stratifier(x, 400)
    draws = [strata.draw(g) for _ in range(60)]
    assert all(len(set(draw.tolist())) == strata.k for draw in draws)
    error = torch.stack([x[draw].mean(0) - x.mean(0) for draw in draws]).square().mean()
    independent = 1 / 12 / strata.k
    assert float(error) < 0.25 * independent


def test_high_dimension_falls_back_to_a_random_subsample() -> None:
    strata = Stratifier(torch.rand(100, 8), 10)
    assert len(set(strata.draw(torch.Generator().manual_seed(0)).tolist())) == 10


def test_pairs_of_a_linear_gradient_lie_on_it() -> None:
    g = torch.Generator().manual_seed(3)
    x = torch.rand(5000, 2, generator=g) * 2 - 1
    A = torch.tensor([[2.0, 0.5], [0.5, 1.0]])
    source, target = draw_pairs(x, x @ A.T, 900, g)
    assert float((target - source @ A.T).norm(dim=1).mean()) < 0.12


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_a_cloud_of_copies_is_searched_as_quickly_and_rightly_as_any(shift: float) -> None:
    """Three quarters of the samples are one point, as on level sea; scipy's tree alone looks at them all for each."""
    g = torch.Generator().manual_seed(3)
    cloud = torch.randn(8_000, 2, generator=g, dtype=torch.float64) + shift
    cloud[2_000:] = cloud[0]
    copies = {0, *range(2_000, 8_000)}
    found = neighbours(cloud, 5)
    assert found.shape == (8_000, 5)
    assert set(found[2_000:].unique().tolist()) <= copies
    assert len(found[2_000:].unique()) > 5_000  # not the same few for all
    others = torch.arange(1, 2_000)
    distance = torch.cdist(cloud[others], cloud, compute_mode="donot_use_mm_for_euclid_dist").sort(dim=1).values[:, :5]
    torch.testing.assert_close((cloud[found[others]] - cloud[others, None]).norm(dim=2), distance, atol=1e-7, rtol=0)
    assert torch.equal(found[others, 0], others)
    at = nearest(cloud, cloud[:1], 7)
    assert set(at[0].tolist()) <= copies and at.shape == (1, 7)


def test_only_copies_beyond_what_a_leaf_holds_are_spread() -> None:
    points = np.random.default_rng(4).standard_normal((100, 3)).astype(np.float32)
    points[:MAX_TIES] = points[0]
    assert np.array_equal(tie_free(points), points.astype(np.float64))
    points[: MAX_TIES + 1] = points[0]
    spread = tie_free(points)
    assert np.array_equal(spread[MAX_TIES + 1 :], points[MAX_TIES + 1 :].astype(np.float64))
    assert len(np.unique(spread, axis=0)) == 100 and np.abs(spread - points).max() < 1e-7
    assert len(np.unique(tie_free(np.zeros((50, 2))), axis=0)) == 50  # a constant field


def test_copies_far_from_the_origin_are_spread_by_units_in_the_last_place() -> None:
    points = np.tile([1e6, 0.0], (400, 1))
    points[0, 1] = 1.0
    moved = tie_free(points)[1:] - points[1:]
    assert moved[:, 1].std() == pytest.approx(1e-8, rel=0.2)


def test_neighbours_of_few_points_are_all_of_them() -> None:
    assert neighbours(torch.tensor([[0.0], [1.0], [3.0]]), 8).sort(dim=1).values.tolist() == [[0, 1, 2]] * 3


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_an_assignment_knows_no_units_and_no_origin(unit: float) -> None:
    g = torch.Generator().manual_seed(5)
    x, y = (torch.randn(40, 2, generator=g).double() for _ in range(2))
    sigma = optimal_assignment(x, y)
    assert torch.equal(optimal_assignment(unit * (x + 1e4), unit * (y - 3e4)), sigma)
    assert sorted(optimal_assignment(x, torch.zeros(40, 2)).tolist()) == list(range(40))  # all costs are the same


@pytest.mark.parametrize(
    ("n", "d", "k", "cells"),
    [(250, 3, 125, 125), (250, 1, 2, 2), (10, 1, 50, 10), (250, 1, 1, None), (250, 5, 40, None), (250, 4, 16, 16)],
)
def test_cells_are_the_dth_power_of_a_whole_number(n: int, d: int, k: int, cells: int | None) -> None:
    strata = Stratifier(torch.rand(n, d, generator=torch.Generator().manual_seed(1)), k)
    assert (None if strata.cells is None else len(strata.cells)) == cells
    assert len(strata.draw(torch.Generator())) == strata.k == min(n, k)


def test_copies_beyond_a_leaf_are_spread_by_a_billionth_of_the_cloud() -> None:
    g = np.random.default_rng(1)
    apart = g.normal(size=(50, 2)) * [100.0, 1.0]
    few, many = np.full((MAX_TIES, 2), 7.0), np.full((400, 2), [3.0, 8.0])
    points = np.concatenate([apart, few, many])
    found = tie_free(points.astype(np.float64))
    np.testing.assert_array_equal(found[: 50 + MAX_TIES], points[: 50 + MAX_TIES])
    moved = found[50 + MAX_TIES :] - many
    extent = float(np.ptp(points[:, 0]))
    assert moved.std() == pytest.approx(1e-9 * extent, rel=0.1) and len(np.unique(found, axis=0)) == 50 + 1 + 400
    far = tie_free(points - 1e12)  # where a billionth of the extent is less than a float's step
    assert (far[-400:] - (many - 1e12)).std() == pytest.approx(1e-14 * 1e12, rel=0.1)
    origin = tie_free(np.zeros((60, 2)))
    assert origin.std() == pytest.approx(1e-9, rel=0.2)
    assert tie_free(np.ones((MAX_TIES, 2), dtype=np.float32)).dtype == np.float64


@pytest.mark.parametrize("d", [2, 12])
def test_a_pair_is_drawn_by_strata_that_are_given_or_its_own_and_the_nearest_are_in_order(d: int) -> None:
    g = torch.Generator().manual_seed(1)
    x, y = torch.randn(60, d, generator=g), torch.randn(60, d, generator=g)
    near = nearest(x, y, 3)
    assert torch.equal(near, torch.cdist(y, x).argsort(dim=1)[:, :3])
    own = draw_pairs(x, y, 9, torch.Generator().manual_seed(4))
    given = draw_pairs(x, y, 50, torch.Generator().manual_seed(4), Stratifier(x, 9))
    assert torch.equal(own[0], given[0]) and torch.equal(own[1], given[1]) and len(own[0]) == 9
