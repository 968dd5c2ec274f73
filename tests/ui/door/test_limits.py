"""Guesses of the password and uploads: how many, how fast, how much, and what is remembered of them."""

from __future__ import annotations

import logging
import tomllib

import pytest

from npf_engine.settings.limits import MAX_FILE_BYTES
from tests.conftest import ROOT
from tests.ui.door.asking import World
from ui.door import throttle as throttling
from ui.door.settings import MB, Limits

UPLOAD = "/_stcore/upload_file/s/f"


def test_guessing_from_one_address_slows_down_and_is_logged(caplog: pytest.LogCaptureFixture):
    logging.getLogger("npf.door").propagate = True
    world = World(password="sesame")
    seen = [world.sign_in("bad", client="203.0.113.5").status for _ in range(200)]
    assert seen == [401] * 5 + [429] * 195, "guesses are looked at before their time"
    assert sum("203.0.113.5" in line for line in caplog.messages) == 200
    refused = world.sign_in("sesame", client="203.0.113.5")
    assert refused.status == 429 and int(refused.get("retry-after")) >= 2 and b"Try again" in refused.body
    assert world.sign_in("sesame", client="203.0.113.6").status == 303, "another address pays for it"
    looked_at = 0
    for _ in range(3600):
        world.clock.now += 1
        looked_at += world.sign_in("bad", client="203.0.113.5").status == 401
    assert looked_at <= 13
    world.clock.now += 2 * throttling.FORGET
    assert world.sign_in("sesame", client="203.0.113.5").status == 303


def test_guessing_from_many_addresses_is_slowed_but_not_for_those_who_were_in():
    world = World(password="sesame")
    assert world.sign_in("sesame", client="198.51.100.1").status == 303
    seen = [world.sign_in("bad", client=f"10.{n // 250}.{n % 250}.1").status for n in range(500)]
    assert seen.count(401) == throttling.ALL_WRONG
    assert world.sign_in("sesame", client="10.9.9.9").status == 429
    assert world.sign_in("sesame", client="198.51.100.1").status == 303
    world.clock.now += throttling.ALL_SECONDS + 1
    assert world.sign_in("sesame", client="10.9.9.9").status == 303


def test_addresses_are_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(throttling, "ADDRESSES", 50)
    world = World(password="sesame")
    for n in range(200):
        world.sign_in("bad", client=f"10.0.{n}.1")
    assert len(world.door.throttle._records) == 50


def test_a_form_that_is_too_large_is_not_read_on():
    world = World(password="sesame")
    assert world.ask("/sign-in", "POST", [b"password=" + b"x" * 9000] * 1000).status == 413


def test_an_upload_needs_a_session_that_is_there():
    world = World()
    assert world.ask("/_stcore/upload_file/nobody/f", "PUT", [b"x" * 1000] * 50).status == 404
    assert not world.reached
    assert world.ask(UPLOAD, "PUT", [b"x" * 1000] * 50).status == 200
    assert world.read == 50_000


def test_an_upload_is_cut_at_what_really_comes():
    world = World(Limits(session=100_000))
    answer = world.ask(UPLOAD, "PUT", [b"x" * 1000] * 5000, content_length="10")
    assert answer.status == 413 and b"remove a file" in answer.body
    assert world.read <= 100_000
    world.read = 0
    assert world.ask(UPLOAD, "PUT", [b"x"], content_length="200000").status == 413 and world.read == 0
    assert not world.door.uploads._open


def test_what_is_held_already_counts():
    world = World(Limits(session=100_000, total=150_000, files=3))
    world.sessions.files = {"s": (1, 60_000), "other": (1, 60_000)}
    assert world.ask(UPLOAD, "PUT", b"x" * 50_000).status == 413
    assert world.ask(UPLOAD, "PUT", b"x" * 35_000).status == 429
    assert world.ask(UPLOAD, "PUT", b"x" * 20_000).status == 200
    world.sessions.files["s"] = (3, 3)
    assert world.ask(UPLOAD, "PUT", b"x").status == 429


def test_one_address_sends_so_much_in_a_window():
    world = World(Limits(address=100_000, window=600))
    assert world.ask(UPLOAD, "PUT", b"x" * 90_000).status == 200
    again = world.ask(UPLOAD, "PUT", b"x" * 90_000)
    assert again.status == 429 and 0 < int(again.get("retry-after")) <= 601
    assert world.ask(UPLOAD, "PUT", b"x" * 90_000, client="203.0.113.1").status == 200
    world.clock.now += 600
    assert world.ask(UPLOAD, "PUT", b"x" * 90_000).status == 200


def test_open_uploads_are_counted():
    world = World(Limits(open_session=2))
    uploads = world.door.uploads
    first, _ = uploads.begin("s", "a", 0), uploads.begin("s", "b", 0)
    assert world.ask(UPLOAD, "PUT", b"x").status == 429
    uploads.end(first)
    assert world.ask(UPLOAD, "PUT", b"x").status == 200


def test_files_are_freed_when_their_visitor_has_left():
    world = World(Limits(grace=15))
    world.sessions.files = {"s": (1, 10)}
    world.door.uploads.sweep()
    world.sessions.connected.clear()
    for now, there in ((0, True), (14, True), (15, False)):
        world.clock.now = 5000 + now
        world.door.uploads.sweep()
        assert ("s" in world.sessions.files) is there, now


def test_a_visitor_who_comes_back_in_time_keeps_the_files():
    world = World(Limits(grace=15))
    world.sessions.files = {"s": (1, 10)}
    for now, there in ((0, False), (10, True), (20, False), (30, False)):
        world.sessions.connected = {"s"} if there else set()
        world.clock.now = 5000 + now
        world.door.uploads.sweep()
    assert "s" in world.sessions.files


def test_open_pages_are_counted_by_address_and_in_all():
    world = World(Limits(sockets_address=2, sockets_total=3))

    async def one_more(client: str = "192.0.2.1") -> None:
        assert world.door.sockets.enter(client)

    assert world.connect([], client="192.0.2.1") == ["websocket.accept"]
    assert world.connect([], client="192.0.2.1", meanwhile=one_more) == ["websocket.accept"]
    assert world.door.sockets.enter("192.0.2.1")
    assert world.connect([], client="192.0.2.1") == ["websocket.close 1013"], "an address holds two already"
    assert world.door.sockets.enter("192.0.2.2")
    assert world.connect([], client="192.0.2.3") == ["websocket.close 1013"], "three are open in all"
    world.door.sockets.leave("192.0.2.1")
    assert world.connect([], client="192.0.2.1") == ["websocket.accept"]


@pytest.mark.parametrize("password", ["", "sesame"])
def test_a_message_larger_than_any_of_ours_ends_its_socket(password: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ui.door.layer.MESSAGE_BYTES", 1000)
    world = World(password=password)
    headers = {"cookie": world.sign_in("sesame").cookies[0].partition(";")[0]} if password else {}
    small, large = ({"type": "websocket.receive", "bytes": bytes(size)} for size in (1000, 1001))
    assert world.connect([small], **headers) == ["websocket.accept"]
    assert world.connect([small, large, small], **headers) == ["websocket.accept", "websocket.close 1009"]


def test_what_the_browser_may_send_is_held_by_the_door_and_taken_by_what_reads_it():
    with open(ROOT / ".streamlit" / "config.toml", "rb") as file:
        largest = tomllib.load(file)["server"]["maxUploadSize"] * MB
    assert Limits().session >= 2 * largest  # a page asks for two files at most
    assert largest <= MAX_FILE_BYTES
