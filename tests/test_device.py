"""Trainings with report and bundle, experiments and fit_brenier_map on a GPU that is pretended (pretend_gpu.py)."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.fields.catalog import resolve
from npf_engine.fields.digits import embedded_digits
from npf_engine.measures.report import accuracy_report
from npf_engine.polar import PolarFactorization
from npf_engine.polar.train import train
from npf_engine.settings.stages import PotentialConfig
from npf_engine.studies.classifier import sample
from npf_engine.studies.classifier.run import run_experiment
from npf_engine.studies.factorization.bundling import write_bundle
from npf_engine.tasks import steady
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import WideConfig, fit_brenier_map, fit_wide, stratified_dual
from tests.pretend_gpu import OnGPU, pretended
from tests.studies.classifier.test_experiments import FEW, tiny
from tests.tiny import tiny_spec


def test_what_cuda_refuses_is_refused() -> None:
    with pretended() as gpu:
        x, here = torch.rand(4, 2).to(gpu), torch.rand(4, 2)
        assert isinstance(x, OnGPU) and isinstance(torch.zeros(3, device=gpu), OnGPU) and type(x.cpu()) is Tensor
        with pytest.raises(RuntimeError, match="one device"):
            _ = x + here
        with pytest.raises(RuntimeError, match="one device"):
            here.gather(0, torch.zeros(1, 2, dtype=torch.long).to(gpu))
        with pytest.raises(RuntimeError, match="one device"):
            _ = here[torch.tensor([0]).to(gpu)]
        with pytest.raises(RuntimeError, match="one device"):
            torch.nn.Linear(2, 2)(x)
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
        with pytest.raises(TypeError, match="numpy"):
            np.asarray(x)
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, device=gpu, generator=torch.Generator())
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(3, generator=seeds.generator(0, "there", gpu))


def test_what_cuda_allows_gives_the_cpus_numbers() -> None:
    g = torch.Generator().manual_seed(0)
    x, layer = torch.rand(4, 2, generator=g), torch.nn.Linear(2, 3)
    with pretended() as gpu:
        there = x.to(gpu)
        moved = copy.deepcopy(layer).to(gpu)
        moved(there).square().sum().backward()
        layer(x).square().sum().backward()
        assert moved.weight.grad is not None and layer.weight.grad is not None
        torch.testing.assert_close(moved.weight.grad.cpu(), layer.weight.grad)
        torch.testing.assert_close((there[torch.tensor([2, 0])] * torch.tensor(3.0)).cpu(), 3 * x[[2, 0]])


# Each operation passes through Python: what is checked is that each is allowed, not that many steps go well.
FEW_STEPS = {
    "u.regression_steps": 3,
    "v.steps": 2,
    "m.steps": 2,
    "inverse.steps": 2,
    "inverse.sampler_steps": 2,
    "report.n": 32,
    "report.neighbourhoods": 2,
    "report.neighbourhood_size": 8,
    "field.n_samples": 600,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"u.polish_steps": 8},
        {"u.method": "dual", "u.dual_steps": 3},
        {"u.network": "wide", "u.method": "dual", "u.dual_steps": 3},
    ],
    ids=["pairing", "dual", "wide"],
)
def test_a_training_there_makes_the_model_that_the_cpu_makes(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stratified_dual, "AT_HAND", ())  # here too by the steps that wait for nothing
    spec = tiny_spec(**FEW_STEPS | changes)
    field = resolve(spec.field)
    here = train(field, spec.stages).model
    with pretended() as gpu:
        there = train(field, dataclasses.replace(spec.stages, device=gpu.type)).model
        report = accuracy_report(there, field, spec.report, spec.seed).to_json()
        report |= {"seconds": {"u": 1.0, "total": 2.0}, "device": "cuda", "threads": 1, "seed": spec.seed}
        bundle = write_bundle(there, report, spec, tmp_path / "npf-there.zip")
    loaded = PolarFactorization.load(bundle)
    x = field.scaling.to_user(field.x_test[:200])
    torch.testing.assert_close(loaded.grad_u(x), here.grad_u(x))
    torch.testing.assert_close(loaded.M_network(x), here.M_network(x))
    y = here.grad_u(x[:3])
    torch.testing.assert_close(loaded.invert(y[0], 20, seed=0), here.invert(y[0], 20, seed=0))


@pytest.mark.parametrize(
    "config",
    [
        None,
        WideConfig(hidden=(8,), pieces=2, start="identity"),
        PotentialConfig(hidden=(8,), pairings=1, pair_size=200),
        PotentialConfig(hidden=(8,), method="dual"),
    ],
    ids=["auto", "identity", "pairing", "dual"],
)
def test_clouds_there_are_fitted_there(monkeypatch: pytest.MonkeyPatch, config: Any) -> None:
    monkeypatch.setattr(fit_wide, "SHORT", 0.0)  # with the search for a mixture and a trial
    looks = itertools.count(1)
    monkeypatch.setattr(steady, "seconds", lambda: 0.06 * next(looks))  # however busy the machine is
    g = torch.Generator().manual_seed(0)
    x, means = torch.randn(3000, 3, generator=g), torch.tensor([[12.0, 0, 0], [-12, 0, 0], [0, 12, 0]])
    y = means[torch.randint(3, (3000,), generator=g)] + torch.randn(3000, 3, generator=g)
    with pretended() as gpu:
        fit = fit_brenier_map(x.to(gpu), y.to(gpu), budget_seconds=4, config=config)
        image = fit.forward(x[:500].to(gpu))
        for answer in (image, fit.inverse(image), fit.potential(x[:9].to(gpu)), fit.jacobian(x[:9].to(gpu))):
            assert isinstance(answer, OnGPU) and torch.isfinite(answer).all()
    if config is None:
        assert fit.info["start"] == "mixture"


FEWER = dataclasses.replace(FEW, steps=6, inner=3, updates=2)


@pytest.mark.parametrize("changes", [{}, {"minibatch": 16, "particles": FEWER}], ids=["5.3", "5.5"])
def test_an_experiment_there_has_the_cpus_figures(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr(sample, "ALIVE", 10.0)  # 60 steps are no warm-up: all count as alive
    spec = tiny(request.node.callspec.id, **changes)
    here = run_experiment(spec, Recorder(), None, embedded_digits()).to_json()
    with pretended() as gpu:
        object.__setattr__(spec, "device", gpu.type)  # no device that a setting may name
        there = run_experiment(spec, Recorder(), None, embedded_digits()).to_json()
    assert there["metrics"].keys() == here["metrics"].keys()
    for name, row in here["metrics"].items():
        for key, value in row.items():
            wanted = pytest.approx(value, rel=1e-3, abs=1e-3) if isinstance(value, int | float) else value
            assert there["metrics"][name][key] == wanted, (name, key)
