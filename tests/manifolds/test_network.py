"""M_xi on the torus."""

from __future__ import annotations

import torch

from npf_engine.manifolds import Torus
from npf_engine.manifolds.known import Twisted
from npf_engine.manifolds.network import PeriodicMap, learn_map


def test_it_is_periodic_and_stays_on_the_torus() -> None:
    torus = Torus((1.0, 360.0))
    network = PeriodicMap(torus)
    x = torus.draw(50, torch.Generator().manual_seed(0))
    m = network(x)
    assert torus.distance(network(x + torus.sides), m).max() < 1e-3
    assert bool((m >= 0).all()) and bool((m < torus.sides).all())


def test_a_twist_and_a_map_that_goes_around_twice_are_learned() -> None:
    known = Twisted()
    x = known.torus.draw(2_000, torch.Generator().manual_seed(0))
    unseen = known.torus.draw(500, torch.Generator().manual_seed(1))
    for target in (known.M, lambda x: torch.remainder(2 * x, 1.0)):
        network = learn_map(known.torus, x, target(x), steps=250)
        with torch.no_grad():
            off = known.torus.distance(network(unseen), target(unseen)).square().mean() / known.torus.variance
        assert off < 0.005
