"""C-MGN and M-MGN: gradients of convex functions for every parameter; potentials, Jacobians, counts, the start."""

from __future__ import annotations

import pytest
import torch

from npf_engine.networks.monotone import CMGN, MMGN, MonotoneGradient
from npf_engine.networks.sizes import count_parameters

NETWORKS = {
    "cmgn": lambda: CMGN(3, 12, 3, seed=1),
    "cmgn, one layer": lambda: CMGN(3, 12, 1, seed=1),
    "cmgn, published": lambda: CMGN(3, 12, 4, gains=False, seed=1),
    "cmgn, softplus": lambda: CMGN(3, 12, 3, activation="softplus", seed=1),
    "cmgn, sigmoid": lambda: CMGN(3, 12, 2, activation="sigmoid", rank=2, seed=1),
    "mmgn": lambda: MMGN(3, 4, 5, seed=1),
    "mmgn, published": lambda: MMGN(3, 4, 5, gains=False, rank=1, seed=1),
}


@pytest.fixture(params=list(NETWORKS))
def wild(request: pytest.FixtureRequest) -> MonotoneGradient:
    """A network in float64 whose parameters an optimiser has thrown about."""
    net: MonotoneGradient = NETWORKS[request.param]().double()
    g = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(torch.randn(p.shape, generator=g, dtype=torch.float64))
        net.scale.fill_(1.7)
    return net


def points(n: int = 200, d: int = 3) -> torch.Tensor:
    return 2 * torch.randn(n, d, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def jacobian_by_autograd(net: MonotoneGradient, x: torch.Tensor) -> torch.Tensor:
    x = x.requires_grad_()
    image = net.gradient(x)
    return torch.stack([torch.autograd.grad(image[:, i].sum(), x, retain_graph=True)[0] for i in range(3)], 1)


def test_the_jacobian_is_symmetric_and_positive_semi_definite(wild: MonotoneGradient) -> None:
    J = jacobian_by_autograd(wild, points())
    size = float(J.abs().max())
    assert float((J - J.mT).abs().max()) < 1e-12 * size
    assert float(torch.linalg.eigvalsh(J).min()) >= -1e-12 * size
    assert float(torch.linalg.eigvalsh(J).min()) >= wild.strong_convexity - 1e-9 * size


def test_the_closed_form_jacobian_is_autograds(wild: MonotoneGradient) -> None:
    torch.testing.assert_close(wild.hessian(points()), jacobian_by_autograd(wild, points()))


def test_the_map_is_the_gradient_of_the_potential(wild: MonotoneGradient) -> None:
    """In closed form for M-MGN; by quadrature of C-MGN's profiles, to its error."""
    x = points().requires_grad_()
    expected = torch.autograd.grad(wild(x).sum(), x)[0]
    x = x.detach()
    tight = isinstance(wild, MMGN)
    size = float(expected.abs().max())
    assert float((wild.gradient(x) - expected).abs().max().detach()) < (1e-12 if tight else 1e-3) * size


def test_the_potential_is_the_work_along_a_segment(wild: MonotoneGradient) -> None:
    """u(b) - u(a) = int <T(a + t (b - a)), b - a> dt, by a fine trapezium rule that knows nothing of the formulas."""
    a, b = points(20), points(40)[20:]
    t = torch.linspace(0, 1, 1001, dtype=torch.float64)
    work = torch.stack([(wild.gradient(a + s * (b - a)) * (b - a)).sum(1) for s in t])
    torch.testing.assert_close(wild(b) - wild(a), torch.trapezoid(work, t, dim=0), rtol=1e-4, atol=1e-3)


def test_without_the_right_pairing_the_jacobian_is_not_symmetric() -> None:
    """The seed's looser condition, s_k and sigma_k only non-decreasing, is not enough: why ours is written as it is."""
    W = torch.randn(4, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    x = points(5).requires_grad_()
    z = x @ W.T
    image = torch.sigmoid(z).sum(1, keepdim=True) * (torch.tanh(z) @ W)
    J = torch.stack([torch.autograd.grad(image[:, i].sum(), x, retain_graph=True)[0] for i in range(3)], 1)
    assert float((J - J.mT).abs().max()) > 1e-2


def test_parameter_counts_are_the_architectures() -> None:
    d, h, L, r, K = 5, 7, 3, 2, 4
    linear = r * d + d  # V and a
    assert count_parameters(CMGN(d, h, L, rank=r, gains=False)) == h * d + L * h + linear
    assert count_parameters(CMGN(d, h, L, rank=r)) == h * d + 2 * L * h + linear
    assert count_parameters(MMGN(d, h, K, rank=r, gains=False)) == K * (h * d + h) + linear
    assert count_parameters(MMGN(d, h, K, rank=r)) == K * (h * d + 2 * h + 1) + linear


@pytest.mark.parametrize("kind", [CMGN, MMGN])
def test_the_gaussian_start_is_affine_but_for_a_small_share(kind: type[MonotoneGradient]) -> None:
    S, m = torch.tensor([[3.0, 1.0], [1.0, 2.0]]), torch.tensor([0.5, -2.0])
    net = kind(2)
    net.start_at_gaussian(S, m, torch.eye(len(m)), 2.7)
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(5))
    affine = x @ S.T + m
    share = (net.gradient(x) - affine).square().mean() / (affine - m).square().mean()
    assert 0 < float(share.detach()) < 0.1
    with pytest.raises(ValueError, match="d rows"):
        kind(3, rank=1).start_at_identity(torch.eye(3), 1.0)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="tanh, sigmoid, softplus"):
        CMGN(2, activation="relu")
