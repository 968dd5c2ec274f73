"""The whole way in a real browser: deep link, field, training, plots, download, example, import."""

from __future__ import annotations

import json
import time
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from npf_engine.tasks import layout
from tests.browser.conftest import Server, Visitor
from tests.pages.conftest import TINY
from ui import frame

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

# A narrow dark screen in every run of the tests (the others visit the pages on a wide light one); all with
# make test-browser.
SCREENS = [
    (420, "dark"),
    *(pytest.param(*screen, marks=pytest.mark.long) for screen in ((1440, "light"), (1440, "dark"), (420, "light"))),
]


PLOTS = {"field": 2, "inverse": 1, "models": 2}  # at least, on a page


def link() -> str:
    """Query string of a training of the default field that takes seconds."""
    values = {
        key.removeprefix("field."): json.dumps(value) if isinstance(value, tuple) else str(value)
        for key, value in TINY.items()
    }
    return urllib.parse.urlencode(values)


def run_of(visitor: Visitor) -> str:
    """The run that the link names."""
    return urllib.parse.parse_qs(urllib.parse.urlparse(visitor.page.url).query)["run"][0]


def state_of(server: Server, run_id: str) -> str:
    """What the run's worker wrote last."""
    return (layout.read_json(server.home / layout.RUNS / run_id / layout.STATUS) or {}).get("state", "")


def wait_until(visitor: Visitor, words: str, seconds: float = 240.0) -> None:
    """Wait until the page says ``words``, by itself: nothing is clicked or reloaded."""
    deadline = time.monotonic() + seconds
    while words not in visitor.text():
        if time.monotonic() > deadline:
            pytest.fail(f"the page did not come to say {words!r} in {seconds} s; it says: {visitor.text()[:600]}")
        time.sleep(0.5)


def drawn(visitor: Visitor, at_least: int) -> None:
    """All plots of the page, and at least so many, show something."""
    deadline = time.monotonic() + 30
    while True:
        plots = visitor.plots()
        blank = visitor.blank(plots)
        if len(plots) >= at_least and not blank:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"{len(plots)} plots, {at_least} wanted; blank: {blank}")
        time.sleep(0.5)


@pytest.fixture(scope="module")
def trained_in_the_app(browser: Any, server: Server) -> dict[str, Any]:
    """A training started in the browser, left alone with the page closed, and found again."""
    visitor = Visitor(browser, server.url)
    # The first request after the start of the server is a deep link: the frame must be there all the same.
    visitor.go("/train?" + link())
    assert visitor.page.get_by_test_id("stSidebarNav").get_by_text("Factorization").is_visible()
    assert "Jacksboro" in visitor.text()
    visitor.main.get_by_role("button", name="Train", exact=True).click()
    visitor.page.wait_for_url("**/train?run=*")
    run_id = run_of(visitor)
    wait_until(visitor, "Pause", 60)
    seen = visitor.complaints
    visitor.close()
    time.sleep(2.0)
    assert state_of(server, run_id) in ("running", "done", ""), "the training ended with its page"
    later = Visitor(browser, server.url)
    later.go(f"/train?run={run_id}")
    wait_until(later, "Look at the factorization")
    later.settled()
    drawn(later, 3)
    complaints = [*seen, *later.complaints]
    later.close()
    return {"run": run_id, "complaints": complaints}


def test_training_survives_its_page_and_is_watched_to_its_end(trained_in_the_app: dict[str, Any], server: Server):
    assert state_of(server, trained_in_the_app["run"]) == "done"
    assert trained_in_the_app["complaints"] == []


def test_advanced_settings_stay_open_and_go_into_the_link(visitor: Visitor, trained_in_the_app: dict[str, Any]):
    visitor.go("/train?seed=4")
    visitor.main.get_by_text("Advanced settings").click()
    threads = visitor.main.get_by_role("spinbutton", name="threads")
    threads.fill("1")
    threads.press("Enter")
    visitor.page.wait_for_url("**threads=1*")
    visitor.settled()
    assert threads.input_value() == "1"
    assert visitor.main.get_by_role("spinbutton", name="Seed", exact=True).input_value() == "4"
    threads.fill("-1")
    threads.press("Enter")
    wait_until(visitor, "must be 0 or more, not -1", 30)
    visitor.settled()
    assert threads.input_value() == "1", "a value that was refused stays in its box"
    visitor.page.reload()
    visitor.settled()
    assert "Changed from the preset: seed, threads" in visitor.text()
    assert visitor.complaints == []


def test_all_plots_of_the_factorization_are_drawn(visitor: Visitor, trained_in_the_app: dict[str, Any]):
    visitor.go(f"/factorization?run={trained_in_the_app['run']}")
    visitor.page.wait_for_selector(".npf-linked[data-ready=yes]", state="attached")
    assert visitor.complaints == []


def test_bundle_is_downloaded_whole_and_imported(
    visitor: Visitor, trained_in_the_app: dict[str, Any], server: Server, tmp_path: Path
):
    visitor.go(f"/models?run={trained_in_the_app['run']}")
    drawn(visitor, 2)
    with visitor.page.expect_download() as waiting:
        visitor.main.get_by_role("button", name="Download npf-").click()
    bundle = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(bundle)
    assert bundle.name.startswith("npf-") and bundle.suffix == ".zip"
    kept = list((server.home / layout.RUNS / trained_in_the_app["run"]).glob("npf-*.zip"))
    assert [path.read_bytes() for path in kept] == [bundle.read_bytes()]  # that it runs: tests/bundle/test_portable.py
    visitor.main.get_by_text("Import a bundle").click()
    visitor.main.locator("input[type=file]").set_input_files(bundle)
    visitor.main.get_by_text(bundle.name).first.wait_for()
    visitor.main.get_by_role("button", name="Import", exact=True).click()
    wait_until(visitor, "is here", 60)
    visitor.page.wait_for_url("**/models?run=*")
    assert run_of(visitor) != trained_in_the_app["run"]
    assert visitor.complaints == []


def test_dialog_deletes_only_when_told_to(visitor: Visitor, trained_in_the_app: dict[str, Any], server: Server):
    visitor.go("/train?" + link() + "&name=to+be+deleted&u.regression_steps=5000000&u.patience=0")
    visitor.main.get_by_role("button", name="Train", exact=True).click()
    visitor.page.wait_for_url("**/train?run=*")
    run_id = run_of(visitor)
    visitor.go(f"/models?run={run_id}")
    visitor.main.get_by_role("button", name="Delete").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_text("gone for good").wait_for()
    visitor.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert (server.home / layout.RUNS / run_id).is_dir()
    visitor.main.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete it").click()
    dialog.wait_for(state="hidden")
    visitor.settled()
    assert not (server.home / layout.RUNS / run_id).exists()
    assert "to be deleted" not in visitor.text()
    assert visitor.complaints == []


@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_screenshots(browser: Any, server: Server, trained_in_the_app: dict[str, Any], width: int, theme: str):
    visitor = Visitor(browser, server.url, width, theme)
    try:
        for name in frame.PAGES:
            query = "" if name in ("home", "field", "landscape", "lab") else f"?run={trained_in_the_app['run']}"
            visitor.go(f"/{'' if name == 'home' else name}{query}")
            visitor.screenshot(f"{name}-{theme}-{width}")
            drawn(visitor, PLOTS.get(name, 0))
            assert visitor.page.get_by_test_id("stException").count() == 0
            # A page that is wider than the screen makes phones scroll sideways.
            wide = visitor.page.evaluate(
                "() => (m => m.scrollWidth - m.clientWidth)(document.querySelector('[data-testid=stMain]'))"
            )
            assert wide <= 1, f"{name} is {wide} px wider than a screen of {width} px"
            if name == "field":
                picture, form = (
                    visitor.page.locator(f".st-key-{key}").bounding_box()
                    for key in ("plot_field_elevation", "built_in")
                )
                if width < 640:
                    assert picture["y"] + picture["height"] <= form["y"], "on a narrow screen the picture comes first"
                else:
                    assert picture["x"] > form["x"] + form["width"], "the picture stands beside the form"
        visitor.go("/train")
        visitor.screenshot(f"train-setup-{theme}-{width}")
        assert visitor.complaints == []
    finally:
        visitor.close()
