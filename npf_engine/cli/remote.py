"""``npf --server URL train ...``: the run is submitted to a server for a group, followed, and its bundle fetched."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from npf_engine.errors import Cancelled, InputError, TrainingDiverged
from npf_engine.settings import reading
from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.tasks import files

VARIABLE = "NPF_TOKEN"
EVERY, WAIT = 2.0, 60.0  # seconds between two looks, and for an answer
PATIENCE = 300.0  # seconds for which a server may be away
MOST = 2**30  # bytes of an answer
LOOPBACK = ("localhost", "127.0.0.1", "::1")
Answer = dict[str, object]


class _Stay(urllib.request.HTTPRedirectHandler):
    """A token is for the server that was named, and follows no redirection to another."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        raise InputError(f"the server leads on to {newurl}; name that one with --server, if it is the one you mean")


class Away(InputError):
    """The server does not answer now."""


class Server:
    """A server and the token by which it knows whom we speak for."""

    def __init__(self, address: str, token: str = "") -> None:
        """Raises InputError for an address that is none, or over which a token could be read."""
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InputError(f"--server is {address!r}: give the address of a server, e.g. https://npf.example.org")
        if token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise InputError(
                f"{address} is not encrypted, so that everybody on the way could read the token: use https"
            )
        if not token.isascii() or not token.isprintable():
            raise InputError("the token has characters that no token has; copy it again from the page Account")
        self._base, self._token = address.rstrip("/"), token
        self._opener = urllib.request.build_opener(_Stay)

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """The JSON that it answers. Raises InputError with the server's own sentence, Away where it does not answer."""
        content = self.fetch(method, path, body)
        try:
            told = json.loads(content)
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise InputError(f"{self._base} is no server of this program; check --server") from None
        return reading.as_mapping("the answer", told) | {}

    def fetch(self, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
        """The bytes that it answers. Raises the same."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._base}/api/v1{path}", sent, headers, method=method)
        try:
            with self._opener.open(request, timeout=WAIT) as answer:
                return bytes(answer.read(MOST))
        except urllib.error.HTTPError as error:
            raise _sentence(error, self._base) from None
        except (OSError, HTTPException) as error:
            raise Away(f"{self._base} does not answer ({error}); check --server, or try again later") from None


def run(server: Server, spec: Spec, name: str, out: str | None, say: Callable[[str], None] | None = None) -> Answer:
    """The report of ``spec`` run there, with the path of what it left, which is fetched into the folder ``out``.

    Raises InputError, TrainingDiverged where the run failed, and Cancelled on Ctrl-C: the run goes on there.
    """
    say = say or (lambda text: print(text, file=sys.stderr, flush=True))
    sent = server.ask("POST", "/runs", {"spec": kinds.spec_to_json(spec), "name": name})
    run_id = reading.text(reading.mapping(sent, "run"), "id")
    if not re.fullmatch(r"[a-z0-9-]{1,100}", run_id):  # it becomes the name of a file here
        raise InputError("the server answers with an id that no run has; check --server")
    say(f"submitted as {run_id}")
    try:
        told = _follow(server, run_id, say)
    except KeyboardInterrupt:
        raise Cancelled(f"looked no longer; the run {run_id} goes on at the server") from None
    run = reading.mapping(told, "run")
    if run.get("state") != "done":
        raise TrainingDiverged(
            _clean(f"the run {run_id} is {run.get('state')}: {run.get('error') or 'it was stopped'}")
        )
    folder = Path(out or ".")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run_id}.zip"
    files.write_atomic(path, server.fetch("GET", f"/runs/{quote(run_id, safe='')}/download"))
    return dict(reading.mapping(told, "report")) | {"bundle": str(path)}


def _follow(server: Server, run_id: str, say: Callable[[str], None]) -> Answer:
    """What is told of the run once it is over."""
    last, away = "", 0.0
    while True:
        try:
            told, away = server.ask("GET", f"/runs/{quote(run_id, safe='')}"), 0.0
        except Away:
            away += EVERY
            if away > PATIENCE:
                raise
            time.sleep(EVERY)
            continue
        state, line = reading.text(reading.mapping(told, "run"), "state"), _line(told)
        if line != last:
            say(_clean(line))
            last = line
        if state not in ("queued", "running", "paused"):
            return told
        time.sleep(EVERY)


def _line(told: Answer) -> str:
    """How the run stands, in a line."""
    run, status = reading.mapping(told, "run"), reading.mapping(told, "status")
    if run["state"] == "queued":
        return str(status.get("waiting") or f"queued, {status.get('ahead', 0)} before it")
    if run["state"] != "running":
        return str(run["state"])
    step = f"{status.get('step')} of {status['total']} " if status.get("total") else ""
    return f"{status.get('stage') or 'starting'}: {step}{status.get('text') or ''}".strip().rstrip(":")


def _clean(text: str) -> str:
    """What a server says, with nothing in it that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def _sentence(error: urllib.error.HTTPError, base: str) -> InputError:
    """What the server says is wrong."""
    try:
        return InputError(_clean(str(json.loads(error.read(100_000))["error"])))
    except (ValueError, KeyError, TypeError, OSError):
        return InputError(f"{base} answers {error.code} {_clean(str(error.reason))}; check --server and the token")


def asked(args: argparse.Namespace) -> Server | None:
    """The server that was named; None where none was. Raises InputError."""
    if args.server is None:
        return None
    return Server(args.server, args.token or os.environ.get(VARIABLE, ""))
