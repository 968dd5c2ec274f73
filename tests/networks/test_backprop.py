"""Gradients by hand against autograd, in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from npf_engine.networks.backprop import LayerGradients, squared_error
from npf_engine.networks.mlp import MLP, FourierFeatures


@pytest.mark.parametrize("activation", ["silu", "relu"])
@pytest.mark.parametrize("hidden", [(7,), (5, 6), ()])
def test_the_gradients_of_a_squared_error_are_autograds(activation: str, hidden: tuple[int, ...]) -> None:
    """Of each layer, in the order of the network's parameters, and the value too."""
    g = torch.Generator().manual_seed(0)
    network = MLP(3, 2, hidden, activation=activation, seed=1).double()
    z, target = (torch.randn(11, k, generator=g, dtype=torch.float64) for k in (3, 2))
    expected = (network(z) - target).square().sum(1).mean()
    with torch.no_grad():
        value, gradients = squared_error(LayerGradients(network.layers), z, target)
    assert float(value) == pytest.approx(float(expected.detach()), rel=1e-13)
    for own, autograd in zip(gradients, torch.autograd.grad(expected, list(network.parameters())), strict=True):
        torch.testing.assert_close(own, autograd, rtol=1e-12, atol=1e-13)


def test_the_sweep_sees_weights_that_an_optimiser_changed() -> None:
    """They are views, not copies."""
    network = MLP(2, 1, (3,)).double()
    layers = LayerGradients(network.layers)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2.0)
        z = torch.randn(4, 2, dtype=torch.float64)
        torch.testing.assert_close(layers.forward(z)[0], network(z))


def test_other_layers_are_refused() -> None:
    """A tanh has no gradient here."""
    with pytest.raises(ValueError, match="SiLU or ReLU"):
        LayerGradients(nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)))


@pytest.mark.parametrize(("d", "octaves"), [(1, 3), (3, 2), (2, 0)])
def test_features_are_a_sine_of_one_product(d: int, octaves: int) -> None:
    """x itself in the first d columns, waves in the others."""
    features = FourierFeatures(d, octaves).double()
    x = torch.rand(9, d, dtype=torch.float64) * 2 - 1
    matrix, phases = features.waves()
    angles = x @ matrix + phases
    torch.testing.assert_close(torch.cat([angles[:, :d], angles[:, d:].sin()], 1), features(x), rtol=0, atol=1e-13)
