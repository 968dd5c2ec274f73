"""Sign-in by an identity provider: only an identity that this server signed opens the door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit import config
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from tests.ui.door.asking import World

SECRET = "a secret of this server"


@pytest.fixture
def world() -> Iterator[World]:
    before = config.get_option("server.cookieSecret")
    config.set_option("server.cookieSecret", SECRET)
    yield World(providers=("default",))
    config.set_option("server.cookieSecret", before)


def cookie(secret: str = SECRET, name: str = "_streamlit_user", **identity: Any) -> str:
    told = {"iss": "https://id.example", "sub": "1"} | identity
    signed = create_signed_value(secret, name, json.dumps(told)).decode()
    return f"_streamlit_user={signed}"


def test_without_an_identity_only_the_way_to_the_provider_is_open(world: World):
    for path in ("/train", "/_stcore/host-config", "/_stcore/upload_file/s/f", "/static/x", "/auth/other"):
        assert world.ask(path, "PUT").status == 401
    page = world.ask("/train?a=1", accept="text/html")
    assert page.status == 401 and b"/sign-in/with?provider=default&amp;next=%2Ftrain%3Fa%3D1" in page.body
    assert not world.reached
    for path in ("/auth/login", "/oauth2callback", "/auth/logout"):
        assert world.ask(path).status == 200
    assert world.ask("/sign-in", "POST", b"password=x").status == 401, "there is no password here"


@pytest.mark.parametrize(
    "given",
    [
        cookie("another secret", is_logged_in=True),
        cookie(name="_streamlit_session", is_logged_in=True),
        cookie(is_logged_in=False),
        cookie(is_logged_in="yes"),
        cookie(),
        cookie(is_logged_in=True, sub=""),
        cookie(is_logged_in=True, sub=None),
        cookie(is_logged_in=True, iss=7),
        '_streamlit_user={"is_logged_in": true}',
        "_streamlit_user=",
    ],
    ids=[
        "another secret",
        "another cookie",
        "logged out",
        "a word",
        "nobody",
        "without a subject",
        "with nothing for a subject",
        "without an issuer",
        "unsigned",
        "empty",
    ],  # no signature in a name
)
def test_an_identity_that_is_not_ours_opens_nothing(world: World, given: str):
    assert world.ask("/", cookie=given).status == 401


def test_an_identity_opens_the_door_and_leads_back_to_the_deep_link(world: World):
    given = cookie(is_logged_in=True, email="a@example.org")
    assert world.ask("/train", cookie=given).status == 200
    back = world.ask("/", cookie=f"{given}; npf_return=%2Ftrain%3Fa%3D1")
    assert (back.status, back.get("location")) == (303, "/train?a=1")
    assert world.ask("/", cookie=f"{given}; npf_return=%2F%2Fevil.example").get("location") == "/"


def test_a_provider_that_is_not_set_up_is_told_in_the_log_and_not_to_the_visitor(world: World):
    answer = world.ask("/sign-in/with?provider=default&next=/train")
    assert answer.status == 503 and b"log says why" in answer.body
