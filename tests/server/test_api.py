"""The HTTP API: what it answers, for whom, and that it is as it is described."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette

from npf_engine.runs import tokens
from npf_engine.runs.access import person
from npf_engine.server import api, metrics
from npf_engine.studies import kinds
from npf_engine.tasks import layout
from tests.runs import fabricated
from tests.runs.conftest import counting, make_store, store  # noqa: F401

ANNA, BERT = person("i", "anna", "Anna"), person("i", "bert", "Bert")


class Client:
    """Asks an application without a server."""

    def __init__(self, people=True):
        self.app = Starlette(routes=[*api.routes(lambda: people), *metrics.routes()])

    def ask(self, method, path, token="", body=None, kind="application/json", **headers):
        """(status, JSON or bytes) of an answer."""
        path, _, query = path.partition("?")
        named = {"authorization": f"Bearer {token}"} if token else {}
        named |= {"content-type": kind} if body is not None else {}
        sent, answers = body if isinstance(body, bytes) else json.dumps(body).encode(), []
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
        }
        scope |= {"headers": [(k.encode(), v.encode()) for k, v in (named | headers).items()], "root_path": ""}
        scope |= {"scheme": "http", "server": ("x", 1), "client": ("x", 2), "http_version": "1.1"}

        async def receive():
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message):
            answers.append(message)

        # In a thread of its own: beside a browser's tests this one has an event loop at work already.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, self.app(scope, receive, send)).result()
        content = b"".join(message.get("body", b"") for message in answers[1:])
        kind = dict(answers[0]["headers"]).get(b"content-type", b"")
        return answers[0]["status"], json.loads(content) if kind == b"application/json" else content


@pytest.fixture
def client(store):  # noqa: F811
    api.store_of.cache_clear()
    return Client()


@pytest.fixture
def anna(store):  # noqa: F811
    return tokens.make(store.ledger, ANNA, "test")


@pytest.fixture
def bert(store):  # noqa: F811
    return tokens.make(store.ledger, BERT, "test")


PATHS = [(operation.method, api.PREFIX + operation.path.replace("{id}", "x")) for operation, _ in api.OPERATIONS]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_nothing_is_told_without_a_token(client, anna, method, path):
    for given in ("", "npf_x", anna + "x", anna[:-1], "x" * 4000):
        status, told = client.ask(method, path, given, {"spec": {}} if method == "POST" else None)
        assert status == 401 and "the page Account makes them" in told["error"]
    assert client.ask(method, path, anna, {"spec": 1} if method == "POST" else None)[0] != 401


def test_a_run_is_submitted_watched_and_stopped(client, store, anna, bert, monkeypatch):  # noqa: F811
    monkeypatch.setattr("npf_engine.runs.launching.Launching.launch", lambda self: None)
    monkeypatch.setattr(api, "_check_name", lambda *_: None)  # what counting workers are told by is no field
    spec = kinds.spec_to_json(counting(30))
    status, told = client.ask("POST", "/api/v1/runs", anna, {"spec": spec, "name": "by a program"})
    assert status == 201 and told["run"]["name"] == "by a program" and told["run"]["own"]
    run = store.get(told["run"]["id"])
    assert run.owner == ANNA.id and run.spec == counting(30)
    path = f"/api/v1/runs/{run.id}"
    status, told = client.ask("GET", path, anna)
    assert status == 200 and told["status"]["ahead"] == 0 and told["spec"] == spec and told["report"] is None
    (run.folder / layout.EVENTS).write_text('{"kind": "progress", "step": 1}\n{"kind": "progress", "step": 2}\n')
    assert [event["step"] for event in client.ask("GET", f"{path}/events?after=1", anna)[1]["events"]] == [2]
    for method, more in (("GET", ""), ("GET", "/events"), ("GET", "/download"), ("POST", "/cancel")):
        assert client.ask(method, path + more, bert)[0] == 404
    assert {told["source"] for told in client.ask("GET", "/api/v1/runs", bert)[1]["runs"]} <= {"gallery"}
    assert client.ask("POST", f"{path}/cancel", anna)[1]["run"]["state"] == "cancelled"
    store.seen_by(ANNA).share(run.id, "public")
    assert client.ask("GET", path, bert)[1]["run"]["own"] is False
    status, told = client.ask("POST", f"{path}/cancel", bert)
    assert status == 403 and "is somebody else's" in told["error"]


def test_what_cannot_be_done_is_a_sentence(client, anna, monkeypatch):
    monkeypatch.setattr("npf_engine.runs.launching.Launching.launch", lambda self: None)
    train = {"kind": "train"}
    for body, sentence in (
        ({"spec": train | {"u": {"pair_size": -1}}}, "pair"),
        ({"spec": train | {"nonsense": 1}}, "nonsense"),
        ({"spec": {"kind": "nonsense"}}, "nonsense"),
        ({"spec": train | {"field": {"source": "/etc/passwd"}}}, "cannot be opened here"),
        ({"spec": train | {"field": {"source": "jacksborro"}}}, "did you mean"),
        ({"spec": train, "name": "x" * 500}, "name"),
        ({"spec": []}, "an object of settings"),
        ({"spec": train, "owner": "me"}, "`spec` and `name`"),
        ([1], "send an object"),
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
    ):
        status, told = client.ask("POST", "/api/v1/runs", anna, body)
        assert status == 400 and sentence in told["error"], told
    assert client.ask("POST", "/api/v1/runs", anna, b"{}", kind="text/plain")[0] == 415
    assert client.ask("POST", "/api/v1/runs", anna, b" " * (api.MOST_BODY + 1))[0] == 413
    for query in ("limit=-1", "limit=x", "limit=" + "9" * 40):
        assert client.ask("GET", f"/api/v1/runs?{query}", anna)[0] == 400
    assert client.ask("GET", "/api/v1/nothing", anna) == (404, {"error": f"there is nothing here; {HELP}"})
    assert client.ask("PUT", "/api/v1/runs", anna)[0] == 405


HELP = "/api/v1/openapi.json says what there is"


def test_what_came_out_is_downloaded(client, store, anna):  # noqa: F811
    run = fabricated.sampled(store)
    store.table.update(run.id, owner=ANNA.id)
    (run.folder / "particles.npz").write_bytes(b"x")
    status, content = client.ask("GET", f"/api/v1/runs/{run.id}/download", anna)
    assert status == 200 and content == store.archive(run.id) and content[:2] == b"PK"


def test_where_nobody_signs_in_no_token_is_asked_for(client, store):  # noqa: F811
    run = fabricated.sampled(store)
    found = Client(people=False).ask("GET", "/api/v1/runs")[1]["runs"]
    assert [told["id"] for told in found if told["source"] != "gallery"] == [run.id]


def test_fields_and_kinds_are_those_of_the_command_line(client, anna):
    assert "jacksboro" in [field["name"] for field in client.ask("GET", "/api/v1/fields", anna)[1]["fields"]]
    assert {kind["name"] for kind in client.ask("GET", "/api/v1/kinds", anna)[1]["kinds"]} == set(kinds.known())


def test_the_description_names_every_route(client):
    status, told = client.ask("GET", "/api/v1/openapi.json")
    assert status == 200 and told["openapi"] == "3.1.0"
    described = {(method.upper(), path) for path, item in told["paths"].items() for method in item}
    assert described == {(operation.method, operation.path) for operation, _ in api.OPERATIONS}
    references = [part.split('"')[0] for part in json.dumps(told).split("#/components/schemas/")[1:]]
    assert references and set(references) <= told["components"]["schemas"].keys()


def test_health_and_numbers(client, store, monkeypatch):  # noqa: F811
    fabricated.sampled(store)
    assert client.ask("GET", "/healthz") == (200, b"ok")
    assert client.ask("GET", "/metrics")[0] == client.ask("GET", "/metrics", "")[0] == 404
    monkeypatch.setenv("NPF_METRICS_TOKEN", "secret")
    assert client.ask("GET", "/metrics", "wrong")[0] == 404
    status, told = client.ask("GET", "/metrics", "secret")
    lines = told.decode().splitlines()
    assert status == 200 and 'npf_runs{state="done"} 1' in lines and 'npf_runs{state="failed"} 0' in lines
