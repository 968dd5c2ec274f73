"""How long a page takes to answer: a rerun of every page, alone and beside a training.

    python -m benchmarks.bench_ui [--json] [--runs N]

Each page is opened as a visitor gets it (app.py, its frame, the page) on a home folder with one finished model, and
run again and again. The training beside it is a real worker, niced as the app nices it. Times are of the script; the
browser's own come on top.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, median_seconds, show, tell

ROOT = Path(__file__).resolve().parent.parent
TINY = {
    "device": "cpu",
    "threads": 1,
    "field.max_samples": 20_000,
    "u.pair_size": 400,
    "u.regression_steps": 100,
    "v.steps": 50,
    "m.steps": 50,
    "inverse.steps": 50,
    "report.draws": 2,
    "report.n": 256,
}


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "", runs=True).parse_args()
    with tempfile.TemporaryDirectory(prefix="npf-bench-") as home:
        os.environ["NPF_HOME"] = home
        rows = measure(options.runs)
    idle, beside = (sorted(row[name] for row in rows) for name in ("idle ms", "beside a worker ms"))
    middle = len(rows) // 2
    show("Rerun of a page", rows, {"median ms": {"idle": idle[middle], "beside": beside[middle]}}, options.json)


def measure(runs: int) -> list[dict[str, Any]]:
    """One row a page: milliseconds of a rerun, alone and beside a worker."""
    from npf_engine.runs.store import RunStore
    from npf_engine.studies.factorization.spec import TrainingSpec, with_values
    from ui import frame

    logging.getLogger("streamlit").setLevel(logging.ERROR)
    store = RunStore().watch()
    tell("training a small model")
    done = store.submit(with_values(TrainingSpec(), TINY))
    while store.get(done.id).active:
        time.sleep(0.2)
    if store.get(done.id).state != "done":
        raise SystemExit(f"the small training failed: {store.get(done.id).error}")
    apps = {name: opened(name, done.id) for name in frame.PAGES}
    tell("pages alone")
    idle = {name: median_seconds(app.run, runs)[0] for name, app in apps.items()}
    worker = store.submit(with_values(TrainingSpec(), TINY | {"u.regression_steps": 10_000_000}))
    try:
        while (status := store.status(worker.id))["stage"] != "u" or status["step"] < 10:
            if not store.get(worker.id).active:
                raise SystemExit(f"the worker beside the pages stopped: {store.get(worker.id).error}")
            time.sleep(0.2)
        tell("pages beside a worker")
        beside = {name: median_seconds(app.run, runs)[0] for name, app in apps.items()}
    finally:
        store.delete(worker.id)
    return [
        {"page": name, "idle ms": 1e3 * idle[name], "beside a worker ms": 1e3 * beside[name]} for name in frame.PAGES
    ]


def opened(name: str, run_id: str) -> Any:
    """A page of the app in its first complete state."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.run()
    app.switch_page(f"pages/{name}/page.py")
    if name not in ("home", "field"):
        app.query_params["run"] = run_id
    app.run()
    if app.exception:
        raise SystemExit(f"the page {name} fails: {app.exception[0].message}")
    return app


if __name__ == "__main__":
    main()
