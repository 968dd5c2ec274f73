"""The dual on the torus: its minimum is one, and is where it should be."""

from __future__ import annotations

import pytest
import torch

from npf_engine.manifolds import Torus
from npf_engine.manifolds.dual import STRENGTH, _Barrier, _of_data, minimise
from npf_engine.manifolds.trigonometric import TrigonometricPotential

TORUS = Torus.unit(2)


def some() -> TrigonometricPotential:
    flat = TrigonometricPotential.flat(TORUS, 2)
    return flat.with_weights(
        0.001 * torch.randn(2 * len(flat.waves), generator=torch.Generator().manual_seed(0)).double()
    )


def test_slopes_and_curvatures_are_those_of_differences() -> None:
    phi, y = some(), TORUS.draw(50, torch.Generator().manual_seed(1))
    barrier = _Barrier(phi, 0.01)
    way = torch.randn(len(phi.weights), generator=torch.Generator().manual_seed(2)).double()
    step = 1e-6
    parts = {
        "data": (lambda p: float(p.conjugate(y).value.mean()), lambda p: _of_data(p, p.conjugate(y).x)),
        "barrier": (barrier.value, barrier.derivatives),
    }
    ahead, behind = (phi.with_weights(phi.weights + sign * step * way) for sign in (1, -1))
    for name, (height, derivatives) in parts.items():
        slope, curvature = derivatives(phi)
        assert abs((height(ahead) - height(behind)) / (2 * step) - float(slope @ way)) < 1e-5 * (
            1 + abs(float(slope @ way))
        ), name
        turned = (derivatives(ahead)[0] - derivatives(behind)[0]) / (2 * step)
        assert torch.allclose(turned, curvature @ way, atol=1e-4, rtol=1e-4), name


def test_the_weights_of_a_known_gradient_are_found() -> None:
    known = some()
    x = TORUS.spread_evenly(4_096)
    found = minimise(TrigonometricPotential.flat(TORUS, 2), TORUS.wrap(x + known.gradient(x)))
    longest = float(known.waves.square().sum(1).max())
    assert (found.phi.weights - known.weights).norm() < (20 * STRENGTH * longest + 1e-3) * known.weights.norm()
    again = minimise(known, TORUS.wrap(x + known.gradient(x)))  # from elsewhere the same minimum
    assert torch.allclose(again.phi.weights, found.phi.weights, atol=1e-9) and found.promise < 1e-11


@pytest.mark.parametrize("name", ["a point", "a quarter"])
def test_of_a_law_with_holes_the_nearest_smooth_one_is_found(name: str) -> None:
    x = TORUS.spread_evenly(300)
    found = minimise(
        TrigonometricPotential.flat(TORUS, 2), {"a point": torch.full_like(x, 0.3), "a quarter": x / 4}[name]
    )
    assert found.strength > STRENGTH and found.done
    assert found.phi.least_curvature(1_024) > -0.02
