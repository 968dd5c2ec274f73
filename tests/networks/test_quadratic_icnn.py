"""u_theta against autograd, convexity, the published parameter counts and the Gaussian start."""

from __future__ import annotations

import itertools

import pytest
import torch

from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.sizes import count_parameters


@pytest.mark.parametrize(
    ("activation", "rank", "outer", "d"),
    list(itertools.product(("softplus", "elu"), (1, 2), (False, True), (1, 2, 3, 5))),
)
def test_closed_form_derivatives_are_autograds(activation: str, rank: int, outer: bool, d: int) -> None:
    u = QuadraticICNN(d, [9, 7], rank=rank, activation=activation, output_activation=outer).double()
    x = torch.randn(6, d, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    value, gradient, hessian = u.derivatives(x)
    expected = torch.autograd.grad(u(x).sum(), x, create_graph=True)[0]
    rows = [torch.autograd.grad(expected[:, i].sum(), x, retain_graph=True)[0] for i in range(d)]
    torch.testing.assert_close(value, u(x))
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(u.gradient(x), expected)
    torch.testing.assert_close(hessian, torch.stack(rows, 1))


def test_gradient_is_a_finite_difference_in_double_precision() -> None:
    u = QuadraticICNN(2, [16, 16]).double()
    x = torch.randn(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    step = 1e-5
    for axis in range(2):
        shift = torch.zeros(2, dtype=torch.float64)
        shift[axis] = step
        difference = (u(x + shift) - u(x - shift)) / (2 * step)
        torch.testing.assert_close(u.gradient(x)[:, axis], difference, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("d", "width", "count"), [(2, 64, 14_158), (32, 32, 15_714), (128, 128, 247_170)])
def test_the_released_networks_parameter_counts(d: int, width: int, count: int) -> None:
    u = QuadraticICNN(d, [width] * 4, tail_rank=1, output_activation=True)
    assert count_parameters(u) == count


def test_equation_5_alone_has_3d_plus_1_fewer_parameters() -> None:
    u = QuadraticICNN(2, [64] * 4, tail_rank=1, output_activation=True)
    assert count_parameters(u) - count_parameters(u.tail) == 14_151


@pytest.mark.parametrize("activation", ["softplus", "elu"])
def test_convex_whatever_the_optimiser_does(activation: str) -> None:
    u = QuadraticICNN(3, [16, 16], activation=activation)
    g = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in u.parameters():  # a wild step
            p.add_(3 * torch.randn(p.shape, generator=g))
    u = u.double().requires_grad_(False)
    a, b = (torch.randn(500, 3, dtype=torch.float64, generator=g) * 2 for _ in range(2))
    t = torch.rand(500, 1, dtype=torch.float64, generator=g)
    gap = t[:, 0] * u(a) + (1 - t[:, 0]) * u(b) - u(t * a + (1 - t) * b)
    assert float(gap.min()) >= -1e-9 * float(u(a).abs().max())
    eigenvalues = torch.linalg.eigvalsh(u.hessian(a))
    assert float(eigenvalues.min()) >= u.strong_convexity * (1 - 1e-6)


def test_gaussian_start_is_the_affine_map_up_to_the_layers_share() -> None:
    S = torch.tensor([[3.0, 1.0], [1.0, 2.0]])
    m = torch.tensor([0.5, -2.0])
    u = QuadraticICNN(2, [16, 16])
    u.start_at_gaussian(S, m, torch.eye(len(m)), 4.0)
    with torch.no_grad():
        u.raw_w.fill_(-30.0)  # silence the layers
        u.out.A.zero_()
        u.out.raw_delta.fill_(-30.0)
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(u.gradient(x), x @ S.T + m, rtol=1e-2, atol=1e-2)


def test_gaussian_start_needs_a_full_tail() -> None:
    with pytest.raises(ValueError, match="full rank"):
        QuadraticICNN(3, [8], tail_rank=1).start_at_gaussian(torch.eye(3), torch.zeros(3), torch.eye(3), 1.0)


def test_every_hidden_weight_has_a_gradient() -> None:
    """The released code starts half of the W dead and all inner delta stuck at 0."""
    u = QuadraticICNN(2, [16, 16, 16])
    x = torch.randn(256, 2, generator=torch.Generator().manual_seed(5))
    (u.gradient(x) - x).square().mean().backward()
    for name, p in u.named_parameters():
        if name not in ("out.c", "tail.c"):  # an additive constant of the potential has no gradient by nature
            assert p.grad is not None and (p.grad != 0).float().mean() > 0.99, name


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="softplus or elu"):
        QuadraticICNN(2, [4], activation="relu")
