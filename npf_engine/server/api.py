"""What the API answers. Every operation asks the store of whom the token speaks for."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from npf_engine.errors import InputError
from npf_engine.fields.spec import FieldSpec
from npf_engine.runs import tokens
from npf_engine.runs.access import ALONE
from npf_engine.runs.row import Run
from npf_engine.runs.store import RunStore
from npf_engine.server.description import ASKED, OBJECT, PREFIX, TEXT, Operation, items, openapi, record, ref
from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.tasks import layout

MOST_BODY = 2**20  # bytes of a spec
MOST_RUNS, MOST_EVENTS = 500, 5000  # of one answer
BEARER = "bearer "
Answer = dict[str, object]
People = Callable[[], bool]  # whether visitors are told apart, so that a token is asked for


class Failed(Exception):
    """What is answered in place of what was asked for."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


@functools.lru_cache(maxsize=4)
def store_of(home: Path) -> RunStore:
    """The runs of a home folder, of everybody."""
    return RunStore(home)


def viewed(request: Request, people: People) -> RunStore:
    """The runs as whom the request speaks for may see and change them. Raises Failed."""
    store = store_of(layout.home())
    if not people():
        return store.seen_by(ALONE)
    given = request.headers.get("authorization", "")
    found = tokens.holder(store.ledger, given[len(BEARER) :].strip()) if given.lower().startswith(BEARER) else None
    if found is None:
        raise Failed(
            401, "give a token that is known here, as `Authorization: Bearer ...`; the page Account makes them"
        )
    return store.seen_by(found)


# --- what can be asked ---


def get_fields(store: RunStore, request: Request, body: Answer) -> Answer:
    """As ``npf fields --json``."""
    from npf_engine.fields.catalog import list_fields

    keys = ("name", "kind", "d", "n", "units", "needs_network")
    return {"fields": [{key: getattr(info, key) for key in keys} for info in list_fields()]}


def get_kinds(store: RunStore, request: Request, body: Answer) -> Answer:
    """Each kind of run with the settings that it starts from."""
    found = [
        {"name": kind.name, "title": kind.title, "spec": kinds.spec_to_json(kind.default())}
        for kind in kinds.known().values()
    ]
    return {"kinds": found}


def get_runs(store: RunStore, request: Request, body: Answer) -> Answer:
    """The runs of the viewer's list, newest first."""
    most = _whole(request, "limit", MOST_RUNS)
    state, kind = request.query_params.get("state"), request.query_params.get("kind")
    found = [run for run in store.list(kind) if state is None or run.state == state]
    return {"runs": [_run(store, run) for run in found[: min(most, MOST_RUNS)]]}


def post_runs(store: RunStore, request: Request, body: Answer) -> Answer:
    """Submit a run."""
    unknown = sorted(body.keys() - {"spec", "name"})
    spec, name = body.get("spec"), body.get("name", "")
    if unknown:
        raise InputError(f"the request has {limits.shown(unknown[0])}, which is not known; it has `spec` and `name`")
    if not isinstance(spec, dict) or not isinstance(name, str):
        raise InputError("give `spec`, an object of settings, and, if you like, `name`, a text")
    asked = kinds.spec_from_json(spec)
    _check_name(store, asked)
    return {"run": _run(store, store.submit(asked, name))}


def get_run(store: RunStore, request: Request, body: Answer) -> Answer:
    """A run, its settings, how it stands, and what came out."""
    run = _found(store, request)
    told = store.status(run.id)
    shown = ("stage", "step", "total", "seconds_left", "text", "waiting", "ahead")
    status = {key: value for key, value in told.items() if key in shown}
    return {"run": _run(store, run), "spec": run.spec_json, "status": status, "report": store.report(run.id)}


def get_events(store: RunStore, request: Request, body: Answer) -> Answer:
    """What the run has told since the line ``after``."""
    run = _found(store, request)
    return {"events": store.events(run.id, _whole(request, "after", 0))[:MOST_EVENTS]}


def post_cancel(store: RunStore, request: Request, body: Answer) -> Answer:
    """Stop a run; it saves first."""
    run = _found(store, request)
    if not store.may_change(run):
        raise Failed(403, f"{run.name!r} is somebody else's and cannot be cancelled; repeat it as a run of your own")
    return {"run": _run(store, store.cancel(run.id))}


def get_download(store: RunStore, request: Request, body: Answer) -> Response:
    """A training's bundle; of another run its settings, report and results."""
    run = _found(store, request)
    name = f"{layout.slug(run.name)}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(store.archive(run.id), media_type="application/zip", headers=headers)


def _check_name(store: RunStore, spec: Spec) -> None:
    """Raise InputError now, not when the run starts, where its field has a name that is none; nothing is fetched."""
    from npf_engine.fields.sources.registry import source_of

    field = getattr(spec, "field", None)
    if isinstance(field, FieldSpec):
        store.check_source(field.source)
        getattr(source_of(field), "place", None)  # a place is looked for by asking


Does = Callable[[RunStore, Request, Answer], Answer | Response]
ONE_RUN = record(run=ref("Run"))
KIND = record(name=TEXT, title=TEXT, spec=OBJECT)
WHOLE_RUN = record(run=ref("Run"), spec=OBJECT, status=ref("Status"), report={"type": ["object", "null"]})
LISTED = (("kind", TEXT), ("state", TEXT), ("limit", ASKED))
OPERATIONS: tuple[tuple[Operation, Does], ...] = (
    (Operation("GET", "/fields", "The fields that have a name.", items("fields", ref("Field"))), get_fields),
    (Operation("GET", "/kinds", "Kinds of run, and where their settings start.", items("kinds", KIND)), get_kinds),
    (Operation("GET", "/runs", "Your runs and those of all.", items("runs", ref("Run")), query=LISTED), get_runs),
    (
        Operation("POST", "/runs", "The run, in the queue.", ONE_RUN, 201, ref("Submit"), fails=(413, 415)),
        post_runs,
    ),
    (Operation("GET", "/runs/{id}", "A run, its status and its report.", WHOLE_RUN, fails=(404,)), get_run),
    (
        Operation(
            "GET",
            "/runs/{id}/events",
            "What it has told since line `after`.",
            items("events", OBJECT),
            query=(("after", ASKED),),
            fails=(404,),
        ),
        get_events,
    ),
    (Operation("POST", "/runs/{id}/cancel", "The run, asked to stop.", ONE_RUN, fails=(403, 404)), post_cancel),
    (Operation("GET", "/runs/{id}/download", "What it left, as a zip.", None, fails=(404,)), get_download),
)


def description() -> dict[str, object]:
    """The API by OpenAPI."""
    return openapi(operation for operation, _ in OPERATIONS)


def routes(people: People) -> list[BaseRoute]:
    """The routes of the API, for an ASGI application. ``people``: whether visitors are told apart."""

    async def described(request: Request) -> Response:
        return JSONResponse(description())

    made = [Route("/openapi.json", described, methods=["GET"])]
    paths: dict[str, dict[str, tuple[Operation, Does]]] = {}
    for operation, does in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = (operation, does)
    made += [Route(path, _endpoint(known, people), methods=list(known)) for path, known in paths.items()]
    return [Mount(PREFIX, app=Starlette(routes=made, exception_handlers={HTTPException: refused}))]


async def refused(request: Request, error: Exception) -> Response:
    """An answer of the router itself (no such path, no such method) as JSON."""
    assert isinstance(error, HTTPException)
    said = {
        404: f"there is nothing here; {PREFIX}/openapi.json says what there is",
        405: "this is asked in another way",
    }
    sentence = said.get(error.status_code, str(error.detail))
    return JSONResponse({"error": sentence}, error.status_code, headers=error.headers)


def _endpoint(known: Mapping[str, tuple[Operation, Does]], people: People) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        operation, does = known.get(request.method) or known["GET"]  # HEAD is a GET without its body
        try:
            store = await run_in_threadpool(viewed, request, people)
            body = {} if operation.body is None else await _body(request)
            answer = await run_in_threadpool(does, store, request, body)
        except Failed as failed:
            return JSONResponse({"error": failed.sentence}, failed.status)
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400)
        return answer if isinstance(answer, Response) else JSONResponse(layout.finite(answer), operation.status)

    return endpoint


async def _body(request: Request) -> Answer:
    """The JSON object that was sent. Raises Failed."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Failed(415, "send JSON, with `Content-Type: application/json`")
    sent = b""
    async for part in request.stream():
        sent += part
        if len(sent) > MOST_BODY:
            raise Failed(413, f"a request has at most {MOST_BODY // 1024} kB")
    try:
        told = json.loads(sent)
    except (ValueError, RecursionError):
        raise Failed(400, "what was sent is no JSON") from None
    if not isinstance(told, dict):
        raise Failed(400, "send an object, with `spec` in it")
    return told


def _found(store: RunStore, request: Request) -> Run:
    """The run of the path. Raises Failed where there is none for the viewer."""
    run = store.find(request.path_params["id"])
    if run is None:
        raise Failed(404, f"there is no run {limits.shown(request.path_params['id'])}; it may have been deleted")
    return run


def _run(store: RunStore, run: Run) -> Answer:
    """A run as the API tells it."""
    keys = ("id", "name", "kind", "state", "source", "visibility", "created", "started", "finished", "verdict", "error")
    return {key: getattr(run, key) for key in keys} | {"own": store.viewer.owns(run)}


def _whole(request: Request, name: str, default: int) -> int:
    """A whole number of the query. Raises InputError."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and int(given[:11]) <= 10**9):
        raise InputError(f"{name} is {limits.shown(given)}: it must be a whole number from 0 to 10^9")
    return int(given)
