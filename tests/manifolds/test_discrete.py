"""The exact discrete factorization, where its answer is known."""

from __future__ import annotations

import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.manifolds import Sphere, Torus, factorize_exactly
from npf_engine.manifolds.known import Swirled, Twisted


def test_a_twist_that_permutes_a_grid_is_found_exactly() -> None:
    known, side = Twisted(), 16
    line = (torch.arange(side).double() + 0.5) / side
    x = torch.cartesian_prod(line, line)
    shift = torch.round(side * 0.3 * torch.sin(2 * torch.pi * x[:, 0])) / side  # of columns, by whole nodes
    m = known.torus.wrap(torch.stack([x[:, 0], x[:, 1] + shift], dim=1))
    found = factorize_exactly(known.torus, x, known.grad_u(m))
    assert known.torus.distance(found.m, m).max() < 1e-12
    assert known.torus.distance(found.image, known.grad_u(x)).max() < 1e-12
    assert torch.allclose(found.gradient, known.gradient(x), atol=1e-12)
    assert 0 <= found.gap < 1e-12 * found.cost + 1e-15


def test_on_the_circle_it_is_the_best_of_all_turns_of_the_sorted_points() -> None:
    circle, n = Torus.unit(1), 60
    generator = torch.Generator().manual_seed(0)
    x, y = circle.draw(n, generator), circle.draw(n, generator).square()
    found = factorize_exactly(circle, x, y)
    a, b = x.sort(dim=0).values, y.sort(dim=0).values
    turns = [float(0.5 * circle.distance(a, b.roll(k, 0)).square().mean()) for k in range(n)]
    assert found.cost == pytest.approx(min(turns), rel=1e-12) and found.gap < 1e-12


def test_on_the_sphere_a_shuffle_before_a_known_gradient_is_found() -> None:
    known = Swirled()
    x = Sphere().draw(150, torch.Generator().manual_seed(0))
    order = torch.randperm(150, generator=torch.Generator().manual_seed(1))
    found = factorize_exactly(Sphere(), x, known.grad_u(x[order]))
    assert torch.equal(found.match, order) and found.gap < 1e-12
    assert torch.allclose(found.gradient, known.gradient(x), atol=1e-9)


def test_it_comes_nearer_to_the_smooth_one_with_more_samples() -> None:
    known = Twisted()
    errors = []
    for n in (100, 900):
        x = known.torus.spread_evenly(n)
        found = factorize_exactly(known.torus, x, known(x))
        errors.append(float(known.torus.distance(found.m, known.M(x)).square().mean()))
    assert errors[1] < errors[0] / 4 and errors[1] < 0.01 * known.torus.variance


def test_a_worse_pairing_costs_more_and_clouds_must_fit() -> None:
    known = Twisted()
    x = known.torus.spread_evenly(64)
    found = factorize_exactly(known.torus, x, known(x))
    assert float(0.5 * known.torus.distance(x, known(x)).square().mean()) > found.cost + found.gap
    with pytest.raises(InputError, match="x has 64 rows and F"):
        factorize_exactly(known.torus, x, known(x)[:10])
    with pytest.raises(InputError, match="takes 2 to 4,000"):
        factorize_exactly(known.torus, x[:1], x[:1])
