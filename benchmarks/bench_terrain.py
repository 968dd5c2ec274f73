"""A preset on real terrain, by the two commands that anybody would type: seconds of every stage with report and bundle,
then the bundle's accuracy with 64 draws; and for the preset quick its test dual against a long run's.

    python -m benchmarks.bench_terrain [--json] [--preset quick|paper] [--field PATH_OR_NAME] [--draws 64] [--no-long]
                                       [--quick]

``seconds`` is what ``python -m npf_engine train FIELD --preset PRESET`` says of itself, its own report of eight draws
and the bundle in ``total``; ``wall seconds`` are of the whole commands, Python's start included. ``rows`` and all other
figures are what ``python -m npf_engine evaluate BUNDLE FIELD --draws 64`` says of the bundle that was written.

The field is the paper's Chamonix grid where NPF_SHARED_DATA (or ../shared/data) has it, else jacksboro. The long run is
of the same u on as many pairs, with 4000 regression steps and 600 polish steps on the dual whatever the held-out dual
says, at rates of its own (``LONG``). The preset paper is not held against it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import arguments, keep, set_threads, show, tell
from npf_engine.fields.catalog import resolve
from npf_engine.polar.train import train
from npf_engine.studies.factorization.spec import preset, with_values
from npf_engine.transport.dual_value import held_out_dual

ROOT = Path(__file__).resolve().parents[1]
ROWS = ("pushforward", "measure_preservation", "measure_preservation_implicit", "inverse")
COLUMNS = ("value", "self_distance", "trivial", "ratio", "se")
LONG = {
    "u.regression_steps": 4000,
    "u.regression_lr": 2e-2,
    "u.polish_steps": 600,
    "u.polish_lr": 5e-3,
    "u.patience": 0,
    "v.steps": 1,
    "m.steps": 1,
    "inverse.steps": 1,
}
# With --quick: that it runs, in seconds, and nothing more.
SMALL = {
    "field.max_samples": 5000,
    "u.hidden": "16,16",
    "u.pair_size": 200,
    "u.pairings": 1,
    "u.regression_steps": 40,
    "u.polish_steps": 4,
    "u.batch": 128,
    "v.steps": 20,
    "m.steps": 20,
    "inverse.steps": 30,
    "inverse.batch": 128,
    "report.n": 128,
    "report.neighbourhoods": 4,
}
SMALL_LONG = {"u.regression_steps": 200, "u.polish_steps": 20}
SMALL_DRAWS = 2


def chosen_field() -> str:
    """Chamonix where the data are, else the embedded terrain."""
    folder = os.environ.get("NPF_SHARED_DATA") or str(Path(__file__).resolve().parents[2] / "shared" / "data")
    path = Path(folder) / "Chamonix.tif"
    return str(path) if path.is_file() else "jacksboro"


def command_line(words: list[str], threads: int) -> tuple[dict[str, Any], float]:
    """The JSON of ``python -m npf_engine WORDS --json`` and its wall seconds; its progress goes to our stderr."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    begin = time.perf_counter()
    child = subprocess.run(
        [sys.executable, "-m", "npf_engine", *words, "--json"],
        text=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": path},
    )
    if child.returncode:
        raise RuntimeError(f"{words[0]} failed with code {child.returncode}")
    return json.loads(child.stdout), time.perf_counter() - begin


def train_and_evaluate(
    source: str, preset_name: str, draws: int, threads: int, values: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    """What ``train`` printed, with ``values`` set in its spec; what ``evaluate`` printed of the bundle with so many
    draws; the wall seconds of both."""
    settings = [f"{key}={value}" for key, value in {"device": "cpu", "threads": threads, **values}.items()]
    with tempfile.TemporaryDirectory(prefix="terrain-") as name:
        words = ["train", source, "--preset", preset_name, "--out", str(Path(name) / "run"), "--set", *settings]
        trained, train_seconds = command_line(words, threads)
        tell(f"measuring the bundle with {draws} draws")
        words = ["evaluate", trained["bundle"], source, "--draws", str(draws)]
        measured, evaluate_seconds = command_line(words, threads)
    return trained, measured, {"train": train_seconds, "evaluate": evaluate_seconds}


def long_run_dual(source: str, values: dict[str, Any]) -> float:
    """The test dual of quick's u after a run many times as long; ``values`` change the spec."""
    spec = with_values(preset("quick"), {"field.source": source, "device": "cpu"} | values)
    field = resolve(spec.field)
    return held_out_dual(train(field, spec.stages).model.u, field.x_test, field.y_test).value


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--preset", choices=("quick", "paper"), default="quick")
    parser.add_argument("--field", default=chosen_field())
    parser.add_argument("--draws", type=int, default=64, help="of the bundle's accuracy; train's own report has eight")
    parser.add_argument("--no-long", action="store_true", help="leave out the long run (ten minutes)")
    parser.add_argument("--quick", action="store_true", help="seconds: few steps and samples, two draws")
    options = parser.parse_args()
    small = SMALL if options.quick else {}
    if options.quick:
        options.draws = SMALL_DRAWS
    set_threads(options.threads)
    tell(f"training {Path(options.field).name} with the preset {options.preset}")
    trained, measured, wall = train_and_evaluate(options.field, options.preset, options.draws, options.threads, small)
    metrics = measured["metrics"]
    rows = [{"figure": name} | {k: (metrics[name] or {}).get(k) for k in COLUMNS} for name in ROWS]
    result = {
        "field": Path(options.field).name,
        "preset": options.preset,
        "threads": options.threads,
        "quick": options.quick,
        "draws": options.draws,
        "seconds": {k: round(v, 2) for k, v in trained["seconds"].items()},
        "wall seconds": {k: round(v, 1) for k, v in wall.items()},
        "reconstruction l2": metrics["reconstruction"]["l2"],
        "test dual": metrics["test_dual"]["value"],
        "verdict": measured["verdict"],
    }
    if options.preset == "quick" and not options.no_long:
        tell("the long run")
        dual = long_run_dual(options.field, small | LONG | (SMALL_LONG if options.quick else {}))
        result |= {"long run's dual": dual, "test dual above it, percent": 100 * (result["test dual"] / dual - 1)}
    keep(f"terrain_{options.preset}", rows, result)
    show(f"Preset {options.preset} on terrain", rows, result, options.json)


if __name__ == "__main__":
    main()
