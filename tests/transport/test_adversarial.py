"""The critic's loss by hand: its gradient after one step, its size, and what it does with what is not finite."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor

from npf_engine.transport.adversarial import AdversarialConfig, Adversary, gradient_penalty


def cloud(seed: int, size: float = 1.0) -> Tensor:
    return torch.tensor([4.0, -1.0]) + size * torch.randn(30, 2, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [0.01, 5.0])
def test_a_step_goes_down_the_gap_in_units_of_the_target_and_the_penalty(size: float) -> None:
    y, x = cloud(1, size), cloud(2, 2 * size) + size
    adversary = Adversary(y, AdversarialConfig(penalty=3.0), 1)
    away = y - y.mean(0)
    assert adversary.size == pytest.approx(float(away.square().sum(1).mean()) ** 0.5, rel=1e-4) and not adversary.warm
    before = copy.deepcopy(adversary.critic)
    gap = (before(x).mean() - before(y).mean()) / adversary.size
    penalty = gradient_penalty(before, x, y, torch.Generator().manual_seed(3))
    wanted = torch.autograd.grad(gap + 3.0 * penalty, list(before.parameters()), allow_unused=True)
    image = x.clone().requires_grad_()
    adversary.train(image, y, torch.Generator().manual_seed(3))
    for p, was, slope in zip(adversary.critic.parameters(), before.parameters(), wanted, strict=True):
        if slope is not None:
            torch.testing.assert_close(p.grad, slope, rtol=1e-3, atol=1e-6)
        assert torch.equal(p, was) == (p.grad is None or not bool(p.grad.abs().max()))
    assert image.grad is None


def test_the_maps_loss_is_differentiable_in_the_image_alone() -> None:
    adversary, x, y = Adversary(cloud(1), AdversarialConfig(), 1), cloud(2).requires_grad_(), cloud(3).requires_grad_()
    value = adversary.loss(x, y)
    assert float(value.detach()) == pytest.approx(
        float((adversary.critic(y).mean() - adversary.critic(x).mean()).detach()), abs=1e-6
    )
    value.backward()
    assert x.grad is not None and float(x.grad.abs().max()) > 0 and y.grad is None


def test_a_batch_that_is_not_finite_teaches_nothing() -> None:
    adversary, lost = Adversary(cloud(1), AdversarialConfig(), 1), cloud(2)
    lost[3, 1] = math.nan
    before = [p.detach().clone() for p in adversary.critic.parameters()]
    adversary.train(lost, cloud(1), torch.Generator())
    assert all(torch.equal(p, was) for p, was in zip(adversary.critic.parameters(), before, strict=True))
    adversary.train(cloud(2), cloud(1), torch.Generator())
    assert not all(torch.equal(p, was) for p, was in zip(adversary.critic.parameters(), before, strict=True))
    point = Adversary(torch.ones(5, 2), AdversarialConfig(), 1)  # of no size
    assert math.isfinite(float(point.loss(torch.ones(5, 2), torch.ones(5, 2)).detach()))
