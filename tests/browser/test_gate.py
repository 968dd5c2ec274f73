"""The sign-in, met by a deep link as the very first request of a real server, and what that server lets through."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Server, Visitor
from tests.conftest import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("gate"), NPF_PASSWORD="open sesame")
    server.start()
    yield server
    server.stop()


def status(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_deep_link_meets_the_gate_first(browser: Any, guarded: Server):
    visitor = Visitor(browser, guarded.url)
    visitor.page.goto(guarded.url + "/train?source=fractal")
    assert "Sign in" in visitor.text()
    assert visitor.main.get_by_role("button", name="Train", exact=True).count() == 0
    visitor.page.get_by_label("Password", exact=True).fill("wrong")
    visitor.main.get_by_role("button", name="Sign in").click()
    visitor.page.get_by_role("alert").wait_for()
    assert "not the password" in visitor.text()
    visitor.page.get_by_label("Password", exact=True).fill("open sesame")
    visitor.main.get_by_role("button", name="Sign in").click()
    visitor.page.get_by_test_id("stSidebarNav").get_by_text("Models").wait_for()
    assert visitor.page.url.endswith("/train?source=fractal"), "the deep link was lost"
    visitor.complaints.clear()
    visitor.go("/models")
    assert visitor.page.evaluate("document.cookie").count("npf_sign_in") == 0, "scripts can read the cookie"
    assert not visitor.complaints, "the content policy blocks something"
    other = Visitor(browser, guarded.url)
    other.page.goto(guarded.url + "/models")
    assert "Sign in" in other.text(), "another visitor was let in without a password"
    other.close()
    visitor.page.get_by_role("link", name="Sign out").click()
    visitor.page.get_by_label("Password", exact=True).wait_for()
    visitor.page.goto(guarded.url + "/models")
    assert visitor.page.get_by_label("Password", exact=True).count() == 1
    visitor.close()


def test_a_real_server_lets_nothing_through(guarded: Server):
    for path in ("/_stcore/host-config", "/_stcore/metrics", "/_stcore/agent/openapi.json", "/static/js/", "/"):
        assert status(guarded.url + path) == 401, path
    assert status(guarded.url + "/_stcore/health") == 200
    assert status(guarded.url + "/", Host="evil.example") == 403
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=10) as line:
        line.sendall(
            b"GET /_stcore/stream HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b" 403 " in line.recv(100)


def test_a_public_address_without_a_sign_in_is_not_served(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "0"],
        cwd=ROOT,
        env=os.environ | {"NPF_HOME": str(tmp_path), "NPF_PASSWORD": "", "NPF_OPEN": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2 and "set NPF_PASSWORD" in done.stderr
