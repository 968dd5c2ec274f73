"""``train --seeds`` and ``--sweep``: which runs, where, and what is told of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from npf_engine.cli import main, running
from npf_engine.settings.base import Spec
from npf_engine.studies.factorization.spec import TrainingSpec
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
    assert [Path(out).name for _, out in trained] == ["sigma-5-seed-1", "sigma-5-seed-2", "sigma-5-seed-3"]
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
