"""The frame of the app: every page of the menu, the sign-in, and the size of the entry file."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.conftest import ROOT
from tests.pages.conftest import open_page, texts
from ui import frame


@pytest.mark.parametrize("name", list(frame.PAGES))
def test_every_page_opens_on_an_empty_home(name: str):
    app = open_page(name)
    assert app.title, f"{name} has no title"
    assert not app.error


def test_entry_file_stays_an_entry_file():
    assert len((ROOT / "app.py").read_text().splitlines()) < 60


def test_no_script_lies_directly_in_pages():
    # Streamlit would serve it on a deep link without app.py, and so without the gate.
    scripts = [path.name for path in (ROOT / "pages").glob("*.py")]
    assert scripts == ["__init__.py"]
    assert not (ROOT / "pages" / "__init__.py").read_text().strip()


def test_a_server_started_around_the_door_shows_no_page(monkeypatch: pytest.MonkeyPatch):
    # Before the pages stands the door (tests/ui/door, tests/browser/test_gate.py); here there is none.
    monkeypatch.setenv("NPF_PASSWORD", "s3cret")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.run()
    assert [item.value for item in app.title] == ["Sign in"]
    for name in frame.PAGES:
        app.switch_page(f"pages/{name}/page.py")
        app.run()
        assert [item.value for item in app.title] == ["Sign in"], f"{name} is shown without a password"
        assert not app.button


def test_without_a_password_there_is_no_gate():
    app = open_page("home")
    assert "Sign out" not in texts(app)
