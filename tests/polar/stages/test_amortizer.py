"""V_phi: regressed on the conjugates, or as the published algorithm left it."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from npf_engine.networks.mlp import MLP
from npf_engine.polar.stages import amortizer
from npf_engine.polar.stages.job import Network
from tests.polar.loops import Loops
from tests.polar.stages.by_hand import job, picks


def test_it_is_regressed_on_the_conjugates_by_squared_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    loops, (own, spec) = Loops(monkeypatch, amortizer, 100.0), job(**{"v.batch": 16})
    x_hat = own.x.flip(1) - 0.3
    network = amortizer.train_amortizer(own, spec.v, x_hat)
    v, (pick, _), made = network.module, picks(16), loops.made["v"]
    expected = float((v(own.y[pick]) - x_hat[pick]).detach().square().sum(1).mean())
    assert made.loss == pytest.approx(expected) and made.modules == {"v": v} and made.ema == 0.99
    assert (made.steps, made.lr, made.key, network.seconds) == (spec.v.steps, spec.v.lr, "v.fit", 100.0)
    torch.testing.assert_close(v.centre, own.y.mean(0))
    torch.testing.assert_close(v.spread, own.y.std(0))
    again = MLP(**network.arguments)
    assert again.state_dict().keys() == v.state_dict().keys()


def test_what_the_published_algorithm_trained_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    loops, (own, spec) = Loops(monkeypatch, amortizer, 100.0), job()
    published = Network(MLP(2, 2, (3,), seed=0), {})
    assert amortizer.train_amortizer(own, spec.v, own.x, published) is published and not loops.made


def test_a_constant_component_is_not_divided_by() -> None:
    own, spec = job()
    own = dataclasses.replace(own, y=torch.cat([own.y[:, :1], torch.full((90, 1), 3.0)], 1))
    spread = amortizer.untrained(own, spec.v).module.spread
    assert spread.tolist() == pytest.approx([float(own.y[:, 0].std()), 1e-12])
