"""What a training will cost here: measured without any run, by comparable runs later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from npf_engine.runs import estimate
from npf_engine.runs.store import RunStore
from npf_engine.studies.factorization import cost
from npf_engine.studies.factorization.spec import TrainingSpec, preset, to_json, with_values
from npf_engine.tasks import layout


def finished(store: RunStore, spec: TrainingSpec, factor: float, name: str) -> None:
    """A row of a run that took ``factor`` times what the rough model says."""
    seconds = {stage: factor * value for stage, value in cost.guess(spec).items()}
    (store.folder / name).mkdir()
    layout.write_json(store.folder / name / layout.SPEC, to_json(spec))
    store.table.insert(
        id=name, name=name, state="done", source="trained", spec=json.dumps(to_json(spec)), created=1.0, seconds=seconds
    )


@pytest.fixture
def store(own_home: Path) -> RunStore:
    return RunStore(own_home, gallery=None)


def test_without_runs_a_measurement_scales_the_model(store: RunStore, monkeypatch: pytest.MonkeyPatch):
    spec = preset("quick")
    monkeypatch.setattr(estimate, "busy", lambda: False)
    found = estimate.estimate(store, spec)
    assert found.runs == 0
    assert found.total == pytest.approx(sum(cost.guess(spec).values()) * estimate.slowness(None))
    assert "measurement" in found.basis


@pytest.mark.parametrize(("load", "said"), [(0.4, False), (1.6, True)])
def test_a_measurement_beside_other_work_is_said_to_be_so(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, load: float, said: bool
):
    monkeypatch.setattr(estimate.psutil, "getloadavg", lambda: (load * 2, 0.0, 0.0))
    monkeypatch.setattr(estimate.psutil, "cpu_count", lambda: 2)
    monkeypatch.setattr(estimate, "slowness", lambda moment=None: 3.0 if moment is None else 5.0)
    found = estimate.estimate(store, preset("quick"))
    assert ("other work" in found.basis) is said and "measurement" in found.basis
    assert found.total == pytest.approx(sum(cost.guess(preset("quick")).values()) * (5.0 if said else 3.0))
    finished(store, preset("quick"), 2.0, "twice")
    assert "other work" not in estimate.estimate(store, preset("quick")).basis


def test_more_steps_cost_more(store: RunStore):
    quick, paper = (estimate.estimate(store, preset(name)).total for name in ("quick", "paper"))
    assert paper > 3 * quick


def test_runs_of_this_size_are_believed(store: RunStore):
    spec = preset("quick")
    finished(store, spec, 3.0, "three-times")
    found = estimate.estimate(store, spec)
    assert found.runs == 1
    assert found.total == pytest.approx(3 * sum(cost.guess(spec).values()))
    assert "one training" in found.basis


def test_a_run_of_seconds_is_not_asked_about_one_of_minutes(store: RunStore):
    tiny = with_values(
        preset("quick"), {"inverse.steps": 20, "m.steps": 20, "v.steps": 20, "u.pair_size": 50, "report.n": 64}
    )
    finished(store, tiny, 1000.0, "start-up")
    assert estimate.estimate(store, preset("quick")).runs == 0
