"""Toys on the torus and the sphere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npf_engine.manifolds.known import Swirled, Twisted
from npf_engine.manifolds.toys import AROUND, SPHERE, TORUS, TUBE, as_ring, round_toy


@pytest.mark.parametrize("kind", [TORUS, SPHERE])
def test_m_is_found_as_well_as_so_few_samples_allow(kind: str) -> None:
    toy = round_toy(kind, 0.2, 0.8, 200)
    assert 0 < toy.off < 0.5 * toy.identity and toy.gap < 1e-12 < toy.cost
    assert sorted(map(tuple, toy.flat[1])) == sorted(map(tuple, toy.flat[0]))  # the same places
    assert all(part.shape == (200, 3) for part in toy.space)


def test_without_a_gradient_of_phi_f_is_m() -> None:
    toy = round_toy(TORUS, 0.5, 0.0, 200)
    way = toy.flat[2] - toy.flat[1]
    assert np.abs(way - np.round(way)).max() < 0.2 and toy.cost < 0.01


def test_the_ring_lies_in_space_as_it_is_drawn() -> None:
    ring = as_ring(Twisted().torus.spread_evenly(100))
    tube = (ring[:, :2].norm(dim=1) - AROUND).square() + ring[:, 2].square()
    assert torch.allclose(tube, torch.full_like(tube, TUBE**2))


def test_the_known_maps_keep_the_area_and_are_gradients() -> None:
    twisted, swirled = Twisted(0.3), Swirled(2.0, 0.4)
    x = twisted.torus.draw(50, torch.Generator().manual_seed(0)).requires_grad_(True)
    (gradient,) = torch.autograd.grad(twisted.potential(x).sum(), x)
    assert torch.allclose(gradient, twisted.gradient(x))
    even = swirled.sphere.spread_evenly(2_000)
    assert torch.allclose(swirled.M(even).square().mean(0), even.square().mean(0), atol=2e-3)
    y = even[:50]
    assert (swirled.gradient(y) * y).sum(1).abs().max() < 1e-12  # tangent
