"""Section E: homes that are damaged. Each case has a home of its own, damaged before its server starts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults import bundles
from benchmarks.faults.server import ROOT
from benchmarks.faults.stage import SURVIVED, Case, Stage

NAME = "zebra17"
TABLE = "runs.sqlite3"
IMPORT = """
import pathlib, sys
from npf_engine.runs.store import RunStore
RunStore().import_bundle(pathlib.Path(sys.argv[1]))
"""


def prepared(home: Path) -> None:
    """A home with one run in it."""
    home.mkdir(parents=True, exist_ok=True)
    bundle = home.parent / f"npf-{NAME}.zip"
    bundle.write_bytes(bundles.with_value("config.json", "name", NAME))
    env = os.environ | {"NPF_HOME": str(home)}
    subprocess.run([sys.executable, "-c", IMPORT, str(bundle)], cwd=ROOT, env=env, check=True, capture_output=True)


def empty_table(home: Path) -> None:
    for path in home.glob(f"{TABLE}*"):
        path.unlink()
    (home / TABLE).write_bytes(b"")


def damaged_table(home: Path) -> None:
    path = home / TABLE
    path.write_bytes(b"SQLite format 3\0" + b"\x5a" * max(4096, path.stat().st_size))
    for extra in home.glob(f"{TABLE}-*"):
        extra.unlink()


def broken_spec(home: Path) -> None:
    for path in (home / "runs").glob("*/spec.json"):
        path.write_text('{"name": ', encoding="utf-8")


def _still_listed(stage: Stage) -> tuple[str, str]:
    visitor = stage.visitor()
    words = visitor.open("models")
    assert NAME.encode() in visitor.seen, f"the run is not listed any more [{words or visitor.text()[:200]}]"
    for page in ("train", "field", "factorization"):
        told = stage.visitor().open(page)
        assert "unforeseen" not in told and "Traceback" not in told, f"{page}: {told}"
    return SURVIVED, words or "the list, whole"


# (what is done to the home, the case)
CASES: list[tuple[Callable[[Path], None], Case]] = [
    (empty_table, Case("E.1", "a table of runs of zero length", _still_listed)),
    (damaged_table, Case("E.1", "a damaged table of runs", _still_listed)),
    (broken_spec, Case("E.3", "a broken spec.json", _still_listed)),
]
