"""``train --seeds`` and ``--sweep``: which runs, where, and what is told of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from npf_engine.cli import main, running
from npf_engine.errors import Cancelled
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks import layout
from tests.runs import fabricated


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TrainingSpec, str]]:
    """What was run, and where; the ratio of the pushforward is the seed's."""
    found: list[tuple[TrainingSpec, str]] = []

    def run(spec: Spec, out: str, **at_hand: object) -> dict[str, object]:
        assert isinstance(spec, TrainingSpec)
        found.append((spec, out))
        return fabricated.metrics(float(spec.seed))

    monkeypatch.setattr(running, "run", run)
    return found


def test_seeds_and_a_setting(
    trained: list[tuple[TrainingSpec, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "jacksboro", "--seeds", "1..3", "--sweep", "field.sigma=5", "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    assert [spec.seed for spec, _ in trained] == [1, 2, 3] and {spec.field.sigma for spec, _ in trained} == {5.0}
    assert [Path(out).name for _, out in trained] == ["01-sigma-5-seed-1", "02-sigma-5-seed-2", "03-sigma-5-seed-3"]
    assert told["spread"]["pushforward"] == {"mean": 2.0, "std": 1.0, "n": 3}
    assert [run["label"] for run in told["runs"]] == [f"sigma 5, seed {seed}" for seed in (1, 2, 3)]
    assert told["runs"][0]["verdict"] == "good" and trained[0][0].name == "jacksboro, sigma 5, seed 1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--seeds", "0"], "2 to 64"),
        (["--sweep", "nothing=1,2"], "key of a setting"),
        (["--sweep", "u.pair_size=-1,2"], "u.pair_size"),
    ],
)
def test_a_sweep_that_cannot_be(
    words: list[str], says: str, trained: list[tuple[TrainingSpec, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "jacksboro", *words]) == 2
    assert says in capsys.readouterr().err and not trained


def test_a_sweep_that_broke_off_takes_what_is_done_and_goes_on(
    trained: list[tuple[TrainingSpec, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "jacksboro", "--seeds", "1..3", "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    first = json.loads(capsys.readouterr().out)
    spec, folder = trained[0][0], Path(trained[0][1])
    folder.mkdir()
    layout.write_json(folder / layout.SPEC, kinds.spec_to_json(spec))
    layout.write_json(folder / layout.REPORT, fabricated.metrics(1.0))
    trained.clear()
    assert main(command) == 0
    assert [spec.seed for spec, _ in trained] == [2, 3]
    assert json.loads(capsys.readouterr().out)["spread"] == first["spread"]
    layout.write_json(folder / layout.SPEC, kinds.spec_to_json(dataclasses.replace(spec, seed=9)))
    assert main(command) == 2 and "holds" in capsys.readouterr().err


def test_a_stop_says_how_the_whole_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(spec: Spec, out: str, **at_hand: object) -> dict[str, object]:
        raise Cancelled("stopped; the same command with --out MEMBER goes on")

    monkeypatch.setattr(running, "run", stopped)
    assert main(["train", "jacksboro", "--seeds", "1..3", "--out", str(tmp_path)]) != 0
    told = capsys.readouterr().err
    assert f"--out {tmp_path} goes on" in told and "MEMBER" not in told


def test_runs_with_long_or_signed_labels_have_folders_of_their_own(
    trained: list[tuple[TrainingSpec, str]], tmp_path: Path
) -> None:
    sweep = ["--sweep", "field.sigma=5,6", "--sweep", "u.pair_size=1000,2000", "--sweep", "m.batch=256,512"]
    assert main(["train", "jacksboro", *sweep, "--out", str(tmp_path)]) == 0
    assert len({out for _, out in trained}) == 8
