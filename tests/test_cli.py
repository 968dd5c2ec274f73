"""The command line: its names, its JSON, its sentences and its exit codes. Other programs rely on them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from npf_engine.bundle.package import check_bundle
from npf_engine.cli import flags, main
from npf_engine.cli.parser import build_parser
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.landscape.spec import LandscapeSpec
from npf_engine.tasks import layout
from tests.conftest import ROOT
from tests.tiny import SETTINGS, tiny_bundle, tiny_run

METRIC = {"value", "self_distance", "ratio", "se", "trivial", "n", "eps", "draws"}
TINY = [f"{key}={json.dumps(value) if isinstance(value, tuple) else value}" for key, value in SETTINGS.items()]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path)


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command run in this process."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, err


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    """The one JSON value that a command prints with --json."""
    code, out, err = call(capsys, *words, "--json")
    assert code == 0, err
    assert len(out.splitlines()) == 1
    return json.loads(out)


def sentence(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one sentence with which a command refuses bad input."""
    code, out, err = call(capsys, *words)
    assert code == 2 and out == ""
    line = err.strip().splitlines()[-1]
    assert "Traceback" not in err
    return line


def process(*words: object, **more: Any) -> subprocess.Popen[str]:
    """The command line as a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | more
    command = [sys.executable, "-m", "npf_engine", *map(str, words)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


# -- fields, doctor, help ---------------------------------------------------------------------------------------------


def test_fields_lists_what_the_contract_promises(capsys: pytest.CaptureFixture[str]) -> None:
    fields = answer(capsys, "fields")
    assert all(set(item) == {"name", "kind", "d", "n", "units", "needs_network"} for item in fields)
    names = [item["name"] for item in fields]
    assert len(set(names)) == len(names)
    promised = "jacksboro fractal himmelblau cosines double-well mueller-brown rastrigin swirl rotation linear doubling"
    assert set(promised.split()) <= set(names)
    assert {"chamonix", "london", "cyprus"} <= {name.lower() for name in names}
    assert next(item for item in fields if item["name"] == "jacksboro")["needs_network"] is False
    assert next(item for item in fields if item["name"] == "doubling")["d"] == 1


def test_doctor_says_what_works(capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "doctor")
    assert found["ok"] is True
    assert all(set(check) == {"name", "ok", "say"} for check in found["checks"])
    code, out, _ = call(capsys, "doctor")
    assert code == 0 and "everything that is needed works" in out


def test_doctor_fails_where_runs_cannot_be_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NPF_HOME", str(tmp_path / "file"))
    code, out, _ = call(capsys, "doctor", "--json")
    assert code == 1 and json.loads(out)["ok"] is False


def test_a_home_that_cannot_be_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NPF_HOME", str(tmp_path / "file"))
    code, _, err = call(capsys, "fields")
    assert code == 2 and "set NPF_HOME to a folder of your own" in err


def test_help_and_mistypes_need_no_torch() -> None:
    code = "import sys; from npf_engine.cli import main\nassert main(['trian']) == 2\n"
    code += "try:\n main(['train', '--help'])\nexcept SystemExit as e:\n assert e.code == 0\n"
    code += "assert 'torch' not in sys.modules"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stderr.strip() == "there is no command 'trian'; did you mean 'train'?"
    assert "--preset" in found.stdout


def test_the_help_of_every_command_needs_no_torch() -> None:
    code = (
        "import sys; from npf_engine.cli.parser import build_parser\n"
        "for name in build_parser()._subparsers._group_actions[0].choices:\n"
        "    try: build_parser().parse_args([name, '--help'])\n"
        "    except SystemExit as e: assert e.code == 0\n"
        "    loaded = {'torch', 'scipy', 'sklearn', 'streamlit', 'plotly'} & set(sys.modules)\n"
        "    assert not loaded, (name, loaded)"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("usage:") >= 13


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "required: COMMAND"),
        (["polish"], "there is no command 'polish'; the commands are fields, preview"),
        (["train"], "train needs a FIELD"),
        (["train", "himmelblau", "--preset", "fast"], "preset must be one of quick, paper, custom, not 'fast'"),
        (["train", "himmelblau", "--seed", "x"], "--seed: invalid int value: 'x'"),
        (["train", "himmelblau", "--rho", "sphere"], "field.rho must be one of"),
        (["train", "himmelblau", "--draws", "0"], "report.draws must be positive, not 0"),
        (["train", "himmelblau", "--set", "u.depth=3"], "unknown setting 'u.depth'"),
        (["train", "himmelblau", "--set", "u.pairings"], "--set takes key=value, not 'u.pairings'"),
        (["train", "himmelblau", "--set", "u.pairings=many"], "u.pairings must be of type int, not 'many'"),
        (["evaluate", "nowhere.zip", "himmelblau"], "there is no bundle nowhere.zip"),
        (["invert", "nowhere.zip", "--out", "x.npz"], "required: --gradient"),
        (["invert", "nowhere.zip", "--gradient", "a", "--out", "x.npz"], "invalid float value: 'a'"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert says in sentence(capsys, *words)


def test_an_unknown_field_gets_a_sentence_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = sentence(capsys, "train", "himmelblua", "--out", tmp_path / "run", "--set", "threads=1", "device=cpu")
    assert "himmelblua" in line and "himmelblau" in line.replace("himmelblua", "")


# -- train ------------------------------------------------------------------------------------------------------------


def test_show_spec_prints_every_setting_and_trains_nothing(capsys: pytest.CaptureFixture[str], own_home: Path) -> None:
    spec = answer(capsys, "train", "--show-spec", "--preset", "paper", "--seed", "5", "--set", "solver=published")
    assert (spec["preset"], spec["seed"], spec["solver"], spec["v"]["steps"]) == ("paper", 5, "published", 50_000)
    assert not list(own_home.iterdir())
    assert json.loads(call(capsys, "train", "jacksboro", "--show-spec")[1])["field"]["source"] == "jacksboro"


def test_train_prints_the_contracts_json_alone_on_stdout(tmp_path: Path) -> None:
    words = ["train", "himmelblau", "--seed", 3, "--out", tmp_path / "run", "--draws", 2, "--json", "--set", *TINY]
    out, err = process(*words).communicate(timeout=300)
    report = json.loads(out)
    metrics = report["metrics"]
    for key in ("pushforward", "measure_preservation", "measure_preservation_implicit"):
        assert set(metrics[key]) == METRIC
    assert set(metrics["inverse"]) == METRIC | {"paper_self_distance"}
    assert {"l2", "relative"} <= set(metrics["reconstruction"])
    assert set(metrics["inverse_cosine"]) == {"mean", "std", "trivial"}
    assert {"value", "max_residual"} <= set(metrics["test_dual"])
    assert metrics["pushforward"]["draws"] == 2
    assert report["verdict"] in ("good", "usable", "not trustworthy")
    assert set(report["seconds"]) == {"field", "u", "v", "m", "inverse", "report", "bundle", "total"}
    assert (report["device"], report["threads"], report["seed"]) == ("cpu", 1, 3)
    check_bundle(report["bundle"])
    assert "u done" in err and "report done" in err


def test_train_goes_on_in_its_folder_and_refuses_another_training_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    child = process(
        "train", "himmelblau", "--out", run, "--set", *TINY, "u.regression_steps=100000", NPF_CHECKPOINT_SECONDS="0.2"
    )
    deadline = time.monotonic() + 120
    while not list(run.glob(f"{layout.CHECKPOINTS}/u.*")) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and out == ""
    assert err.strip().splitlines()[-1].startswith("stopped; the same command with --out")
    assert "Traceback" not in err
    assert (run / layout.FIELD).exists() and not list(run.glob("*.zip"))
    line = sentence(capsys, "train", "himmelblau", "--out", run, "--set", *TINY, "u.regression_steps=20")
    assert "regression_steps is 100000 there, not 20" in line


def test_out_may_not_be_a_file_or_somebody_elses_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is a file" in sentence(capsys, "train", "himmelblau", "--out", tmp_path / "file")
    assert "not empty" in sentence(capsys, "train", "himmelblau", "--out", tmp_path)
    assert (tmp_path / "file").read_text() == "mine"


# -- export -----------------------------------------------------------------------------------------------------------


def test_export_writes_programs_and_the_folder_of_a_hub(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path)
    found = answer(capsys, "export", bundle, "--format", "pt2", "--out", tmp_path / "there" / "maps.zip")
    assert [item["file"] for item in found["files"]] == ["u.pt2", "grad_u.pt2", "M_xi.pt2"]
    assert max(item["difference"] for item in found["files"]) <= 1e-6
    with zipfile.ZipFile(tmp_path / "there" / "maps.zip") as archive:
        assert set(archive.namelist()) == {"u.pt2", "grad_u.pt2", "M_xi.pt2", "README.md"}
    hub = answer(capsys, "export", bundle, "--format", "hub", "--out", tmp_path / "hub")
    assert (tmp_path / "hub" / "config.json").is_file() and "pictures.ipynb" in [f["file"] for f in hub["files"]]
    assert "is not empty" in sentence(capsys, "export", bundle, "--format", "hub", "--out", tmp_path / "hub")


# -- evaluate and invert ----------------------------------------------------------------------------------------------


def test_evaluate_measures_the_same_samples_as_the_training(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    _, report, _ = tiny_run()
    found = answer(capsys, "evaluate", bundle, "himmelblau", "--draws", 2, "--seed", 0)
    assert set(found) == {"metrics", "verdict", "verdict_reason", "seconds"}
    assert set(found["seconds"]) == {"field", "report", "total"}
    # The split is that of the training: the dual on the whole test set is the same number.
    assert found["metrics"]["test_dual"]["value"] == pytest.approx(report["metrics"]["test_dual"]["value"], rel=1e-6)
    assert found["metrics"]["pushforward"]["draws"] == 2


def test_evaluate_refuses_another_domain_and_settings_of_the_training(
    capsys: pytest.CaptureFixture[str], bundle: Path
) -> None:
    assert "lies on another domain than the bundle" in sentence(capsys, "evaluate", bundle, "jacksboro")
    assert "the bundle d = 2" in sentence(capsys, "evaluate", bundle, "doubling")
    assert "only keys that begin with field." in sentence(capsys, "evaluate", bundle, "himmelblau", "--set", "u.rank=2")
    assert "draws must be 2 or more" in sentence(capsys, "evaluate", bundle, "himmelblau", "--draws", 1)


def test_invert_writes_positions_and_tells_the_error_of_a_known_function(
    capsys: pytest.CaptureFixture[str], bundle: Path, tmp_path: Path
) -> None:
    model = tiny_run()[0]
    out = tmp_path / "new" / "x.npz"
    found = answer(capsys, "invert", bundle, "--gradient", "-1e1", "2.5", "--samples", 40, "--seed", 9, "--out", out)
    with np.load(out, allow_pickle=False) as file:
        x = torch.from_numpy(file["x"])
    assert x.shape == (40, 2) and bool((x.abs() <= 5.0 + 1e-6).all())
    assert torch.allclose(x, model.invert(torch.tensor([-10.0, 2.5]), 40, seed=9))
    assert model.function is not None
    values = model.function(model.scaling.to_model(x).float())
    error = (values - torch.tensor([-10.0, 2.5])).norm(dim=1)
    assert found["out"] == str(out) and found["n"] == 40
    assert found["gradient_error"]["mean"] == pytest.approx(float(error.mean()), rel=1e-4)
    assert found["gradient_error"]["max"] == pytest.approx(float(error.max()), rel=1e-4)


def test_invert_exact_finds_all_nine_critical_points_of_himmelblau(
    capsys: pytest.CaptureFixture[str], bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "x.npz"
    found = answer(capsys, "invert", bundle, "--gradient", 0, 0, "--samples", 60, "--exact", "--out", out)
    assert set(found["exact"]) == {"found", "places", "error", "nearest"}
    assert found["exact"]["found"] == 1.0 and found["exact"]["places"] == 9 and found["exact"]["nearest"] is None
    with np.load(out, allow_pickle=False) as file:
        exact, places, weights = file["exact"], file["places"], file["weights"]
    assert exact.shape == (60, 2) and places.shape == (9, 2) and weights.shape == (9,)
    assert weights.sum() == pytest.approx(1.0)
    minima = np.array([[3, 2], [3.584428, -1.848127], [-2.805118, 3.131313], [-3.779310, -3.283186]])
    gap = np.linalg.norm(minima[:, None] - places[None], axis=2).min(axis=1)
    assert gap.max() < 1e-4
    assert np.linalg.norm(exact[:, None] - places[None], axis=2).min(axis=1).max() < 1e-4


def test_invert_exact_names_the_nearest_gradient_that_occurs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Terrain: the bundle carries F on its grid, so that neither raster nor network is needed."""
    bundle = tiny_bundle(tmp_path, "jacksboro")
    words = ["invert", bundle, "--samples", 20, "--exact", "--out", tmp_path / "x.npz"]
    found = answer(capsys, *words, "--gradient", 1, -2)
    assert found["gradient_error"]["mean"] > 0 and found["exact"]["found"] >= 0.95
    assert found["exact"]["error"]["mean"] < 0.01 * found["gradient_error"]["mean"]
    nowhere = answer(capsys, *words, "--gradient", 500, 500)["exact"]
    assert nowhere["found"] == 0.0 and nowhere["places"] == 0
    nearest = np.array(nowhere["nearest"]["value"])
    assert nowhere["nearest"]["distance"] == pytest.approx(float(np.linalg.norm(nearest - 500)), rel=1e-6)
    model = tiny_run("jacksboro")[0]
    assert model.lattice is not None
    gaps = (model.lattice.values.double() - 500).norm(dim=2)
    assert nowhere["nearest"]["distance"] <= float(gaps.min()) + 1e-3


def test_invert_refuses_what_it_cannot_do(capsys: pytest.CaptureFixture[str], bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.npz"
    line = sentence(capsys, "invert", bundle, "--gradient", 1, 2, 3, "--out", out)
    assert line == "--gradient has 3 numbers and the bundle's field 2 components"
    assert "finite" in sentence(capsys, "invert", bundle, "--gradient", "nan", 2, "--out", out)
    assert "samples must be" in sentence(capsys, "invert", bundle, "--gradient", 1, 2, "--samples", 0, "--out", out)
    (tmp_path / "file").write_text("in the way")
    blocked = tmp_path / "file" / "x.npz"
    assert "cannot be written" in sentence(capsys, "invert", bundle, "--gradient", 1, 2, "--out", blocked)
    assert not out.exists()


def test_a_worker_without_a_run_folder_says_so(tmp_path: Path) -> None:
    child = process("worker", tmp_path / "nothing")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 2 and out == ""
    assert "is no run folder" in err


def test_defaults_are_those_of_the_library() -> None:
    for words, spec in ((["lab", "gaussian"], LabSpec), (["landscape", "himmelblau"], LandscapeSpec)):
        args = build_parser().parse_args(words)
        assert set(flags.typed(spec, args)) <= {"name"}, "what is not typed is the spec's own"
