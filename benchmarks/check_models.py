"""How long the Models page takes with ten thousand runs, and to compare a hundred of them.

    python -m benchmarks.check_models [--json] [--runs N] [--listed 10000] [--compared 100]

A home folder is filled with rows and folders as workers leave them, each compared one with a curve of a thousand
lines. The page is opened as a visitor gets it (app.py, its frame, the page) and run again; times are of the script,
the browser's own come on top. "after a write": the first look after a run has changed. The bar is a rerun in under a
second; CPU seconds stand beside, for on a machine with other work all else waits for it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.bench_ui import ROOT
from benchmarks.common import arguments, median_seconds, show, tell

STEPS = 1000
BAR = 1.0  # seconds of a rerun


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "", runs=True)
    parser.add_argument("--listed", type=int, default=10_000)
    parser.add_argument("--compared", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="npf-bench-", ignore_cleanup_errors=True) as home:
        os.environ["NPF_HOME"] = home
        rows = measure(options.listed, options.compared, options.runs)
    show(f"The Models page with {options.listed:,} runs", rows, {}, options.json)


def fill(home: Path, listed: int, compared: int) -> list[str]:
    """Rows of trainings that are done; the ids of those with folders and curves."""
    from npf_engine.runs import safekeeping
    from npf_engine.runs.store import RunStore
    from npf_engine.studies import kinds
    from npf_engine.studies.factorization.spec import preset, with_values
    from npf_engine.tasks import layout

    store, draw = RunStore(home, gallery=None), random.Random(0)
    specs = [kinds.spec_to_json(with_values(preset("quick"), {"seed": seed})) for seed in range(compared)]
    with contextlib.closing(safekeeping.opened(store.table.path)) as db:
        db.execute("BEGIN")
        for number in range(listed):
            item = {
                "value": 1.0,
                "self_distance": 1.0,
                "ratio": 1 + draw.random(),
                "se": 0.1,
                "trivial": 9.0,
                "n": 2048,
            }
            names = ("pushforward", "measure_preservation", "measure_preservation_implicit", "inverse")
            row: dict[str, object] = {
                "id": f"run-{number:05d}",
                "name": f"Run {number}",
                "state": "done",
                "source": "trained",
            }
            row |= {"spec": json.dumps(specs[number % compared]), "created": 1.7e9 + number, "verdict": "good"}
            safekeeping.insert(
                db, safekeeping.encoded(row | {"metrics": dict.fromkeys(names, item), "seconds": {"total": 100.0}})
            )
        db.execute("COMMIT")
    ids = [f"run-{number:05d}" for number in range(min(listed, compared))]
    for run_id in ids:
        folder = store.folder / run_id
        folder.mkdir(parents=True)
        told: list[dict[str, object]] = [
            {"t": 1.7e9 + step, "kind": "progress", "stage": "u", "step": step, "total": STEPS, "rate": 40.0}
            | {"worked": step / 40, "loss": 1 / step + 0.1 * draw.random()}
            for step in range(1, STEPS + 1)
        ]
        (folder / layout.EVENTS).write_text("".join(json.dumps(line) + "\n" for line in told))
    return ids


def measure(listed: int, compared: int, runs: int) -> list[dict[str, Any]]:
    """One row a question: seconds of the first look, of a rerun, and of the first after a write."""
    from npf_engine.runs.store import RunStore
    from ui import warm

    logging.getLogger("streamlit").setLevel(logging.ERROR)
    warm.up()  # as a server does before its first visitor
    home = Path(os.environ["NPF_HOME"])
    tell(f"filling a home with {listed:,} runs")
    ids = fill(home, listed, compared)
    store = RunStore(home)
    tell("summaries, made once")
    began = time.perf_counter()
    store.summaries()
    rows: list[dict[str, Any]] = [{"what": "summaries made, once for a home", "first s": time.perf_counter() - began}]
    queries: list[tuple[str, dict[str, str]]] = [
        (f"table of {listed:,}", {}),
        (f"table of {listed:,}, sorted by a measure", {"models_order": "∇u♯ρ"}),
        (f"comparison of {compared}", {"run": ids[0], "with": ",".join(ids[1:])}),
    ]
    for what, query in queries:
        tell(what)
        rows.append({"what": what} | looks(store, ids[0], query, runs))
    return rows


def looks(store: Any, run_id: str, query: dict[str, str], runs: int) -> dict[str, float]:
    """Seconds of the first look at the page, of a rerun, and of the first one after a write."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.run()
    app.switch_page("pages/models/page.py")
    for key, value in query.items():
        app.query_params[key] = value
    began, before = time.perf_counter(), time.process_time()
    app.run()
    first, cpu = time.perf_counter() - began, time.process_time() - before
    if app.exception:
        raise SystemExit(f"the page fails: {app.exception[0].message}")
    again, spent = median_seconds(app.run, runs)[0], time.process_time()
    app.run()
    spent = time.process_time() - spent
    store.describe(run_id, notes=f"looked at {time.time()}")
    began = time.perf_counter()
    app.run()
    found = {"first s": first, "first CPU s": cpu, "rerun s": again, "rerun CPU s": spent}
    return found | {"after a write s": time.perf_counter() - began, "met": again < BAR}


if __name__ == "__main__":
    main()
