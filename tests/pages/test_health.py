"""What every page says when the machine is in trouble."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from npf_engine.errors import DiskFull
from npf_engine.runs.schema import Table
from npf_engine.runs.store import RunStore
from tests.conftest import ROOT
from ui import frame

FULL = "the disk that holds the table is full; free some space and try again"


def shown(page: str) -> tuple[list[str], list[str], AppTest]:
    """The errors and warnings of a page, through app.py."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.run()
    if page != "home":
        app.switch_page(frame.PAGES[page].file).run()
    assert not app.exception
    return [item.value for item in app.error], [item.value for item in app.warning], app


@pytest.mark.parametrize("page", list(frame.PAGES))
def test_every_page_says_why_nothing_can_be_read(page: str, monkeypatch: pytest.MonkeyPatch):
    def rows(self: Table, *_: str) -> list[object]:
        raise DiskFull(FULL)

    RunStore(gallery=None)
    monkeypatch.setattr(Table, "rows", rows)
    errors, warnings, _ = shown(page)
    assert any("is full; free some space" in text for text in (*errors, *warnings))


def test_trouble_stands_above_a_page_that_can_still_be_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(RunStore, "trouble", lambda self: FULL)
    errors, warnings, app = shown("train")
    assert any("is full" in text for text in warnings) and not errors and app.title


def test_a_table_that_was_mended_is_told_until_somebody_has_read_it():
    store = RunStore(gallery=None)
    store.folder.joinpath("lost-run-abcdef").mkdir()
    store.table.path.write_bytes(b"no database" * 999)
    _, _, app = shown("home")
    assert any("was damaged and was made again" in item.value for item in app.markdown)
    app.button(key="table_mended_read").click().run()
    assert not any("was made again" in item.value for item in app.markdown)
