"""Linked clouds in a real browser: 324,000 samples answer a pointer and a lasso, and a polygon is all that is sent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.alone import page_alone
from tests.browser.conftest import READY

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MANY = 324_000  # samples of the Chamonix grid
HOVER_MS, LASSO_MS, SENT_BYTES = 100, 500, 10_000
VIEW = ".npf-linked"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the synthetic page alone."""
    with page_alone("linked_app.py", tmp_path_factory.mktemp("linked")) as found:
        yield found


class Clouds:
    """The synthetic page in a browser, and what it sends."""

    def __init__(self, browser: Any, address: str, n: int, more: str = "", width: int = 1440) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 1100})
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.sent: list[int] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", lambda socket: socket.on("framesent", lambda data: self.sent.append(len(data))))
        self.page.goto(f"{address}?n={n}{more}")
        self.ready()

    def ready(self) -> None:
        """Wait until the points are drawn and the grids of all panels are built."""
        self.page.wait_for_selector(f"{VIEW}[data-ready=yes]", state="attached")
        self.page.wait_for_selector(READY)

    def told(self, name: str) -> str:
        return str(self.page.locator(VIEW).get_attribute(f"data-{name}") or "")

    def plot(self, title: str) -> dict[str, float]:
        """Where the panel of this title is on the screen."""
        cell = self.page.locator(".cell", has=self.page.locator(".head", has_text=re.compile(f"^{title}$")))
        return dict(cell.locator(".plot").bounding_box())

    def lasso(self, title: str, radius: float) -> None:
        """Draw a circle around the middle of a panel, this share of its half side wide."""
        box = self.plot(title)
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        size = radius * box["width"] / 2
        spots = [2 * math.pi * k / 24 for k in range(25)]
        for k, angle in enumerate(spots):
            self.page.mouse.move(middle[0] + size * math.cos(angle), middle[1] + size * math.sin(angle))
            if k == 0:
                self.page.mouse.down()
        self.page.mouse.up()

    def server_agrees(self) -> int:
        """Wait for the server's count, which must be the browser's."""
        count = self.told("selected")
        self.page.get_by_text(f"The server selects {count} samples.").wait_for()
        return int(count)

    def close(self) -> None:
        assert self.complaints == []
        self.context.close()


def test_324000_samples_answer_at_once_and_send_a_polygon(browser: Any, address: str):
    clouds = Clouds(browser, address, MANY)
    box = clouds.plot("ρ")
    hovers = []
    for k in range(4):
        clouds.page.mouse.move(box["x"] + 100 + 20 * k, box["y"] + 120)
        clouds.page.wait_for_timeout(120)
        hovers.append(float(clouds.told("hover-ms")))
    said = clouds.page.locator(".values").inner_text()
    assert re.search(r"x = \(.*\) km → M\(x\) = \(.*\) km → F\(x\) = \(.*\) m/s", said), said
    clouds.sent.clear()
    lassos = []
    for radius in (0.5, 0.4):
        clouds.lasso("ρ", radius)
        clouds.page.wait_for_selector(f"{VIEW}[data-select-ms]", state="attached")
        share = clouds.server_agrees() / MANY
        lassos.append(float(clouds.told("select-ms")))
        # the range that is shown is 6 % wider than [-1, 1] on each side, and a little more
        assert share == pytest.approx(math.pi * (radius * 1.06) ** 2 / 4, rel=0.12)
    print(f"hover {hovers} ms, lasso {lassos} ms, sent {clouds.sent} bytes, by {clouds.told('renderer')}")
    assert clouds.sent and max(clouds.sent) < SENT_BYTES
    # The quickest of several: a machine that does other things at the same time does not tell how fast this is.
    assert min(hovers) < HOVER_MS and min(lassos) < LASSO_MS
    clouds.close()


@pytest.mark.parametrize("renderer", ["webgl", "raster"])
def test_keys_links_and_both_ways_to_draw(browser: Any, address: str, renderer: str):
    clouds = Clouds(browser, address, 4000, f"&renderer={renderer}")
    page = clouds.page
    assert clouds.told("renderer") == renderer
    stage = page.get_by_role("application")
    stage.focus()
    page.keyboard.press("ArrowRight")
    first = page.locator(".values").inner_text()
    page.keyboard.press("ArrowRight")
    assert first.startswith("x = (") and page.locator(".values").inner_text() != first
    page.keyboard.press("Escape")
    assert page.locator(".values").inner_text().startswith("Point at a sample")
    clouds.lasso("Mθ♯ρ", 0.5)
    count = clouds.server_agrees()
    assert count > 300
    page.wait_for_url("**select=m~0.1~*")
    assert page.locator(VIEW).evaluate(COLOURED) > 500
    page.reload()
    clouds.ready()
    assert int(clouds.told("selected")) == count == clouds.server_agrees()  # from the link
    stage.focus()
    page.keyboard.press("Escape")
    page.get_by_text("The server selects 0 samples.").wait_for()
    assert clouds.told("selected") == "" and "select=" not in page.url
    page.get_by_role("button", name="ρ → ∇u♯ρ").click()
    slider = page.get_by_role("slider", name="Time of the motion")
    slider.fill("0.5")
    page.get_by_text("t = 0.50").wait_for()
    page.get_by_role("button", name="Play").click()
    page.get_by_text("t = 1.00").wait_for()
    clouds.close()


def test_two_panels_a_row_on_a_narrow_screen(browser: Any, address: str):
    clouds = Clouds(browser, address, 1000, width=420)
    tops = {title: clouds.plot(title)["y"] for title in ("F♯ρ", "∇u♯ρ", "ρ", "Mθ♯ρ")}
    assert tops["F♯ρ"] == tops["∇u♯ρ"] < tops["ρ"] == tops["Mθ♯ρ"]
    wide = clouds.page.evaluate(
        "() => (m => m.scrollWidth - m.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    )
    assert wide <= 1
    clouds.close()


def test_an_embedding_of_some_samples_is_linked_with_all(browser: Any, address: str):
    clouds = Clouds(browser, address, 4001, "&tsne=yes")
    clouds.sent.clear()
    clouds.lasso("t-SNE of values", 0.5)
    clouds.page.wait_for_selector(f"{VIEW}[data-select-ms]", state="attached")
    assert 100 < clouds.server_agrees() < 1000  # those in it are a quarter
    assert clouds.page.locator(VIEW).evaluate(COLOURED) > 500 and max(clouds.sent) < SENT_BYTES
    clouds.lasso("ρ", 0.5)
    clouds.page.wait_for_url("**select=rho*")
    assert clouds.server_agrees() > 700
    box = clouds.plot("t-SNE of values")
    clouds.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    clouds.page.locator(".values", has_text="x = (").wait_for()
    clouds.close()


# How many pixels of the points' canvas have a colour, which grey ones do not.
COLOURED = """
(view) => {
  const canvas = view.querySelectorAll('canvas')[1];
  const copy = document.createElement('canvas');
  Object.assign(copy, {width: canvas.width, height: canvas.height});
  const context = copy.getContext('2d');
  context.drawImage(canvas, 0, 0);
  const data = context.getImageData(0, 0, copy.width, copy.height).data;
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {
    const rgb = data.slice(i, i + 3);
    if (data[i + 3] > 100 && Math.max(...rgb) - Math.min(...rgb) > 50) found += 1;
  }
  return found;
}
"""
