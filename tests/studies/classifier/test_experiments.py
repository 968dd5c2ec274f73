"""Experiments 5.3 to 5.5: settings, small runs against what is known, resumes, bad input."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from npf_engine.bundle.package import read_bundle
from npf_engine.cli import main
from npf_engine.errors import Cancelled, InputError
from npf_engine.fields.classifier import DIMENSION, SIZES, Classifier
from npf_engine.fields.digits import Digits, embedded_digits
from npf_engine.measures.measured import Measured
from npf_engine.measures.verdict import LEVELS
from npf_engine.networks.quadratic_icnn import QuadraticICNN
from npf_engine.networks.value_bridge import ValueBridge
from npf_engine.polar import PolarFactorization
from npf_engine.runs.console import ConsoleRecorder
from npf_engine.settings.stages import (
    AmortizerConfig,
    MapConfig,
    PotentialConfig,
    ReportConfig,
    ValueInverseConfig,
)
from npf_engine.studies.classifier import sample
from npf_engine.studies.classifier.data import axis_names, uniform_pairs
from npf_engine.studies.classifier.factorize import judge
from npf_engine.studies.classifier.measures import distance_to_nearest, distances, stochasticity
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.classifier.result import Cosine
from npf_engine.studies.classifier.run import run_experiment
from npf_engine.studies.classifier.sample import judge as judge_shares
from npf_engine.studies.classifier.spec import ExperimentSpec, ParticlesConfig
from npf_engine.tasks.recorder import Recorder

TINY: dict[str, Any] = {
    "samples": 1200,
    "minibatch": 8,
    "generated": 20,
    "u": PotentialConfig(hidden=(8,), method="dual", dual_steps=0),
    "v": AmortizerConfig(hidden=(8,), steps=2),
    "m": MapConfig(hidden=(8,), fourier=0, steps=1),
    "inverse": ValueInverseConfig(hidden=(16,), steps=5, batch=32, sampler_steps=4, blocks=SIZES),
    "report": ReportConfig(draws=2, n=64, neighbourhoods=4, neighbourhood_size=16),
}
NAMES = (("x", "x"), ("F", "y"))  # a column of a file, and what a model calls it
FEW = ParticlesConfig(
    count=40,
    start=0.3,
    warmup=60,
    steps=12,
    inner=6,
    tau=1e-5,
    coefficient=1e4,
    first=0,
    every=2,
    updates=3,
    update_every=3,
    bridge_hidden=(16,),
    batch=16,
)


@pytest.fixture(scope="module")
def digits() -> Digits:
    return embedded_digits()


def tiny(experiment: str, **changes: Any) -> ExperimentSpec:
    return experiment_preset(experiment, "quick", 0, **(TINY | changes))


def test_presets_are_the_papers_figures() -> None:
    for number in ("5.3", "5.4", "5.5"):
        spec = experiment_preset(number, "paper")
        assert spec.minibatch == 128
    weights = experiment_preset("5.3", "paper")
    assert (weights.samples, weights.inverse.steps, weights.inverse.sigma) == (300_000, 50_000, 1.0)
    flow = experiment_preset("5.4", "paper")
    assert flow.inverse.sigma == 0.1 and flow.particles.count == 1024 and flow.particles.warmup == 60_000
    assert flow.particles.warmup_tau * flow.particles.coefficient == pytest.approx(0.1)  # gamma of Figure 19
    chain = experiment_preset("5.5", "paper").particles
    assert (chain.count, chain.warmup, chain.steps, chain.inner) == (1024, 30_000, 30_000, 200)
    assert (chain.tau, chain.coefficient, chain.sigma) == (1e-4, 1000.0, 0.1)
    quick = experiment_preset("5.5", "quick").particles
    assert quick.steps // quick.inner >= 20 and (quick.tau, quick.coefficient) == (1e-4, 1000.0) and quick.confined
    published = experiment_preset("5.5", "quick", solver="published").particles
    assert not published.confined and published.steps // published.inner == 150


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experiment": "5.6"}, "experiment must be one of 5.3, 5.4, 5.5, not '5.6'"),
        ({"preset": "huge"}, "preset must be one of quick, paper, not 'huge'"),
        ({"seed": -1}, "seed must be between 0 and"),
        ({"samples": 10}, "too few"),
        ({"minibatch": 0}, "minibatch must be positive, not 0"),
        ({"particles": ParticlesConfig(tau=float("nan"))}, "particles.tau"),
        ({"experiment": "5.4", "particles": ParticlesConfig(count=10, warmup=20)}, "fewer than"),
    ],
)
def test_a_wrong_spec_is_one_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ExperimentSpec(**changes)


def test_axes_name_every_weight() -> None:
    names = axis_names()
    assert len(set(names)) == DIMENSION and names[0] == "conv1.weight[0,0,0,0]" and names[-1] == "dense.bias[9]"
    assert names[52 + 17] == "dense.weight[1,1]"


def known_potential() -> tuple[QuadraticICNN, Tensor]:
    """u close to <x, S x> / 2 with S = diag(1, 100)."""
    S = torch.diag(torch.tensor([1.0, 100.0]))
    u = QuadraticICNN(2, (4,), seed=0)
    u.start_at_gaussian(S, torch.zeros(2), torch.eye(2), 1.0)
    return u, S


def test_value_features_are_directions_and_norms_of_grad_u() -> None:
    u, _ = known_potential()
    bridge = ValueBridge(2, (8,), blocks=(1, 1), seed=0).attach(u)
    y = torch.tensor([[0.5, -0.02], [-3.0, 1.0]])
    features = bridge.value_features(y)
    value = u.gradient(y).detach()
    assert features.shape == (2, 2 * 2 + 3)
    torch.testing.assert_close(features[:, :2], 2**0.5 * torch.nn.functional.normalize(value, dim=1))
    torch.testing.assert_close(features[:, 2].mul(2).exp(), value.norm(dim=1))
    torch.testing.assert_close(features[:, 3], value[:, 0].sign())
    with pytest.raises(ValueError, match="attach"):
        ValueBridge(2, (8,), blocks=(2,)).value_features(y)
    with pytest.raises(ValueError, match="sum to d"):
        ValueBridge(3, (8,), blocks=(2,))


def test_value_bridge_answers_the_same_whether_or_not_it_remembers_features() -> None:
    """In a sampler features are kept between steps; another y, or another u, must not get them."""
    u, _ = known_potential()
    bridge = ValueBridge(2, (8,), blocks=(2,), seed=0).attach(u)
    t, x_t = torch.full((3, 1), 0.5), torch.zeros(3, 2)
    first, second = torch.randn(3, 2), torch.randn(3, 2)
    with torch.no_grad():
        fresh = bridge(t, second, x_t)
        bridge(t, first, x_t)
        torch.testing.assert_close(bridge(t, second, x_t), fresh)
    assert float((bridge.sample(first * 9, torch.Generator().manual_seed(0), 5)).abs().max()) <= 1.0
    assert not any(name.startswith("_u") for name in bridge.state_dict())


def test_uniform_pairs_go_on_where_they_were_stopped(digits: Digits) -> None:
    classifier = Classifier(digits, minibatch=4)
    spec = tiny("5.3", samples=2200)
    whole = uniform_pairs(classifier, spec, Recorder())

    class Stopping(Recorder):
        memo: dict[str, Any] | None = None
        looks = 0

        def check(self) -> None:
            self.looks += 1
            if self.looks == 3:
                raise Cancelled("stop")

        def checkpoint_due(self) -> bool:
            return True

        def save(self, key: str, state: dict[str, Any]) -> None:
            self.memo = state

        def load(self, key: str) -> dict[str, Any] | None:
            return self.memo

    recorder = Stopping()
    with pytest.raises(Cancelled):
        uniform_pairs(classifier, spec, recorder)
    assert recorder.memo is not None and recorder.memo["done"] == 2048
    again = uniform_pairs(classifier, spec, recorder)
    assert torch.equal(whole[0], again[0]) and torch.equal(whole[1], again[1])


@pytest.fixture(scope="module")
def uniform(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the tiny 5.3 answers, and its folder."""
    folder = tmp_path_factory.mktemp("uniform")
    return run_experiment(tiny("5.3"), Recorder(), folder, digits).to_json(), folder


def test_experiment_5_3_returns_the_contract_and_leaves_its_files(uniform: tuple[dict[str, Any], Path]) -> None:
    data, tmp_path = uniform
    assert data["experiment"] == "5.3" and data["preset"] == "quick" and "scikit-learn" in data["data"]
    keys = {"value", "self_distance", "ratio", "se", "trivial", "n", "eps", "draws"}
    assert keys <= set(data["metrics"]["pushforward"]) and keys <= set(data["metrics"]["inverse"])
    cosine = data["metrics"]["inverse_cosine"]
    assert {"mean", "std", "trivial", "ceiling"} <= set(cosine) and -1 <= cosine["mean"] <= cosine["ceiling"] <= 1
    assert data["trivial"]["inverse_cosine"] == cosine["trivial"]
    assert data["verdict"] in LEVELS and data["seconds"]["total"] > 0
    assert json.loads((tmp_path / "result.json").read_text()) == data
    best = load_file(tmp_path / "best-weights.safetensors")
    assert best["dense.weight"].shape == (10, 16) and best["conv1.weight"].shape == (1, 1, 5, 5)
    with np.load(tmp_path / "particles.npz", allow_pickle=False) as particles:
        assert particles["generated"].shape == (20, DIMENSION) and particles["uniform_accuracy"].shape == (20,)
        top = particles["generated_accuracy"].argmax()
        assert np.allclose(particles["generated"][top, :25], best["conv1.weight"].numpy().ravel())
    bundle = tmp_path / "npf-experiment-5-3-quick.zip"
    told = read_bundle(bundle)
    assert told.report["metrics"]["inverse_cosine"]["mean"] == pytest.approx(cosine["mean"])
    command = zipfile.ZipFile(bundle).read("command.txt").decode()
    assert command.startswith("python -m npf_engine experiment 5.3 --preset quick --set samples=1200 ")
    model = PolarFactorization.load(bundle)
    assert model.fingerprint() == data["fingerprint"] and model.function is None
    assert isinstance(model.bridge, ValueBridge)
    drawn = model.preimages(torch.zeros(DIMENSION), 3)  # its potential is attached, and X_psi kept in Omega
    assert float(drawn.abs().max()) <= 1.0
    assert bool(model.invert_details(1e6 * torch.ones(1, DIMENSION), 1).outside[0])


def test_the_bundle_of_5_3_is_inverted_by_the_command_line_and_not_measured_on_what_is_not_its_field(
    uniform: tuple[dict[str, Any], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, model = (make(uniform[1] / "npf-experiment-5-3-quick.zip") for make in (str, PolarFactorization.load))
    asked, out = model.samples["y_test"][0], tmp_path / "drawn.npz"
    numbers = [repr(float(value)) for value in asked]
    assert main(["invert", bundle, "--gradient", *numbers, "--samples", "3", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 3
    with np.load(out) as drawn:
        assert drawn["x"].shape == (3, DIMENSION) and (np.abs(drawn["x"]) <= 1).all()
        assert drawn["x"] == pytest.approx(model.invert(asked.double(), 3).numpy(), abs=1e-6)
    assert main(["evaluate", bundle, "classifier", "--json"]) == 2
    assert "made by its experiments" in capsys.readouterr().err
    pairs = {key: torch.cat([model.samples[f"{name}_{part}"] for part in ("train", "test")]) for key, name in NAMES}
    np.savez(tmp_path / "pairs.npz", **{key: value.numpy() for key, value in pairs.items()})
    assert main(["evaluate", bundle, str(tmp_path / "pairs.npz"), "--draws", "2", "--json"]) == 2
    assert "lies on another domain than the bundle" in capsys.readouterr().err  # samples, where it knows the box


def test_experiment_5_4_tests_on_particles_that_were_not_trained_on(digits: Digits) -> None:
    data = run_experiment(
        tiny("5.4", particles=dataclasses.replace(FEW, warmup=80)), Recorder(), None, digits
    ).to_json()
    assert data["metrics"]["flow"]["median_loss"] < data["metrics"]["uniform"]["median_loss"]  # descent descends
    assert data["metrics"]["inverse_cosine"]["n"] == 6 * 41  # 15 % of 40 particles, whole trajectories


def test_experiment_5_5_compares_at_equal_budget_and_resumes(
    digits: Digits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tiny("5.5", minibatch=16, particles=FEW)
    with pytest.raises(InputError, match="None of 40 particles learned anything"):
        run_experiment(spec, Recorder(), None, digits)  # 60 steps are no warm-up
    monkeypatch.setattr(sample, "ALIVE", 10.0)  # all count as alive
    data = run_experiment(spec, Recorder(), None, digits).to_json()
    for name in ("lmc", "lmc-npf"):
        assert set(data[name]) == {"share_above_half", "median_accuracy", "distance_to_warmup"}
    assert len(data["fingerprint"]) == 64
    assert data["gradient_evaluations"]["lmc"] == data["gradient_evaluations"]["lmc-npf"] == 12 * 40
    assert data["metrics"]["warmup"]["distance_to_warmup"] == 0
    asked = data["metrics"]["inverse_cosine"]
    assert asked["n"] == 40 and -1 <= asked["mean"] <= 1
    assert set(data["metrics"]["inverse_distance"]) == {"inverse", "floor", "trivial"}
    # LMC has only its own steps to leave the warm-up by.
    assert 0 < data["lmc"]["distance_to_warmup"] < data["metrics"]["uniform"]["distance_to_warmup"]

    class Breaking(ConsoleRecorder):
        def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
            if stage == "lmc-npf" and step >= 8:
                raise Cancelled("stop")

    recorder = Breaking(tmp_path, quiet=True)
    recorder.period = 0.0
    with pytest.raises(Cancelled):
        run_experiment(spec, recorder, None, digits)
    again = run_experiment(spec, ConsoleRecorder(tmp_path, quiet=True), None, digits).to_json()
    assert again["metrics"] == data["metrics"]


@pytest.mark.parametrize("confined", [True, False])
def test_confined_particles_are_reflected_at_the_edge_of_omega(
    digits: Digits, monkeypatch: pytest.MonkeyPatch, confined: bool
) -> None:
    """From far out: the cube is where all samplers go, or none."""
    monkeypatch.setattr(sample, "ALIVE", 1e9)
    spec = tiny("5.5", minibatch=16, particles=replace(FEW, start=1.0, coefficient=100.0, confined=confined))
    found = sample.run_sampling(Classifier(digits, minibatch=16), spec, Recorder()).particles
    for name in ("warmup", "lmc", "lmc-npf", "restart"):
        assert bool((torch.as_tensor(found[name]).abs() <= 1).all()) is confined, name


def test_distances_of_gradients_to_those_asked_for() -> None:
    y = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    found = distances(y + torch.tensor([3.0, 4.0]), y, y, torch.Generator().manual_seed(3))
    assert found["inverse"].tolist() == [5.0] * 3 and found["floor"].tolist() == [0.0] * 3
    assert set(found["trivial"].tolist()) <= {0.0, 1.0, float(torch.tensor(2.0).sqrt())}


def test_distance_and_stochasticity_of_known_clouds(digits: Digits) -> None:
    cloud = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert distance_to_nearest(torch.tensor([[3.0, 5.0], [0.0, 0.0]]), cloud).tolist() == [1.0, 0.0]
    # A minibatch that is the whole of a one-image set is always the same: no noise at all.
    one = Digits(digits.images[:1], digits.labels[:1], digits.test_images, digits.test_labels, "one", "one image")
    w = torch.rand(64, DIMENSION, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = stochasticity(Classifier(one, minibatch=1), w, torch.Generator().manual_seed(1), 2)
    assert found["cosine"] == pytest.approx(1.0, abs=1e-4) and found["value"] < 1e-3 * found["self_distance"]


def test_a_result_no_better_than_trivial_is_called_a_failure() -> None:
    push = Measured(1.0, 0.9, trivial=3.0, se=0.1, draws=8)
    good = Cosine(mean=0.9, std=0.1, trivial=0.66, ceiling=0.96, n=400)
    assert judge(push, good).level == "good"
    assert judge(push, replace(good, mean=0.8)).level == "usable"
    assert judge(replace(push, value=2.0), good).level == "usable"
    # 0.665 is above the trivial answer, but not beyond chance
    assert judge(push, replace(good, mean=0.665)).level == "not trustworthy"
    assert judge(replace(push, value=3.0), good).level == "not trustworthy"


def test_shares_of_good_weights_are_compared_beyond_chance() -> None:
    def level(npf: float, particles: int, far: float = 2.0) -> str:
        row = {"share_above_half": 0.5, "distance_to_warmup": 1.0}
        found = {"lmc-npf": {"share_above_half": npf, "distance_to_warmup": far}, "lmc": row, "restart": row}
        return judge_shares(found, particles).level

    assert level(0.6, 1000) == "usable" and level(0.95, 1000) == "good"
    assert level(0.6, 50) == "not trustworthy" and level(0.6, 1000, far=0.5) == "not trustworthy"


def test_command_line_says_what_is_wrong(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("NPF_MNIST_DIR", str(tmp_path / "empty"))
    assert main(["experiment", "5.3", "--out", str(tmp_path / "out")]) == 2
    assert "lacks train-images" in capsys.readouterr().err and not (tmp_path / "out").exists()
    monkeypatch.delenv("NPF_MNIST_DIR")
    assert main(["experiment", "6.1"]) == 2
    for setting, told in (("u.network=deep", "icnn, wide"), ("nothing=1", "unknown setting"), ("samples", "key=value")):
        capsys.readouterr()
        assert main(["experiment", "5.3", "--out", str(tmp_path / "out"), "--set", setting]) == 2
        assert told in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert main(["experiment", "5.5", "--out", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
