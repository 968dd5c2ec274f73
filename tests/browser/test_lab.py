"""Monge lab in a browser: a run from the form to its results, and colours as they are shown."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visitor
from tests.browser.test_journey import drawn, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

QUERY = "/lab?task=gaussian&methods=%5B%22gaussian%22%2C+%22exact%22%5D&points=200&seeds=2"


def test_a_bench_run_from_the_form_to_the_arrows(visitor: Visitor):
    visitor.go(QUERY)
    drawn(visitor, 1)
    visitor.main.get_by_role("button", name="Run", exact=True).click()
    visitor.page.wait_for_url("**/lab?run=*")
    wait_until(visitor, "The best reference, Gaussian", 200)
    drawn(visitor, 3)
    visitor.screenshot("lab-result")
    visitor.main.get_by_role("tab", name="Arrows").click()
    visitor.settled()
    drawn(visitor, 1)
    assert not visitor.complaints


@pytest.mark.long  # the page without a browser is in tests/pages
def test_colours_are_previewed_on_a_narrow_screen(browser, server):
    visitor = Visitor(browser, server.url, width=420, theme="dark")
    visitor.go("/lab?of=Colours")
    drawn(visitor, 4)
    visitor.screenshot("lab-colours-narrow")
    overflow = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    complaints = visitor.complaints
    visitor.close()
    assert overflow <= 0 and not complaints
