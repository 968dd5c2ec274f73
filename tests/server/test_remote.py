"""``npf --server``: a training is submitted to a real server on loopback, followed, and its bundle fetched."""

from __future__ import annotations

import io
import json
import threading
import urllib.error
from http.client import HTTPMessage

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import RedirectResponse
from starlette.routing import Route

from npf_engine import cli
from npf_engine.cli import remote
from npf_engine.errors import InputError, TrainingDiverged
from npf_engine.runs import tokens
from npf_engine.runs.access import person
from npf_engine.server import api
from tests.runs.conftest import counting, make_store, store  # noqa: F401

ANNA = person("i", "anna", "Anna")


@pytest.fixture
def address(store):  # noqa: F811
    """A server whose workers count in place of training."""
    api.store_of.cache_clear()
    served = api.store_of(store.home)
    served.scheduler.executor.command = store.scheduler.executor.command
    leading = Route("/elsewhere/api/v1/runs", lambda request: RedirectResponse("http://127.0.0.1:9/"), methods=["POST"])
    config = uvicorn.Config(Starlette(routes=[*api.routes(lambda: True), leading]), port=0, log_level="error")
    server = uvicorn.Server(config)
    ready = threading.Event()
    thread = threading.Thread(target=_serve, args=(server, ready), daemon=True)
    thread.start()
    assert ready.wait(30)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def _serve(server, ready):
    original = server.startup

    async def startup(sockets=None):
        await original(sockets)
        ready.set()

    server.startup = startup
    server.run()


@pytest.fixture
def token(store):  # noqa: F811
    return tokens.make(store.ledger, ANNA, "test")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(remote, "EVERY", 0.1)
    monkeypatch.setattr(api, "_check_name", lambda *_: None)  # what counting workers are told by is no field


def test_a_run_is_submitted_followed_and_fetched(address, token, store, tmp_path, monkeypatch):  # noqa: F811
    said = []
    bundle = b"PK what the worker left"
    monkeypatch.setattr("npf_engine.runs.store.RunStore.archive", lambda self, run_id: bundle)
    server = remote.Server(address, token)
    report = remote.run(server, counting(30), "from afar", str(tmp_path / "out"), said.append)
    (run,) = [found for found in store.seen_by(ANNA).list() if found.source == "trained"]
    assert run.owner == ANNA.id and run.name == "from afar" and run.state == "done"
    assert (tmp_path / "out" / f"{run.id}.zip").read_bytes() == bundle and report["bundle"].endswith(f"{run.id}.zip")
    assert report["verdict"] == "good" and said[0] == f"submitted as {run.id}" and said[-1] == "done"


def test_a_run_that_fails_is_a_sentence(address, token):
    with pytest.raises(TrainingDiverged, match="row 3 of the table has no number"):
        remote.run(remote.Server(address, token), counting(source="bad input"), "", None, lambda text: None)


def test_the_servers_sentence_is_ours(address, token, capsys):
    assert cli.main(["--server", address, "train", "jacksboro"]) == 2
    assert "the page Account makes them" in capsys.readouterr().err
    with pytest.raises(InputError, match="cannot be opened here"):
        remote.run(remote.Server(address, token), counting(source="/etc/passwd"), "", None, lambda text: None)
    assert cli.main(["--server", address, "lab", "gaussian"]) == 2
    assert "takes `train` alone" in capsys.readouterr().err
    assert cli.main(["--server", address, "train", "jacksboro", "--seeds", "0..3"]) == 2
    assert "one training of a named field" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("npf.example.org", "give the address of a server"),
        ("ftp://x", "give the address of a server"),
        ("http://npf.example.org", "use https"),
        ("http://127.0.0.1.example.org", "use https"),
    ],
)
def test_a_token_is_sent_to_nobody_by_mistake(given, sentence):
    with pytest.raises(InputError, match=sentence):
        remote.Server(given, "npf_x")


def test_a_token_follows_no_redirection(address, token):
    with pytest.raises(InputError, match="leads on to"):
        remote.Server(f"{address}/elsewhere", token).ask("POST", "/runs", {})


def test_a_server_that_is_not_there_is_a_sentence():
    with pytest.raises(remote.Away, match="does not answer"):
        remote.Server("http://127.0.0.1:9").ask("GET", "/runs")


def test_an_id_that_is_a_path_is_not_written(monkeypatch, tmp_path):
    server = remote.Server("http://127.0.0.1:9")
    monkeypatch.setattr(server, "ask", lambda *_: json.loads('{"run": {"id": "../../x"}}'))
    with pytest.raises(InputError, match="an id that no run has"):
        remote.run(server, counting(), "", str(tmp_path), lambda text: None)


def test_what_a_server_says_is_cleaned_and_needs_no_more_than_it_says(monkeypatch):
    told = {"run": {"state": "running"}, "status": {"step": 0, "total": 0, "stage": None}}
    assert remote._line(told) == "starting"
    told["status"] = {"step": 3, "total": 9, "stage": "u", "text": "on"}
    assert remote._line(told) == "u: 3 of 9 on"
    assert remote._line({"run": {"state": "queued"}, "status": {}}) == "queued, 0 before it"
    for body, sentence in ((b'{"error": "a\\u001b[2Jb"}', "a [2Jb"), (b"[]", "answers 400 no ; check")):
        error = urllib.error.HTTPError("http://x", 400, "no\x07", HTTPMessage(), io.BytesIO(body))
        assert sentence in str(remote._sentence(error, "http://x"))
    server = remote.Server("http://127.0.0.1:9")
    monkeypatch.setattr(server, "ask", lambda *_: {"run": {"id": "a"}, "status": {}})
    with pytest.raises(InputError, match="state"):
        remote.run(server, counting(), "", None, lambda text: None)
