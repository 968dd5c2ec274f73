"""Axe, a checker of accessibility, over every page: light and dark, wide and narrow.

Findings of Streamlit's own frame, which this project cannot mend, are named in ``ALLOWED`` with their reason; any
other is a failure, of whatever weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from npf_engine import resources
from npf_engine.bundle.package import read_bundle
from npf_engine.studies.report_page import report_page
from npf_engine.studies.report_parts import command_of
from npf_engine.studies.share_page import share_page
from tests.browser.conftest import Server, Visitor, axe
from ui import frame

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class Allowed:
    """Findings that are let pass: axe's rule, within what they lie, and why they are not ours."""

    rule: str
    within: str
    why: str


MENU = "[data-testid=stSidebarNav]"
ALLOWED = (
    Allowed("list", MENU, "Streamlit puts each section of its menu into a div, and the list around it holds divs"),
    Allowed("listitem", MENU, "Streamlit's entries stand in those divs, outside of a list"),
)

RUN = "gallery-jacksboro"
# What there is to see: the bare pages, and of those with views each view of a finished run.
WAYS = (
    *(f"/{'' if name == 'home' else name}" for name in frame.PAGES),
    *(
        f"/factorization?run={RUN}&view={view}"
        for view in ("Accuracy", "Exact", "Mesh", "Monge–Ampère", "Potential", "Helmholtz–Hodge", "t-SNE")
    ),
    *(f"/inverse?run={RUN}&view={view}" for view in ("Trust", "Counts", "Relocation", "Cosine")),
    *(f"/theory?view={view}" for view in ("A line", "The plane")),
    "/landscape?of=Classifier",
    "/lab?of=recolor",
    f"/train?run={RUN}",
    f"/models?run={RUN}",
    f"/models?run={RUN}&with=gallery-himmelblau",
)


def told(page: Any) -> list[str]:
    """What axe complains of, a line an element, without what is allowed."""
    lines = []
    for item in axe(page)["violations"]:
        for node in item["nodes"]:
            where = " ".join(str(part) for part in node["target"])
            if any(one.rule == item["id"] and _within(page, where, one.within) for one in ALLOWED):
                continue
            why = str(node.get("failureSummary", "")).replace("\n", " ")[:220]
            lines.append(f"{item['id']} ({item['impact']}) {where[:200]}: {node['html'][:160]} | {why}")
    return lines


def _within(page: Any, selector: str, outer: str) -> bool:
    return bool(page.locator(selector).first.evaluate("(found, outer) => found.closest(outer) !== null", outer))


@pytest.fixture(params=[(1440, "light"), (1440, "dark"), (420, "light"), (420, "dark")], ids="{0[0]}-{0[1]}".format)
def screen(request: pytest.FixtureRequest, browser: Any, server: Server) -> Iterator[Visitor]:
    found = Visitor(browser, server.url, *request.param)
    found.page.set_default_timeout(300_000)  # some views compute for half a minute, and the machine may be busy
    yield found
    found.close()


def test_axe_finds_nothing_on_any_page(screen: Visitor):
    found = {}
    for way in WAYS:
        screen.go(way)
        if lines := told(screen.page):
            found[way] = lines
    text = "\n".join(f"{way}\n  " + "\n  ".join(lines) for way, lines in found.items())
    assert not found, f"axe finds on {screen.size['width']} px:\n{text}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_what_is_sent_to_others(browser: Any, tmp_path: Path, theme: str):
    bundle = read_bundle(resources.gallery() / "npf-himmelblau.zip")
    made = {"report": report_page(bundle, command_of(bundle)), "share": share_page(bundle, 1000)}
    for name, data in made.items():
        path = tmp_path / f"{name}.html"
        path.write_bytes(data)
        for width in (1200, 420):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
            page.goto(path.as_uri())
            assert told(page) == [], (name, width)
            page.close()
