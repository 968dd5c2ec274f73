"""A row of the table that cannot be shown costs its own line, on every page that lists runs; and it can be deleted."""

from __future__ import annotations

import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzz_bundle import VALUES, mutated_json
from npf_engine.runs.safekeeping import CREATE
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies import kinds
from npf_engine.tasks import layout
from tests.pages.conftest import button, open_page, texts

BAD = {
    "numbers": {"metrics": '{"pushforward": {"value": 1' + "0" * 400 + ', "ratio": "x", "se": [1]}}'},
    "seconds": {"seconds": '{"total": "fast", "u": 1e999}'},
    "types": {"name": 17, "state": "dreaming", "verdict": 3.5, "created": "yesterday", "pid": "one", "queued": "soon"},
    "bounds": {"spec": json.dumps({"field": {"bounds": [1, 2, 3], "source": ["a"]}, "u": 7, "seed": "1e400"})},
    "kind": {"spec": json.dumps({"kind": "séance"}), "source": "elsewhere"},
    "bytes": {"name": b"\xff\xfe\x00", "metrics": b"\xff", "spec": "[" * 5000, "error": "\u202e<b>![a](http://evil)"},
    "far": {"created": 1e300, "finished": -5.0, "metrics": "{}", "seconds": "[]"},
}


def insert(home: Path, run_id: str, **columns: Any) -> None:
    """A row as no version of the program writes it; its folder holds rubbish too."""
    values: dict[str, Any] = {"name": run_id, "state": "done", "source": "imported", "spec": "{}", "created": 1.7e9}
    values |= {"metrics": None, "seconds": None} | columns | {"id": run_id}
    with sqlite3.connect(home / layout.TABLE) as db:
        db.execute(CREATE)
        marks = ", ".join("?" * len(values))
        db.execute(f"INSERT INTO runs ({', '.join(values)}) VALUES ({marks})", list(values.values()))
    folder = home / layout.RUNS / run_id
    folder.mkdir(parents=True)
    for name in (layout.REPORT, layout.STATUS, layout.SPEC):
        (folder / name).write_text('{"verdict_reason": [1], "stages": [1], "stage": 3, "metrics": {"inverse": 5}}')


@pytest.fixture
def broken(store: RunStore, done: Run, own_home: Path) -> list[str]:
    """One sound run and every kind of broken row."""
    for name, columns in BAD.items():
        insert(own_home, f"bad-{name}", **columns)
    return [f"bad-{name}" for name in BAD]


@pytest.mark.parametrize("page", ["home", "models", "train", "landscape", "lab", "factorization", "inverse"])
def test_every_page_that_lists_runs_stands(broken: list[str], page: str) -> None:
    app = open_page(page)
    assert not app.exception


def test_a_broken_row_is_looked_at_and_deleted_on_models(store: RunStore, done: Run, broken: list[str]) -> None:
    for run_id in broken:
        app = open_page("models", {"run": run_id})
        assert not app.exception and button(app, "Delete"), run_id
        assert "http://evil" not in texts(app).replace("\\", "") or "!\\[" in texts(app), "shown as text"
        store.delete(run_id)
    assert [run.id for run in store.list() if run.source != "gallery"] == [done.id]


def test_rows_that_are_mutated_are_read_by_everything_that_lists(store: RunStore, own_home: Path, done: Run) -> None:
    rng = random.Random(3)
    with sqlite3.connect(own_home / layout.TABLE) as db:
        spec, metrics = db.execute("SELECT spec, metrics FROM runs WHERE id = ?", [done.id]).fetchone()
    for number in range(60):
        columns: dict[str, Any] = {
            "spec": mutated_json(rng, spec.encode()).decode("utf-8", "replace"),
            "metrics": mutated_json(rng, metrics.encode()).decode("utf-8", "replace"),
        }
        column = rng.choice(("name", "state", "created", "seconds", "verdict", "error", "source", "finished"))
        value = rng.choice(VALUES)
        columns[column] = value if isinstance(value, int | float | str) and value not in ("\ud800", 2**63) else "{}"
        insert(own_home, f"mutant-{number}", **columns)
    runs = store.list()
    assert len([run for run in runs if run.id.startswith("mutant")]) == 60
    for run in runs:
        assert run.name.isprintable() and run.created >= 0
        store.status(run.id)
        store.report(run.id)
        store.history(run.id)
        if run.kind in kinds.KINDS:
            assert run.spec is not None
    app = open_page("models")
    assert not app.exception
