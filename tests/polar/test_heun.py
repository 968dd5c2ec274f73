"""The released sampler on a bridge that is known: X_psi a constant, so that its paths are Brownian bridges."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from npf_engine.polar.heun import sample_heun


@pytest.mark.parametrize(("last", "end"), [(0.95, 0.6), (0.4, 5.0)])
def test_the_paths_have_the_mean_and_variance_of_a_brownian_bridge(last: float, end: float) -> None:
    """From y towards 0.6, or 5 brought back to 1: the mean y + t (end - y), the variance sigma^2 t (1 - t)."""
    sigma, n = 0.5, 6000

    class Bridge(SimpleNamespace):
        def __call__(self, t: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            assert t.shape == (n, 1) and len(t.unique()) == 1 and torch.equal(y, start)
            return torch.full_like(x, end)

    bridge: Any = Bridge(sigma=sigma, confine=lambda x: x.clamp(-1, 1))
    start = torch.tensor([-0.5, 0.2]).double().expand(n, 2)
    drawn = sample_heun(bridge, start, 3, steps=80, last=last)
    mean = start[0] + last * (min(end, 1.0) - start[0])
    variance = sigma**2 * last * (1 - last)
    assert float((drawn.mean(0) - mean).abs().max()) < 4.5 * math.sqrt(variance / n)
    assert float((drawn.var(0) / variance - 1).abs().max()) < 4.5 * math.sqrt(2 / n) + 0.05
    assert torch.equal(drawn, sample_heun(bridge, start, 3, steps=80, last=last))
    assert not torch.equal(drawn, sample_heun(bridge, start, 4, steps=80, last=last))
