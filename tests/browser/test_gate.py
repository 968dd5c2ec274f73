"""The sign-in, met by a deep link as the very first request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


def test_deep_link_meets_the_gate_first(browser: Any, tmp_path: Path):
    server = Server(tmp_path, NPF_PASSWORD="open sesame")
    server.start()
    try:
        visitor = Visitor(browser, server.url)
        visitor.go("/train?source=fractal")
        assert "Sign in" in visitor.text()
        assert visitor.main.get_by_role("button", name="Train", exact=True).count() == 0
        visitor.page.get_by_label("Password", exact=True).fill("open sesame")
        visitor.main.get_by_role("button", name="Sign in").click()
        visitor.page.get_by_test_id("stSidebarNav").get_by_text("Models").wait_for()
        visitor.close()
        other = Visitor(browser, server.url)
        other.go("/models")
        assert "Sign in" in other.text(), "another visitor was let in without a password"
        other.close()
    finally:
        server.stop()
