"""Pages as a visitor gets them: through app.py, on a real store, with runs that real workers made."""

from __future__ import annotations

import functools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from streamlit.testing.v1 import AppTest

from npf_engine.runs.job import run_job
from npf_engine.runs.recording import FolderRecorder
from npf_engine.runs.store import Run, RunStore
from npf_engine.settings.base import Spec
from npf_engine.studies.factorization.spec import TrainingSpec, with_values
from npf_engine.tasks import layout
from npf_engine.tasks.processes import Identity
from tests.conftest import ROOT
from tests.runs.conftest import COMMAND

TINY: dict[str, Any] = {
    "field.max_samples": 4000,
    "u.hidden": (16, 16),
    "u.pair_size": 200,
    "u.pairings": 1,
    "u.regression_steps": 60,
    "u.polish_steps": 4,
    "v.hidden": (16,),
    "v.steps": 20,
    "m.hidden": (32,),
    "m.steps": 40,
    "inverse.hidden": (32,),
    "inverse.steps": 40,
    "inverse.sampler_steps": 10,
    "report.draws": 2,
    "report.n": 128,
    "report.neighbourhoods": 4,
    "report.neighbourhood_size": 32,
    "device": "cpu",
    "threads": 1,
}

WAIT = "import sys, time, pathlib\nwhile not pathlib.Path(sys.argv[1], 'report.json').exists(): time.sleep(0.05)"


def tiny(**more: Any) -> TrainingSpec:
    """A training of the embedded terrain that takes seconds; ``more`` are leaves with ``__`` for the dot."""
    return with_values(TrainingSpec(), TINY | {key.replace("__", "."): value for key, value in more.items()})


def endless(**more: Any) -> TrainingSpec:
    """A training that does not end by itself in the time of a test."""
    return tiny(u__regression_steps=5_000_000, **more)


def wait_for(condition: Callable[[], object], seconds: float = 300.0) -> None:
    """Return as soon as the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain")
        time.sleep(0.1)


@functools.cache
def registered_pages() -> dict[str, Any]:
    """The app's pages as Streamlit knows them once one of them was visited: nobody has to come by way of Home."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90)
    app.run()
    assert not app.exception, app.exception[0].message
    return dict(app._registered_pages)


def open_page(name: str, query: dict[str, str] | None = None) -> AppTest:
    """The page ``name`` of the app, as a visitor of its link gets it, with query parameters."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90)
    app._registered_pages = registered_pages()
    app.switch_page(f"pages/{name}/page.py")
    for key, value in (query or {}).items():
        app.query_params[key] = value
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def texts(app: AppTest) -> str:
    """All that is written on the page, in one string."""
    kinds = ("title", "markdown", "caption", "error", "warning", "info", "success", "metric", "code")
    parts = []
    for kind in kinds:
        for element in getattr(app, kind):
            parts.append(str(getattr(element, "value", "")))
            parts.append(str(getattr(element, "label", "")))
    return "\n".join(parts)


def button(app: AppTest, label: str) -> Any:
    """The button with this label."""
    found = [item for item in app.button if item.label == label]
    assert found, f"no button {label!r} among {[item.label for item in app.button]}"
    return found[0]


def components(app: AppTest) -> list[Any]:
    """The components of the page itself: those for keys and for the way back are on every page."""
    return [item for item in app.get("bidi_component") if item.key not in ("keyboard", "history")]


def links(app: AppTest) -> list[str]:
    """Labels of the links to other pages."""
    return [item.label for item in app.page_link]


def kill_workers(home: Path) -> None:
    """End every worker that is left in a home folder."""
    for record in (home / layout.RUNS).glob(f"*/{layout.WORKER}"):
        worker = Identity.from_json(layout.read_json(record))
        if worker is not None and worker.alive():
            os.killpg(worker.pid, signal.SIGKILL)


@pytest.fixture(autouse=True)
def quick_reading(read_here: None, quick_opening: None) -> None:
    """The pages' files are parsed in this process; that a child does it is tested with the child and in the browser."""


@pytest.fixture
def store(own_home: Path, known_cities: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    """The store that the pages of this test see; nothing of it is left running afterwards."""
    monkeypatch.setenv("NPF_NICE", "0")  # a niced worker starves beside tests that run in parallel
    found = RunStore(own_home).watch()
    yield found
    for run in found.list():
        if run.source == "trained":
            found.delete(run.id)
    kill_workers(own_home)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a tiny model, trained once for all processes of the tests by a real worker, at home elsewhere."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained_home"
    with FileLock(str(home) + ".lock"):
        home.mkdir(exist_ok=True)
        if not (known := list(home.glob(f"{layout.RUNS}/*/npf-*.zip"))):
            known = [train_one(home)]
        return known[0]


def train_one(home: Path) -> Path:
    """The bundle that a worker left in a home folder."""
    store = RunStore(home, gallery=None).watch()
    run = store.submit(tiny(name="tiny terrain"))
    try:
        wait_for(lambda: not store.get(run.id).active, 240)
        assert store.get(run.id).state == "done", store.get(run.id).error or store.log(run.id)
        return store.bundle(run.id)
    finally:
        kill_workers(home)


def stand_in(store: RunStore) -> None:
    """From now on the store's workers count in place of training, which takes no processor, or fail where the field's
    source is "bad input": for what asks only which runs there are."""
    store.scheduler.executor.command = COMMAND


def made_here(store: RunStore, spec: Spec) -> Run:
    """A finished run of ``spec``: this process does the work, while a worker waits for its end."""
    store.scheduler.executor.command = [sys.executable, "-c", WAIT, "{folder}"]
    run = store.submit(spec)
    run_job(spec, run.folder, FolderRecorder(run.folder))
    wait_for(lambda: not store.get(run.id).active)
    return store.get(run.id)


@pytest.fixture
def done(store: RunStore, trained: Path) -> Run:
    """A finished run in this test's store."""
    return store.import_bundle(trained)
