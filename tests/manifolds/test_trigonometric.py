"""The trigonometric potential: its derivatives and its conjugate."""

from __future__ import annotations

import math

import torch

from npf_engine.manifolds import Torus
from npf_engine.manifolds.trigonometric import TrigonometricPotential, frequencies

TORUS = Torus((1.0, 2.0))


def some(degree: int = 3, size: float = 0.0005) -> TrigonometricPotential:
    flat = TrigonometricPotential.flat(TORUS, degree)
    return flat.with_weights(
        size * torch.randn(2 * len(flat.waves), generator=torch.Generator().manual_seed(0)).double()
    )


def test_of_each_wave_and_its_opposite_one_is_kept_and_the_shorter_come_first() -> None:
    waves = frequencies(Torus.unit(2), 5) / (2 * math.pi)
    both = {tuple(row) for row in torch.cat([waves, -waves]).round().int().tolist()}
    disc = {(i, j) for i in range(-5, 6) for j in range(-5, 6) if 0 < i * i + j * j <= 25}
    assert both == disc and 2 * len(waves) == len(disc)
    assert torch.equal(waves[: len(frequencies(Torus.unit(2), 3))], frequencies(Torus.unit(2), 3) / (2 * math.pi))


def test_derivatives_are_those_of_automatic_differentiation() -> None:
    phi, x = some(), TORUS.draw(20, torch.Generator().manual_seed(1)).requires_grad_(True)
    value, gradient, H = phi.derivatives(x)
    (first,) = torch.autograd.grad(phi.values(x).sum(), x, create_graph=True)
    second = torch.stack([torch.autograd.grad(first[:, a].sum(), x, retain_graph=True)[0] for a in range(2)], dim=1)
    assert torch.allclose(value, phi.values(x)) and torch.allclose(gradient, first)
    assert torch.allclose(H, torch.eye(2).double() + second)


def test_it_is_periodic_and_stays_the_same_among_more_waves() -> None:
    phi, x = some(), TORUS.draw(20, torch.Generator().manual_seed(1))
    assert torch.allclose(phi.values(x + TORUS.sides), phi.values(x))
    assert torch.allclose(phi.at_degree(5).values(x), phi.values(x))
    assert torch.equal(phi.at_degree(5).at_degree(3).weights, phi.weights)


def test_the_conjugate_undoes_the_gradient_and_no_point_of_a_fine_grid_is_better() -> None:
    phi, x = some(), TORUS.draw(300, torch.Generator().manual_seed(1))
    assert phi.least_curvature(2_000) > 0.1
    y = x + phi.gradient(x)
    found = phi.conjugate(y)
    assert found.residual.max() < 1e-11 and TORUS.distance(found.x, x).max() < 1e-10
    fine = TORUS.spread_evenly(20_000)
    best = (-TORUS.cost(fine, y) - phi.values(fine)[:, None]).max(dim=0).values
    assert torch.all(found.value >= best - 1e-12) and torch.allclose(found.value, best, atol=2e-3)


def test_where_u_is_not_convex_the_conjugate_is_still_the_highest() -> None:
    phi, y = some(3, 0.02), TORUS.draw(200, torch.Generator().manual_seed(1))
    assert phi.least_curvature(2_000) < 0
    found, fine = phi.conjugate(y), TORUS.spread_evenly(20_000)
    best = (-TORUS.cost(fine, y) - phi.values(fine)[:, None]).max(dim=0).values
    assert (found.value >= best - 1e-9).double().mean() > 0.95 and found.residual.max() < 1e-9
