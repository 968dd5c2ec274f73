"""Items made small: their rows are the numbers of the runs that they stand on, and each run is done once."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import plotly.io
import pytest

from npf_engine.errors import InputError
from npf_engine.settings import reading
from npf_engine.studies.classifier.presets import experiment_preset
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.lab.spec import LabSpec
from npf_engine.studies.reproduction import classifier, drifting, networks, terrain
from npf_engine.studies.reproduction.making import Bench
from npf_engine.studies.reproduction.result import ReproductionResult
from npf_engine.studies.reproduction.run import reproduce
from npf_engine.studies.reproduction.spec import ReproductionSpec
from npf_engine.tasks import layout
from npf_engine.tasks.recorder import Recorder
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
    kept = next((layout.home() / "cache" / "reproduced").iterdir())
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
    assert len(made(tmp_path / "e", "first-table-3")[0].rows) == 3


def test_the_architectures_have_the_papers_numbers_of_parameters(tmp_path: Path) -> None:
    result, _ = made(tmp_path / "a", "table-3")
    assert [row.ours for row in result.rows] == [row.paper for row in result.rows] and len(result.rows) == 6


def test_the_three_architectures_on_a_small_gaussian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "DIMENSIONS", (3,))
    monkeypatch.setattr(networks, "SECONDS", {3: 0.5, 32: 0.5, 128: 0.5})
    result, _ = made(tmp_path / "a", "table-4")
    assert len(result.rows) == 4 and all(row.floor == 0.0 for row in result.rows)
    assert result.rows[3].ours < result.rows[3].trivial, "what the lab calls fit beats only moving the mean"


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
    assert clouds.rows[0].ours == pytest.approx(reading.number({"v": clouds.rows[0].ours}, "v"))


def test_the_constrained_flow_is_the_gradient_flow_in_the_space_of_maps(tmp_path: Path) -> None:
    result, _ = made(tmp_path / "a", "figure-1", "cdm")
    rows = {row.what: row for row in result.rows}
    assert rows["constrained flow in theta against that in the maps, largest difference"].ours < 1e-6
    assert (
        rows["constrained: E at time 1"].ours
        < rows["Euclidean: E at time 1"].ours
        < rows["Euclidean: E at time 1"].trivial
    )
