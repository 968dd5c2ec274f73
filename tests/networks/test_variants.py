"""Other convex potentials: parameter counts of NPF Table 3, derivatives against autograd, convexity, ensembles."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from npf_engine.networks.icnn import ConvexPotential, count_parameters
from npf_engine.networks.icnn_variants import (
    Ensemble,
    FeedForwardPotential,
    LogSumExpPotential,
    fquad_icnn,
    linear_icnn,
)


@pytest.mark.parametrize(
    ("d", "linear", "fquad", "ours"), [(32, 20_577, 20_673, 15_714), (128, 328_065, 328_449, 247_170)]
)
def test_parameter_counts_of_table_3(d: int, linear: int, fquad: int, ours: int) -> None:
    assert count_parameters(linear_icnn(d)) == linear
    assert count_parameters(fquad_icnn(d)) == fquad
    assert count_parameters(ConvexPotential(d, [d] * 4, tail_rank=1)) == ours


def test_the_drifting_network_has_541_parameters() -> None:
    assert count_parameters(FeedForwardPotential(2, [20, 20])) == 541


def networks() -> dict[str, nn.Module]:
    pieces = torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    return {
        "plain": FeedForwardPotential(3, [7, 9], seed=1),
        "quadratic": FeedForwardPotential(3, [7, 9], skip=True, rank=3, spread=2.0, seed=1),
        "linear": linear_icnn(3, activation="softplus"),
        "fquad": fquad_icnn(3, activation="softplus"),
        "log-sum-exp": LogSumExpPotential(pieces),
    }


@pytest.mark.parametrize("name", networks())
def test_closed_form_derivatives_are_autograds(name: str) -> None:
    u = networks()[name].double()
    u.scale.fill_(1.7 if name != "log-sum-exp" else 1.0)
    x = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    (gradient,) = torch.autograd.grad(u(x).sum(), x)
    hessian = torch.func.vmap(torch.func.hessian(lambda point: u(point[None])[0]))(x)
    torch.testing.assert_close(u.gradient(x), gradient)
    value, also, H = u.derivatives(x)
    torch.testing.assert_close(value, u(x))
    torch.testing.assert_close(also, gradient)
    torch.testing.assert_close(H, hessian)
    torch.testing.assert_close(u.value_and_gradient(x)[1], gradient)


@pytest.mark.parametrize("name", networks())
def test_convex_for_any_parameters(name: str) -> None:
    u = networks()[name].double()
    g = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in u.parameters():
            p.add_(torch.randn(p.shape, generator=g, dtype=p.dtype))
    x = 3 * torch.randn(200, 3, generator=g, dtype=torch.float64)
    assert float(torch.linalg.eigvalsh(u.hessian(x).detach()).min()) >= u.strong_convexity - 1e-9


def test_gaussian_start_is_the_quadratic() -> None:
    u = FeedForwardPotential(2, [4], skip=True, rank=2)
    bare = FeedForwardPotential(2, [4], skip=True, rank=2)
    S, m = torch.tensor([[2.0, 0.5], [0.5, 1.0]]), torch.tensor([3.0, -1.0])
    u.set_gaussian_start(S, m)
    with torch.no_grad():
        bare.A.zero_()
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(u.gradient(x) - bare.gradient(x), x @ S + m, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="full rank"):
        FeedForwardPotential(2, [4]).set_gaussian_start(S, m)


def test_an_ensemble_is_its_members() -> None:
    members = [FeedForwardPotential(2, [5, 6], skip=True, rank=2, seed=s) for s in range(3)]
    ensemble = Ensemble(members)
    x = torch.randn(3, 11, 2, generator=torch.Generator().manual_seed(0))
    out = ensemble.gradient(ensemble.theta, x)
    for index, member in enumerate(members):
        torch.testing.assert_close(out[index], member.gradient(x[index]))
        torch.testing.assert_close(ensemble.member(ensemble.theta, index).gradient(x[index]), member.gradient(x[index]))


def test_log_sum_exp_is_a_smoothed_identity_at_the_start() -> None:
    grid = torch.cartesian_prod(torch.linspace(-2, 2, 21), torch.linspace(-2, 2, 21))
    u = LogSumExpPotential(grid, temperature=0.1, strong_convexity=0.0)
    x = torch.tensor([[0.0, 0.0], [0.5, -0.3], [1.0, 1.0]])
    assert float((u.gradient(x) - x).norm(dim=1).max()) < 0.02
