"""Exact pairs against brute force and sorting; strata of equal mass."""

from __future__ import annotations

import itertools

import pytest
import torch

from npf_engine.transport.pairing import Stratifier, draw_pairs, optimal_assignment


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
