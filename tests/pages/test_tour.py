"""The tour: from Home by a button through its steps and out, with the step in the link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from npf_engine.runs.store import RunStore
from tests.pages.conftest import button, components, open_page, registered_pages, texts
from ui import frame, tour


def test_the_tour_begins_at_home_goes_on_and_is_left(store: RunStore):
    app = open_page("home")
    button(app, "Tour: 90 seconds").click().run()
    assert "1 of 7" in texts(app) and app.query_params[tour.STEP] == "1" and framed(app, 1)
    assert not [item for item in app.button if item.key == "tour_back"]
    app.button(key="tour_leave").click().run()
    assert "1 of 7" not in texts(app) and tour.STEP not in app.query_params and not app.exception


@pytest.mark.parametrize("number", range(1, len(tour.STEPS) + 1))
def test_each_step_stands_above_its_page_and_says_little(number: int):
    step = tour.STEPS[number - 1]
    assert step.page in frame.PAGES and len(step.text.split()) < 60
    assert step.model or not step.view


def keys(node: Any) -> Iterator[str]:
    """The ids of all that stands on a page; what has a key ends with it."""
    yield str(getattr(getattr(node, "proto", None), "id", ""))
    for child in getattr(node, "children", {}).values():
        yield from keys(child)


def framed(app: AppTest, number: int) -> bool:
    """Whether all that the step speaks of stands on the page, and what scrolls there."""
    shown = list(keys(app._tree))
    wanted = (*tour.STEPS[number - 1].at, "tour_scroll")
    return all(any(found.endswith(f"-{key}") for found in shown) for key in wanted)


@pytest.mark.parametrize("number", [2, 3])
def test_what_a_step_speaks_of_stands_on_its_page(store: RunStore, number: int):
    step = tour.STEPS[number - 1]
    assert framed(open_page(step.page, {tour.STEP: str(number), **step.query}), number)


def test_a_step_shows_a_model_of_the_gallery_and_leads_on(store: RunStore):
    app = open_page("inverse", {tour.STEP: "6"})
    assert (
        framed(app, 6)
        and "6 of 7" in texts(app)
        and "jacksboro" in texts(app) + str([box.value for box in app.selectbox])
    )
    app._registered_pages = registered_pages()
    app.button(key="tour_next").click().run()
    assert not app.exception and "7 of 7" in texts(app) and app.title[0].value == "Models" and framed(app, 7)
    app.button(key="tour_back").click().run()
    assert app.title[0].value == "Inverse" and not app.exception


def test_two_steps_of_one_page_show_two_of_its_views(store: RunStore):
    app = open_page("factorization", {tour.STEP: "4", "run": "gallery-jacksboro"})
    assert framed(app, 4)
    app._registered_pages = registered_pages()
    app.button(key="tour_next").click().run()
    assert not app.exception and "5 of 7" in texts(app) and app.query_params["view"] == "Accuracy" and app.dataframe
    assert framed(app, 5)
    app.button(key="tour_back").click().run()
    assert "4 of 7" in texts(app) and components(app)


@pytest.mark.parametrize("step", ["0", "8", "x", "5"])
def test_a_step_of_another_page_or_none_shows_nothing(store: RunStore, step: str):
    app = open_page("theory", {tour.STEP: step})
    assert " of 7" not in texts(app) and not app.exception
