"""A shared file in a real browser, from the disk: it plays, and asks nobody for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from npf_engine import resources
from npf_engine.bundle.package import read_bundle
from npf_engine.studies.share_page import share_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
VIEW = ".npf-linked"


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (420, "dark")])
def test_a_shared_file_is_hovered_and_played_without_network(
    browser: Any, tmp_path: Path, width: int, theme: str
) -> None:
    path = tmp_path / "shared.html"
    path.write_bytes(share_page(read_bundle(resources.gallery() / "npf-himmelblau.zip"), 1000))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, offline=True)
    page, complaints, asked = context.new_page(), [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector(f"{VIEW}[data-ready=yes]", state="attached")
    page.get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".values").inner_text().startswith("x = (")
    page.get_by_role("button", name="ρ → ∇u♯ρ").click()
    page.get_by_role("slider", name="Time of the motion").fill("0.4")
    page.get_by_role("button", name="Play").click()
    page.get_by_text("t = 1.00").wait_for()
    wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0 and complaints == [] and asked == [path.as_uri()]
    context.close()
