"""Numbers never hang on how they were asked for: a run of any kind gives the same ones with a recorder that keeps
nothing, in a folder, broken off twice and gone on with, on the command line, and in the library."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import npf_engine as npf
from npf_engine.cli import Interrupted, main, running
from npf_engine.errors import Cancelled, InputError
from npf_engine.fields import digits as digit_files
from npf_engine.fields.pictures import built_in, open_picture, resized, write_png
from npf_engine.measures import report as measuring
from npf_engine.networks import framed
from npf_engine.polar import PolarFactorization
from npf_engine.runs.console import ConsoleRecorder
from npf_engine.runs.job import run_job, workplace
from npf_engine.runs.recording import FolderRecorder
from npf_engine.sampling.pretrain import PretrainSettings
from npf_engine.settings.dotted import dotted_values
from npf_engine.settings.stages import AmortizerConfig, InverseConfig, MapConfig, PotentialConfig, ReportConfig
from npf_engine.studies import kinds
from npf_engine.studies.classifier import run as experiments
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.factorization.spec import of_field, with_values
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.landscape import bundling, run
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.studies.recolor import run as recoloring
from npf_engine.studies.recolor import transfer
from npf_engine.studies.recolor.spec import RecolorSpec
from npf_engine.studies.reproduction.spec import ReproductionSpec
from npf_engine.tasks import layout
from npf_engine.tasks.processes import FileLock
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import dual, dual_fit
from npf_engine.transport.methods.exact import ExactSettings
from tests.tiny import SETTINGS

OF_THE_ASKING = ("seconds", "out", "bundle", "curve")  # keys that tell of time and place
TRAINING = SETTINGS | {
    "field.n_samples": 600,
    "u.dual_steps": 6,
    "u.regression_steps": 10,
    "v.steps": 6,
    "m.steps": 6,
    "inverse.steps": 6,
    "report.n": 64,
}
NETWORKS = PretrainSettings(
    u=PotentialConfig(hidden=(8,), pair_size=200, pairings=1, regression_steps=20, polish_steps=6, batch=64),
    v=AmortizerConfig(hidden=(8,), steps=10),
    m=MapConfig(hidden=(8,), steps=0, fourier=2),
    inverse=InverseConfig(hidden=(8,), steps=0, sampler_steps=4, fourier=2),
    samples=800,
    refined=300,
    bridge_steps=20,
    map_steps=10,
)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many checkpoints in little time; none of them has to survive a power cut."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture(autouse=True)
def few_of_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Constants that no setting reaches, small: every way has the same ones, and is taken up to six times."""
    monkeypatch.setattr(measuring, "inverse_miss", functools.partial(measuring.inverse_miss, values=8, draws=4))
    monkeypatch.setattr(recoloring, "colour_match", functools.partial(recoloring.colour_match, n=200))
    monkeypatch.setitem(transfer.OWN, "exact", ExactSettings(points=150))
    monkeypatch.setattr(dual, "WARM_UP", 20)
    monkeypatch.setattr(dual_fit, "IDENTITY_STEPS", 10)
    monkeypatch.setattr(framed, "BENT", 16)


@pytest.fixture(scope="module")
def known_digits() -> tuple[torch.Tensor, torch.Tensor]:
    """The embedded digits, read once."""
    return digit_files._scikit_digits()


class Counting(Recorder):
    """Silent; counts how often the work asks whether it may go on."""

    checks = 0

    def check(self) -> None:
        self.checks += 1


class Eager(FolderRecorder):
    """Keeps a checkpoint at every n-th chance; breaks the work off at a given check."""

    chances, every, left = 0, 3, -1

    def checkpoint_due(self) -> bool:
        self.chances += 1
        return self.chances % self.every == 0

    def check(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Cancelled("broken off")


def plain(data: Any) -> Any:
    """Without what hangs on the clock or on the place."""
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items() if key not in OF_THE_ASKING}
    return [plain(item) for item in data] if isinstance(data, list) else data


def left_in(folder: Path) -> dict[str, Any]:
    """Every number in the result files of a run: arrays, pixels, fingerprints of networks."""
    found: dict[str, Any] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".npz" and path.name not in layout.OWN:
            with np.load(path, allow_pickle=False) as arrays:
                found |= {f"{path.name} {key}": arrays[key] for key in arrays.files}
        elif path.suffix == ".png":
            found[path.name] = open_picture(path).rgb
        elif path.suffix == ".zip":
            found["networks"] = npf.load(path).fingerprint()
        elif path.suffix == ".csv":
            found[path.name] = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        elif path.name == "model":
            found["networks"] = PolarFactorization.load(path).fingerprint()
    return found


def must_be_same(one: dict[str, Any], other: dict[str, Any], way: str) -> None:
    assert one.keys() == other.keys(), way
    for key, value in one.items():
        assert np.array_equal(value, other[key], equal_nan=np.ndim(value) > 0), f"{way}: {key} differs"


def same_told(one: Any, other: Any, rounding: float) -> bool:
    """Whether two reports say the same, numbers up to a share of them."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_told(one[key], other[key], rounding) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_told, one, other, [rounding] * len(one)))
    return bool(one == other or (isinstance(one, float) and abs(one - other) <= rounding * abs(one)))


def in_every_way(
    spec: Any,
    words: list[str],
    folder: Path,
    *,
    out: bool = True,
    rounding: float = 0.0,
    breaks: int = 2,
    whole: bool = True,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run ``spec`` in each way (by ``words`` on the command line, with --out where the kind's takes a folder; unbroken
    in a folder where ``whole``: a broken one that went on shows as much, later); the report and what was left, once
    they are known to be the same."""
    kind = kinds.of(spec)

    counting = Counting()

    def eager(name: str, left: int = -1) -> Eager:
        recorder = Eager(folder / name, kind.stages, kind.saving)
        recorder.left, recorder.every = left, max(3, counting.checks // 20)
        return recorder

    report = run_job(spec, folder / "silent", counting).to_json()
    numbers, told = left_in(folder / "silent"), plain(layout.finite(report))
    assert numbers, "a run leaves something to compare"

    ways = {"kept": run_job(spec, folder / "kept", eager("kept")).to_json()} if whole else {}
    for _ in range(breaks):
        with pytest.raises(Cancelled):
            run_job(spec, folder / "broken", eager("broken", max(1, counting.checks // (breaks + 1))))
        assert not (folder / "broken" / layout.REPORT).exists()
    ways["broken"] = run_job(spec, folder / "broken", eager("broken")).to_json()
    for name, again in ways.items():
        assert same_told(told, plain(layout.finite(again)), rounding), name
        must_be_same(numbers, left_in(folder / name), name)
        assert not (folder / name / layout.CHECKPOINTS).exists()

    assert main([*words, *(["--out", str(folder / "typed")] if out else []), "--json"]) == 0
    if out:
        must_be_same(numbers, left_in(folder / "typed"), "command line")
        typed = layout.read_json(folder / "typed" / layout.REPORT)
        assert typed is not None and same_told(told, plain(typed), rounding)
        for name in (layout.SPEC, layout.REPORT):
            assert (folder / "typed" / name).exists()
    return report, numbers


def set_words(spec: Any, base: Any) -> list[str]:
    """``--set`` with every leaf in which a spec differs from its preset."""
    before = dotted_values(base)
    changed = {key: value for key, value in dotted_values(spec).items() if value != before[key]}
    return ["--set", *(f"{key}={json.dumps(value)}".replace('"', "") for key, value in changed.items())]


@pytest.mark.parametrize("solver", ["fast", "published"])
def test_a_training(solver: str, tmp_path: Path) -> None:
    values = TRAINING | {"solver": solver}
    base = of_field("quick", "himmelblau")
    spec = with_values(base, values)
    words = ["train", "himmelblau", *set_words(spec, base)]
    report, _ = in_every_way(spec, words, tmp_path, whole=solver == "fast")
    model = npf.factorize("himmelblau", settings=values)
    assert model.fingerprint() == report["fingerprint"]
    assert plain(layout.finite(model.report)) == plain(layout.finite(report))


def test_a_landscape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PretrainSettings", lambda: NETWORKS)
    monkeypatch.setattr(bundling, "REPORT", ReportConfig(draws=2, n=64, neighbourhoods=4))
    spec = LandscapeSpec("double-well", "lmc-npf", particles=8, steps=60, seed=2)
    words = ["landscape", "double-well", "--method", "lmc-npf", "--particles", "8", "--steps", "60", "--seed", "2"]
    report, numbers = in_every_way(spec, words, tmp_path, whole=False)
    assert numbers["networks"] == report["fingerprint"] and "particles.npz paths" in numbers


def test_the_lab(tmp_path: Path) -> None:
    methods = ("explicit", "adam", "icnn", "lse", "exact", "gaussian")  # drifting and dual ones, closed forms
    spec = LabSpec("gaussian", methods=methods, seeds=1, budget_steps=4, points=64)
    words = ["lab", "gaussian", "--methods", ",".join(methods), "--seeds", "1", "--budget-steps", "4"]
    _, numbers = in_every_way(spec, [*words, "--points", "64"], tmp_path, whole=False)
    assert {f"lab.npz pushforward_{name}" for name in methods} <= numbers.keys()


@pytest.mark.usefixtures("read_here")
def test_a_colour_transfer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for name in ("day", "sunset"):
        paths.append(str(write_png(resized(built_in(name), 18, 12), tmp_path / name)))
    spec = RecolorSpec(*paths, method="exact", smooth=2, seed=3, draws=2)
    words = ["recolor", *paths, "--method", "exact", "--smooth", "2", "--seed", "3", "--draws", "2"]
    report, numbers = in_every_way(spec, [*words, "--out", str(tmp_path / "out.png")], tmp_path, out=False)
    answer = json.loads(capsys.readouterr().out)
    assert answer["pushforward"] == layout.finite(report["pushforward"])
    assert np.array_equal(open_picture(tmp_path / "out.png").rgb, numbers["after.png"])


NETWORKS_OF_EXPERIMENTS: dict[str, object] = {
    "minibatch": 4,
    "u.hidden": (4, 4),
    "u.rank": 2,
    "u.pieces": 4,
    "u.dual_steps": 3,
    "u.batch": 32,
    "v.hidden": (8,),
    "v.steps": 3,
    "m.hidden": (8,),
    "m.steps": 3,
    "inverse.hidden": (8,),
    "inverse.steps": 3,
    "inverse.batch": 32,
    "inverse.sampler_steps": 3,
    "report.draws": 2,
    "report.n": 64,
    "report.neighbourhoods": 4,
}
FLOWS: dict[str, object] = {"particles.count": 100, "particles.first": 0, "particles.every": 1}


@pytest.mark.parametrize(
    ("section", "values", "left"),
    [
        ("5.3", {"samples": 1000, "generated": 10}, {"networks", "particles.npz generated"}),
        # Its parts are those of the two others: the factorization of the one, the particles of the other.
        pytest.param(
            "5.4",
            FLOWS | {"particles.warmup": 12, "generated": 10},
            {"networks", "particles.npz flow"},
            marks=pytest.mark.long,
        ),
        (
            "5.5",
            FLOWS
            | {
                "minibatch": 8,
                "particles.warmup": 40,
                "particles.steps": 6,
                "particles.inner": 3,
                "particles.updates": 3,
            }
            | {"particles.bridge_hidden": (8,), "particles.replay": 500, "particles.batch": 16},
            {"particles.npz lmc", "particles.npz lmc-npf"},
        ),
    ],
)
def test_an_experiment(
    section: str,
    values: dict[str, object],
    left: set[str],
    tmp_path: Path,
    known_digits: tuple[torch.Tensor, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(digit_files, "_scikit_digits", lambda: known_digits)
    base = experiment_preset(section)
    spec = kinds.of(base).with_values(base, NETWORKS_OF_EXPERIMENTS | values)
    # The weights are the same. What is measured against the Gaussian map in 222 dimensions differs in the ninth digit
    # between two calls with the same tensors: linear algebra rounds by where they lie in memory.
    words = ["experiment", section, *set_words(spec, base)]
    report, numbers = in_every_way(spec, words, tmp_path, rounding=1e-6, breaks=1, whole=False)
    assert left <= numbers.keys() and len(report["fingerprint"]) == 64
    assert numbers.get("networks", report["fingerprint"]) == report["fingerprint"]


def test_a_reproduction(tmp_path: Path) -> None:
    spec = ReproductionSpec(paper="cdm", item="figure-1")
    report, _ = in_every_way(spec, ["reproduce", "figure-1", "--paper", "cdm"], tmp_path, breaks=0)
    assert report["rows"][-1]["ours"] < 1e-6


# -- what the ways share ---------------------------------------------------------------------------------------------


def test_every_kind_is_held() -> None:
    assert set(kinds.KINDS) == {"train", "landscape", "experiment", "lab", "recolor", "reproduce"}, (
        "a new kind needs its test here"
    )


def test_ctrl_c_leaves_a_folder_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(ConsoleRecorder):
        def stage(self, name: str, state: str, seconds: float | None = None) -> None:
            super().stage(name, state, seconds)
            if (name, state) == ("exact", "started"):
                raise Interrupted

    words = ["lab", "gaussian", "--methods", "gaussian,exact", "--points", "50", "--json"]
    assert main(words) == 0
    whole = plain(json.loads(capsys.readouterr().out))
    out = ["--out", str(tmp_path / "run")]
    with monkeypatch.context() as patch:
        patch.setattr(running, "ConsoleRecorder", Broken)
        assert main([*words, *out]) == 130
    said = capsys.readouterr()
    assert said.out == "" and f"the same command with --out {tmp_path / 'run'} goes on" in said.err
    assert (tmp_path / "run" / layout.CHECKPOINTS / "lab.pt").exists()
    assert main([*words, *out]) == 0
    said = capsys.readouterr()
    assert plain(json.loads(said.out)) == whole and "gaussian restored" in said.err


def threads_now(spec: Any, recorder: Recorder, folder: Path) -> dict[str, Any]:
    return {"threads": torch.get_num_threads()}


def test_threads_are_the_specs_and_then_those_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = dataclasses.replace(kinds.KINDS["lab"], run="tests.runs.test_same_numbers:threads_now")
    train = dataclasses.replace(kinds.KINDS["train"], run=lab.run)
    monkeypatch.setattr(kinds, "KINDS", {"lab": lab, "train": train})
    before = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            assert run_job(LabSpec(), tmp_path / f"lab{count}", Recorder()).to_json()["threads"] == 1
            spec = with_values(of_field("quick", "himmelblau"), {"threads": 2})
            assert run_job(spec, tmp_path / f"train{count}", Recorder()).to_json()["threads"] == 2
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(before)


def test_a_folder_has_one_run_at_work(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / layout.WORKER_LOCK)
    assert lock.acquire()

    def refused(work: Callable[[], Any]) -> None:
        with pytest.raises(InputError, match="another run is at work"):
            work()

    refused(lambda: workplace(tmp_path).__enter__())
    refused(lambda: npf.factorize("himmelblau", out=tmp_path))
    assert main(["lab", "gaussian", "--methods", "gaussian", "--out", str(tmp_path)]) == 2
    lock.release()
    with workplace(tmp_path) as folder:  # what a broken start left is no other thing's folder
        assert folder == tmp_path


def test_an_experiment_does_not_go_on_with_other_digits(tmp_path: Path) -> None:
    digits = experiments.load_digits()
    recorder = ConsoleRecorder(tmp_path, quiet=True)
    experiments._must_be_the_same(digits, recorder)
    experiments._must_be_the_same(digits, recorder)
    with pytest.raises(InputError, match="begun on digits and cannot go on with mnist"):
        experiments._must_be_the_same(dataclasses.replace(digits, name="mnist"), recorder)
