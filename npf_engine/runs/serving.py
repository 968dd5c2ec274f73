"""The start and the end of a server: the queue runs from the first moment, and nothing is lost with the machine."""

from __future__ import annotations

import atexit
import functools
import logging
import os
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs.store import RunStore

log = logging.getLogger(__name__)

VARIABLE = "NPF_STOP_WORKERS"  # yes: workers end with the server, no: they go on; by default yes in a container
PATIENCE = 8.0  # seconds that workers have to save; an engine kills a container ten seconds after it asked
INITS = ("tini", "docker-init", "dumb-init", "catatonit")  # first processes of containers


@functools.cache
def begin() -> None:
    """Once a process, at the start of a server: the queue moves without a visitor, what a restart has interrupted is
    taken up, and where the workers will not outlive the server, they are told to save before it ends."""
    try:
        store = RunStore()
        for run_id in store.scheduler.take_up():
            log.warning("run %s was interrupted by a restart and is taken up again", run_id)
    except InputError as error:
        log.warning("the queue of runs cannot start: %s", error)  # every page says so too
    if workers_end_with_us():
        atexit.register(end)


def end() -> None:
    """Ask the workers to save and to end, and wait for them."""
    try:
        late = RunStore(watch=False).scheduler.leave(PATIENCE)
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
