"""People whom a trusted proxy names, on a real server: its header is believed, and says who looks at a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from npf_engine.runs.access import person
from npf_engine.runs.store import RunStore
from tests.browser.conftest import Server
from tests.runs import fabricated
from tests.runs.conftest import counting
from ui.door.people import HEADER

pytestmark = [pytest.mark.browser, pytest.mark.group, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app behind a proxy of this machine."""
    home = tmp_path_factory.mktemp("proxied")
    given = {
        "NPF_USER_HEADER": "X-Forwarded-Email",
        "NPF_TRUSTED_PROXIES": "127.0.0.1",
        "NPF_ADMINS": "root@example.org",
    }
    found = Server(home, FORWARDED_ALLOW_IPS="", **given)
    found.start()
    yield found
    found.stop()


def page_of(server: Server, path: str, **headers: str) -> bytes:
    """All that a page is told until its script has run, as bytes."""
    from websockets.sync.client import connect

    address = f"ws://127.0.0.1:{server.port}/_stcore/stream"
    asked = BackMsg()
    asked.rerun_script.page_name, _, asked.rerun_script.query_string = path.partition("?")
    told = b""
    with connect(address, additional_headers=headers, subprotocols=["streamlit"], max_size=None) as socket:  # type: ignore[list-item]
        socket.send(asked.SerializeToString())
        for message in socket:
            told += message if isinstance(message, bytes) else message.encode()
            if b"Brenier's theorem: for a field" in told:  # the footer
                return told
    return told


def test_the_header_says_who_looks_at_a_page(server: Server):
    store = RunStore(server.home)
    owner = person(HEADER, "anna@example.org", "").id
    run = fabricated.run(store, counting(), "of Anna alone", None, owner=owner)
    anna = {"X-Forwarded-Email": "anna@example.org"}
    for path in ("models", f"train?run={run.id}"):
        assert b"of Anna alone" in page_of(server, path, **anna)
        assert b"of Anna alone" not in page_of(server, path, **{"X-Forwarded-Email": "bert@example.org"})
    assert b"Signed in as **anna@example.org**." in page_of(server, "account", **anna)
    admin = page_of(server, "account", **{"X-Forwarded-Email": "root@example.org"})
    assert (
        b"an administrator" in admin
        and b"Audit log" in admin
        and b"Audit log" not in page_of(server, "account", **anna)
    )


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-Email": " "}, {"X-Forwarded-User": "anna@example.org"}])
def test_without_it_nobody_is_let_in(server: Server, headers: dict[str, Any]):
    from websockets.exceptions import InvalidStatus

    with pytest.raises(InvalidStatus, match="403"):
        page_of(server, "models", **headers)
