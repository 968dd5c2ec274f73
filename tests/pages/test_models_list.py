"""Models: every kind of run in one table, filters, baseline, sweeps, ticks, tags and notes; no run is at work here."""

from __future__ import annotations

import json

import numpy as np
import pytest

from npf_engine.runs.store import RunStore
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.studies.recolor.spec import RecolorSpec
from npf_engine.tasks import layout
from pages.models import compare, ticks
from tests.pages.conftest import button, open_page, texts
from tests.runs import fabricated


@pytest.fixture
def home(store: RunStore) -> RunStore:
    """Two trainings, a sweep of two seeds, a sampled landscape and a colour transfer, beside the gallery."""
    for name, ratio in (("hills", 1.5), ("dales", 1.2)):
        fabricated.run(store, TrainingSpec(), name, fabricated.metrics(ratio))
    for seed, ratio in enumerate((1.0, 2.0)):
        fabricated.run(store, TrainingSpec(seed=seed), f"swept {seed}", fabricated.metrics(ratio), sweep="two seeds")
    fabricated.sampled(store, energy=0.25)
    report = {"pushforward": {"ratio": 1.75}, "structure": 0.9, "verdict": "good", "seconds": 3.0}
    fabricated.run(store, RecolorSpec(), "=1+1", report)
    return store


def row(app, name: str) -> dict[str, object]:
    """The row of the table that is called so."""
    table = app.dataframe[0].value
    found = table[table["Name"] == name]
    assert len(found) == 1, list(table["Name"])
    return dict(found.iloc[0])


def test_every_kind_stands_there_and_sweeps_are_one_row(home: RunStore) -> None:
    app = open_page("models")
    assert row(app, "bowl")["Kind"] == "Landscape" and row(app, "bowl")["Energy distance"] == 0.25
    assert row(app, "'=1+1")["Colours"] == 1.75 and row(app, "'=1+1")["Field"] == "day in the colours of sunset"
    sweep = row(app, "two seeds")
    assert (sweep["Runs"], sweep["∇u♯ρ"], sweep["Open"]) == ("2", 1.5, "Unfold")
    assert sweep["± ∇u♯ρ"] == pytest.approx(0.5**0.5)  # 1 and 2: deviations of a half, over n - 1
    assert "swept 0" not in set(app.dataframe[0].value["Name"])
    unfolded = open_page("models", {"open": "two seeds"})
    names = list(unfolded.dataframe[0].value["Name"])
    assert names[names.index("two seeds") + 1 :][:2] == ["↳ swept 1", "↳ swept 0"]


def test_filters_columns_and_order_stand_in_the_link(home: RunStore) -> None:
    app = open_page("models", {"models_kind": "Landscape", "models_columns": "Field"})
    assert list(app.dataframe[0].value["Name"]) == ["bowl"]
    assert list(app.dataframe[0].value.columns) == ["Name", "Open", "Field"]
    app = open_page("models", {"models_kind": "Training", "models_order": "∇u♯ρ", "models_filter": "jacksboro quick"})
    names = list(app.dataframe[0].value["Name"])
    assert names.index("dales") < names.index("hills") and "bowl" not in names
    app = open_page("models", {"models_order": "Seconds", "models_columns": "Verdict"})
    assert list(app.dataframe[0].value.columns) == ["Name", "Open", "Verdict", "Runs", "Seconds"]  # what sorts is seen
    assert row(app, "hills")["Runs"] == "1"


def test_a_baseline_stays_on_top_and_differences_stand_beside(home: RunStore) -> None:
    hills = next(run for run in home.summaries() if run.name == "hills")
    app = open_page("models", {"run": hills.id})
    button(app, "Pin as baseline").click()
    app.run()
    assert app.query_params["baseline"] == hills.id
    assert next(iter(app.dataframe[0].value["Name"])) == "★ hills"
    assert row(app, "dales")["Δ ∇u♯ρ"] == pytest.approx(1.2 - 1.5) and np.isnan(row(app, "★ hills")["Δ ∇u♯ρ"])
    assert "of another field or kind: another task" in texts(app)  # the gallery's, the landscape, the colours
    button(app, "Unpin the baseline").click()
    app.run()
    assert "baseline" not in app.query_params and "Δ ∇u♯ρ" not in app.dataframe[0].value


def test_tags_and_notes_are_kept_from_the_page(home: RunStore) -> None:
    bowl = next(run for run in home.summaries() if run.name == "bowl")
    app = open_page("models", {"run": bowl.id})
    app.text_area(key=f"notes_{bowl.id}").set_value("too cold")
    app.multiselect(key=f"tags_{bowl.id}").set_value([])
    app.button(key=f"describe_keep_{bowl.id}").click().run()
    assert not app.exception and home.get(bowl.id).notes == "too cold"
    home.describe(bowl.id, tags=["paper"])
    tagged = open_page("models", {"models_tag": "paper"})
    assert list(tagged.dataframe[0].value["Name"]) == ["bowl"] and row(tagged, "bowl")["Notes"] == "too cold"


def test_three_runs_of_two_kinds_are_compared(home: RunStore) -> None:
    ids = {run.name: run.id for run in home.summaries()}
    app = open_page("models", {"run": ids["hills"], "with": f"{ids['bowl']},{ids['swept 1']},nobody"})
    assert not app.exception and {"hills", "bowl", "swept 1"} <= set(app.table[0].value.columns)
    assert "Nothing: they have" not in texts(app)
    shown = app.table[0].value
    assert "0.25" in set(shown["bowl"])  # the landscape's own measure stands there too
    assert "of different fields" in texts(app)
    alone = open_page("models", {"run": ids["hills"], "with": ids["dales"]})
    assert "of different fields" not in texts(alone)
    home.table.update(ids["bowl"], spec=json.dumps({"kind": "of tomorrow", "x": 1}))
    later = open_page("models", {"run": ids["hills"], "with": ids["bowl"]})
    assert not later.exception and "hills" in texts(later)


def test_a_verdict_says_which_figure_decides_it(home: RunStore) -> None:
    cells = {"value": 14.6, "self_distance": 5.0, "ratio": 2.92, "se": 0.25, "trivial": 50.0, "n": 16000, "draws": 8}
    report = fabricated.metrics(1.0) | {"verdict": "usable", "verdict_reason": "M crowds some places"}
    report["metrics"] = report["metrics"] | {"measure_preservation_local": cells}  # type: ignore[operator]
    fabricated.run(home, TrainingSpec(), "piled", report)
    few = fabricated.metrics(1.0) | {"verdict": "not trustworthy", "verdict_reason": "only 3 test samples"}
    fabricated.run(home, TrainingSpec(), "few", few)
    app = open_page("models")
    assert str(row(app, "piled")["Why"]).startswith("TV(M♯ρ, ρ) 8.") and str(row(app, "piled")["Why"]).endswith(" > 8")
    assert row(app, "few")["Why"] == "only 3 test samples" and not isinstance(row(app, "hills")["Why"], str)
    ids = {run.name: run.id for run in home.summaries()}
    both = open_page("models", {"run": ids["piled"], "with": ids["hills"]})
    assert "by TV(M♯ρ, ρ) 8." in texts(both)


def test_the_list_is_cards_too_whose_ticks_and_names_do_the_same(home: RunStore) -> None:
    app = open_page("models", {"models_kind": "Training", "models_filter": "hills"})
    assert app.button(key="card_open_0").label == ":primary[**hills**]" and "∇u♯ρ **1.5**" in texts(app)
    app.checkbox(key="card_tick_0").check().run()
    hills = next(run.id for run in home.summaries() if run.name == "hills")
    assert not app.exception and app.query_params["run"] == hills and app.checkbox(key="card_tick_0").value
    app.checkbox(key="card_tick_0").uncheck().run()
    assert "run" not in app.query_params and not app.checkbox(key="card_tick_0").value
    folded = open_page("models", {"models_filter": "swept"})
    assert any("Unfold" in item.label and "two seeds" in item.label for item in folded.button)


def test_divergences_of_different_fields_are_compared_by_their_ratios() -> None:
    row = {"measure": "S(Mξ♯ρ, ρ)", "value": 246.0, "ratio": 1.07, "se": 0.1, "n": 2048, "split": False}
    assert compare.cell(row, False, one_task=False) == "ratio 1.07 ± 0.1"
    assert compare.cell(row | {"measure": "W(Mθ♯ρ, ρ)"}, False, one_task=False) == "246 (1.07 ± 0.1)"


def test_a_change_between_halves_is_no_standard_error() -> None:
    row = {"value": 24.3, "ratio": 1.09, "se": 0.2, "n": 300, "split": False}
    assert (
        compare.cell(row, True) == "24.3 (1.09 ± 0.2; 300 points)" and compare.cell(row, False) == "24.3 (1.09 ± 0.2)"
    )
    assert compare.cell(row | {"split": True}, False) == "24.3 (1.09)" and compare.cell(None, True) == "–"


def test_ticks_change_by_rows() -> None:
    assert ticks.after(["a"], [("b", "c")], []) == ["a", "b", "c"]
    assert ticks.after(["a", "b", "c"], [], [("b", "c")]) == ["a"]  # a sweep is taken away with all its runs


def test_many_runs_are_lines_of_a_table_with_curves_over_one_another(home: RunStore) -> None:
    for number in range(5):
        made = fabricated.run(home, TrainingSpec(seed=number), f"extra {number}", fabricated.metrics(1.0 + number))
        lines = [{"kind": "progress", "stage": "u", "step": step, "loss": 1.0 / step} for step in (1, 2, 3)]
        (made.folder / layout.EVENTS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    ids = [run.id for run in home.summaries() if run.name.startswith("extra")]
    app = open_page("models", {"run": ids[0], "with": ",".join(ids[1:])})
    assert not app.exception and not app.error
    side = app.dataframe[1].value
    assert list(side["Name"]) == [f"extra {number}" for number in (4, 3, 2, 1, 0)] and list(side["seed"]) == list(
        "43210"
    )
    assert app.selectbox(key="compare_curve").value == ("u", "loss")
    labels = {item.label for item in app.download_button}
    assert {"CSV", "LaTeX", "Markdown"} <= labels
