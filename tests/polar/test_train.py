"""The stages strung together: what a model keeps, where it is trained, and what is told of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from npf_engine import seeds
from npf_engine.fields.catalog import resolve
from npf_engine.fields.lattice import sampled
from npf_engine.networks.mlp import MLP
from npf_engine.polar import train
from npf_engine.polar.stages import amortizer, inverse, potential
from npf_engine.polar.stages import map as map_stage
from npf_engine.polar.stages.conjugates import Conjugates
from npf_engine.polar.stages.job import Job, Network
from npf_engine.polar.stages.potential import TrainedPotential
from npf_engine.settings.stages import InverseConfig
from tests.polar.loops import Loops
from tests.polar.stages.by_hand import Clock, job
from tests.tiny import tiny_spec


def parts_of(own: Job) -> Any:
    """Answers of stages that did nothing."""
    d = own.field.d
    networks: list[Any] = [Network(MLP(d, d, (3,), seed=k), {"k": k}, 1.0 + k) for k in range(4)]
    conjugates = Conjugates(own.x + 1, own.field.x_test + 1, 1.0, 0.0, 2.0, 7.0)
    potential = TrainedPotential(networks[0], torch.eye(d), torch.zeros(d))
    return train._Parts(potential, train._Solved(conjugates, networks[1]), networks[2], networks[3])


@pytest.mark.parametrize(("d", "kept"), [(1, 300), (2, 300), (20, 256)])
def test_what_a_model_keeps_of_its_field(d: int, kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "KEPT_SAMPLES", 300)
    monkeypatch.setattr(train, "KEPT_NUMBERS", 620)
    own, _ = job(n=400, d=d)
    parts = parts_of(own)
    model = train._model(own, parts, InverseConfig(), {"source": "f"})
    assert len(model.samples["x_train"]) == len(model.samples["m_train"]) == min(kept, max(256, 620 // d))
    assert torch.equal(model.samples["m_test"], own.field.x_test + 1) and model.lattice is None
    assert model.field_spec == {"source": "f"}
    for network in parts.networks.values():
        assert not network.module.training and not any(p.requires_grad for p in network.module.parameters())
    assert model.info["seconds"] == {"u": 1.0, "v": 9.0, "m": 3.0, "inverse": 4.0}
    assert model.info["networks"] == {name: {"k": k} for k, name in enumerate(("u", "v", "m", "bridge"))}
    assert model.info["gaussian"] == {"S": torch.eye(d).tolist(), "m": [0.0] * d}
    assert model.info["conjugate"]["points"] == 420 and model.info["u_parameters"] > 0


def test_a_grid_that_is_thinned_for_the_bundle_is_told_of() -> None:
    for side, told in ((5, False), (800, True)):
        recorder = Clock()
        own, _ = job(recorder)
        own.field.lattice = sampled(lambda x: x, 1.0, side)
        model = train._model(own, parts_of(own), InverseConfig(), {})
        assert model.lattice is not None and (model.lattice.shape != (side, side)) is told
        rows, cols = model.lattice.shape
        assert recorder.told == (
            [(f"the bundle keeps F on {rows} x {cols} nodes of its grid of 800 x 800",)] if told else []
        )
        assert model.thinned_from == ((800, 800) if told else None)
        model.info["grid"] = "of an import"
        assert model.thinned_from is None


def test_the_device_and_the_precision_are_those_that_were_asked_for() -> None:
    field, recorder = resolve(tiny_spec(**{"field.n_samples": 400}).field), Clock()
    for device, found in (("auto", "cpu"), ("cpu", "cpu"), ("meta", "meta")):
        made = Job.of(field, dataclasses.replace(tiny_spec().stages, device=device), recorder)
        assert made.x.device == made.y.device == torch.device(found) and made.x.dtype == torch.float32
        assert made.recorder is recorder and made.seed == tiny_spec().seed
    made = Job.of(field, tiny_spec(dtype="float64").stages)
    assert made.x.dtype == made.y.dtype == made.y_test.dtype == torch.float64
    network = made.build(MLP, {"d_in": 2, "d_out": 2, "hidden": (3,), "seed": 0})
    assert next(network.module.parameters()).dtype == torch.float64


def test_a_stage_is_told_of_with_its_seconds_and_may_be_stopped_before_it() -> None:
    recorder = Clock()
    own, _ = job(recorder)
    answer = Network(MLP(2, 2, (3,), seed=0), {}, 12.5)
    assert train._stage(own, "m", lambda: answer) is answer
    assert recorder.stages == [("m", "started", None), ("m", "done", 12.5)]


def test_every_network_and_every_loop_has_random_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One seed for the training; from it a stream for each network's weights, and one for each loop by its key."""
    own, spec = job()
    made: dict[str, Any] = {}
    for stage in (amortizer, map_stage, inverse):
        loops = Loops(monkeypatch, stage, 100.0)
        made[stage.__name__] = loops.made
    asked: dict[str, Any] = {}
    monkeypatch.setattr(potential, "collect_pairs", lambda x, y, size, count, seed, recorder: (x, y))
    monkeypatch.setattr(
        potential, "fit_to_pairs", lambda u, pairs, c, seed, *rest, **more: asked.update({"u.fit": seed}) or 0.0
    )
    monkeypatch.setattr(
        potential, "fit_dual", lambda u, x, y, plan, seed, *rest, **more: asked.update({plan.key: seed}) or 0.0
    )
    u = potential.train_potential(own, spec.u, spec.conjugate).u
    networks = {
        "u": u,
        "v": amortizer.train_amortizer(own, spec.v, own.x),
        "m": map_stage.train_map(own, spec.m, own.x),
        "inverse": inverse.train_inverse(own, spec.inverse, own.x, u.module),
    }
    weights = {name: network.arguments["seed"] for name, network in networks.items()}
    assert weights == {name: seeds.child(5, name) for name in networks}
    for loops_made in made.values():
        asked |= {loop.key: loop.seed for loop in loops_made.values()}
    assert asked == dict.fromkeys(("u.fit", "u.polish", "v.fit", "m.fit", "inverse.fit"), 5)
