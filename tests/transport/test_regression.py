"""Regression of a perceptron: the squared error of a batch, whether what it sees is kept or made at each step."""

from __future__ import annotations

import pytest
import torch

from npf_engine.networks.mlp import MLP
from npf_engine.transport import regression
from npf_engine.transport.regression import Regression


@pytest.mark.parametrize("kept", [True, False])
def test_a_step_is_the_error_of_its_batch(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With features, a centre and a spread; the gradients are autograd's."""
    monkeypatch.setattr(regression, "MOST_KEPT", 10**9 if kept else 0)
    g = torch.Generator().manual_seed(0)
    x, target = torch.rand(50, 2, generator=g).double(), torch.rand(50, 3, generator=g).double()
    network = MLP(2, 3, (6,), fourier=2).double()
    network.centre.copy_(x.mean(0))
    network.spread.fill_(0.3)
    seen: list[int] = []
    loss = Regression(network, x, target, 20, seen.append)
    assert (loss.table is not None) is kept
    with torch.no_grad():
        value, gradients = loss.step(torch.Generator().manual_seed(1))
    pick = torch.randint(50, (20,), generator=torch.Generator().manual_seed(1))
    expected = (network(x[pick]) - target[pick]).square().sum(1).mean()
    assert float(value) == pytest.approx(float(expected.detach()), rel=1e-12)
    for own, autograd in zip(gradients, torch.autograd.grad(expected, list(network.parameters())), strict=True):
        torch.testing.assert_close(own, autograd, rtol=1e-10, atol=1e-13)
    assert loss.between(30) == {} and seen == [30]
