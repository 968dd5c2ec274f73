"""The torus and the sphere: distances, exponential maps, and what is refused."""

from __future__ import annotations

import itertools

import pytest
import torch

from npf_engine.errors import InputError
from npf_engine.manifolds.spaces import Space, Sphere, Torus, on_sphere

SPACES = (Torus((1.0, 2.5)), Torus.unit(3), Sphere())


def draws(space: Space, n: int, seed: int) -> torch.Tensor:
    return space.draw(n, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("space", SPACES)
def test_exp_undoes_log_which_is_as_long_as_the_distance(space: Space) -> None:
    x, y = draws(space, 200, 0), draws(space, 200, 1)
    v = space.log(x, y)
    assert space.distance(space.exp(x, v), y).max() < 1e-12
    assert torch.allclose(0.5 * v.square().sum(1), space.cost(x, y).diagonal(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("space", SPACES)
def test_variance_is_that_of_uniform_points_seen_from_any(space: Space) -> None:
    seen = 2 * space.cost(draws(space, 3, 0), draws(space, 40_000, 1)).mean(1)
    assert torch.allclose(seen, torch.full_like(seen, space.variance), rtol=0.02)


def test_the_torus_goes_the_shortest_of_all_ways() -> None:
    torus = Torus((1.0, 2.5))
    x, y = draws(torus, 30, 0), draws(torus, 40, 1)
    ways = [torch.cdist(x, y + torch.tensor(k) * torus.sides) for k in itertools.product((-1.0, 0.0, 1.0), repeat=2)]
    assert torch.allclose(torus.cost(x, y), 0.5 * torch.stack(ways).amin(0).square())


def test_the_torus_writes_no_point_at_its_period() -> None:
    assert torch.equal(
        Torus.unit(1).wrap(torch.tensor([[-1e-20], [1.0], [-0.25]])), torch.tensor([[0.0], [0.0], [0.75]])
    )


def test_even_points_integrate_a_wave_far_better_than_drawn_ones() -> None:
    even = Torus.unit(2).spread_evenly(4_096)
    assert torch.cos(2 * torch.pi * (even[:, 0] + even[:, 1])).mean().abs() < 1e-3
    assert Sphere().spread_evenly(1_000).square().mean(0).sub(1 / 3).abs().max() < 1e-3


def test_the_sphere_s_poles_are_half_a_turn_apart() -> None:
    north, south = on_sphere(torch.tensor([10.0]), torch.tensor([90.0])), torch.tensor([[0.0, 0.0, -1.0]]).double()
    assert Sphere().distance(north, south).item() == pytest.approx(torch.pi)
    assert Sphere().distance(Sphere().exp(north, Sphere().log(north, south)), south).item() < 1e-7
    assert Sphere().distance(south, south).item() == 0


def test_what_is_no_point_is_refused_by_its_row() -> None:
    with pytest.raises(InputError, match=r"x\[1\] has length 2"):
        Sphere().points("x", torch.tensor([[1.0, 0, 0], [0, 2.0, 0]]))
    with pytest.raises(InputError, match=r"y\[0\] is not finite"):
        Torus.unit(2).points("y", torch.tensor([[float("nan"), 0]]))
    with pytest.raises(InputError, match=r"y has shape \(4, 3\); pass points \(n, 2\)"):
        Torus.unit(2).points("y", torch.zeros(4, 3))
