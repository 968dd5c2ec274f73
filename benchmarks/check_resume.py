"""Does a training that is killed and resumed end with the same numbers as one that is left alone?

Trains the built-in terrain twice with the same small spec, through the real queue and real worker processes:
once unbroken; once with ``kill -9`` of the worker in stage u and again in stage inverse, each time resumed from
the last checkpoint. Compares every figure of the accuracy table, and the weights byte by byte. Exit code 1
when anything differs, or when a dead worker is not seen within ten seconds.

    python -m benchmarks.check_resume [--json] [--device cpu] [--seed 0]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from npf_engine.runs.reading import Status
from npf_engine.runs.store import Run, RunStore
from npf_engine.studies.factorization.spec import TrainingSpec, with_values
from npf_engine.tasks import layout
from npf_engine.tasks.processes import Identity

SPEC = {
    "field.source": "jacksboro",
    "field.max_samples": 20_000,
    "u.hidden": (32, 32),
    "u.pair_size": 400,
    "u.pairings": 2,
    "u.regression_steps": 600,
    "u.polish_steps": 60,
    "u.patience": 3,
    "u.batch": 512,
    "v.hidden": (32, 32),
    "v.steps": 150,
    "m.hidden": (32, 32),
    "m.steps": 150,
    "inverse.hidden": (64, 64),
    "inverse.steps": 1200,
    "inverse.batch": 512,
    "report.draws": 2,
    "report.n": 512,
    "report.neighbourhoods": 8,
    "threads": 1,
}
KILLS = ("u", "inverse")  # the stages in whose middle the worker is killed
TIMEOUT = 1200.0
SEEN_WITHIN = 10.0


def wait(store: RunStore, run: Run, condition: Callable[[Status], bool], what: str) -> float:
    """Seconds until the run's status fulfils the condition; ends the program when it fails or takes too long."""
    began = time.monotonic()
    while True:
        status = store.status(run.id)
        if condition(status):
            return time.monotonic() - began
        if status["state"] in ("failed", "cancelled"):
            sys.exit(f"the training {status['state']} while waiting for {what}: {status['error']}\n{store.log(run.id)}")
        if status["state"] == "done" or time.monotonic() - began > TIMEOUT:
            sys.exit(f"the training is {status['state']}; waited in vain for {what}")
        time.sleep(0.02)


def finish(store: RunStore, run: Run) -> None:
    """Wait for the end."""
    deadline = time.monotonic() + TIMEOUT
    while (status := store.status(run.id))["state"] not in ("done", "failed", "interrupted"):
        if time.monotonic() > deadline:
            sys.exit(f"the training did not end within {TIMEOUT:.0f} s")
        time.sleep(0.1)
    if status["state"] != "done":
        sys.exit(f"the training {status['state']}: {status['error']}\n{store.log(run.id)}")


def kill_in(store: RunStore, run: Run, stage: str) -> dict[str, Any]:
    """``kill -9`` of the worker in the middle of a stage that has a checkpoint; resume. What happened."""

    def middle(status: Status) -> bool:
        kept = (run.folder / layout.CHECKPOINTS / f"{stage}.fit.pt").exists()
        return status["stage"] == stage and kept and 0.25 * status["total"] < status["step"] < 0.95 * status["total"]

    wait(store, run, middle, f"the middle of stage {stage}")
    worker = Identity.from_json(layout.read_json(run.folder / layout.WORKER))
    if worker is None or not worker.alive():
        sys.exit(f"there is no worker to kill in stage {stage}")
    step = store.status(run.id)["step"]
    os.kill(worker.pid, signal.SIGKILL)
    seen = wait(store, run, lambda status: status["state"] == "interrupted", "the loss of the worker to be seen")
    store.resume(run.id)
    return {"stage": stage, "step": step, "seen_after_seconds": round(seen, 2)}


def outcome(store: RunStore, run: Run) -> dict[str, Any]:
    """Every figure of the report by its dotted name, and the digest of the weights."""
    report = store.report(run.id)
    if report is None:
        sys.exit(f"run {run.id} has no report")
    with zipfile.ZipFile(store.bundle(run.id)) as bundle:
        name = next(name for name in bundle.namelist() if Path(name).name == "model.safetensors")
        digest = hashlib.sha256(bundle.read(name)).hexdigest()
    return {**flat(report["metrics"]), "verdict": report["verdict"], "weights (sha256)": digest}


def flat(data: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts as dotted keys."""
    if not isinstance(data, dict):
        return {prefix: data}
    return {
        key: value for name, item in data.items() for key, value in flat(item, f"{prefix}.{name}".strip(".")).items()
    }


def compare(home: Path, values: dict[str, Any]) -> dict[str, Any]:
    """Train both ways below ``home``."""
    store = RunStore(home, gallery=None).watch()
    spec = with_values(TrainingSpec(), values)
    unbroken = store.submit(with_values(spec, {"name": "unbroken"}))
    finish(store, unbroken)
    os.environ["NPF_CHECKPOINT_SECONDS"] = "0.1"  # so that short stages have something to go on from
    broken = store.submit(with_values(spec, {"name": "broken"}))
    kills = [kill_in(store, broken, stage) for stage in KILLS]
    finish(store, broken)
    rows = {"unbroken": outcome(store, unbroken), "resumed": outcome(store, broken)}
    keys = list(dict.fromkeys([*rows["unbroken"], *rows["resumed"]]))
    differ = [key for key in keys if rows["unbroken"].get(key) != rows["resumed"].get(key)]
    late = [kill for kill in kills if kill["seen_after_seconds"] > SEEN_WITHIN]
    seconds = {name: store.get(run.id).seconds for name, run in (("unbroken", unbroken), ("resumed", broken))}
    return {"same": not differ, "differ": differ, "kills": kills, "late": late, "seconds": seconds, **rows}


def table(result: dict[str, Any]) -> str:
    """The comparison for people."""
    width = max(map(len, result["unbroken"]))
    lines = [f"{'':{width}}  {'unbroken':>24}  {'killed and resumed':>24}"]
    for key, value in result["unbroken"].items():
        other = result["resumed"].get(key)
        shown = [f"{item:.12g}" if isinstance(item, float) else str(item)[:24] for item in (value, other)]
        lines.append(f"{key:{width}}  {shown[0]:>24}  {shown[1]:>24}{'  DIFFERS' if key in result['differ'] else ''}")
    lines += [
        f"killed in stage {kill['stage']} at step {kill['step']}; seen after {kill['seen_after_seconds']} s"
        for kill in result["kills"]
    ]
    lines.append("the same to the last bit" if result["same"] else f"{len(result['differ'])} figures differ")
    return "\n".join(lines)


def main() -> int:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--device", default="cpu", help="cpu (where sameness is promised), cuda or mps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="any setting of the spec")
    options = parser.parse_args()
    values = SPEC | {"device": options.device, "seed": options.seed} | dict(item.split("=", 1) for item in options.set)
    with tempfile.TemporaryDirectory(prefix="npf-check-resume-") as home:
        result = compare(Path(home), values)
    print(json.dumps(result) if options.json else table(result))
    return 0 if result["same"] and not result["late"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
