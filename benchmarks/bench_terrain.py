"""The preset ``quick`` on real terrain: seconds of every stage, accuracy with 64 draws, the test dual against a long
run's.

    python benchmarks/bench_terrain.py [--json] [--field PATH_OR_NAME] [--no-long]

The field is the paper's Chamonix grid where NPF_SHARED_DATA (or ../shared/data) has it, else jacksboro. The long run
trains u on its pairs for four times the steps and polishes it with 600 steps on the dual.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.common import arguments, set_threads, show, tell
from npf_engine.evaluation.report import accuracy_report
from npf_engine.fields.catalog import resolve
from npf_engine.fields.field import Field
from npf_engine.polar.training import train
from npf_engine.runs.spec import TrainingSpec, preset, with_values
from npf_engine.settings import ReportConfig
from npf_engine.transport.dual import held_out_dual

ROWS = ("pushforward", "measure_preservation", "measure_preservation_implicit", "inverse")
LONG = {
    "u.regression_steps": 4000, "u.regression_lr": 2e-2, "u.polish_steps": 600, "u.polish_lr": 5e-3,
    "v.steps": 1, "m.steps": 1, "inverse.steps": 1,
}  # fmt: skip


def chosen_field() -> str:
    """Chamonix where the data are, else the embedded terrain."""
    folder = os.environ.get("NPF_SHARED_DATA") or str(Path(__file__).resolve().parents[2] / "shared" / "data")
    path = Path(folder) / "Chamonix.tif"
    return str(path) if path.is_file() else "jacksboro"


def long_run_dual(field: Field, spec: TrainingSpec) -> float:
    """The test dual of a run many times as long."""
    u = train(field, with_values(spec, LONG)).u
    return held_out_dual(u, field.x_test, field.y_test).value


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--field", default=chosen_field())
    parser.add_argument("--draws", type=int, default=64)
    parser.add_argument("--no-long", action="store_true", help="leave out the long run (ten minutes)")
    options = parser.parse_args()
    set_threads(options.threads)
    spec = with_values(preset("quick"), {"field.source": options.field, "device": "cpu"})
    field = resolve(spec.field)
    tell(f"{field.name}: {field.n} samples; training with the preset quick")
    begin = time.perf_counter()
    model = train(field, spec)
    seconds = model.info["seconds"] | {"total": time.perf_counter() - begin}
    tell(f"measuring with {options.draws} draws")
    report = accuracy_report(model, field, ReportConfig(draws=options.draws), spec.seed)
    columns = ("value", "self_distance", "trivial", "ratio", "se")
    rows = [{"figure": name} | {k: report.metrics[name][k] for k in columns} for name in ROWS]
    result = {
        "field": Path(options.field).name,
        "threads": options.threads,
        "seconds": {k: round(v, 1) for k, v in seconds.items()},
        "reconstruction l2": report.metrics["reconstruction"]["l2"],
        "test dual": report.metrics["test_dual"]["value"],
        "verdict": report.level,
    }
    if not options.no_long:
        tell("the long run")
        dual = long_run_dual(field, spec)
        result |= {"long run's dual": dual, "test dual above it, percent": 100 * (result["test dual"] / dual - 1)}
    show("Preset quick on terrain", rows, result, options.json)


if __name__ == "__main__":
    main()
