"""WidePotential: derivatives against double-precision differences, convexity for any parameters, the spline."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from npf_engine.networks.spline import spline, spline_curvature
from npf_engine.networks.wide import WidePotential


def _moved(d: int, hidden: tuple[int, ...], pieces: int, rank: int = 2, unit_rank: int = 2) -> WidePotential:
    """A potential far from its start, in double precision."""
    u = WidePotential(d, hidden, pieces=pieces, rank=rank, unit_rank=unit_rank, seed=1).double()
    g = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in u.parameters():
            p.add_(0.4 * torch.randn(p.shape, generator=g).double())
    return u


def _points(n: int, d: int) -> Tensor:
    return 1.5 * torch.randn(n, d, generator=torch.Generator().manual_seed(3)).double()


@pytest.mark.parametrize(
    ("d", "hidden", "pieces", "rank", "unit_rank"),
    [(1, (6,), 0, 0, 1), (3, (8, 6), 5, 2, 0), (3, (7, 5), 5, 0, 2), (4, (8, 6, 5), 0, 3, 3), (2, (), 4, 3, 2)],
)
def test_closed_forms_agree_with_autograd_and_differences(
    d: int, hidden: tuple[int, ...], pieces: int, rank: int, unit_rank: int
) -> None:
    u, x = _moved(d, hidden, pieces, rank, unit_rank), _points(15, d)
    value, gradient, H = u.derivatives(x)
    point = x.clone().requires_grad_()
    torch.testing.assert_close(u(point), value, atol=1e-12, rtol=1e-12)
    by_autograd = torch.autograd.grad(u(point).sum(), point)[0]
    torch.testing.assert_close(gradient, by_autograd, atol=1e-10, rtol=1e-10)
    step = 1e-5
    columns = [(u.gradient(x + step * e) - u.gradient(x - step * e)) / (2 * step) for e in torch.eye(d).double()]
    torch.testing.assert_close(H, torch.stack(columns, 2), atol=1e-7, rtol=1e-6)


def test_it_is_convex_for_any_parameters() -> None:
    u = _moved(5, (12, 9), 7)
    assert torch.linalg.eigvalsh(u.hessian(4 * _points(400, 5))).min() >= u.strong_convexity - 1e-9


def test_the_parameters_gradient_is_that_of_differences() -> None:
    u, x = _moved(3, (6, 5), 4), _points(7, 3)
    u(x).sum().backward()
    step = 1e-6
    for p in u.parameters():
        assert p.grad is not None
        flat, slope = p.data.view(-1), p.grad.view(-1)
        for index in range(0, flat.numel(), max(1, flat.numel() // 4)):
            kept = float(flat[index])
            with torch.no_grad():
                flat[index] = kept + step
                above = float(u(x).sum())
                flat[index] = kept - step
                below = float(u(x).sum())
                flat[index] = kept
            assert float(slope[index]) == pytest.approx((above - below) / (2 * step), abs=1e-6, rel=1e-5)


def test_the_spline_is_convex_smooth_and_nearly_a_ramp() -> None:
    a = torch.linspace(-4, 4, 4001, dtype=torch.float64)
    value, slope = spline(a)
    assert (slope.diff() >= 0).all() and slope.min() == 0 and slope.max() == 1
    torch.testing.assert_close(value, _integral(slope, a), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        (slope[2:] - slope[:-2]) / (a[2:] - a[:-2]), spline_curvature(a[1:-1]), atol=1e-3, rtol=0
    )
    assert spline_curvature(a).diff().abs().max() < 0.01  # continuous


def _integral(slope: Tensor, a: Tensor) -> Tensor:
    return torch.cat([a.new_zeros(1), torch.cumulative_trapezoid(slope, a)])
