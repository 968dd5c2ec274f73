"""What keeps the queue moving: a light thread of a server, and a process that each worker starts as it ends."""

from __future__ import annotations

import functools
import sys
import threading
import time
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.runs.executors import Executors
from npf_engine.runs.scheduler import Scheduler
from npf_engine.runs.schema import Table
from npf_engine.runs.sending import keep_sending, send_safely
from npf_engine.runs.states import ACTIVE
from npf_engine.tasks import layout
from npf_engine.tasks.processes import Identity

PERIOD, BUSY = 2.0, 0.5  # seconds between two ticks of the thread, and where there are runs that wait, work or rest


def watch(scheduler: Scheduler) -> None:
    """Tick for ever; ends with the process, or when the home folder is taken away."""
    while scheduler.table.path.exists():
        scheduler.tick_safely()
        time.sleep(_period(scheduler.table))


def _period(table: Table) -> float:
    try:
        return BUSY if table.rows(*ACTIVE) else PERIOD
    except InputError:
        return PERIOD


def _of(home: Path, command: tuple[str, ...] | None) -> Scheduler:
    return Scheduler(home, Table(home / layout.TABLE, home / layout.RUNS), Executors(home, command))


@functools.cache
def _watch(home: Path, command: tuple[str, ...] | None) -> threading.Thread:
    """One thread a home and process: pages make a RunStore at every rerun."""
    thread = threading.Thread(target=watch, args=(_of(home, command),), name="npf-queue", daemon=True)
    thread.start()
    return thread


def keep_watch(home: Path, command: tuple[str, ...] | None) -> None:
    """Keep the queue of a home moving for as long as this process lives."""
    keep_sending(home)
    if not _watch(home, command).is_alive():  # the home was taken away and came back
        _watch.cache_clear()
        _watch(home, command)


def main(argv: list[str]) -> int:
    """``HOME [PID]``: one tick, after process PID is gone (at most half a minute)."""
    if len(argv) > 1:
        finishing = Identity.of(int(argv[1]))
        deadline = time.monotonic() + 30
        while finishing is not None and finishing.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
    scheduler = _of(Path(argv[0]), None)
    scheduler.tick(wait=20.0)
    send_safely(scheduler.home, scheduler.table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
