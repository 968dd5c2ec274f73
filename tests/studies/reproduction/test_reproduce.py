"""Items made small: their rows are the numbers of the runs that they stand on, and each run is done once."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import plotly.io
import pytest

from npf_engine.errors import InputError
from npf_engine.runs.recording import FolderRecorder
from npf_engine.studies.classifier import sample
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.lab.tasks import build_task
from npf_engine.studies.reproduction import classifier, drifting, monotone, networks, terrain
from npf_engine.studies.reproduction.making import Bench
from npf_engine.studies.reproduction.result import ReproductionResult, Row
from npf_engine.studies.reproduction.run import reproduce
from npf_engine.studies.reproduction.spec import ReproductionSpec
from npf_engine.tasks import layout
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport import dual_fit
from tests.pages.conftest import tiny
from tests.runs.test_same_numbers import NETWORKS_OF_EXPERIMENTS


class Told(Recorder):
    """Which stages there were, and how they ended."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, str]] = []

    def stage(self, name: str, state: str, seconds: float | None = None) -> None:
        self.stages.append((name, state))


def made(folder: Path, item: str, paper: str = "npf") -> tuple[ReproductionResult, list[tuple[str, str]]]:
    told = Told()
    folder.mkdir()
    return reproduce(ReproductionSpec(paper=paper, item=item), told, folder), told.stages


def points_of(trace: object) -> int:
    """How many finite points a trace read from JSON has, where its arrays are bytes."""
    x, y = (np.frombuffer(base64.b64decode(side["bdata"]), dtype=side["dtype"]) for side in (trace.x, trace.y))
    assert len(x) == len(y) and np.isfinite(x).all() and np.isfinite(y).all()
    return len(x)


@pytest.fixture
def small_terrain(monkeypatch: pytest.MonkeyPatch, own_home: Path) -> None:
    def spec(bench: Bench, place: str) -> TrainingSpec:
        if place != "chamonix":
            raise InputError("the elevation of this place is not on this machine")
        return tiny(seed=bench.spec.seed)

    monkeypatch.setattr(terrain, "spec_of", spec)
    monkeypatch.setattr(terrain, "FIRST_POINTS", 100)


def test_the_tables_and_figures_of_a_place(small_terrain: None, tmp_path: Path) -> None:
    table, stages = made(tmp_path / "a", "table-1")
    assert stages == [("Chamonix", "started"), ("Chamonix", "done")]
    kept = next(path for path in (layout.home() / "cache" / "reproduced").iterdir() if path.is_dir())
    metrics = json.loads((kept / layout.REPORT).read_text())["metrics"]
    push = metrics["pushforward"]
    first = table.rows[0]
    assert (first.paper, first.ours, first.floor) == (0.36, push["value"], push["self_distance"])
    assert table.rows[1].ours == push["self_distance"] and table.rows[4].ours == metrics["reconstruction"]["l2"]
    assert table.fingerprint == json.loads((kept / layout.REPORT).read_text())["fingerprint"]
    lines = (tmp_path / "a" / "rows.csv").read_text().splitlines()
    assert len(lines) == 1 + len(table.rows) and lines[0] == "what,paper,ours,floor,trivial,note"
    for k, item in enumerate(("figure-1", "figure-2", "first-table-1", "figure-10")):
        result, stages = made(tmp_path / str(k), item)
        assert ("Chamonix", "restored") in stages, "the training is there already"
        assert result.fingerprint == table.fingerprint
        if item in ("figure-1", "figure-2"):
            figure = plotly.io.from_json((tmp_path / str(k) / "picture.json").read_text())
            assert len(figure.data) == (6 if item == "figure-1" else 2)
            assert all(points_of(trace) > 100 for trace in figure.data)
    assert [row.ours is None for row in result.rows] == [False] * 4 + [True] * 8
    assert "London: the elevation of this place is not on this machine" in result.notes
    with pytest.raises(InputError, match="not on this machine"):
        made(tmp_path / "b", "figure-6")


def test_the_tables_and_figures_of_the_classifier(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NPF_MNIST_DIR", raising=False)
    few = NETWORKS_OF_EXPERIMENTS | {"samples": 1000, "generated": 40, "report.draws": 2, "report.n": 64}
    monkeypatch.setattr(
        classifier, "experiment_preset", lambda number, preset, seed: experiment_preset(number, preset, seed, **few)
    )
    monkeypatch.setattr(classifier, "EMBEDDED", 40)
    monkeypatch.setitem(classifier.TSNE, "steps", 250)
    table, _ = made(tmp_path / "a", "table-2")
    assert table.rows[0].paper == 97.4 and table.rows[0].ours is not None and "scikit-learn" in table.notes[0]
    figure, stages = made(tmp_path / "b", "figure-3")
    assert ("5.3", "restored") in stages and figure.rows[2].ours == table.rows[0].ours
    drawn = plotly.io.from_json((tmp_path / "b" / "picture.json").read_text())
    assert [points_of(trace) for trace in drawn.data[:2]] == [40, 40]
    points, _ = made(tmp_path / "c", "figure-12")
    assert [row.what for row in points.rows][:2] == ["median accuracy, %", "weights with more than half right, %"]
    assert all(row.ours is not None and row.trivial is not None for row in points.rows)
    assert made(tmp_path / "d", "figure-11")[0].rows[-1].ours == 222
    assert len(made(tmp_path / "e", "first-table-3")[0].rows) == 5
    short = made(tmp_path / "f", "first-table-2")[0]
    assert all(row.ours is None for row in short.rows) and "too few" in short.rows[0].note


def test_the_figures_of_the_flow_and_of_the_sampler(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NPF_MNIST_DIR", raising=False)
    monkeypatch.setattr(sample, "ALIVE", 10.0)  # all count as alive
    particles = {"particles.count": 40, "particles.warmup": 60, "particles.first": 4, "particles.every": 1}
    particles |= {
        "particles.steps": 12,
        "particles.inner": 4,
        "particles.tau": 1e-5,
        "particles.updates": 4,
        "particles.bridge_hidden": (8,),
    }
    few = {key: value for key, value in NETWORKS_OF_EXPERIMENTS.items() if not key.startswith("particles.")}
    few |= particles | {"generated": 40, "report.draws": 2, "report.n": 64, "minibatch": 8}
    monkeypatch.setattr(
        classifier, "experiment_preset", lambda number, preset, seed: experiment_preset(number, preset, seed, **few)
    )
    monkeypatch.setattr(classifier, "EMBEDDED", 40)
    monkeypatch.setitem(classifier.TSNE, "steps", 250)
    for item, count in (("figure-13", 3), ("figure-14", 4), ("figure-4", 4), ("figure-15", 3), ("figure-5", 6)):
        result, _ = made(tmp_path / item, item)
        assert len(result.rows) == count and all(row.ours is not None for row in result.rows), item
        assert (tmp_path / item / "picture.json").is_file()
    metrics = part_of("5.5")["metrics"]
    assert result.rows[0].trivial == metrics["restart"]["distance_to_warmup"], "not that of uniform weights"


def part_of(number: str) -> dict[str, Any]:
    """The report of the kept experiment."""
    for path in (layout.home() / "cache" / "reproduced").glob("*/report.json"):
        report = json.loads(path.read_text())
        if report.get("experiment") == number:
            return report
    raise AssertionError(f"no experiment {number} is kept")


def test_a_kept_run_that_lost_a_file_is_done_again(small_terrain: None, tmp_path: Path) -> None:
    first, _ = made(tmp_path / "a", "figure-1")
    kept = next(path for path in (layout.home() / "cache" / "reproduced").iterdir() if path.is_dir())
    next(kept.glob("npf-*.zip")).unlink()
    again, stages = made(tmp_path / "b", "figure-1")
    assert stages == [("Chamonix", "started"), ("Chamonix", "done")]
    assert again.fingerprint == first.fingerprint and list(kept.glob("npf-*.zip"))


def test_the_architectures_have_the_papers_numbers_of_parameters(tmp_path: Path) -> None:
    result, _ = made(tmp_path / "a", "table-3")
    assert [row.ours for row in result.rows] == [row.paper for row in result.rows] and len(result.rows) == 6


def test_the_three_architectures_in_a_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "DIMENSIONS", (3,))
    monkeypatch.setattr(networks, "QUICK_STEPS", (4,))
    monkeypatch.setattr(networks, "QUICK_SECONDS", 0.1)
    monkeypatch.setattr(networks, "UVP_POINTS", 200)
    monkeypatch.setattr(dual_fit, "IDENTITY_STEPS", 20)

    class Eager(FolderRecorder):
        def checkpoint_due(self) -> bool:
            return True

    def values(name: str, seed: int) -> list[float | None]:
        (tmp_path / name).mkdir()
        spec = ReproductionSpec(item="table-4", seed=seed)
        result = reproduce(spec, Eager(tmp_path / name), tmp_path / name)
        assert len(result.rows) == 4 and all(row.floor == 0.0 and row.trivial > 0 for row in result.rows)
        return [row.ours for row in result.rows[:3]]

    first = values("a", 0)
    assert first == values("b", 0), "steps, not seconds: the same numbers again"
    law = networks._Law(build_task("gaussian", None, 3), Bench(ReproductionSpec(), Eager(tmp_path / "a"), tmp_path))
    assert law.fitted("icnn", 0) == first[2], "it is kept"
    assert law.fitted("icnn", 1) != first[2], "another seed does not go on from its weights"


def test_a_table_says_that_ours_are_behind_only_where_they_are() -> None:
    def rows(d: int, *values: float | None) -> list[Row]:
        names = ("Linear", "FQuad", "Ours")
        return [Row(f"{name}, d = {d}", None, value) for name, value in zip(names, values, strict=True)]

    assert networks._behind([*rows(32, 3.0, 2.0, 1.0), *rows(128, 3.0, 2.0, 2.5)]) == [128]
    assert networks._behind([*rows(32, 3.0, 2.0, None), *rows(128, None, 2.0, 1.0)]) == [32]


@pytest.mark.parametrize("item", ["figure-17", "figure-18", "figure-19", "figure-20"])
def test_the_settings_of_the_published_solver_are_the_captions(item: str, tmp_path: Path) -> None:
    result, _ = made(tmp_path / "a", item)
    assert len(result.rows) > 20 and all(row.ours == row.paper for row in result.rows)


def test_the_drifting_figures(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = LabSpec(methods=("implicit", "explicit", "euclidean", "adam"), seeds=2, budget_steps=2, points=64)
    monkeypatch.setattr(drifting, "_lab", lambda bench: bench.run("drift-mixture", few))
    bars, _ = made(tmp_path / "a", "figure-2", "cdm")
    assert len(bars.rows) == 8 and bars.rows[0].ours is not None and bars.rows[1].ours in (0.0, 50.0, 100.0)
    clouds, stages = made(tmp_path / "b", "figure-3", "cdm")
    assert ("drift-mixture", "restored") in stages and len(clouds.rows) == 4
    values = json.loads((tmp_path / "a" / "rows.csv").read_text().splitlines()[1].split(",")[2])
    assert clouds.rows[0].ours < 3 * values, "one of the two seeds of this mean"


def test_the_constrained_flow_is_the_gradient_flow_in_the_space_of_maps(tmp_path: Path) -> None:
    result, _ = made(tmp_path / "a", "figure-1", "cdm")
    rows = {row.what: row for row in result.rows}
    assert rows["constrained flow in theta against that in the maps, largest difference"].ours < 1e-6
    assert (
        rows["constrained: E at time 1"].ours
        < rows["Euclidean: E at time 1"].ours
        < rows["Euclidean: E at time 1"].trivial
    )


def test_the_figures_of_the_monotone_networks(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"mgn.steps": 3, "points": 64}
    monkeypatch.setattr(
        monotone,
        "_lab",
        lambda bench, task, loss: bench.run(f"{task}, {loss}", monotone.spec_of(bench, task, loss, few)),
    )
    monkeypatch.setitem(monotone.COLOUR_SECONDS, "quick", 0.2)
    laws, _ = made(tmp_path / "a", "figure-1", "mgn")
    assert len(laws.rows) == 6 and all(row.ours is not None for row in laws.rows)
    assert laws.rows[2].floor < laws.rows[2].trivial
    assert len(made(tmp_path / "b", "figure-4", "mgn")[0].rows) == 6
    channels, _ = made(tmp_path / "c", "figure-5", "mgn")
    after, stages = made(tmp_path / "d", "figure-6", "mgn")
    assert ("colours, C-MGN", "restored") in stages and channels.rows == after.rows
