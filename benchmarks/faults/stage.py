"""What a case has to work with, and how its outcome is judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.faults.server import MB, AppServer, Listener
from benchmarks.faults.visitor import Visitor

REFUSED, SURVIVED, FAILED = "refused", "survived", "FAILED"
MOST_GROWTH = 1024 * MB  # of the server process during one case
MOST_SECONDS = 60.0


@dataclass
class Stage:
    """A server with its home, a canary beside it, a listener that nobody should call."""

    server: AppServer
    listener: Listener
    folder: Path
    visitors: list[Visitor] = field(default_factory=list)

    def visitor(self, cookie: str = "") -> Visitor:
        """A new visitor, who leaves when the case is over."""
        self.visitors.append(Visitor(self.server, cookie))
        return self.visitors[-1]

    def runs(self) -> set[str]:
        """The run folders of the home."""
        folder = self.server.home / "runs"
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        return {name for name in names if not name.startswith("gallery-")}  # the app puts those there by itself


@dataclass
class Case:
    """One attack. ``act`` gives (refused or survived, what the visitor read) or raises AssertionError."""

    section: str
    name: str
    act: Callable[[Stage], tuple[str, str]]
    seconds: float = MOST_SECONDS
    growth: int = MOST_GROWTH


@dataclass
class Outcome:
    """One line of the table."""

    section: str
    case: str
    outcome: str
    peak_mb: float
    grown_mb: float
    seconds: float
    read: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def play(case: Case, stage: Stage) -> Outcome:
    """Run one case and judge it: no exception, an answer in time, memory within bounds, nothing read or called."""
    server, calls = stage.server, len(stage.listener.calls)
    server.forget_peak()
    before, began = server.resident(), time.monotonic()
    try:
        outcome, read = case.act(stage)
    except Exception as error:  # a case that raises has failed; the others go on
        outcome, read = FAILED, f"{type(error).__name__}: {error}"
    seconds, peak = time.monotonic() - began, server.peak()
    if outcome != FAILED:
        faults = _faults(case, stage, calls, seconds, peak - before)
        if faults:
            outcome, read = FAILED, f"{'; '.join(faults)} [read: {read}]"
    for visitor in stage.visitors:
        visitor.close()
    stage.visitors.clear()
    return Outcome(
        case.section, case.name, outcome, round(peak / MB), round((peak - before) / MB), round(seconds, 1), _short(read)
    )


def _faults(case: Case, stage: Stage, calls: int, seconds: float, grown: int) -> list[str]:
    faults = []
    if not stage.server.alive():
        faults.append("the server does not answer any more")
    secret = stage.server.secret.encode()
    if any(secret in visitor.seen for visitor in stage.visitors):
        faults.append("the visitor was given a file from outside the home")
    if len(stage.listener.calls) > calls:
        faults.append(f"the server sent a request: {stage.listener.calls[-1]}")
    if seconds > case.seconds:
        faults.append(f"took {seconds:.0f} s")
    if grown > case.growth:
        faults.append(f"the server grew by {grown / MB:.0f} MB")
    return faults


def refused(words: str) -> tuple[str, str]:
    """The outcome of a case that must be refused with a sentence of ours."""
    assert words, "nothing was said: it was taken"
    assert "unforeseen" not in words and "Traceback" not in words and "Error:" not in words, words
    return REFUSED, words


def either(words: str) -> tuple[str, str]:
    """The outcome of a case that may be refused or worked on, as long as nothing breaks."""
    return refused(words) if words else (SURVIVED, "the page, without an error")


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
