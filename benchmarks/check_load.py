"""What many visitors cost: a real server beside a live training, and pages that list a thousand runs.

    python -m benchmarks.check_load [--sessions 40] [--seconds 30] [--json]     (make check-load SESSIONS=40)

Watchers open the page of the training over the websocket, as a browser does, and look again as often as the page asks.
Bars: below 0.05 CPU seconds of the server a rerun, below 500 ms from the wish to the last message in the median; Models
and Train with 1,000 runs within 1.5 times what they take with 10. Exit code 1 where one is missed. Times want a machine
with nothing else to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import arguments, show, tell
from benchmarks.visitor import Visitor
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies import kinds
from npf_engine.studies.factorization.spec import TrainingSpec, with_values
from npf_engine.tasks import layout

ROOT = Path(__file__).resolve().parent.parent
ENDLESS = {
    "device": "cpu",
    "threads": 1,
    "field.max_samples": 20_000,
    "u.pair_size": 400,
    "u.regression_steps": 10_000_000,
    "u.patience": 0,
}
FEW, MANY = 10, 1000
BARS = {"CPU s a rerun": 0.05, "median ms": 500.0, "times as long": 1.5}
OPENINGS = 7


def main() -> int:
    """Print the tables; 1 where a bar is missed."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--sessions", type=int, default=40, help="watchers of one training")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long they watch")
    options = parser.parse_args()
    with _home() as home:
        store = RunStore(home).watch()
        run = store.submit(with_values(TrainingSpec(), ENDLESS), "watched")
        try:
            _until_at_work(store, run)
            with server(home) as (process, port):
                watched = asyncio.run(watch(process, port, run.id, options.sessions, options.seconds))
        finally:
            store.delete(run.id)
    listed = [listing(page) for page in ("models", "train")]
    met = {
        "CPU s a rerun": watched["CPU s a rerun"] < BARS["CPU s a rerun"],
        "median ms": watched["median ms"] < BARS["median ms"],
        "times as long": all(row["times as long"] < BARS["times as long"] for row in listed),
    }
    show("Watchers of one training", [watched], {"bars": BARS, "met": met, "lists": listed}, options.json)
    return 0 if all(met.values()) else 1


async def watch(process: psutil.Process, port: int, run_id: str, sessions: int, seconds: float) -> dict[str, Any]:
    """One row: what ``sessions`` watchers of a run cost and get."""
    before = process.memory_info().rss
    visitors = [Visitor(port, "train", f"run={run_id}") for _ in range(sessions)]
    ready = asyncio.Event()
    tasks = [asyncio.create_task(visitor.stay(seconds, ready)) for visitor in visitors]
    while not all(visitor.opened for visitor in visitors):
        await asyncio.sleep(0.2)
        for task in tasks:
            if task.done():
                task.result()  # raises what stopped it
    tell(f"{sessions} visitors are in; watching for {seconds:.0f} s")
    spent, began = cpu_seconds(process), time.monotonic()
    ready.set()
    await asyncio.gather(*tasks)
    spent, took = cpu_seconds(process) - spent, time.monotonic() - began
    waited = sorted(wait for visitor in visitors for wait in visitor.waited)
    errors = [error for visitor in visitors for error in visitor.errors]
    if errors or not waited:
        raise SystemExit(f"the page failed under load: {errors[:3] or 'no rerun was asked for'}")
    return {
        "sessions": sessions,
        "slowest first page s": max(visitor.opened for visitor in visitors),
        "reruns": len(waited),
        "CPU s a rerun": spent / len(waited),
        "CPU share": spent / took,
        "median ms": 1e3 * statistics.median(waited),
        "p95 ms": 1e3 * waited[int(0.95 * len(waited))],
        "kB a rerun": sum(visitor.received for visitor in visitors) / 1e3 / len(waited),
        "MB a session": (process.memory_info().rss - before) / 2**20 / sessions,
    }


def listing(page: str) -> dict[str, Any]:
    """One row: what the list costs a server process with few and with many runs."""
    row: dict[str, Any] = {"page": page}
    for count in (FEW, MANY):
        tell(f"{page} with {count} runs")
        with _home() as home:
            environment = os.environ | {"NPF_HOME": str(home), "PYTHONPATH": str(ROOT)}
            fill(RunStore(home), count)
            told = subprocess.run(
                [sys.executable, "-m", "benchmarks.check_load", "--open", page],
                env=environment,
                cwd=ROOT,
                check=True,
                capture_output=True,
                text=True,
            )
            row[f"ms with {count}"] = 1e3 * float(told.stdout.split()[-1])
    row["times as long"] = row[f"ms with {MANY}"] / row[f"ms with {FEW}"]
    return row


def open_again(page: str) -> float:
    """Median seconds of a rerun of ``page`` in this process."""
    from benchmarks.bench_ui import opened

    app = opened(page, "")
    app.query_params.clear()
    seconds = []
    for _ in range(OPENINGS):
        began = time.perf_counter()
        app.run()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def fill(store: RunStore, count: int) -> None:
    """Put ``count`` finished runs into a home, with the accuracy of one of the gallery's."""
    example = next(run for run in store.list(kinds.TRAIN) if run.source == "gallery")
    now = time.time()
    for number in range(count):
        run_id, then = f"run-{number:05d}", now - 60.0 * number
        folder = store.folder / run_id
        folder.mkdir(parents=True)
        settings = kinds.spec_to_json(dataclasses.replace(TrainingSpec(), name=f"Run {number}", seed=number))
        layout.write_json(folder / layout.SPEC, settings)
        store.table.insert(
            id=run_id,
            name=f"Run {number}",
            state="done",
            source="trained",
            spec=json.dumps(settings),
            created=then,
            queued=then,
            started=then,
            finished=then + 50,
            verdict=example.verdict,
            metrics=example.metrics,
            seconds=example.seconds,
        )


@contextlib.contextmanager
def server(home: Path) -> Iterator[tuple[psutil.Process, int]]:
    """The app on a free port of this machine; its process and the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", "127.0.0.1"]
    environment = os.environ | {"NPF_HOME": str(home)}
    child = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            if child.poll() is not None:
                raise SystemExit("the server did not start; run `streamlit run app.py` to see why")
            with contextlib.suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
                break
            time.sleep(0.2)
        yield psutil.Process(child.pid), port
    finally:
        child.terminate()
        child.wait()


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="npf-load-") as home:
        yield Path(home)


def _until_at_work(store: RunStore, run: Run) -> None:
    tell("starting a training")
    while (status := store.status(run.id))["stage"] != "u" or status["step"] < 50:
        if not store.get(run.id).active:
            raise SystemExit(f"the training stopped: {store.get(run.id).error}")
        time.sleep(0.3)


def cpu_seconds(process: psutil.Process) -> float:
    """What a process has used of the processors."""
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--open"]:
        print(open_again(sys.argv[2]))
        raise SystemExit(0)
    raise SystemExit(main())
