"""FramedPotential: the frame changes coordinates, not what a convex potential owes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.fields.catalog import resolve
from npf_engine.networks.framed import FramedPotential
from npf_engine.networks.potential import build_potential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.polar import PolarFactorization
from npf_engine.polar.train import train
from npf_engine.studies.factorization.spec import preset, with_values
from npf_engine.transport.dual_value import held_out_dual
from npf_engine.transport.gaussian import gaussian_map
from tests.tiny import tiny_spec


def _clouds(n: int = 4000, d: int = 4) -> tuple[Tensor, Tensor]:
    """A cube off the origin, and Gaussian values whose spreads differ by a hundred."""
    g = torch.Generator().manual_seed(1)
    x = 0.5 + torch.rand(n, d, generator=g)
    spread = torch.logspace(-1, 1, d)
    turn = torch.linalg.qr(torch.randn(d, d, generator=g))[0]
    return x, 3 + (torch.randn(n, d, generator=g) * spread) @ turn


def _started() -> tuple[FramedPotential, Tensor, Tensor, Tensor]:
    x, y = _clouds()
    S, m = gaussian_map(x, y)
    u = FramedPotential(4, (8, 6), pieces=5, rank=2, seed=2)
    u.start_at_gaussian(S, m, x, 10.0)
    return u, x, S, m


def test_the_start_is_near_the_gaussian_map() -> None:
    u, x, S, m = _started()
    linear = x @ S.float() + m.float()
    apart = (u.gradient(x) - linear).square().sum(1).mean() / (linear - linear.mean(0)).square().sum(1).mean()
    assert float(apart) < 0.1
    assert float((u.gradient(x).mean(0) - linear.mean(0)).abs().max()) < 0.5


def test_closed_forms_agree_with_autograd_and_differences() -> None:
    u, x, _, _ = _started()
    u, x = u.double(), x[:12].double()
    value, gradient, H = u.derivatives(x)
    point = x.clone().requires_grad_()
    torch.testing.assert_close(u(point), value, atol=1e-9, rtol=1e-12)
    torch.testing.assert_close(gradient, torch.autograd.grad(u(point).sum(), point)[0], atol=1e-9, rtol=1e-9)
    for ours, expected in zip(u.value_and_gradient(x), (value, gradient), strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-9, rtol=1e-9)
    step = 1e-5
    columns = [(u.gradient(x + step * e) - u.gradient(x - step * e)) / (2 * step) for e in torch.eye(4).double()]
    torch.testing.assert_close(H, torch.stack(columns, 2), atol=1e-5, rtol=1e-5)
    assert torch.linalg.eigvalsh(u.hessian(x)).min() >= u.strong_convexity > 0


def test_kept_arguments_build_the_same_kind_again() -> None:
    assert isinstance(build_potential(d=2, hidden=[4], pieces=3, seed=0), FramedPotential)
    assert isinstance(build_potential(d=2, hidden=[4], seed=0), QuadraticICNN)


def test_a_training_with_it_is_kept_and_read_again(tmp_path: Path) -> None:
    settings = {"u.network": "wide", "u.method": "dual", "u.pieces": 4, "u.dual_lr": 1e-2, "u.ema": 0.9, "u.batch": 256}
    spec = tiny_spec(**settings | {"u.dual_steps": 60})
    field = resolve(spec.field)
    model = train(field, spec.stages).model
    start = train(field, tiny_spec(**settings | {"u.dual_steps": 1, "u.dual_lr": 1e-9}).stages).model
    before, after = (held_out_dual(m.u, field.x_test, field.y_test).value for m in (start, model))
    assert after < before - 0.02 * abs(before), "the dual falls from the Gaussian map's neighbourhood"
    assert isinstance(model.u, FramedPotential)
    model.save(tmp_path)
    again = PolarFactorization.load(tmp_path)
    assert isinstance(again.u, FramedPotential)
    torch.testing.assert_close(again.grad_u(field.x_test[:50]), model.grad_u(field.x_test[:50]))
    x = model.solve(field.y_test[:200]).x
    assert float((model.u.gradient(x) - field.y_test[:200]).abs().max()) < 1e-3 * float(model.u.scale)


def test_the_papers_algorithm_has_the_papers_network() -> None:
    with pytest.raises(InputError, match=r"u\.network must be icnn"):
        with_values(preset("quick"), {"solver": "published", "u.network": "wide"})
    with pytest.raises(InputError, match=r"needs u\.method dual"):
        with_values(preset("quick"), {"u.network": "wide"})
