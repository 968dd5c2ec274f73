"""X_psi: matched along bridges from M_theta(x) to x."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from npf_engine.errors import Cancelled
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.polar.picturing import Picture
from npf_engine.polar.stages import inverse
from npf_engine.polar.stages.job import Job
from npf_engine.settings.stages import ValueInverseConfig
from npf_engine.tasks.recorder import Recorder, State
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
    m_train = 1.4 * own.x.flip(1)  # partly outside of Omega
    network = inverse.train_inverse(own, spec.inverse, m_train, U)
    pick, g = picks(12)
    inside = m_train.clamp(-1, 1)
    uniform = (torch.arange(12)[:, None] + torch.rand(12, 1, generator=g)) / 12
    noise = torch.randn(12, d, generator=g)
    beside = None
    if near:
        order = (inside[pick][:, None] - inside[None]).norm(dim=2).argsort(dim=1, stable=True)[:, :peers]
        beside = own.x[order]
    expected = network.module.loss(own.x[pick], inside[pick], 1 - uniform**1.7, noise, beside)
    assert loops.made["inverse"].loss == pytest.approx(float(expected.detach()), rel=1e-4)
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
    monkeypatch.setattr(
        inverse.ValueBridge, "value_features", lambda self, y: y.new_zeros(len(y), 5 + len(self.blocks))
    )
    monkeypatch.setattr(Picture, "look", lambda self, step: None)  # which asks the potential for values
    own, _ = job()
    for blocks, found in (((), [2]), ((1, 1), [1, 1])):
        config = dataclasses.replace(ValueInverseConfig(hidden=(4,), peers=1), blocks=blocks)
        network = inverse.train_inverse(own, config, own.x, U)
        assert network.arguments["blocks"] == found and asked[-1] == "u"


class BrokenOff(Recorder):
    """Ends the training at a step, keeping a checkpoint each step until then."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.last, self.kept_states, self.steps = last, {}, 0  # type: ignore[var-annotated]

    def load(self, key: str) -> State | None:
        return copy.deepcopy(self.kept_states.get(key))

    def save(self, key: str, state: State) -> None:
        self.kept_states[key] = copy.deepcopy(state)

    def checkpoint_due(self) -> bool:
        return True

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        self.steps = step

    def check(self) -> None:
        if self.steps and len(self.kept_states) and self.kept_states["inverse.fit"]["step"] >= self.last:
            raise Cancelled


@pytest.mark.parametrize("values", [pytest.param(False, marks=pytest.mark.long), True])
def test_two_devices_learn_the_bridge_of_one_also_after_a_break(values: bool) -> None:
    """In nine dimensions and double precision; the break is on two devices, and one goes on."""
    own, spec = job(d=9, dtype="float64", **{"inverse.batch": 33, "inverse.steps": 14, "inverse.hidden": (8,)})
    own = dataclasses.replace(own, x=own.x.double(), y=own.y.double(), recorder=Recorder())
    config: Any = spec.inverse
    u = QuadraticICNN(9, [6], seed=1).double()
    if values:
        config = ValueInverseConfig(hidden=(8,), steps=14, batch=33, values=True, blocks=(4, 5))

    def trained(devices: int, recorder: Recorder) -> list[Tensor]:
        asked = dataclasses.replace(own, devices=devices, recorder=recorder)
        return list(inverse.train_inverse(asked, config, own.x, u).module.parameters())

    once, broken = trained(1, Recorder()), BrokenOff(6)
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(once, trained(2, Recorder()), strict=True))
    with pytest.raises(Cancelled):
        trained(2, broken)
    broken.last = 99
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(once, trained(1, broken), strict=True))


def test_few_dimensions_take_one_device_and_say_so() -> None:
    notes: list[str] = []
    recorder = Recorder()
    recorder.note = notes.append  # type: ignore[method-assign]
    for d, devices in ((2, 1), (8, 3)):
        _, spec = job(d=d, devices=3)
        field = job(d=d)[0].field
        assert Job.of(field, spec.stages, recorder).devices == devices
    assert len(notes) == 1 and "at d = 2" in notes[0]
