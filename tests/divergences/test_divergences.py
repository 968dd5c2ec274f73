"""S_eps against a plain double-precision solver, geomloss' convention and the paper's number; its invariances."""

from __future__ import annotations

import math

import pytest
import torch
from geomloss import SamplesLoss
from torch import Tensor

from npf_engine.divergences import batched_sinkhorn_divergence, default_eps, energy_mmd, l2_uvp, sinkhorn_divergence


def _plain(x: Tensor, y: Tensor, eps: float) -> float:
    """OT_eps by plain log-domain iterations in float64, run to convergence."""
    C = torch.cdist(x.double(), y.double()) ** 2
    f = torch.zeros(len(x), dtype=torch.float64)
    for _ in range(20_000):
        g = -eps * (torch.logsumexp((f[:, None] - C) / eps, 0) - math.log(len(x)))
        new = -eps * (torch.logsumexp((g[None] - C) / eps, 1) - math.log(len(y)))
        change = float((new - f).abs().max())
        f = new
        if change < 1e-11 * eps:
            break
    return float(f.mean() + g.mean())


def _clouds(seed: int, power: int = 1) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(200, 2, generator=g) ** power, torch.randn(160, 2, generator=g) ** power + 0.3


@pytest.mark.parametrize("power", [1, 3])
def test_to_1e_4_of_a_converged_double_precision_value(power: int) -> None:
    x, y = _clouds(0, power)
    eps = default_eps(y)
    exact = _plain(x, y, eps) - _plain(x, x, eps) / 2 - _plain(y, y, eps) / 2
    assert sinkhorn_divergence(x, y) == pytest.approx(exact, rel=1e-4)


def test_geomloss_has_half_the_cost_and_blur_is_a_length() -> None:
    x, y = _clouds(1)
    eps = default_eps(y)
    loss = SamplesLoss("sinkhorn", p=2, blur=math.sqrt(eps / 2), scaling=0.99, debias=True, backend="tensorized")
    assert sinkhorn_divergence(x, y) == pytest.approx(2 * float(loss(x.double(), y.double())), rel=1e-3)


def test_the_papers_number_in_222_dimensions() -> None:
    """Two uniform clouds of 128 points on [-1, 1]^222: 105.7 +- 0.5 (Table 2), 105.33 at eps = 7.398 (checked)."""
    g = torch.Generator().manual_seed(0)
    values = [
        sinkhorn_divergence(torch.rand(128, 222, generator=g) * 2 - 1, torch.rand(128, 222, generator=g) * 2 - 1, 7.398)
        for _ in range(4)
    ]
    assert sum(values) / 4 == pytest.approx(105.5, abs=0.6)


def test_zero_on_equal_clouds_and_never_negative() -> None:
    x, _ = _clouds(2)
    assert 0 <= sinkhorn_divergence(x, x.clone()) < 1e-9
    assert sinkhorn_divergence(x, x + 1e-6) >= 0


def test_invariant_under_rigid_motions_and_quadratic_under_scaling() -> None:
    x, y = _clouds(3)
    base = sinkhorn_divergence(x, y)
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    assert sinkhorn_divergence(x @ turn + 5, y @ turn + 5) == pytest.approx(base, rel=1e-4)
    assert sinkhorn_divergence(10 * x, 10 * y) == pytest.approx(100 * base, rel=1e-4)


def test_a_translation_costs_its_squared_length() -> None:
    x, _ = _clouds(4)
    shift = torch.tensor([3.0, -4.0])
    assert sinkhorn_divergence(x + shift, x, default_eps(x)) == pytest.approx(25.0, rel=1e-5)


def test_the_batch_is_the_single_one_repeated() -> None:
    g = torch.Generator().manual_seed(5)
    x, y = torch.randn(4, 60, 3, generator=g), torch.randn(4, 50, 3, generator=g)
    together = batched_sinkhorn_divergence(x, y, 0.4)
    for k in range(4):
        assert float(together[k]) == pytest.approx(sinkhorn_divergence(x[k], y[k], 0.4), rel=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "eps", "says"),
    [
        (torch.zeros(3, 2), torch.zeros(3, 3), 1.0, "different dimensions"),
        (torch.full((3, 2), float("inf")), torch.zeros(3, 2), 1.0, "not finite"),
        (torch.rand(3, 2), torch.rand(3, 2), -1.0, "eps must be positive"),
        (torch.rand(30, 2), torch.rand(30, 2), 1e-9, "at least"),
        (torch.rand(3), torch.rand(3), 1.0, r"\(n, d\)"),
    ],
)
def test_bad_input_gets_a_sentence(x: Tensor, y: Tensor, eps: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        sinkhorn_divergence(x, y, eps)


def test_clouds_of_one_repeated_point() -> None:
    assert sinkhorn_divergence(torch.zeros(5, 2), torch.ones(7, 2)) == pytest.approx(2.0)


def test_energy_mmd_is_zero_only_for_equal_laws_and_exact_for_two_points() -> None:
    x, y = torch.zeros(1, 1), torch.ones(1, 1)
    assert energy_mmd(x, y) == pytest.approx(2.0)
    assert energy_mmd(x, x) == 0.0


def test_l2_uvp_of_the_mean_is_100_percent() -> None:
    truth = torch.randn(1000, 3, generator=torch.Generator().manual_seed(6))
    assert l2_uvp(truth.mean(0).expand_as(truth), truth) == pytest.approx(100.0)
    assert l2_uvp(truth, truth) == 0.0
