"""X_psi: matched along bridges from M_theta(x) to x."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from npf_engine.polar.picturing import Picture
from npf_engine.polar.stages import inverse
from npf_engine.settings.stages import ValueInverseConfig
from tests.polar.loops import Loops
from tests.polar.stages.by_hand import job, picks

U: Any = "u"


@pytest.mark.parametrize(("peers", "d", "near"), [(1, 2, False), (2, 2, True), (5, 2, True), (5, 9, False)])
def test_it_is_matched_along_bridges_from_m_to_x(
    peers: int, d: int, near: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One t of each of 12 equal parts, drawn to 1 by a power; pre-images beside the one that was picked."""
    loops = Loops(monkeypatch, inverse, 100.0)
    values = {"inverse.batch": 12, "inverse.peers": peers, "inverse.time_power": 1.7, "inverse.ema": 0.5}
    own, spec = job(d=d, **values)
    asked: list[Any] = []
    monkeypatch.setattr(inverse.Bridge, "loss", lambda self, *rows: asked.append(rows) or rows[0].sum())  # type: ignore[func-returns-value]
    m_train = 1.4 * own.x.flip(1)  # partly outside of Omega
    network = inverse.train_inverse(own, spec.inverse, m_train, U)
    x, start, t, noise, beside = asked[0]
    pick, g = picks(12)
    assert torch.equal(x, own.x[pick]) and torch.equal(start, m_train.clamp(-1, 1)[pick])
    uniform = (torch.arange(12) + torch.rand(12, generator=g)) / 12
    torch.testing.assert_close(t, (1 - (1 - uniform) ** 1.7)[:, None])
    assert torch.equal(noise, torch.randn(12, d, generator=g)) and (beside is not None) is near
    if near:
        inside = m_train.clamp(-1, 1)
        order = (inside[pick][:, None] - inside[None]).norm(dim=2).argsort(dim=1, stable=True)[:, :peers]
        torch.testing.assert_close(beside, own.x[order])
    assert network.seconds == 100.0 and loops.made["inverse"].ema == 0.5 and network.module.region == "box"


@pytest.mark.parametrize(("rho", "region"), [("land", "box"), ("disc", "disc"), ("gaussian", "free")])
def test_the_region_of_the_bridge_is_that_of_rho(rho: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Loops(monkeypatch, inverse, 100.0)
    own, spec = job()
    own.field.rho = rho
    network = inverse.train_inverse(own, spec.inverse, own.x, U)
    assert network.module.region == region and network.arguments["region"] == region


def test_the_blocks_of_a_bridge_by_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none are named all components are one block."""
    Loops(monkeypatch, inverse, 100.0)
    asked: list[Any] = []
    monkeypatch.setattr(inverse.ValueBridge, "attach", lambda self, u: asked.append(u) or self)  # type: ignore[func-returns-value]
    monkeypatch.setattr(inverse.ValueBridge, "loss", lambda self, *rows: rows[0].sum())
    monkeypatch.setattr(Picture, "look", lambda self, step: None)  # which asks the potential for values
    own, _ = job()
    for blocks, found in (((), [2]), ((1, 1), [1, 1])):
        config = dataclasses.replace(ValueInverseConfig(hidden=(4,), peers=1), blocks=blocks)
        network = inverse.train_inverse(own, config, own.x, U)
        assert network.arguments["blocks"] == found and asked[-1] == "u"
