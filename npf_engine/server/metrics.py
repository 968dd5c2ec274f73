"""Whether the server is up, and its numbers for Prometheus, which asks with NPF_METRICS_TOKEN."""

from __future__ import annotations

import hmac
import os
import shutil

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from npf_engine.errors import InputError
from npf_engine.runs.access import GALLERY
from npf_engine.runs.states import STATES
from npf_engine.runs.store import RunStore
from npf_engine.server.api import store_of
from npf_engine.tasks import layout

VARIABLE = "NPF_METRICS_TOKEN"
HEALTH, METRICS = "/healthz", "/metrics"
FORM = "text/plain; version=0.0.4"


def routes() -> list[BaseRoute]:
    """The two routes, for an ASGI application."""
    return [Route(HEALTH, _health, methods=["GET"]), Route(METRICS, _metrics, methods=["GET"])]


def _health(request: Request) -> Response:
    """``ok``, or 503 and no more: what is wrong stands on every page and in the log."""
    try:
        trouble = store_of(layout.home()).trouble()
    except InputError as error:
        trouble = str(error)
    return PlainTextResponse("ok" if trouble is None else "runs can only be looked at now", 200 if not trouble else 503)


def _metrics(request: Request) -> Response:
    expected = os.environ.get(VARIABLE, "")
    given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        return PlainTextResponse("not found", 404)
    try:
        return PlainTextResponse(text(store_of(layout.home())), media_type=FORM)
    except InputError as error:
        return PlainTextResponse(str(error), 503)


def text(store: RunStore) -> str:
    """Numbers of the runs and the disk as Prometheus reads them. Raises InputError."""
    counts = dict.fromkeys(STATES, 0)
    for run in store.list():
        if run.state in counts and run.source != GALLERY:
            counts[run.state] += 1
    lines = ["# HELP npf_runs Runs by their state.", "# TYPE npf_runs gauge"]
    lines += [f'npf_runs{{state="{state}"}} {count}' for state, count in counts.items()]
    free = shutil.disk_usage(store.home).free
    lines += ["# HELP npf_disk_free_bytes Room on the disk of the runs.", "# TYPE npf_disk_free_bytes gauge"]
    return "\n".join([*lines, f"npf_disk_free_bytes {free}", ""])
