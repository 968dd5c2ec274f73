"""M_xi: regressed on M_theta, and taken up again where it was finished before."""

from __future__ import annotations

import pytest
import torch

from npf_engine.polar.stages import map as stage
from tests.polar.loops import Loops
from tests.polar.stages.by_hand import Clock, job, picks


def test_it_is_regressed_on_m_theta_by_squared_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    loops, (own, spec) = Loops(monkeypatch, stage, 100.0), job(**{"m.batch": 24})
    x_hat = own.x.flip(1) - 0.3
    m, (pick, _) = stage.train_map(own, spec.m, x_hat).module, picks(24)
    assert loops.made["m"].loss == pytest.approx(float((m(own.x[pick]) - x_hat[pick]).detach().square().sum(1).mean()))
    assert loops.made["m"].ema == 0.99 and loops.made["m"].key == "m.fit"


def test_a_finished_stage_is_restored_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    loops = Loops(monkeypatch, stage, 100.0)
    first = Clock()
    own, spec = job(first)
    m = stage.train_map(own, spec.m, own.x)
    assert m.seconds == 100.0 and first.memo["m.done"]["seconds"] == 100.0 and not first.stages
    second = Clock({"m.done": first.memo["m.done"] | {"seconds": 8}})
    loops.made.clear()
    other, _ = job(second, seed=6)
    again = stage.train_map(other, spec.m, other.x)
    assert again.seconds == 8.0 and second.stages == [("m", "restored", None)] and not loops.made
    for one, two in zip(m.module.parameters(), again.module.parameters(), strict=True):
        assert torch.equal(one, two)


def test_what_is_kept_of_another_network_is_told_of_and_trained_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Loops(monkeypatch, stage, 100.0)
    first = Clock()
    own, spec = job(first)
    stage.train_map(own, spec.m, own.x)
    second = Clock(dict(first.memo))
    other, wide = job(second, **{"m.hidden": (5,)})
    assert stage.train_map(other, wide.m, other.x).seconds == 100.0 and not second.stages
    assert "does not fit" in second.told[0][0]
