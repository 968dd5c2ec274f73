"""The start and the end of a server: the queue runs from the first moment, and nothing is lost with the machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs.store import RunStore

log = logging.getLogger(__name__)

VARIABLE = "NPF_STOP_WORKERS"  # yes: workers end with the server, no: they go on; by default yes in a container
PATIENCE = 8.0  # seconds that workers have to save; an engine kills a container ten seconds after it asked
INITS = ("tini", "docker-init", "dumb-init", "catatonit")  # first processes of containers


@contextlib.asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    """Of an ASGI application: ``begin`` before its first visitor, ``end`` after its last one where the workers will not
    outlive it."""
    await asyncio.to_thread(begin)
    yield
    if workers_end_with_us():
        await asyncio.to_thread(end)


def begin() -> None:
    """At the start of a server: the queue moves without a visitor, and what a restart has interrupted is taken up."""
    try:
        store = RunStore().watch()
        for run_id in store.scheduler.take_up():
            log.warning("run %s was interrupted by a restart and is taken up again", run_id)
    except InputError as error:
        log.warning("the queue of runs cannot start: %s", error)  # every page says so too


def end() -> None:
    """Ask the workers to save and to end, and wait for them."""
    try:
        late = RunStore().scheduler.leave(PATIENCE)
    except InputError as error:
        log.warning("the workers could not be asked to save: %s", error)
        return
    for run_id in late:
        log.warning("run %s did not end within %.0f s; it goes on from its last checkpoint", run_id, PATIENCE)


def workers_end_with_us() -> bool:
    """Whether the workers die when this process does: in a container, whose first process is our parent or we."""
    asked = os.environ.get(VARIABLE, "").strip().lower()
    if asked:
        return asked in ("yes", "1", "true", "on")
    if os.getpid() == 1:
        return True
    try:
        return os.getppid() == 1 and Path("/proc/1/comm").read_text().strip() in INITS
    except OSError:
        return False
