"""Landscape in a real browser: a deep link, a run that is watched to its end, the player, both themes and widths."""

from __future__ import annotations

from typing import Any

import pytest

from npf_engine.runs.store import RunStore
from npf_engine.studies.landscape.spec import LandscapeSpec
from tests.browser.conftest import Server, Visitor
from tests.browser.test_journey import SCREENS, drawn, run_of, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

TINY = "particles=24&steps=8&method=lmc"


@pytest.fixture(scope="module")
def sampled(browser: Any, server: Server) -> str:
    """A run that was started in the browser and watched to its end."""
    visitor = Visitor(browser, server.url)
    try:
        visitor.go(f"/landscape?{TINY}")
        drawn(visitor, 1)
        visitor.main.get_by_role("button", name="Run", exact=True).click()
        visitor.page.wait_for_url("**/landscape?run=*")
        wait_until(visitor, "Largest error of a share")
        visitor.settled()
        drawn(visitor, 2)
        assert visitor.complaints == []
        return run_of(visitor)
    finally:
        visitor.close()


def test_player_scrubs_and_plays(visitor: Visitor, sampled: str):
    visitor.go(f"/landscape?run={sampled}&view=Over+time")
    drawn(visitor, 1)
    visitor.page.get_by_text("Plain LMC, step 0", exact=True).wait_for()  # in a component's own tree
    slider = visitor.main.get_by_role("slider").first
    slider.focus()
    visitor.page.keyboard.press("End")
    visitor.page.get_by_text("Plain LMC, step 8", exact=True).wait_for()
    slider.fill("0.7")
    visitor.main.get_by_role("button", name="Play").click()
    visitor.main.get_by_role("button", name="Pause").wait_for()
    visitor.main.get_by_role("button", name="Play").wait_for()  # it stops at the end by itself
    assert slider.get_attribute("aria-valuetext") == "step 8" and visitor.complaints == []


def test_results_are_downloaded(visitor: Visitor, sampled: str):
    visitor.go(f"/landscape?run={sampled}")
    with visitor.page.expect_download() as waiting:
        visitor.main.get_by_role("button", name="Download himmelblau").click()
    assert waiting.value.suggested_filename == "himmelblau-lmc.zip"


@pytest.mark.long  # axe looks at the same pages in all four
@pytest.mark.parametrize(("width", "theme"), SCREENS)
def test_screenshots(browser: Any, server: Server, sampled: str, width: int, theme: str):
    visitor = Visitor(browser, server.url, width, theme)
    pages = {
        "setup": "",
        "critical": "?view=Critical+points",
        "classifier": "?of=Classifier",
        "run": f"?run={sampled}",
        "time": f"?run={sampled}&view=Over+time",
    }
    try:
        for name, query in pages.items():
            visitor.go(f"/landscape{query}")
            visitor.screenshot(f"landscape-{name}-{theme}-{width}")
            assert visitor.page.get_by_test_id("stException").count() == 0
            assert visitor.blank() == []
            wide = visitor.page.evaluate(
                "() => (m => m.scrollWidth - m.clientWidth)(document.querySelector('[data-testid=stMain]'))"
            )
            assert wide <= 1, f"{name} is {wide} px wider than a screen of {width} px"
        assert visitor.complaints == []
    finally:
        visitor.close()


def test_runs_are_in_the_store_of_the_server(server: Server, sampled: str):
    run = RunStore(server.home, gallery=None).get(sampled)
    assert run.kind == "landscape" and run.spec == LandscapeSpec(method="lmc", particles=24, steps=8)
