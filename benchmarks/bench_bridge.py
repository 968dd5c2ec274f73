"""The sampler of I_psi: exact bridge steps against torchsde's Heun, on one trained bridge.

    python -m benchmarks.bench_bridge [--json] [--steps 4000] [--heun 100,1000] [--quick]

Ours takes the spec's number of steps (``inverse.sampler_steps``). Quality: S_eps between I_psi(M(B_k)) and B_k over
--neighbourhoods of test points, divided by the sharp reference, with its standard error (see
npf_engine/measures/inverse.py). Time: CPU seconds of 2048 pre-images. Heun stops at t = 0.95, as released.
``speedup by sampler``: Heun's seconds over ours, run by run; ``speedup``: over the quickest Heun, whatever its quality.
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import Any

from benchmarks.bench_terrain import chosen_field
from benchmarks.common import (
    arguments,
    cpu_times,
    keep,
    least_speedup,
    numbers,
    set_threads,
    show,
    speedup_over,
    tell,
    without,
)
from npf_engine.fields.catalog import resolve
from npf_engine.fields.field import Field
from npf_engine.measures.inverse import inverse_metric
from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.train import train
from npf_engine.settings.stages import ReportConfig
from npf_engine.studies.factorization.spec import preset, with_values

PRE_IMAGES = 2048
QUICK = {"u.pairings": 2, "u.pair_size": 500, "u.regression_steps": 100, "v.steps": 20}


def trained(options: Any) -> tuple[PolarFactorization, Field]:
    """The model and its field: the preset quick but for V and M, which the sampler does not need."""
    few = {"v.steps": 50, "m.steps": 1, "inverse.steps": options.steps} | (QUICK if options.quick else {})
    spec = with_values(preset("quick"), {"field.source": options.field, "device": "cpu"} | few)
    field = resolve(spec.field)
    tell(f"training {field.name} with {options.steps} steps of X_psi")
    return train(field, spec.stages).model, field


def one_sampler(
    model: PolarFactorization, field: Field, pairs: Any, sampler: str, steps: int, options: Any
) -> dict[str, Any]:
    """A row: quality and CPU seconds of a sampler with so many steps."""
    tell(f"{sampler}, {steps} steps")
    model.sampler, model.sampler_steps = sampler, steps
    m_test, train_pairs = pairs
    config = dataclasses.replace(ReportConfig(), neighbourhoods=options.neighbourhoods)
    found = inverse_metric(model, field.x_test, m_test, train_pairs, config, 0)
    if found is None:
        raise ValueError(f"{field.name} has too few test samples to judge a sampler by; take a larger field")
    start = m_test[:PRE_IMAGES].clamp(-1, 1)
    each, _ = cpu_times(lambda: model.sample_inverse(start, 0), options.runs)
    return {
        "sampler": sampler,
        "steps": steps,
        "CPU seconds": statistics.median(each),
        "pre-images": len(start),
        "S_eps": found.value,
        "ratio": found.ratio,
        "se": found.se,
        "each": each,
    }


def draw(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Ratio against CPU seconds, and the seconds alone."""
    labels = [f"{r['sampler']}, {r['steps']} steps" for r in rows]
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        axes[0].errorbar(row["CPU seconds"], row["ratio"], yerr=row["se"], fmt="o", color=f"C{index}", label=label)
    axes[0].axhline(1, color="0.6", lw=0.8)
    axes[0].set(xscale="log", xlabel=f"CPU seconds for {rows[0]['pre-images']} pre-images", ylabel="inverse ratio")
    axes[0].legend(fontsize=8)
    axes[1].barh(labels, [r["CPU seconds"] for r in rows])
    axes[1].set(xscale="log", xlabel="CPU seconds")


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "", runs=True)
    parser.add_argument("--field", default=chosen_field())
    parser.add_argument("--steps", type=int, default=4000, help="training steps of X_psi")
    parser.add_argument("--heun", type=numbers, default=[100, 1000], help="steps of Heun")
    parser.add_argument("--neighbourhoods", type=int, default=64, help="of test points, to judge by")
    parser.add_argument("--quick", action="store_true", help="300 training steps, 8 neighbourhoods, one run")
    options = parser.parse_args()
    if options.quick:
        options.steps, options.neighbourhoods, options.runs = min(options.steps, 300), 8, 1
    set_threads(options.threads)
    model, field = trained(options)
    pairs = model.solve(field.y_test).x, (field.x_train, model.solve(field.y_train).x)
    samplers = [("bridge", model.sampler_steps)] + [("heun", steps) for steps in options.heun]
    rows = [one_sampler(model, field, pairs, sampler, steps, options) for sampler, steps in samplers]
    ours, heuns = rows[0], {f"heun {row['steps']}": row for row in rows[1:]}
    speedups = {name: speedup_over(row["each"], ours["each"]) for name, row in heuns.items()}
    rows = without("each", rows)
    result = {
        "speedup": least_speedup(speedups),
        "speedup by sampler": speedups,
        "field": field.name,
        "training steps": options.steps,
        "threads": options.threads,
        "quick": options.quick,
        "time over ours": {name: row["CPU seconds"] / ours["CPU seconds"] for name, row in heuns.items()},
    }
    keep("bridge", rows, result, lambda axes: draw(axes, rows))
    show("Sampler of I_psi", rows, result, options.json)


if __name__ == "__main__":
    main()
