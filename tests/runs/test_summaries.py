"""The list of runs: every kind with its measures, kept in the rows, made anew with a new report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from npf_engine.errors import InputError
from npf_engine.runs import finding, safekeeping, summaries
from npf_engine.runs.groups import Spread, grouped
from npf_engine.runs.store import RunStore
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks import layout
from tests.runs import fabricated


@pytest.fixture
def still(make_store: Callable[..., RunStore]) -> RunStore:
    """A store that nothing moves."""
    return make_store(watch=False)


def test_every_kind_is_listed_with_what_it_measured(still: RunStore) -> None:
    fabricated.run(still, TrainingSpec(seed=7), "hills", fabricated.metrics(1.25))
    fabricated.sampled(still, energy=0.04)
    bowl, hills = still.summaries()
    assert (hills.kind, hills.subject, hills.preset, hills.seed, hills.seconds) == (
        "train",
        "jacksboro",
        "quick",
        7,
        60,
    )
    assert dict(hills.measures) == {"pushforward": 1.25} and hills.verdict == "good"
    assert (bowl.kind, bowl.subject, bowl.seed, bowl.seconds) == ("landscape", "himmelblau", 3, 5)
    assert dict(bowl.measures) == {"energy": 0.04} and bowl.verdict == "usable"
    titles = {name: item.title for name, item in finding.measures([bowl, hills]).items()}
    assert titles == {"pushforward": "∇u♯ρ", "energy": "Energy distance"}


def test_a_summary_is_kept_and_made_anew_with_the_next_report(still: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fabricated.run(still, TrainingSpec(), "hills", None)
    assert still.summaries()[0].measures == {}
    made: list[str] = []
    facts = summaries._facts
    monkeypatch.setattr(summaries, "_facts", lambda folder, *row: made.append(row[0]) or facts(folder, *row))
    assert still.summaries()[0].name == "hills" and not made
    still.table.update(run.id, state="done", **safekeeping.report_columns(fabricated.metrics(1.5)))
    assert still.summaries()[0].measures == {"pushforward": 1.5} and made == [run.id]
    assert RunStore(still.home, gallery=None).summaries()[0].measures == {"pushforward": 1.5} and len(made) == 1


@pytest.mark.parametrize("kept", ["", "no JSON", "[1]", '{"measures": 3, "seed": true, "kind": 5}', b"\xff\x00"])
def test_a_spoiled_summary_costs_only_itself(still: RunStore, kept: object) -> None:
    fabricated.sampled(still)
    fabricated.run(still, TrainingSpec(), "hills", fabricated.metrics(1.0))
    with contextlib.closing(safekeeping.opened(still.table.path)) as db:
        db.execute("UPDATE runs SET summary = ?, tags = ? WHERE name = 'hills'", [kept, kept])
    hills, bowl = still.summaries()
    assert hills.name == "hills" and bowl.measures == {"energy": 0.02}


def test_a_name_is_taken_once(still: RunStore) -> None:
    names = [fabricated.run(still, TrainingSpec(), "hills", None).name for _ in range(3)]
    assert names == ["hills", "hills (2)", "hills (3)"]
    other = fabricated.run(still, TrainingSpec(), "hills (2)", None)
    assert other.name == "hills (4)"
    assert still.rename(other.id, "hills").name == "hills (4)"  # its own name is not another's
    assert still.rename(other.id, "dales").name == "dales"
    long = "x" * 120
    assert [fabricated.run(still, TrainingSpec(), long, None).name[-5:] for _ in range(4)] == [
        "xxxxx",
        "x (2)",
        "x (3)",
        "x (4)",
    ]


def test_tags_and_notes_are_kept_beside_the_run_and_survive_the_table(still: RunStore) -> None:
    run = fabricated.run(still, TrainingSpec(), "hills", fabricated.metrics(1.0))
    still.describe(run.id, tags=["paper", " paper ", "fig 1"], notes=" first line\nsecond ")
    still.rename(run.id, "dales")
    about = layout.read_json(run.folder / layout.ABOUT)
    assert about is not None and about["tags"] == ["paper", "fig 1"] and about["name"] == "dales"
    still.table.path.unlink()
    found = RunStore(still.home, gallery=None).summaries()[0]
    assert (found.name, found.tags, found.notes) == ("dales", ("paper", "fig 1"), "first line\nsecond")
    assert found.measures == {"pushforward": 1.0}


@pytest.mark.parametrize(
    ("given", "says"),
    [({"tags": ["x" * 41]}, "a tag"), ({"tags": map(str, range(21))}, "at most 20"), ({"notes": "x" * 2001}, "notes")],
)
def test_what_is_no_tag_and_no_note_is_refused(still: RunStore, given: dict[str, object], says: str) -> None:
    run = fabricated.sampled(still)
    with pytest.raises(InputError, match=says):
        still.describe(run.id, **given)  # type: ignore[arg-type]  # as a page hands it over
    assert still.get(run.id).tags == ()


def test_filters_and_orders(still: RunStore) -> None:
    for name, ratio in (("worse", 2.0), ("best", 1.0)):
        fabricated.run(still, TrainingSpec(), name, fabricated.metrics(ratio))
    fabricated.sampled(still)
    tagged = fabricated.run(still, TrainingSpec(), "broken", None)
    still.describe(tagged.id, tags=["Paper"], notes="too few steps")
    runs = still.summaries()

    def names(**wanted: object) -> list[str]:
        return [run.name for run in finding.Wanted(**wanted).found(runs)]  # type: ignore[arg-type]

    assert names() == ["broken", "bowl", "best", "worse"]
    assert names(kinds=["landscape"]) == ["bowl"] and names(states=["failed"]) == ["broken"]
    assert names(tags=["Paper"]) == ["broken"] == names(words="PAPER few")
    assert names(verdicts=["good"]) == ["best", "worse"] and names(words="himmelblau") == ["bowl"]
    named = finding.measures(runs).values()

    def order(by: str, reverse: bool = False) -> list[str]:
        return [group.name for group in finding.ordered(grouped(runs), by, reverse, named)]

    assert order("∇u♯ρ")[:2] == ["best", "worse"] and order("∇u♯ρ", True)[:2] == ["worse", "best"]
    assert order("Name") == ["best", "bowl", "broken", "worse"] and order("Newest", True)[0] == "worse"


def test_a_sweep_is_one_entry_with_mean_and_spread(still: RunStore) -> None:
    for seed, ratio in enumerate((1.0, 2.0, 3.0)):
        fabricated.run(still, TrainingSpec(seed=seed), f"s {seed}", fabricated.metrics(ratio), sweep="five seeds")
    fabricated.sampled(still)
    single, sweep = grouped(still.summaries())
    assert not single.swept and sweep.name == "five seeds" and len(sweep.runs) == 3
    assert sweep.spread("pushforward") == Spread(2.0, 1.0, 3)  # by hand: deviations 1, 0, 1 over n - 1 = 2
    assert single.spread("energy") == Spread(0.02, None, 1) and single.spread("pushforward") is None
    assert sweep.seconds == 180 and sweep.verdict == "good" and sweep.common("seed") is None
