"""BridgeMatching against Bridge.loss, which says what it is: the same draws, the same value, autograd's gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from npf_engine.networks.bridge import Bridge
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.value_bridge import ValueBridge
from npf_engine.polar.stages import matching
from npf_engine.polar.stages.matching import BridgeMatching
from npf_engine.settings.stages import InverseConfig
from npf_engine.transport.pairing import neighbours

CONFIG = InverseConfig(batch=40)


def samples(d: int) -> tuple[Tensor, Tensor]:
    """x in the box and where M brings it."""
    g = torch.Generator().manual_seed(2)
    x = torch.rand(200, d, generator=g, dtype=torch.float64) * 2 - 1
    return x, (x + 0.2 * torch.randn(x.shape, generator=g, dtype=torch.float64)).clamp(-1, 1)


def drawn(config: InverseConfig, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which samples, t and the noise of a step by a generator of seed 3."""
    g, n = torch.Generator().manual_seed(3), config.batch
    pick = torch.randint(len(x), (n,), generator=g)
    uniform = (torch.arange(n)[:, None] + torch.rand(n, 1, generator=g, dtype=x.dtype)) / n
    return pick, 1 - uniform**config.time_power, torch.randn(n, x.shape[1], generator=g, dtype=x.dtype)


@pytest.mark.parametrize("peered", [False, True])
@pytest.mark.parametrize("power", [1.0, 3.0])
@pytest.mark.parametrize("valued", [False, True])
@pytest.mark.parametrize("kept", [False, True])
def test_a_step_is_the_loss_of_the_bridge(
    peered: bool, power: float, valued: bool, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without peers, kept in a table or not, also for a bridge that sees values of grad u."""
    monkeypatch.setattr(matching, "MOST_KEPT", 10**9 if kept else 0)
    x, y = samples(2)
    config = replace(CONFIG, time_power=power)
    bridge: Bridge = Bridge(2, (9, 8), fourier=2, sigma=0.7).double()
    if valued:
        bridge = ValueBridge(2, (9, 8), blocks=(1, 1)).attach(QuadraticICNN(2, (4,)).double()).double()
    peers = neighbours(y, 6) if peered else None
    with torch.no_grad():
        value, gradients = BridgeMatching(bridge, x, y, config, peers).step(torch.Generator().manual_seed(3))
    pick, t, z = drawn(config, x)
    expected = bridge.loss(x[pick], y[pick], t, z, None if peers is None else x[peers[pick]])
    assert float(value) == pytest.approx(float(expected.detach()), rel=1e-11)
    for own, autograd in zip(gradients, torch.autograd.grad(expected, list(bridge.parameters())), strict=True):
        torch.testing.assert_close(own, autograd, rtol=1e-9, atol=1e-11)
