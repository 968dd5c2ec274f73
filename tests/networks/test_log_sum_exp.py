"""Log-sum-exp: a smoothed identity, or a smoothed affine map, at its start."""

from __future__ import annotations

import pytest
import torch

from npf_engine.networks.log_sum_exp import LogSumExpPotential


def test_log_sum_exp_is_a_smoothed_identity_at_the_start() -> None:
    grid = torch.cartesian_prod(torch.linspace(-2, 2, 21), torch.linspace(-2, 2, 21))
    u = LogSumExpPotential(grid, temperature=0.1, strong_convexity=0.0)
    x = torch.tensor([[0.0, 0.0], [0.5, -0.3], [1.0, 1.0]])
    assert float((u.gradient(x) - x).norm(dim=1).max()) < 0.02


def test_its_gaussian_start_is_the_map_between_its_pieces() -> None:
    grid = torch.cartesian_prod(torch.linspace(-2, 2, 41), torch.linspace(-2, 2, 41))
    S, m = torch.tensor([[2.0, 0.5], [0.5, 1.0]]), torch.tensor([3.0, -1.0])
    u = LogSumExpPotential(torch.zeros(len(grid), 2), temperature=0.02, strong_convexity=0.0)
    u.start_at_gaussian(S, m, grid)
    x = torch.tensor([[0.0, 0.0], [0.5, -0.3], [1.0, 1.0]])
    assert float((u.gradient(x) - (x @ S + m)).norm(dim=1).max()) < 0.02
    with pytest.raises(ValueError, match="a sample for each of the 1681 pieces"):
        u.start_at_gaussian(S, m, grid[:7])


def test_it_is_built_again_from_its_config() -> None:
    u = LogSumExpPotential(torch.randn(5, 3), strong_convexity=0.2)
    again = LogSumExpPotential.from_config(u.to_config())
    again.load_state_dict(u.state_dict())
    x = torch.randn(4, 3)
    assert torch.equal(u(x), again(x)) and again.strong_convexity == u.strong_convexity
