"""The page of a bundle: what it says, that it loads nothing, and that a bundle's words are words."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from npf_engine import resources
from npf_engine.bundle.accuracy_table import accuracy_rows
from npf_engine.bundle.package import read_bundle
from npf_engine.errors import InputError
from npf_engine.figures.print_views import CLOUDS
from npf_engine.numbers import number
from npf_engine.settings.reading import mapping
from npf_engine.studies import printed, report_page
from npf_engine.studies.report_parts import command_of, settings_table


class Tags(HTMLParser):
    """All tags with what they point at."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_a_page_has_all_numbers_and_figures_and_loads_nothing() -> None:
    bundle = read_bundle(resources.gallery() / "npf-himmelblau.zip")
    page = report_page.report_page(bundle, command_of(bundle)).decode()
    tags = Tags(page).found
    pictures = [named["src"] or "" for tag, named in tags if tag == "img"]
    assert len(pictures) == 4 and all(src.startswith("data:image/svg+xml;base64,") for src in pictures)
    assert not {"script", "link", "iframe", "object", "a"} & {tag for tag, _ in tags}
    assert "default-src 'none'" in page
    for row in accuracy_rows(mapping(bundle.report, "metrics")):
        assert number(row.value, 4) in page
    assert "the Monge-Ampere equation holds" in page and "trivial answer" in page and "u is wrong at" in page
    assert f">{bundle.report['verdict']}</span>" in page and "npf_engine train himmelblau" in page
    assert "Brenier" in page and "report.draws" in page


def test_settings_are_those_that_were_read_or_set() -> None:
    told = {"field": {"source": "himmelblau", "unit": "m/s", "sigma": 20.0, "n_samples": 900, "smooth": 2.0}, "seed": 3}
    table = dict(settings_table(told).rows)
    assert {"field.source", "field.n_samples", "field.smooth", "seed"} < set(table) and table["field.unit"] == "m/s"
    assert "field.sigma" not in table


def test_words_of_a_bundle_are_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_such(view: str, *rest: object) -> bytes:
        if view == CLOUDS:
            raise InputError("<img src=x onerror=alert(1)>")
        return b"<svg/>"

    monkeypatch.setattr(printed, "of_model", none_such)
    bundle = read_bundle(resources.gallery() / "npf-himmelblau.zip")
    evil = "<script>alert(1)</script>"
    hostile = dataclasses.replace(
        bundle,
        config=bundle.config | {"name": evil, "field": {"name": evil}, "info": {"warnings": [evil]}},
        report=bundle.report | {"verdict": evil, "verdict_reason": evil, "device": evil},
    )
    model = bundle.model()
    monkeypatch.setattr(type(hostile), "model", lambda self: model)
    tags = Tags(report_page.report_page(hostile, evil).decode()).found
    assert not [tag for tag, named in tags if tag == "script" or "onerror" in named]
    assert len(re.findall("img", str([tag for tag, _ in tags]))) == 3
