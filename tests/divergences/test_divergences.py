"""S_eps against a plain double-precision solver, geomloss' convention and the paper's number; its invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from geomloss import SamplesLoss
from torch import Tensor

from benchmarks.plain_sinkhorn import plain_cost, plain_divergence
from npf_engine.divergences import batched_sinkhorn_divergence, default_eps, energy_mmd, l2_uvp, sinkhorn_divergence
from npf_engine.divergences.entropic import entropic_cost, self_cost


def _randn(n: int, d: int, seed: int, power: int = 1) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) ** power


def _clouds(seed: int) -> tuple[Tensor, Tensor]:
    return _randn(200, 2, seed), _randn(160, 2, seed + 100) + 0.3


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (_randn(300, 2, 0), _randn(300, 2, 1) + 0.3),
        (_randn(300, 2, 2, power=3), _randn(200, 2, 3, power=3) + 0.3),  # heavy tails: lonely far points
        (_randn(250, 8, 4), 1.5 * _randn(250, 8, 5)),
        (_randn(200, 8, 6, power=3), _randn(260, 8, 7, power=3)),
        (_randn(40, 3, 8), _randn(300, 3, 9) - 1),
        (_randn(600, 2, 12), _randn(530, 2, 13, power=3)),  # large enough for the coarse start and a float32 kernel
    ],
    ids=["plane", "heavy-tails", "eight-d", "heavy-tails-eight-d", "unequal", "single-precision-kernel"],
)
def test_to_1e_4_of_plain_double_precision_iterations(x: Tensor, y: Tensor) -> None:
    eps = default_eps(y)
    plain = plain_divergence(x, y, eps, marginal=1e-7)
    assert plain.marginal < 1e-4, "the reference itself is not converged"
    assert sinkhorn_divergence(x, y) == pytest.approx(plain.value, rel=1e-4)


def test_the_plain_iterations_know_the_closed_form_of_two_points() -> None:
    """OT_eps between {0, t} and itself: the plan has one free number, the share p of mass that stays."""
    t, eps = 1.3, 0.7
    x = torch.tensor([[0.0], [t]])
    stay = 1 / (1 + math.exp(-(t**2) / eps))
    entropy = sum(p * math.log(2 * p) for p in (stay, 1 - stay))
    assert plain_cost(x, x, eps).value == pytest.approx((1 - stay) * t**2 + eps * entropy, rel=1e-7)
    assert plain_cost(x, x.clone(), eps).value == pytest.approx((1 - stay) * t**2 + eps * entropy, rel=1e-7)


def test_geomloss_has_half_the_cost_and_blur_is_a_length() -> None:
    x, y = _clouds(1)
    eps = default_eps(y)
    loss = SamplesLoss("sinkhorn", p=2, blur=math.sqrt(eps / 2), scaling=0.99, debias=True, backend="tensorized")
    assert sinkhorn_divergence(x, y) == pytest.approx(2 * float(loss(x.double(), y.double())), rel=1e-3)


def test_the_papers_number_in_222_dimensions() -> None:
    """Two uniform clouds of 128 points on [-1, 1]^222 at eps = 7.398: 105.7 +- 0.5 (Table 2); one draw known better."""
    g = np.random.default_rng(0)
    values = []
    for _ in range(4):
        x, y = (torch.from_numpy(g.uniform(-1, 1, (128, 222))) for _ in range(2))
        values.append(sinkhorn_divergence(x, y, 7.398))
    assert values[0] == pytest.approx(105.3256, rel=2e-5)
    assert sum(values) / 4 == pytest.approx(105.7, abs=0.5)


def test_zero_on_equal_clouds() -> None:
    x, _ = _clouds(2)
    assert 0 <= sinkhorn_divergence(x, x.clone()) < 1e-9


@pytest.mark.parametrize("power", [1, 3])
@pytest.mark.parametrize("shift", [0.0, 1e-6, 1e-3])
def test_never_negative_and_not_by_the_cut_alone(shift: float, power: int) -> None:
    """A small translation, whose squared length is the answer, below what the arithmetic of a term resolves."""
    for x in (_randn(600, 2, 2, power), _randn(30, 8, 3, power)):
        y, eps = x + shift, default_eps(x)
        exact = float((y.double() - x.double()).square().sum(1).mean())
        assert sinkhorn_divergence(x, y) >= 0
        assert float(batched_sinkhorn_divergence(x[None], y[None], eps)) >= 0
        uncut = entropic_cost(x[None], y[None], eps) - self_cost(x[None], eps) / 2 - self_cost(y[None], eps) / 2
        assert float(uncut) == pytest.approx(exact, abs=3e-5 * eps)


def test_symmetric_in_the_clouds_and_blind_to_the_order_of_points() -> None:
    x, y = _clouds(11)
    base = sinkhorn_divergence(x, y, 0.4)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    assert sinkhorn_divergence(y, x, 0.4) == pytest.approx(base, rel=1e-4)
    assert sinkhorn_divergence(x[order], y, 0.4) == pytest.approx(base, rel=1e-4)
    assert sinkhorn_divergence(torch.cat([x, x]), y, 0.4) == pytest.approx(base, rel=1e-4)


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
        (torch.rand(30, 2), torch.rand(30, 2), 1e-9, "between"),
        (torch.rand(30, 2), torch.rand(30, 2), 1e30, "between"),
        (torch.rand(30, 2), torch.rand(30, 2), math.inf, "must be positive"),
        (torch.rand(30, 2), torch.rand(30, 2), math.nan, "must be positive"),
        (torch.rand(3), torch.rand(3), 1.0, r"\(n, d\)"),
    ],
)
def test_bad_input_gets_a_sentence(x: Tensor, y: Tensor, eps: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        sinkhorn_divergence(x, y, eps)


def test_no_figure_is_given_for_clouds_that_are_not_finite() -> None:
    x, lost = torch.rand(2, 30, 2), torch.rand(2, 30, 2)
    lost[1, 3, 0] = math.nan
    with pytest.raises(ValueError, match="not finite"):
        batched_sinkhorn_divergence(lost, x, 0.1)
    with pytest.raises(ValueError, match="not finite"):
        energy_mmd(x[0], lost[1])


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
