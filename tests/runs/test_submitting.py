"""A sweep goes into the queue whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from npf_engine.errors import InputError
from npf_engine.runs import estimate
from npf_engine.runs.groups import grouped
from npf_engine.runs.store import RunStore
from npf_engine.runs.submitting import Submitting
from npf_engine.settings import limits
from npf_engine.studies import sweep
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks import layout

SEEDS = sweep.read(TrainingSpec(), ["seed=0..2"])


@pytest.fixture
def still(make_store: Callable[..., RunStore], monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A store whose queue starts nothing."""
    store = make_store(watch=False)
    monkeypatch.setattr(store.scheduler, "launch", lambda: None)
    return store


def test_a_sweep_is_one_entry_whose_name_nobody_has(still: RunStore) -> None:
    made = still.submit_sweep(SEEDS, "hills")
    assert [run.name for run in made] == ["hills, seed 0", "hills, seed 1", "hills, seed 2"]
    assert [run.spec_of(TrainingSpec).seed for run in made] == [0, 1, 2]
    assert {run.state for run in made} == {"queued"} and {run.sweep for run in made} == {"hills, 3 seeds"}
    again = still.submit_sweep(SEEDS, "hills")
    assert {run.sweep for run in again} == {"hills, 3 seeds (2)"} and again[0].name == "hills, seed 0 (2)"
    assert [(group.name, len(group.runs)) for group in grouped(still.summaries())] == [
        ("hills, 3 seeds (2)", 3),
        ("hills, 3 seeds", 3),
    ]
    still.table.path.unlink()
    assert {run.sweep for run in RunStore(still.home, gallery=None).summaries()} == {
        "hills, 3 seeds",
        "hills, 3 seeds (2)",
    }


def test_nothing_is_left_of_a_sweep_that_cannot_be_taken_whole(
    still: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_WAITING", 2)
    with pytest.raises(InputError, match="2 is the most"):
        still.submit_sweep(SEEDS, "hills")
    monkeypatch.setattr(limits, "MAX_WAITING", 200)
    submit, count = Submitting._submit, iter(range(9))

    def failing(*args: object, **more: object) -> object:
        if next(count) == 2:
            raise InputError("the disk is full")
        return submit(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Submitting, "_submit", failing)
    with pytest.raises(InputError, match="disk is full"):
        still.submit_sweep(SEEDS, "hills")
    assert still.summaries() == [] and not list((still.home / layout.RUNS).iterdir())


def test_the_whole_costs_what_its_runs_cost(still: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    one = estimate.estimate(still, TrainingSpec()).total
    monkeypatch.setenv("NPF_CPU_SLOTS", "2")
    found = estimate.whole(still, [member.spec for member in SEEDS.members if isinstance(member.spec, TrainingSpec)])
    assert (found.runs, found.at_once) == (3, 2)
    assert found.work == pytest.approx(3 * one) and found.seconds == pytest.approx(2 * one)
