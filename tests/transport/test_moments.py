"""Covariances and the Gaussian map on clouds far from the origin and badly scaled, axes unlike each other."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from npf_engine.transport.gaussian import covariance, gaussian_map, gaussian_map_of_moments

FAR = torch.tensor([3000.0, -0.02, 41.0], dtype=torch.float64)
SIZES = torch.tensor([40.0, 0.05, 2.0], dtype=torch.float64)


def cloud(n: int, seed: int, offset: Tensor = FAR, sizes: Tensor = SIZES) -> Tensor:
    g = torch.Generator().manual_seed(seed)
    mix = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.3, 0.4, 0.9]], dtype=torch.float64)
    return offset + torch.randn(n, 3, generator=g, dtype=torch.float64) @ mix.T * sizes


def test_the_covariance_does_not_know_the_origin_and_is_the_biased_one() -> None:
    x = cloud(50, 1)
    torch.testing.assert_close(covariance(x), torch.cov(x.T, correction=0), rtol=1e-8, atol=1e-12)
    torch.testing.assert_close(covariance(x), covariance(x + 10 * FAR), rtol=1e-6, atol=1e-10)
    assert covariance(x.float()).dtype == torch.float64
    assert covariance(torch.tensor([[1.0], [3.0]])).tolist() == [[1.0]]
    with pytest.raises(ValueError, match="two points"):
        covariance(x[:1])


def test_the_gaussian_map_carries_mean_and_covariance_of_clouds_that_are_not_centred() -> None:
    x = cloud(400, 1)
    y = cloud(300, 2, torch.tensor([-7.0, 900.0, 0.3], dtype=torch.float64), SIZES.flip(0))
    S, m = gaussian_map(x, y)
    image = x @ S.T + m
    torch.testing.assert_close(image.mean(0), y.mean(0), rtol=1e-7, atol=1e-9)
    apart = covariance(image) / covariance(y).diagonal().outer(covariance(y).diagonal()).sqrt()
    truth = covariance(y) / covariance(y).diagonal().outer(covariance(y).diagonal()).sqrt()
    torch.testing.assert_close(apart, truth, atol=1e-6, rtol=0)
    torch.testing.assert_close(S, S.T)
    assert float(torch.linalg.eigvalsh(S).min()) > 0


def test_an_affine_gradient_is_found_exactly() -> None:
    """y = A x + b with A symmetric positive definite is optimal: the map is A and b themselves."""
    A = torch.tensor([[2.0, 0.3, -0.1], [0.3, 1.0, 0.2], [-0.1, 0.2, 0.5]], dtype=torch.float64)
    b = torch.tensor([5.0, -60.0, 0.7], dtype=torch.float64)
    x = cloud(200, 3, torch.tensor([9.0, -4.0, 2.0]).double(), torch.tensor([2.0, 0.5, 1.0]).double())
    S, m = gaussian_map(x, x @ A.T + b)
    torch.testing.assert_close(S, A, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(m, b, rtol=1e-7, atol=1e-8)


def test_a_direction_without_spread_gets_no_slope() -> None:
    x = cloud(100, 4)
    x[:, 1] = 7.0
    y = cloud(100, 5)
    S, m = gaussian_map(x, y)
    assert float(S[1].abs().max()) < 1e-6 * float(S.abs().max())
    torch.testing.assert_close(x.mean(0) @ S.T + m, y.mean(0), rtol=1e-7, atol=1e-8)


def test_moments_of_commuting_gaussians_give_the_ratio_of_their_widths() -> None:
    mean_x, mean_y = torch.tensor([10.0, -3.0]).double(), torch.tensor([0.5, 8.0]).double()
    S, m = gaussian_map_of_moments(
        mean_x, torch.diag(torch.tensor([4.0, 0.25])).double(), mean_y, torch.diag(torch.tensor([9.0, 16.0])).double()
    )
    torch.testing.assert_close(S, torch.diag(torch.tensor([1.5, 8.0])).double())
    torch.testing.assert_close(m, torch.tensor([0.5 - 15.0, 8.0 + 24.0]).double())
