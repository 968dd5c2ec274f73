"""Paths of the bridge: they end where ``sample`` does, and between they have the law of a Brownian bridge."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.networks.bridge import Bridge
from npf_engine.polar import PolarFactorization
from npf_engine.polar.paths import bridge_paths
from tests.conftest import ROOT

TARGET = torch.tensor([0.5, -0.25])


class Known(Bridge):
    """A bridge that knows its one end."""

    def _held(self, t: float, from_y: Tensor, x_t: Tensor) -> Tensor:
        return TARGET.expand(len(x_t), 2)


def test_a_walk_has_the_law_of_a_brownian_bridge_and_ends_at_its_end() -> None:
    bridge = Known(2, (8,), sigma=0.3, region="free")
    y = torch.tensor([[-0.6, 0.2]]).repeat(8_000, 1)
    for time, x in bridge.walk(y, torch.Generator().manual_seed(0), 20):
        torch.testing.assert_close(x.mean(0), (1 - time) * y[0] + time * TARGET, atol=0.01, rtol=0)
        wide = 0.3 * (time * (1 - time)) ** 0.5
        torch.testing.assert_close(x.std(0), torch.full((2,), wide), atol=0.005, rtol=0.02)
    assert time == 1.0
    torch.testing.assert_close(x, TARGET.expand(len(x), 2))


@pytest.fixture(scope="module")
def terrain() -> PolarFactorization:
    return PolarFactorization.load(ROOT / "assets" / "gallery" / "npf-jacksboro.zip")


def test_the_ways_of_a_model_begin_at_y_and_end_at_draws(terrain: PolarFactorization) -> None:
    value = terrain.samples["y_test"][3]
    found = bridge_paths(terrain, value, n=30, seed=5)
    y = terrain.grad_u_conjugate(value[None])[0]
    torch.testing.assert_close(found.x[0], y.expand(30, 2), rtol=1e-6, atol=1e-6)
    assert found.times[0] == 0 and found.times[-1] == 1 and found.x.shape == (len(found.times), 30, 2)
    assert (found.times.diff() > 0).all() and 15 <= len(found.times) <= 60
    assert bool((found.x >= torch.tensor(terrain.low) - 1).all())
    start = terrain.scaling.to_model(found.x[0]).to(terrain.u.like)
    assert terrain.bridge is not None
    drawn = terrain.bridge.sample(start, torch.Generator().manual_seed(5), terrain.sampler_steps)
    torch.testing.assert_close(found.x[-1], terrain.scaling.to_user(drawn.double()), rtol=1e-4, atol=1e-4)
    once = replace(terrain, redraws=0).sample_inverse(start, 5)
    torch.testing.assert_close(found.ends, terrain.scaling.to_user(once.double()), rtol=1e-4, atol=1e-3)


def test_a_model_without_its_inverse_says_so(terrain: PolarFactorization) -> None:
    with pytest.raises(InputError, match="no Iψ"):
        bridge_paths(replace(terrain, bridge=None), terrain.samples["y_test"][0])
