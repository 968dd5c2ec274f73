"""Finished runs on their way to NPF_ARTIFACTS: one after the other, and again later where it failed.

A copy that cannot be made costs the run nothing: it is told in its events and on its page. The folder keeps how it
stands (artifacts.json), so that any process can go on; a lock lets one of them at it at a time.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from npf_engine.bundle.cleaning import clean_text
from npf_engine.errors import InputError
from npf_engine.runs import artifacts
from npf_engine.runs.artifacts import Artifacts, Copy
from npf_engine.runs.schema import Run, Table
from npf_engine.settings import limits, reading
from npf_engine.tasks import layout
from npf_engine.tasks.processes import FileLock

FIRST, MOST = 30.0, 3600.0  # seconds until a copy is tried again: after the first time in vain, and at most
PERIOD = 5.0  # seconds between two looks of the thread
LOCK = "artifacts.lock"  # in the home folder: held by who sends
log = logging.getLogger(__name__)
_done: set[tuple[Path, str]] = set()  # folder and place of copies that this process knows to be there


@dataclass(frozen=True)
class Sent:
    """How it stands with the copy of a run. at: where; error: why it is not there, after so many ``tries``; again: unix
    seconds of the next one."""

    at: str
    error: str | None = None
    tries: int = 0
    again: float = 0.0

    @classmethod
    def of(cls, folder: Path) -> Sent | None:
        """That of a run's folder; None where nothing was sent yet."""
        try:
            record: Mapping[str, object] = layout.read_json(folder / layout.ARTIFACTS) or {}
            error = reading.maybe_text(record, "error")
            return cls(
                clean_text(reading.text(record, "at"), limits.MAX_TEXT),
                None if error is None else clean_text(error),
                reading.maybe_whole(record, "tries", 0),
                float(reading.maybe_number(record, "again", 0.0)),
            )
        except InputError:
            return None


def send(place: Artifacts, run: Run, now: Callable[[], float] = time.time) -> Copy:
    """Copy a finished run there, and note in its folder how that went. Raises InputError where it is not done, and
    where the place cannot be used."""
    if run.state != "done":
        raise InputError(f"run {run.name!r} is {run.state}: a run is sent once it is done")
    before = Sent.of(run.folder)
    if before is not None and before.at != place.shown:
        before = None
    try:
        copy = place.send(
            run.folder,
            id=run.id,
            name=run.name,
            kind=run.kind,
            verdict=run.verdict,
            created=run.created,
            finished=run.finished,
        )
    except (InputError, OSError) as error:
        tries = 1 + (before.tries if before is not None else 0)
        pause = min(MOST, FIRST * 2.0 ** (tries - 1))
        sentence = str(error) if isinstance(error, InputError) else layout.disk_sentence(error, run.folder)
        record = {"error": sentence, "tries": tries, "again": now() + pause}
        _note(run.folder, place, record, "" if before is not None and before.error else f"no copy yet: {sentence}")
        raise InputError(sentence) from None
    told = before is not None and before.error is None
    _note(run.folder, place, {}, "" if told else f"a copy of the run is at {place.shown}/{run.id}")
    return copy


def _note(folder: Path, place: Artifacts, record: dict[str, object], event: str) -> None:
    """As far as there is room for it, and the run was not deleted meanwhile."""
    if not folder.is_dir():
        return
    with contextlib.suppress(InputError, OSError):
        layout.write_json(folder / layout.ARTIFACTS, {"at": place.shown} | record)
    if event:
        line = json.dumps({"t": round(time.time(), 3), "kind": "note", "text": event})
        with contextlib.suppress(OSError), open(folder / layout.EVENTS, "ab") as file:
            file.write(line.encode() + b"\n")


def send_due(home: Path, table: Table, now: Callable[[], float] = time.time) -> int:
    """Send what is done, was trained here and is not there yet; how many copies were made. Raises InputError for an
    NPF_ARTIFACTS that is no URL."""
    place = artifacts.configured()
    if place is None:
        return 0
    done = [row.run for row in table.rows("done") if row.run.source == "trained"]
    due = [run for run in done if _is_due(run, place, now())]
    lock = FileLock(home / LOCK)
    if not due or not lock.acquire():
        return 0
    count = 0
    try:
        for run in reversed(due):  # the oldest first
            try:
                send(place, run, now)
                count += 1
            except InputError as error:
                log.warning("run %s has no copy at %s: %s", run.id, place.shown, error)
    finally:
        lock.release()
    return count


def _is_due(run: Run, place: Artifacts, now: float) -> bool:
    if (run.folder, place.shown) in _done:
        return False
    sent = Sent.of(run.folder)
    if sent is None or sent.at != place.shown:
        return True
    if sent.error is None:
        _done.add((run.folder, place.shown))
        return False
    return not now < sent.again <= now + MOST  # a clock that was set back must not put it off for ever


def send_safely(home: Path, table: Table) -> None:
    """``send_due`` where nobody is there to hear what goes wrong."""
    try:
        send_due(home, table)
    except Exception:
        log.exception("finished runs could not be sent")


@functools.cache
def keep_sending(home: Path) -> None:
    """Send what becomes done for as long as this process lives, by a light thread: one a home and process."""
    try:
        if artifacts.configured() is None:
            return
    except InputError as error:
        log.warning("%s", error)
        return
    table = Table(home / layout.TABLE, home / layout.RUNS)

    def go_on() -> None:
        while table.path.exists():
            send_safely(home, table)
            time.sleep(PERIOD)

    threading.Thread(target=go_on, name="npf-artifacts", daemon=True).start()
