"""Reproduce: items beside our last runs, the buttons that queue them, and a run's page."""

from __future__ import annotations

import pytest

from npf_engine.runs.store import RunStore
from npf_engine.settings.dotted import as_text, dotted_values
from npf_engine.studies.reproduction.item import Item
from npf_engine.studies.reproduction.items import PAPERS
from npf_engine.studies.reproduction.spec import ReproductionSpec
from pages.lab.bench_setup import FORM as BENCH
from pages.lab.colour_setup import FORM as COLOURS
from pages.landscape.experiment_setup import FORM as EXPERIMENTS
from pages.reproduce import forms
from tests.pages.conftest import button, made_here, open_page, texts
from ui import frame
from ui.link import TRAINING


def test_a_visit_shows_the_papers_number_ours_and_how_to_have_it_again(store: RunStore) -> None:
    app = open_page("reproduce", {"item": "table-3"})
    assert app.selectbox(key="reproduce_item").value == "table-3"
    assert len(app.dataframe[0].value) == len(PAPERS["npf"].items)
    rows = app.dataframe[1].value
    assert list(rows["paper"]) == list(rows["ours"]) and len(rows) == 6
    assert "python -m npf_engine reproduce table-3 --paper npf --preset quick" in texts(app)
    listed, cards = (item.proto.body for item in app.get("html") if "<dl" in item.proto.body)  # narrow screens
    assert listed.count("<dt>") == len(PAPERS["npf"].items) and cards.count("<dt>") == len(rows)
    assert all(f"ours {value:,.0f}<" in cards for value in rows["ours"]) and "Paper" in cards
    app.segmented_control(key="reproduce_paper").set_value("cdm").run()
    assert not app.exception and app.query_params["paper"] == "cdm"
    assert app.selectbox(key="reproduce_item").value == "figure-1"
    assert len(app.get("plotly_chart")) == 1


def test_an_item_is_queued_and_its_run_has_the_rows(store: RunStore) -> None:
    app = open_page("reproduce", {"item": "figure-17"})
    next(item for item in app.button if item.label.startswith("Run")).click().run()
    assert not app.exception
    run = store.list()[0]
    assert run.kind == "reproduce" and run.spec_of(ReproductionSpec).item == "figure-17"
    assert run.name == "Figure 17, NPF, quick"


@pytest.mark.parametrize(
    ("paper", "item"),
    [(paper, item) for paper, about in PAPERS.items() for item in about.items.values() if item.change is not None],
    ids=lambda part: getattr(part, "name", part),
)
def test_the_form_that_an_item_leads_to_reads_its_settings(paper: str, item: Item) -> None:
    assert item.change is not None
    kind, settings = item.change.kind, item.change.settings
    assert kind in forms.LABELS and frame.page_of(kind) != "models"
    link = {"train": TRAINING, "experiment": EXPERIMENTS.link, "lab": BENCH.link, "recolor": COLOURS.link}[kind]
    values, names = dotted_values(link.read(settings)), {name: key for key, name in link.parameters().items()}
    for name, text in settings.items():
        if name != "of":
            assert as_text(values[names[name]]) == text


def test_the_page_of_a_run(store: RunStore) -> None:
    run = made_here(store, ReproductionSpec(paper="cdm", item="figure-1"))
    app = open_page("reproduce", {"run": run.id})
    assert not app.error and len(app.get("plotly_chart")) == 1
    assert "constrained: E at time 1" in list(app.dataframe[0].value["what"])
    assert button(app, "Repeat")


def test_an_unknown_item_in_a_link_is_the_first(store: RunStore) -> None:
    app = open_page("reproduce", {"paper": "elsewhere", "item": "table-99"})
    assert not app.error and app.selectbox(key="reproduce_item").value == "table-1"
