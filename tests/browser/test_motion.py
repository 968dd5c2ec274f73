"""Scenes in motion in a real browser: they play by themselves, quickly enough, and the server hears nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.alone import page_alone

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SCENE = ".npf-motion"
LEAST = 2  # frames a second of two chains of 5,000: 50 here; one where a server draws them


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of the synthetic scenes alone."""
    with page_alone("motion_app.py", tmp_path_factory.mktemp("motion")) as found:
        yield found


class Stage:
    """One synthetic scene in a browser, and what goes between it and the server."""

    def __init__(self, browser: Any, address: str, query: str, **how: object) -> None:
        self.context = browser.new_context(viewport={"width": 1200, "height": 1000}, **how)
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.traffic: list[int] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("websocket", self._listen)
        self.page.goto(f"{address}?{query}")
        self.page.wait_for_selector(f"{SCENE} canvas")
        self.page.wait_for_timeout(500)
        self.traffic.clear()

    def _listen(self, socket: Any) -> None:
        for name in ("framesent", "framereceived"):
            socket.on(name, lambda data: self.traffic.append(len(data)))

    def told(self, name: str) -> str:
        return str(self.page.locator(SCENE).get_attribute(f"data-{name}") or "")

    @property
    def slider(self) -> Any:
        return self.page.get_by_role("slider")

    def picture(self) -> bytes:
        return bytes(self.page.locator(SCENE).screenshot())

    def close(self) -> None:
        assert self.complaints == [] and self.traffic == []
        self.context.close()


def test_5000_particles_play_and_the_server_hears_nothing(browser: Any, address: str):
    stage = Stage(browser, address, "scene=particles&n=5000")
    stage.page.get_by_role("button", name="Play").click()
    stage.page.wait_for_timeout(1500)
    stage.page.get_by_role("button", name="Pause").click()
    print(f"{stage.told('fps')} frames a second, {stage.told('own')} ms of each is ours")
    assert float(stage.told("fps")) >= LEAST
    assert float(stage.slider.input_value()) > 0.01
    stage.close()


def test_keys_do_what_the_buttons_do(browser: Any, address: str):
    stage = Stage(browser, address, "scene=particles&n=200")
    stage.slider.focus()
    first = stage.picture()
    stage.page.keyboard.press("End")
    stage.page.get_by_text("LMC-NPF, step 3,990").wait_for()
    assert stage.picture() != first
    stage.page.keyboard.press(" ")  # from the beginning again
    stage.page.get_by_role("button", name="Pause").wait_for()
    stage.page.keyboard.press(".")
    assert stage.page.get_by_label("Speed", exact=True).input_value() == "2"
    stage.page.keyboard.press(" ")
    stage.page.get_by_role("button", name="Play").wait_for()
    stage.page.keyboard.press("Home")
    stage.page.keyboard.press("ArrowRight")
    assert stage.slider.get_attribute("aria-valuetext") == "step 10"
    stage.close()


def test_who_asked_for_less_motion_sees_single_moments(browser: Any, address: str):
    stage = Stage(browser, address, "scene=particles&n=200", reduced_motion="reduce")
    stage.page.get_by_role("button", name="Play").click()
    stage.page.wait_for_timeout(1200)
    stage.page.get_by_role("button", name="Pause").click()
    moments = float(stage.slider.input_value()) * 20
    assert moments == pytest.approx(round(moments), abs=0.05) and moments >= 1
    stage.close()


def test_a_cell_of_the_mesh_says_what_becomes_of_it(browser: Any, address: str):
    stage = Stage(browser, address, "scene=mesh")
    box = stage.page.locator(".plot").first.bounding_box()
    stage.page.mouse.move(box["x"] + 0.5 * box["width"] + 20, box["y"] + 0.3 * box["height"])
    said = stage.page.locator(".values").inner_text()
    assert said.startswith("cell at (5.") and said.endswith("area × 1.000"), said
    stage.slider.focus()
    stage.page.keyboard.press("End")
    stage.page.get_by_text("t = 1.00").wait_for()
    stage.page.get_by_role("button", name="x → M(x) → F(x)").click()
    stage.page.keyboard.press("Tab")
    stage.page.get_by_text("t = 1.00").wait_for()
    stage.close()


def test_u_and_its_conjugate_say_the_identity_at_the_point_that_is_picked(browser: Any, address: str):
    stage = Stage(browser, address, "scene=legendre")
    page, said = stage.page, stage.page.locator(".identity")
    plot = page.get_by_role("application")
    plot.focus()
    for key in ("ArrowLeft",) * 3 + ("ArrowUp",) * 3:
        page.keyboard.press(key)
    page.get_by_text("u(x) + u*(y) = 0.2500 + 0.2500 = 0.5000").wait_for()
    assert said.inner_text().startswith("x = (0.5000, 0.0000)") and said.inner_text().endswith("⟨x, y⟩ = 0.5000")
    page.keyboard.press("Enter")  # keeps the point
    kept, box = said.inner_text(), page.locator(".plot").last.bounding_box()
    before = stage.picture()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + box["height"] / 2 + 10, steps=4)
    page.mouse.up()
    page.wait_for_timeout(300)
    assert said.inner_text() == kept and stage.picture() != before  # turned, the point stays
    page.keyboard.press("Enter")
    stage.close()


def test_a_region_is_a_map_from_above_and_turns_in_space(browser: Any, address: str):
    stage = Stage(browser, address, "scene=region")
    tilted = stage.picture()
    stage.page.get_by_role("button", name="From above").click()
    stage.page.get_by_text("from above", exact=True).wait_for()
    above = stage.picture()
    assert above != tilted
    stage.page.get_by_label("Arrows of F").uncheck()
    assert stage.picture() != above
    stage.page.get_by_role("button", name="Play").click()
    stage.page.wait_for_timeout(800)
    stage.page.get_by_role("button", name="Pause").click()
    assert 0 < float(stage.slider.input_value()) < 1
    print(f"{stage.told('fps')} frames a second, {stage.told('own')} ms of each is ours")
    stage.close()
