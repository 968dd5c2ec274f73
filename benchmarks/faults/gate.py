"""Section D: the gate. These cases run against a server with a password, the last ones against the open one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from benchmarks.faults.server import MB, ROOT, AppServer
from benchmarks.faults.stage import REFUSED, SURVIVED, Case, Stage

PASSWORD = "correct horse"
PATHS = ("/", "/train", "/static/js/", "/media/x", "/_stcore/host-config", "/_stcore/metrics", "/component/x/y")
HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy", "permissions-policy")


def _socket(server: AppServer, **headers: str) -> int:
    """The status of a handshake."""
    try:
        with connect(
            f"ws://127.0.0.1:{server.port}/_stcore/stream", additional_headers=headers or None, open_timeout=20
        ):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def nothing_before_the_sign_in(stage: Stage) -> tuple[str, str]:
    seen = {path: stage.server.ask(path).status for path in (*PATHS, "/_stcore/agent/openapi.json")}
    assert set(seen.values()) == {401}, seen
    assert _socket(stage.server) == 403
    health = stage.server.ask("/_stcore/health")
    assert (health.status, health.text, health.cookies) == (200, "ok", {})
    return REFUSED, stage.server.ask("/").text


def upload_before_the_sign_in(stage: Stage) -> tuple[str, str]:
    answer = stage.server.ask("/_stcore/upload_file/some-session/f", "PUT", b"x" * 20 * MB)
    assert answer.status == 401, answer.status
    return REFUSED, answer.text


def guesses(stage: Stage) -> tuple[str, str]:
    """400 guesses over 40 connections."""
    with ThreadPoolExecutor(40) as pool:
        seen = list(pool.map(lambda n: stage.server.guess(f"guess {n}").status, range(400)))
    looked_at = seen.count(401)
    assert looked_at <= 12 and set(seen) == {401, 429}, f"{looked_at} of 400 guesses were looked at"
    answer = stage.server.guess(PASSWORD)
    assert answer.status == 429 and answer.headers.get("retry-after")
    assert "127.0.0.1" in stage.server.log(), "nothing of it stands in the log"
    told = answer.text.partition('role="alert">')[2].partition("<")[0]
    return REFUSED, f"{looked_at} of 400 looked at; {told}"


def flags_of_the_cookie(stage: Stage) -> tuple[str, str]:
    until = time.monotonic() + 60  # the guesses before may still have to be waited for
    answer = stage.server.guess(PASSWORD)
    while answer.status == 429 and time.monotonic() < until:
        time.sleep(1)
        answer = stage.server.guess(PASSWORD)
    flags = answer.headers.get("set-cookie", "")
    assert answer.status == 303 and "HttpOnly" in flags and "SameSite=Lax" in flags, (answer.status, flags)
    cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
    words = stage.visitor(cookie).open("")
    assert not words, words
    assert stage.server.ask("/sign-out", "POST", cookie=cookie).status == 303
    assert stage.server.ask("/", cookie=cookie).status == 401
    return SURVIVED, flags.partition(";")[2].strip()


def foreign_names(stage: Stage) -> tuple[str, str]:
    assert stage.server.ask("/", Host="evil.example").status == 403
    assert _socket(stage.server, Origin="http://evil.example") == 403
    assert _socket(stage.server) == 101
    return REFUSED, stage.server.ask("/", Host="evil.example").text


def headers(stage: Stage) -> tuple[str, str]:
    answer = stage.server.ask("/")
    missing = [name for name in HEADERS if name not in answer.headers]
    assert not missing and "frame-ancestors 'none'" in answer.headers["content-security-policy"], missing
    closed = {path: stage.server.ask(path).status for path in ("/_stcore/metrics", "/_stcore/agent/openapi.json")}
    assert set(closed.values()) == {404}, closed
    return SURVIVED, answer.headers["content-security-policy"]


def public_start(stage: Stage) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "0"],
        cwd=ROOT,
        env=os.environ | {"NPF_HOME": str(stage.folder), "NPF_PASSWORD": "", "NPF_OPEN": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, f"exit code {done.returncode}"
    return REFUSED, next(line for line in done.stderr.splitlines() if line.startswith("npf:"))


def upload_to_nobody(stage: Stage) -> tuple[str, str]:
    visitor = stage.visitor()
    visitor.open("")
    answer = visitor.put("x.csv", b"x" * MB, session="12345678-dead-beef-dead-123456789012")
    assert answer.status == 404, answer.status
    return REFUSED, answer.text


def uploads_without_end(stage: Stage) -> tuple[str, str]:
    """Files of 100 MB one after the other, their length not told."""
    visitor = stage.visitor()
    visitor.open("")
    taken, told = 0, ""
    for _ in range(8):
        try:
            answer = visitor.put("x.csv", iter([b"x" * MB] * 100))
            taken, told = taken + (answer.status == 204), f"{answer.status} {answer.text}"
        except OSError as error:  # the line was cut while the file was being sent
            told = told if told[:1] == "4" else f"cut off ({type(error).__name__})"
    assert taken <= 6, f"{taken} files of 100 MB were taken from one session"
    return REFUSED, f"{taken} of 8 taken; then {told}"


def memory_comes_back(stage: Stage) -> tuple[str, str]:
    time.sleep(25)  # what the case before left goes first
    before, visitor = stage.server.resident(), stage.visitor()
    visitor.open("")
    for _ in range(3):
        assert visitor.put("x.csv", b"x" * 80 * MB).status == 204
    held = stage.server.resident()
    visitor.close()
    until = time.monotonic() + 40
    while stage.server.resident() > before + 60 * MB and time.monotonic() < until:
        time.sleep(0.5)
    seconds, left = 40 - (until - time.monotonic()), stage.server.resident() - before
    assert left <= 60 * MB, f"{left / MB:.0f} MB are still held {seconds:.0f} s after the visitor left"
    return SURVIVED, f"{(held - before) / MB:.0f} MB held, {left / MB:.0f} MB left {seconds:.0f} s after the visitor"


GUARDED = [
    Case("D", "nothing is reached before the sign-in", nothing_before_the_sign_in),
    Case("D", "an upload before the sign-in", upload_before_the_sign_in),
    Case("D", "400 guesses over 40 connections", guesses),
    Case("D", "the cookie's flags, and signing out", flags_of_the_cookie, seconds=120),
]
CASES = [
    Case("D", "foreign Host and Origin", foreign_names),
    Case("D", "headers, and routes that are closed", headers),
    Case("D", "a public address without a sign-in", public_start, seconds=120),
    Case("D", "an upload for a session that is not there", upload_to_nobody),
    Case("D", "uploads without end", uploads_without_end, seconds=180),
    Case("D", "uploads of a visitor who left", memory_comes_back, seconds=120),
]
