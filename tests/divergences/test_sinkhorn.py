"""The Sinkhorn divergence's arithmetic: eps and its limits, degenerate clouds, three terms, far from the origin."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from npf_engine.divergences import l2_uvp, sinkhorn
from npf_engine.divergences.entropic import entropic_cost, self_cost
from npf_engine.divergences.sinkhorn import (
    _checked_eps,
    batched_sinkhorn_divergence,
    default_eps,
    sinkhorn_divergence,
    sinkhorn_divergences,
)

TWO = torch.tensor([[0.0, 0.0], [2.0, 4.0]])  # E|X - X'|^2 = 10 over the four pairs


def cloud(n: int, seed: int, d: int = 2) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_eps_is_a_twentieth_of_the_mean_squared_distance_over_all_pairs() -> None:
    assert default_eps(TWO) == pytest.approx(0.5)
    x = cloud(17, 0) + 100
    pairs = (x[:, None] - x[None]).square().sum(2)
    assert default_eps(x) == pytest.approx(0.05 * float(pairs.mean()))
    with pytest.raises(ValueError, match="two points"):
        default_eps(TWO[:1])


def test_an_eps_lies_between_a_ten_thousandth_and_ten_thousand_times_the_spread() -> None:
    for eps in (1.001e-3, 0.5, 0.999e5):
        assert _checked_eps(eps, TWO) == eps
    for eps in (0.999e-3, 1.001e5, 0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match=r"between 0\.001 and 1e"):
            _checked_eps(eps, TWO)
    assert _checked_eps(1e-9, TWO[:1]) == 1e-9 and _checked_eps(1e9, TWO[:1]) == 1e9  # a point has no spread
    with pytest.raises(ValueError, match="positive"):
        _checked_eps(0.0, TWO[:1])


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_the_three_terms_share_one_eps(shift: float) -> None:
    x, y = 0.3 * cloud(9, 1) + shift, 0.3 * cloud(12, 2)
    other = x + 1.0
    for eps in (None, 0.2):
        value = 0.2 if eps else default_eps(y)
        own = self_cost(y[None], value) / 2
        wanted = [
            float(entropic_cost(a[None], y[None], value) - self_cost(a[None], value) / 2 - own) for a in (x, other)
        ]
        assert all(0 < each < 5 for each in wanted)
        assert sinkhorn_divergences([x, other], y, eps) == pytest.approx(wanted, rel=1e-6)
        assert sinkhorn_divergence(x, y, eps) == pytest.approx(wanted[0], rel=1e-6)
        both = batched_sinkhorn_divergence(torch.stack([x, other]), torch.stack([y, y]), value)
        assert both.tolist() == pytest.approx(wanted, rel=1e-6)


def test_a_single_point_pays_its_mean_distance_less_half_of_the_others_own_term() -> None:
    point, y = torch.tensor([[0.1, -0.2]]).double(), 0.2 * cloud(8, 3)
    wanted = float((y - point).square().sum(1).mean()) - float(self_cost(y[None], 0.05)) / 2
    assert sinkhorn_divergence(point, y, 0.05) == pytest.approx(wanted, rel=1e-6)
    assert sinkhorn_divergence(point, point, 0.05) == pytest.approx(0.0, abs=1e-12)


def test_clouds_of_repeated_points_have_the_squared_distance_of_their_means() -> None:
    x = torch.tensor([[[0.0, 0.0], [2.0, 4.0], [1.0, 2.0]], [[5.0, 5.0]] * 3])
    y = torch.tensor([[[4.0, 6.0]] * 4, [[5.0, 4.5]] * 4])
    assert batched_sinkhorn_divergence(x, y, 0.0).tolist() == pytest.approx([9 + 16, 0.25])
    assert sinkhorn_divergence(x[0], y[0]) == pytest.approx(25.0)
    assert batched_sinkhorn_divergence(y, y, 0.0).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("which", [0, 1])
def test_one_value_that_is_not_finite_is_enough(which: int) -> None:
    pair = [cloud(6, 1)[None], cloud(6, 2)[None]]
    pair[which][0, 3, 1] = math.nan
    with pytest.raises(ValueError, match="not finite"):
        batched_sinkhorn_divergence(*pair, 0.3)
    with pytest.raises(ValueError, match="not finite"):
        sinkhorn_divergence(pair[0][0], pair[1][0], 0.3)
    empty = [cloud(6, 1), cloud(6, 2)]
    empty[which] = empty[which][:0]
    with pytest.raises(ValueError, match="n >= 1"):
        sinkhorn_divergence(*empty, 0.3)


def test_batches_of_unlike_size_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinkhorn, "BATCH_NUMBERS", 1)
    x = torch.stack([cloud(5, s) for s in range(3)])
    alone = [float(batched_sinkhorn_divergence(a[None], a[None] + 1, 0.3)) for a in x]
    assert batched_sinkhorn_divergence(x, x + 1, 0.3).tolist() == pytest.approx(alone)
    with pytest.raises(ValueError, match="zip"):
        batched_sinkhorn_divergence(x, x[:2] + 1, 0.3)


def test_far_from_the_origin_nothing_is_lost() -> None:
    x, y = cloud(60, 1), 0.5 * cloud(50, 2)
    away = torch.tensor([3e6, -5e6]).double()
    for far, near in (
        (entropic_cost((x + away)[None], (y + away)[None], 0.3), entropic_cost(x[None], y[None], 0.3)),
        (self_cost((x + away)[None], 0.3), self_cost(x[None], 0.3)),
    ):
        assert float(far) == pytest.approx(float(near), rel=1e-6)


def test_an_unexplained_variance_of_a_small_target() -> None:
    truth = 1e-3 * cloud(50, 1)
    assert l2_uvp(1.1 * truth, truth) == pytest.approx(
        float(truth.square().sum() / (truth - truth.mean(0)).square().sum()), rel=1e-6
    )
