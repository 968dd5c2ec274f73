"""QuadraticICNN by hand against autograd and against its own derivatives, in double precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from npf_engine.networks.icnn_frozen import FrozenCurve, FrozenSlope
from npf_engine.networks.icnn_gradients import IcnnGradients
from npf_engine.networks.potential_losses import LossesByAutograd
from npf_engine.networks.quadratic_icnn import QuadraticICNN

NETWORKS = [
    (2, (6, 4), 1, "elu"),
    (3, (5,), 2, "elu"),
    (1, (5, 4, 3), 1, "softplus"),
    (3, (4, 6), 3, "softplus"),
    (2, (4, 3, 5, 2), 1, "elu"),
]


def network(d: int, hidden: tuple[int, ...], rank: int, activation: str) -> QuadraticICNN:
    """With a scale of its own and a floor that is seen."""
    u = QuadraticICNN(d, hidden, rank=rank, activation=activation, strong_convexity=0.2, seed=3).double()
    u.scale.fill_(2.5)
    return u


def points(d: int, seed: int = 0) -> Tensor:
    return torch.randn(20, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("kind", NETWORKS)
def test_both_losses_and_their_gradients_are_autograds(kind: tuple[int, tuple[int, ...], int, str]) -> None:
    """The regression on pairs and the dual; a parameter on which a loss does not depend has no gradient, or 0."""
    u = network(*kind)
    x, y = points(u.d), points(u.d, 1)
    shares = torch.cat([torch.full((12, 1), 1 / 12), torch.full((8, 1), -1 / 8)]).to(x)
    hand, autograd = u.losses(), LossesByAutograd(u)
    assert isinstance(hand, IcnnGradients)
    for own, other in (
        (hand.pairs(x, y), autograd.pairs(x, y)),
        (hand.values(x, shares), autograd.values(x, shares)),
    ):
        torch.testing.assert_close(own[0], other[0], rtol=1e-7, atol=1e-9)
        for (name, parameter), mine, theirs in zip(u.named_parameters(), own[1], other[1], strict=True):
            zero = torch.zeros_like(parameter)
            mine, theirs = zero if mine is None else mine, zero if theirs is None else theirs
            torch.testing.assert_close(
                mine, theirs, rtol=1e-7, atol=1e-7, msg=lambda text, name=name: f"{name}: {text}"
            )
    expected = ((u.gradient(x) - y) / 2.5).square().sum(1).mean()
    torch.testing.assert_close(hand.pairs(x, y)[0], expected.detach(), rtol=1e-7, atol=0)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_curve_is_gradient_and_hessian(kind: tuple[int, tuple[int, ...], int, str]) -> None:
    """Of the weights as they were when it was made."""
    u = network(*kind)
    x = points(u.d)
    curve, slope = u.curve(), u.slope()
    assert isinstance(curve, FrozenCurve) and isinstance(slope, FrozenSlope)
    _, gradient, H = u.derivatives(x)
    with torch.no_grad():
        for parameter in u.parameters():
            parameter.add_(1.0)
        found = curve(x)
        torch.testing.assert_close(slope(x), gradient, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[0], gradient.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[1], H.detach(), rtol=1e-12, atol=1e-12)


def test_the_published_network_is_left_to_autograd() -> None:
    """Its output activation is not in these formulas."""
    u = QuadraticICNN(2, (4,), output_activation=True)
    assert isinstance(u.losses(), LossesByAutograd) and not isinstance(u.curve(), FrozenCurve)
    with pytest.raises(ValueError, match="output activation"):
        IcnnGradients(u)
