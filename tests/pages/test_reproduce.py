"""Reproduce: items beside our last runs, the buttons that queue them, and a run's page."""

from __future__ import annotations

from npf_engine.runs.store import RunStore
from npf_engine.studies.reproduction.items import PAPERS
from npf_engine.studies.reproduction.spec import ReproductionSpec
from tests.pages.conftest import button, made_here, open_page, texts


def test_a_visit_shows_the_papers_number_ours_and_how_to_have_it_again(store: RunStore) -> None:
    app = open_page("reproduce", {"item": "table-3"})
    assert app.selectbox(key="reproduce_item").value == "table-3"
    assert len(app.dataframe[0].value) == len(PAPERS["npf"].items)
    rows = app.dataframe[1].value
    assert list(rows["paper"]) == list(rows["ours"]) and len(rows) == 6
    assert "python -m npf_engine reproduce table-3 --paper npf --preset quick" in texts(app)
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


def test_the_page_of_a_run(store: RunStore) -> None:
    run = made_here(store, ReproductionSpec(paper="cdm", item="figure-1"))
    app = open_page("reproduce", {"run": run.id})
    assert not app.error and len(app.get("plotly_chart")) == 1
    assert "constrained: E at time 1" in list(app.dataframe[0].value["what"])
    assert button(app, "Repeat")


def test_an_unknown_item_in_a_link_is_the_first(store: RunStore) -> None:
    app = open_page("reproduce", {"paper": "elsewhere", "item": "table-99"})
    assert not app.error and app.selectbox(key="reproduce_item").value == "table-1"
