"""Exact pre-images and the guidance towards M_xi, where every pre-image is known."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.fields.lattice import sampled
from npf_engine.networks.mlp import MLP
from npf_engine.polar.guidance import guide, outside
from npf_engine.polar.known_field import KnownField, with_jacobian
from npf_engine.polar.preimages import exact_preimages
from npf_engine.polar.refine import levenberg_marquardt


def _waves(x: Tensor) -> Tensor:
    """Each value (cos pi a, cos pi b) at (+-a, +-b)."""
    return torch.cos(math.pi * x)


def _known(way: str, d: int = 2, rho: str = "box") -> KnownField:
    """``_waves`` as a function or as a grid of it. Its mean is 0 and its spread below 1 in each component."""
    nodes = sampled(_waves, 1.0, 401) if d == 2 else None
    if way == "grid":
        assert nodes is not None
        return KnownField("grid", d, rho, 0.96, nodes.value, nodes.value_and_jacobian, nodes, 1.0)
    return KnownField("function", d, rho, 0.96, _waves, with_jacobian(_waves), nodes, 1.0)


def _samples(d: int, n: int = 4000) -> tuple[Tensor, Tensor]:
    x = torch.rand(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    return x, _waves(x)


@pytest.mark.parametrize("way", ["function", "grid"])
def test_draws_keep_to_their_branch_and_their_shares_are_its_weight(way: str) -> None:
    a, b = 0.3, 0.7
    signs = torch.tensor([[1, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    branches = signs * torch.tensor([a, b], dtype=torch.float64)
    shares = (40, 30, 20, 10)
    draws = branches.repeat_interleave(torch.tensor(shares), dim=0)
    draws = draws + 0.05 * torch.randn(draws.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ends = exact_preimages(_known(way), _waves(branches[0]), draws, _samples(2))
    assert bool(ends.found.all()) and float(ends.error.max()) < 1e-6
    assert torch.allclose(ends.x, branches.repeat_interleave(torch.tensor(shares), dim=0), atol=1e-4)
    assert torch.allclose(ends.places, branches, atol=1e-4)
    assert ends.weights.tolist() == [0.4, 0.3, 0.2, 0.1]


def test_a_pre_image_that_no_draw_reached_is_named_with_weight_0() -> None:
    draws = torch.full((5, 2), 0.25, dtype=torch.float64)
    ends = exact_preimages(_known("grid"), _waves(torch.tensor([0.3, 0.3])), draws, _samples(2))
    assert len(ends.places) == 4 and ends.weights.tolist() == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("way", ["function", "grid"])
def test_draws_on_a_fold_or_on_the_edge_still_arrive(way: str) -> None:
    """At 0 and at +-1 the derivative is 0: nothing goes downhill there."""
    draws = torch.tensor([[0.0, 0.0], [1.0, 1.0], [-1.0, 0.0], [0.999, -1.0]], dtype=torch.float64)
    ends = exact_preimages(_known(way), _waves(torch.tensor([0.4, 0.6])), draws, _samples(2))
    assert bool(ends.found.all()) and float(ends.error.max()) < 1e-5


def test_a_value_that_does_not_occur_is_told_with_the_nearest_that_does() -> None:
    """The range is the square [-1, 1]^2, whose point nearest to (2, 0.5) is (1, 0.5)."""
    draws = torch.tensor([[0.1, 0.3], [-0.2, 0.3]], dtype=torch.float64)
    for way in ("function", "grid"):
        ends = exact_preimages(_known(way), torch.tensor([2.0, 0.5]), draws, _samples(2))
        assert not bool(ends.found.any()) and len(ends.places) == 0
        assert ends.nearest.tolist() == pytest.approx([1.0, 0.5], abs=1e-3)
        assert torch.allclose(_waves(ends.nearest_place), ends.nearest, atol=1e-3)


def test_a_value_that_only_the_sea_has_is_found_nowhere() -> None:
    """F(x) = x on the west half of a grid: downhill leads out of it, and a draw is then judged where it began."""
    nodes = sampled(lambda x: x, 1.0, 41)
    land = dataclasses.replace(nodes, mask=nodes.nodes[:, 0].reshape(41, 41) <= 0)
    known = KnownField("grid", 2, "land", 0.6, land.value, land.value_and_jacobian, land, 1.0)
    x = land.nodes
    draws = torch.tensor([[-0.3, 0.0], [-0.1, 0.2]], dtype=torch.float64)
    for start in (draws, draws + torch.tensor([0.3, 0.0], dtype=torch.float64)):  # the latter from the sea
        ends = exact_preimages(known, torch.tensor([0.5, 0.0]), start, (x, x))
        assert not bool(ends.found.any()) and len(ends.places) == 0
        assert torch.allclose(ends.error, (start - torch.tensor([0.5, 0.0])).norm(dim=1), atol=1e-6)
        assert ends.nearest.tolist() == pytest.approx([0.0, 0.0], abs=0.03)


@pytest.mark.parametrize("d", [1, 4])
def test_one_and_four_dimensions(d: int) -> None:
    point = torch.full((d,), 0.4, dtype=torch.float64)
    draws = point + 0.1 * torch.randn(30, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ends = exact_preimages(_known("function", d), _waves(point), draws, _samples(d))
    assert bool(ends.found.all()) and torch.allclose(ends.x, point.expand(30, d), atol=1e-4)
    assert torch.allclose(ends.places[0], point, atol=1e-4) and float(ends.weights[0]) == 1.0
    assert len(ends.places) == (2 if d == 1 else 1)


def test_no_step_leaves_omega_or_makes_the_residual_larger() -> None:
    known = _known("function", rho="disc")
    x = torch.rand(200, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 1.4 - 0.7
    target = torch.full((200, 2), -0.95, dtype=torch.float64)
    before = (_waves(known.confine(x)) - target).norm(dim=1)
    after, left = levenberg_marquardt(
        known.value_and_jacobian, x, target, known.confine, steps=30, tolerance=1e-9, reach=0.1
    )
    assert float(after.norm(dim=1).max()) <= 1 + 1e-12
    assert bool((left <= before + 1e-12).all())
    assert torch.allclose((_waves(after) - target).norm(dim=1), left)


@pytest.mark.parametrize("activation", ["silu", "relu"])
@pytest.mark.parametrize("fourier", [0, 3])
def test_the_closed_form_jacobian_of_a_perceptron_is_that_of_autograd(activation: str, fourier: int) -> None:
    m = MLP(3, 2, [16, 16], activation=activation, fourier=fourier, seed=0).double()
    m.centre.copy_(torch.tensor([0.1, -0.2, 0.3]))
    m.spread.copy_(torch.tensor([0.5, 1.0, 2.0]))
    x = torch.rand(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    value, slope = m.value_and_jacobian(x)
    assert torch.allclose(value, m(x))
    for row in range(7):
        known = torch.autograd.functional.jacobian(lambda point: m(point[None])[0], x[row])
        assert torch.allclose(slope[row], known, atol=1e-10)


class _Fold(torch.nn.Module):
    """A map with two pre-images of each value, as M_xi would know it."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, 0].square(), x[:, 1]], dim=1)

    def value_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self(x), torch.stack(
            [torch.stack([2 * x[:, 0], 0 * x[:, 0]], 1), torch.stack([0 * x[:, 0], 1 + 0 * x[:, 0]], 1)], dim=1
        )


def test_the_guidance_collapses_no_branch() -> None:
    y = torch.tensor([[0.49, 0.1]]).expand(100, 2)
    sides = torch.where(torch.arange(100) < 30, -1.0, 1.0)
    drawn = torch.stack([0.7 * sides, torch.full((100,), 0.1)], dim=1)
    drawn = drawn + 0.15 * torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    fold: Any = _Fold()
    near, _ = guide(fold, drawn, y, lambda x: x.clamp(-1, 1), outside("box", drawn), 12, 1e-3)
    assert torch.equal(near[:, 0].sign(), sides)
    assert torch.allclose(near.abs(), torch.tensor([0.7, 0.1]).expand(100, 2), atol=2e-3)


def test_a_draw_stays_where_it_is_when_guiding_would_lead_out_of_the_cloud() -> None:
    """All samples lie at x > 0; one draw is asked for a place that only the empty side has."""
    cloud = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0])
    stay = outside("samples", cloud)
    assert float(stay(torch.tensor([[0.5, 1.0]]))) == 0.0 and float(stay(torch.tensor([[-0.5, 1.0]]))) > 0.3
    drawn, y = torch.tensor([[0.02, 1.0], [0.5, 1.0]]), torch.tensor([[0.25, -0.5], [0.36, 1.0]])
    fold: Any = _Fold()
    near, left = guide(fold, drawn, y, lambda x: x, stay, 12, 1e-3)
    torch.testing.assert_close(left, (fold(near) - y).norm(dim=1))
    assert torch.equal(near[0], drawn[0]) and torch.allclose(near[1], torch.tensor([0.6, 1.0]), atol=2e-3)


def test_the_tail_of_a_gaussian_is_left_alone() -> None:
    stay = outside("gaussian", torch.zeros(0, 2))
    assert stay(torch.tensor([[1.0, 1.0], [8.0, 0.0]])).tolist() == pytest.approx([0.0, 8 - 2**0.5 - 3])
