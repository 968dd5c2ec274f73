"""grad u* of 1024 values on a trained potential by Newton, L-BFGS and the published Adam; of 100,000 by Newton to 1e-5.

    python -m benchmarks.bench_conjugate [--json]

All start at the quadratic model (cold) or at an answer displaced by 0.01 (warm, as inside a training), and have 200
iterations for a point. Adam has the published rates (0.1 falling by a cosine). A point counts as solved when the
sup-norm of y - grad u(x), relative to the size of F, is at most the tolerance. CPU time of all threads.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from benchmarks.common import arguments, cpu_seconds, set_threads, show, tell
from npf_engine.fields.catalog import resolve
from npf_engine.polar.training import train
from npf_engine.runs.spec import preset, with_values
from npf_engine.transport.conjugate import Conjugate, conjugate

MANY = 100_000  # the field's values again where it has fewer


def row(points: int, start: str, method: str, seconds: float, result: Conjugate) -> dict[str, Any]:
    """A row of the table."""
    return {
        "points": points, "start": start, "method": method, "CPU ms": 1e3 * seconds,
        "evaluations a point": result.evaluations, "solved": float(result.converged.float().mean()),
        "max residual": float(result.residual.max()),
    }  # fmt: skip


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "").parse_args()
    set_threads(options.threads)
    few = {"v.steps": 1, "m.steps": 1, "inverse.steps": 1, "u.pairings": 2, "u.regression_steps": 400}
    spec = with_values(preset("custom"), {"field.source": "jacksboro", "device": "cpu", **few})
    field = resolve(spec.field)
    tell("training u on jacksboro (half a minute)")
    u = train(field, spec).u
    y = field.y_train[:1024]
    answer = conjugate(u, y, tolerance=1e-6).x
    near = answer + 0.01 * torch.randn(answer.shape, generator=torch.Generator().manual_seed(0))
    rows, times = [], {}
    for start_name, start in (("cold", None), ("warm", near)):
        for method in ("newton", "lbfgs", "adam"):
            tell(f"{start_name} {method}")
            solve = partial(conjugate, u, y, start, method=method, tolerance=1e-3, max_iterations=200)
            seconds, result = cpu_seconds(solve, options.runs)
            times[start_name, method] = seconds
            rows.append(row(1024, start_name, method, seconds, result))
    tell("100,000 points to 1e-5")
    many = field.y_train.repeat(-(-MANY // len(field.y_train)), 1)[:MANY]
    seconds, result = cpu_seconds(lambda: conjugate(u, many, tolerance=1e-5), 1)
    rows.append(row(len(many), "cold", "newton, 1e-5", seconds, result))
    ratios = {s: times[s, "adam"] / times[s, "newton"] for s in ("cold", "warm")}
    show("Conjugate solver, d = 2, 1e-3", rows, {"Adam's time over Newton's": ratios}, options.json)


if __name__ == "__main__":
    main()
