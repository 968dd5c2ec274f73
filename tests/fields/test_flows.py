"""Flows by formula: free of divergence by finite differences, and the values that their papers' formulas have."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch

from npf_engine.fields import analytic, flows
from npf_engine.fields.catalog import list_fields, resolve
from npf_engine.fields.spec import FieldSpec

FLOWS = {
    "double-gyre": (partial(flows.double_gyre, t=2.3), (0.0, 0.0), (2.0, 1.0)),
    "eddies": (partial(flows.eddies, parts=flows.eddy_field(0)), (-5.0, -5.0), (5.0, 5.0)),
    "wake": (partial(flows.wake, t=0.7), (1.01, -2.0), (6.0, 2.0)),
}


@pytest.mark.parametrize("name", FLOWS)
def test_no_flow_has_a_divergence(name: str):
    function, low, high = FLOWS[name]
    generator = torch.Generator().manual_seed(0)
    low_, high_ = torch.tensor(low, dtype=torch.float64), torch.tensor(high, dtype=torch.float64)
    x = low_ + (high_ - low_) * torch.rand(500, 2, generator=generator, dtype=torch.float64)
    h = 1e-5
    slopes = []
    for k in (0, 1):
        step = torch.zeros(2, dtype=torch.float64)
        step[k] = h
        slopes.append((function(x + step) - function(x - step)) / (2 * h))
    divergence = slopes[0][:, 0] + slopes[1][:, 1]
    size = torch.stack(slopes).abs().max()
    assert size > 0.05 and divergence.abs().max() < 1e-7 * size


def test_the_double_gyre_has_the_papers_values():
    middle = torch.tensor([[0.5, 0.5], [1.5, 0.5], [1.0, 0.5], [0.5, 0.0]], dtype=torch.float64)
    found = flows.double_gyre(middle)
    a = math.pi * 0.1
    wanted = [[0, 0], [0, 0], [0, -a], [-a, 0]]  # two centres, the jet between them, the flow along the wall
    np.testing.assert_allclose(found, wanted, atol=1e-15)
    # at a quarter of the period f = x^2 / 4 + x / 2 at the greatest swing: u = -pi A sin(pi f) cos(pi y)
    swung = flows.double_gyre(torch.tensor([[1.0, 0.0]], dtype=torch.float64), t=2.5)
    np.testing.assert_allclose(swung, [[-a * math.sin(0.75 * math.pi), 0.0]], atol=1e-15)
    torch.testing.assert_close(flows.double_gyre(middle, 1.0), flows.double_gyre(middle, 11.0))
    edge = torch.linspace(0, 1, 11, dtype=torch.float64)
    for k, at in ((0, 0.0), (0, 2.0), (1, 0.0), (1, 1.0)):  # nothing crosses the border of the box
        x = (
            torch.stack([2 * edge, torch.full_like(edge, at)], 1)
            if k
            else torch.stack([torch.full_like(edge, at), edge], 1)
        )
        assert flows.double_gyre(x, 3.1)[:, k].abs().max() < 1e-15


def test_an_eddy_turns_fastest_at_its_size():
    one = torch.tensor([[1.0, -2.0, 0.8, 0.6]], dtype=torch.float64)
    r = torch.linspace(0.01, 3, 300, dtype=torch.float64)
    x = torch.stack([1 + r, torch.full_like(r, -2.0)], dim=1)
    found = flows.eddies(x, one)
    assert found[:, 0].abs().max() < 1e-15 and abs(float(r[found[:, 1].argmax()]) - 0.8) < 0.011
    at = flows.eddies(torch.tensor([[1.8, -2.0], [1.0, -1.2]], dtype=torch.float64), one)
    np.testing.assert_allclose(at, [[0, 0.6], [-0.6, 0]], atol=1e-15)  # anticlockwise
    assert not torch.equal(flows.eddy_field(0), flows.eddy_field(1))
    senses = flows.eddy_field(3)[:, 3].sign()
    assert int((senses > 0).sum()) == int((senses < 0).sum())


def test_the_wake_does_not_slip_and_is_the_stream_far_away():
    angle = torch.linspace(0, 2 * math.pi, 40, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    for t in (0.0, 0.3, 0.75):
        assert flows.wake(circle * (1 + 1e-9), t).abs().max() < 1e-7
        assert flows.wake(0.5 * circle, t).abs().max() == 0
    far = torch.tensor([[-9.0, 0.0], [0.0, 9.0], [40.0, 3.0]], dtype=torch.float64)
    np.testing.assert_allclose(flows.wake(far, 0.3), [[1, 0]] * 3, atol=1e-6)
    # half a period later the two vortices have changed places: the flow is its mirror image
    x = torch.tensor([[2.0, 0.7], [3.1, -0.4]], dtype=torch.float64)
    mirror = torch.tensor([1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(flows.wake(x, 0.2), flows.wake(x * mirror, 0.7) * mirror)
    torch.testing.assert_close(flows.wake(x, 0.2), flows.wake(x, 4.2))


def test_the_wake_is_the_turned_gradient_of_its_stream_function():
    def psi(x: torch.Tensor, t: float) -> torch.Tensor:
        r = x.norm(dim=1)
        shelter = 1 - torch.exp(-((x[:, 0] - 1) ** 2) / 4 - x[:, 1] ** 2)
        vortex = []
        for y0, when in ((0.3, t), (-0.3, t - 0.5)):
            x0, h = 1 + 2 * (when % 1), abs(math.sin(math.pi * when))
            vortex.append(h * torch.exp(-0.35 * ((x[:, 0] - x0) ** 2 + 4 * (x[:, 1] - y0) ** 2)))
        return (1 - torch.exp(-((r - 1) ** 2))) * (2 * (vortex[1] - vortex[0]) + x[:, 1] * shelter)

    x = torch.tensor([[1.4, 0.2], [2.6, -0.9], [0.3, 1.5], [4.0, 0.1]], dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(psi(x, 0.35).sum(), x)[0]
    torch.testing.assert_close(flows.wake(x.detach(), 0.35), torch.stack([slope[:, 1], -slope[:, 0]], 1))


@pytest.mark.parametrize("name", FLOWS)
def test_flows_are_listed_and_hang_on_their_settings(name: str):
    info = next(info for info in list_fields() if info.name == name)
    assert info.group == "analytic" and info.d == 2 and not info.needs_network
    spec = FieldSpec(source=name, n_samples=2000)
    field = resolve(spec)
    key, value = (analytic.INFO[name].uses[0], 2) if name == "eddies" else ("t", 0.4)
    other = resolve(FieldSpec(source=name, n_samples=2000, **{key: value}))
    assert field.kind == "function" and not torch.equal(field.y_train, other.y_train)
    again = field.function(field.x_train.double())
    torch.testing.assert_close(again.float(), field.y_train)
