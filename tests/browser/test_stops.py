"""What a browser alone knows of a page: a plot is one stop of the Tab key, its files included, on every page that has
plots; names on the map are whole; Back comes to the page that was left."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

RUN = "gallery-jacksboro"
# Pages with plots, and how many there are at least: plotly's, scenes, linked clouds, maps
PAGES = {
    f"/inverse?run={RUN}": 4,
    f"/factorization?run={RUN}": 1,
    f"/factorization?run={RUN}&view=Mesh": 1,
}
# The picture in which the focus is, as a number of its own; null outside, and "end" where there is no focus.
WHERE = """
() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  if (!at || at === document.body) return 'end';
  const plots = globalThis.plotsSeen ??= [];
  let found = null;
  for (let e = at; e; e = e.parentElement ?? e.getRootNode()?.host)
    if (e.matches('[class*=st-key-plot_], .npf-linked, .npf-motion, .map')) found = e;
  if (!found) return null;
  if (!plots.includes(found)) plots.push(found);
  return plots.indexOf(found);
}
"""


def stops(page: Any) -> list[Any]:
    """Where each press of Tab comes to, until the way begins anew."""
    found: list[Any] = []
    for _ in range(150):
        page.keyboard.press("Tab")
        where = page.evaluate(WHERE)
        if where == "end":
            return found
        found.append(where)
    pytest.fail(f"150 stops: {found}")


@pytest.mark.parametrize("way", PAGES)
def test_every_plot_is_one_stop(visitor: Visitor, way: str):
    visitor.go(way)
    visitor.page.wait_for_selector(".js-plotly-plot .modebar, .npf-motion canvas, .npf-linked canvas", state="attached")
    visitor.settled()
    found = [where for where in stops(visitor.page) if where is not None]
    assert len(found) == len(set(found)) >= PAGES[way], found
    assert visitor.complaints == []


def test_arrow_keys_go_on_within_a_plot(visitor: Visitor):
    page = visitor.page
    visitor.go("/theory")
    page.locator("[class*=st-key-plot_matrix_x] button").first.focus()
    name = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"
    seen = [page.evaluate(name)]
    while not seen[-1].endswith("NPZ"):
        page.keyboard.press("ArrowRight")
        seen.append(page.evaluate(name))
        assert seen[-1] not in seen[:-1], seen  # round, and no file was met
    assert {"Zoom", "Pan", "Fullscreen"} < set(seen)
    page.keyboard.press("Tab")
    assert page.locator("[class*=st-key-plot_matrix_m] button:focus").count() == 1
    page.keyboard.press("Shift+Tab")
    assert "NPZ" in page.evaluate("document.activeElement.innerText")  # where it was left
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Download")


def test_t_goes_to_the_tools_of_linked_clouds_and_back(visitor: Visitor):
    page = visitor.page
    visitor.go(f"/factorization?run={RUN}")
    stage = page.get_by_role("application")
    stage.focus()
    page.keyboard.press("t")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # the second tool: the way x, M(x), F(x)
    slider = page.get_by_role("slider", name="Time of the motion")
    slider.wait_for()
    page.keyboard.press("Escape")
    assert slider.evaluate("(found) => found.matches(':focus')")
    page.keyboard.press("ArrowRight")
    page.get_by_text("t = 0.05").wait_for()


# The map of the Earth: its size, and the text and frame of each name on it
NAMES = """
(canvas) => {
  let at = canvas;
  while (!at.npfMap) at = at.parentNode ?? at.host;
  const map = at.npfMap;
  return {wide: map.width, high: map.height, names: map.labels.map(({text, box}) => [text, ...box])};
}
"""


@pytest.mark.parametrize("width", [1440, 420])
def test_names_on_the_map_are_whole_and_its_tools_hide_no_land(browser: Any, server: Server, width: int):
    visitor = Visitor(browser, server.url, width, "light")
    try:
        visitor.go("/field?source=chamonix")
        canvas = visitor.page.locator("canvas[role=application]")
        visitor.page.get_by_role("button", name="Show the whole Earth").click()
        visitor.page.wait_for_function(
            "(canvas) => { let at = canvas; while (!at.npfMap) at = at.parentNode ?? at.host;"
            " return !at.npfMap.waiting && at.npfMap.labels.length > 10; }",
            arg=canvas.element_handle(),
        )
        seen = canvas.evaluate(NAMES)
        cut = [name for name, x0, y0, x1, y1 in seen["names"] if min(x0 + 6, y0) < 0 or x1 - 3 > seen["wide"]]
        assert not cut and {"Aoraki / Mount Cook"} <= {name for name, *_ in seen["names"]}
        ground = canvas.bounding_box()
        for name in ("Closer", "Farther", "Draw a box"):
            tool = visitor.page.get_by_role("button", name=name, exact=True).bounding_box()
            assert tool["y"] >= ground["y"] + ground["height"], name
        assert visitor.complaints == []
    finally:
        visitor.close()


def test_back_from_the_end_of_the_tour_comes_to_its_last_step(visitor: Visitor):
    page = visitor.page
    visitor.go(f"/models?tour=7&run={RUN}")
    page.get_by_role("button", name="Pick a field of your own").click()
    page.locator("h1", has_text="Field").wait_for()
    visitor.settled()
    page.evaluate("history.back()")
    page.locator(".st-key-tour", has_text="7 of 7").wait_for()
    visitor.settled()
    assert page.url.endswith(f"/models?tour=7&run={RUN}")
    page.evaluate("history.forward()")
    page.locator("h1", has_text="Field").wait_for()
    visitor.settled()
    assert visitor.complaints == []
