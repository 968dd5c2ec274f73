"""Other convex potentials: parameter counts of NPF Table 3, derivatives against autograd, convexity, ensembles."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from npf_engine.networks.classical_icnn import ClassicalICNN, Terms, fquad_icnn, linear_icnn
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.sizes import count_parameters


@pytest.mark.parametrize(
    ("d", "linear", "fquad", "ours"), [(32, 20_577, 20_673, 15_714), (128, 328_065, 328_449, 247_170)]
)
def test_parameter_counts_of_table_3(d: int, linear: int, fquad: int, ours: int) -> None:
    assert count_parameters(linear_icnn(d)) == linear
    assert count_parameters(fquad_icnn(d)) == fquad
    assert count_parameters(QuadraticICNN(d, [d] * 4, tail_rank=1)) == ours


def test_the_drifting_network_has_541_parameters() -> None:
    assert count_parameters(ClassicalICNN(2, [20, 20])) == 541


def networks() -> dict[str, nn.Module]:
    pieces = torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    return {
        "plain": ClassicalICNN(3, [7, 9], seed=1),
        "quadratic": ClassicalICNN(3, [7, 9], terms=Terms(linear=True, rank=3), spread=2.0, seed=1),
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


def test_a_gaussian_start_needs_room_for_the_quadratic() -> None:
    S, m, x = torch.eye(2), torch.zeros(2), torch.randn(9, 2)
    for terms in (Terms(), Terms(rank=2), Terms(linear=True, rank=1)):
        with pytest.raises(ValueError, match="full rank"):
            ClassicalICNN(2, [4], terms=terms).start_at_gaussian(S, m, x)
