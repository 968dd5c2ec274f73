"""What every convex potential answers, whichever it is: the same start, the same config, and no step makes it less than
convex."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.framed import FramedPotential
from npf_engine.networks.log_sum_exp import LogSumExpPotential
from npf_engine.networks.monotone import CMGN, MMGN
from npf_engine.networks.potential import Potential, build_potential, root_of, size_of_image
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.wide import WidePotential

S = torch.tensor([[3.0, 0.6, 0.0], [0.6, 2.0, -0.4], [0.0, -0.4, 1.5]], dtype=torch.float64)
M = torch.tensor([5.0, -7.0, 8.0], dtype=torch.float64)
X = torch.randn(800, 3, generator=torch.Generator().manual_seed(0))

NETWORKS: dict[str, Callable[[], Potential]] = {
    "quadratic": lambda: QuadraticICNN(3, [6, 5], seed=1),
    "classical": lambda: ClassicalICNN(3, [6, 5], terms=Terms(linear=True, rank=3), seed=1),
    "cmgn": lambda: CMGN(3, 6, 2, seed=1),
    "mmgn": lambda: MMGN(3, 3, 4, seed=1),
    "wide": lambda: WidePotential(3, (6, 5), pieces=4, seed=1),
    "framed": lambda: FramedPotential(3, (6, 5), pieces=4, seed=1),
    "log-sum-exp": lambda: LogSumExpPotential(torch.zeros(800, 3)),
}


@pytest.fixture(params=NETWORKS)
def u(request: pytest.FixtureRequest) -> Potential:
    return NETWORKS[request.param]()


def test_a_gaussian_start_is_near_the_map_and_its_scale_is_the_size_of_the_image(u: Potential) -> None:
    u.start_at_gaussian(S, M, X)
    image = X.double() @ S + M
    away = (u.gradient(X).detach().double() - image).square().sum(1).mean()
    assert float(away / (image - image.mean(0)).square().sum(1).mean()) < 0.12
    assert float(u.scale) == pytest.approx(float((image - image.mean(0)).square().sum(1).mean().sqrt()), rel=1e-5)
    u.start_at_gaussian(S, M, X, 3.5)
    assert float(u.scale) == 3.5


def test_it_is_built_again_from_its_config(u: Potential) -> None:
    again = type(u).from_config(u.to_config())
    assert type(again) is type(u) and again.to_config() == u.to_config()
    again.load_state_dict(u.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(u.derivatives(X[:5]), again.derivatives(X[:5]), strict=True))


def test_it_stays_convex_whatever_its_parameters(u: Potential) -> None:
    u = u.double().requires_grad_(False)
    generator = torch.Generator().manual_seed(3)
    for p in u.parameters():
        p.add_(2 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    H = u.hessian(3 * X[:100].double())
    size = float(H.abs().max())
    assert float(torch.linalg.eigvalsh(H).min()) >= u.strong_convexity - 1e-12 * max(1.0, size)


def test_value_gradient_and_like_belong_together(u: Potential) -> None:
    u = u.double()
    x = X[:4].double().requires_grad_()
    value, gradient = u.value_and_gradient(x)
    torch.testing.assert_close(torch.autograd.grad(u(x).sum(), x)[0], gradient.detach())
    torch.testing.assert_close(value, u(x))
    assert u.like.dtype == torch.float64 and u.like.device.type == "cpu" and u.d == 3


def test_no_network_is_less_than_convex_by_rounding() -> None:
    for seed in range(12):
        assert CMGN(4, 3, rank=2, seed=seed).strong_convexity >= 0.0


@pytest.mark.parametrize("kind", [QuadraticICNN, FramedPotential])
def test_least_weights_are_below_what_is_built_and_not_by_much(kind: type[Potential]) -> None:
    u = kind(5, hidden=[40, 30], rank=2) if kind is QuadraticICNN else kind(5, hidden=[40, 30], pieces=16, rank=2)
    built = sum(p.numel() for p in u.parameters())
    assert 0.3 * built < kind.least_weights(u.to_config()) <= built


def test_a_config_of_a_version_before_has_no_name() -> None:
    assert isinstance(build_potential(d=2, hidden=[4], rank=1, activation="elu", seed=0), QuadraticICNN)
    assert isinstance(build_potential(d=2, hidden=[4], pieces=3, rank=0, seed=0), FramedPotential)


def test_roots_and_sizes() -> None:
    torch.testing.assert_close(root_of(S) @ root_of(S), S)
    torch.testing.assert_close(2 * root_of(S, 0.5) @ root_of(S, 0.5), S)
    assert float(torch.linalg.eigvalsh(root_of(torch.zeros(3, 3))).min()) == pytest.approx(1e-3)
    assert size_of_image(S, torch.ones(4, 3)) == 1.0
