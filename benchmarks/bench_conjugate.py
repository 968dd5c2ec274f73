"""grad u* of 1024 values on a trained potential by Newton, L-BFGS and the published Adam; of 100,000 by Newton to 1e-5.

    python -m benchmarks.bench_conjugate [--json] [--runs 3]

All start at the quadratic model (cold) or at an answer displaced by 0.01 (warm, as inside a training), and have 200
iterations for a point. Adam has the published rates (0.1 falling by a cosine). A tolerance, 1e-5 too, is relative: a
point counts as solved when the sup-norm of y - grad u(x) is at most the tolerance times ``u.scale``, which the training
sets to the spread of F, sqrt(E |F - E F|^2). ``V`` and ``M_xi``: M(x) solved by Newton from V_phi(F(x)) and from
M_xi(x) (NPF 3.3). ``max residual`` is in F's units, ``relative`` over ``u.scale``. CPU time of all threads, the median
of --runs. ``speedup by start``: Adam's time over Newton's, run by run; ``speedup``: the least of these.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.common import arguments, cpu_times, keep, least_speedup, set_threads, show, speedup_over, tell
from npf_engine.fields.catalog import resolve
from npf_engine.polar.train import train
from npf_engine.studies.factorization.spec import preset, with_values
from npf_engine.transport.conjugate import Conjugate, conjugate
from npf_engine.transport.dual import in_chunks

FEW = 1024
MANY = 100_000  # the field's values again where it has fewer


def trained() -> tuple[Any, Tensor, Tensor]:
    """A model of jacksboro after a short training, unseen samples x and the values of F there (n, 2)."""
    few = {"inverse.steps": 1, "u.pairings": 2, "u.regression_steps": 400}
    spec = with_values(preset("custom"), {"field.source": "jacksboro", "device": "cpu", **few})
    field = resolve(spec.field)
    tell("training u, V and M_xi on jacksboro (a minute)")
    return train(field, spec.stages).model, field.x_test, field.y_test


def row(points: int, start: str, method: str, each: list[float], result: Conjugate, scale: float) -> dict[str, Any]:
    """A row of the table."""
    worst = float(result.residual.max())
    return {
        "points": points,
        "start": start,
        "method": method,
        "CPU ms": 1e3 * statistics.median(each),
        "evaluations a point": result.evaluations,
        "solved": float(result.converged.float().mean()),
        "max residual": worst,
        "relative": worst / scale,
    }


def compare(u: Any, y: Tensor, runs: int) -> tuple[list[dict[str, Any]], dict[tuple[str, str], list[float]]]:
    """The rows of y (n, d) to 1e-3, and the seconds of each run by (start, method)."""
    answer = conjugate(u, y, tolerance=1e-6).x
    near = answer + 0.01 * torch.randn(answer.shape, generator=torch.Generator().manual_seed(0))
    rows, times = [], {}
    for start_name, start in (("cold", None), ("warm", near)):
        for method in ("newton", "lbfgs", "adam"):
            tell(f"{start_name} {method}")
            solve = partial(conjugate, u, y, start, method=method, tolerance=1e-3, max_iterations=200)
            times[start_name, method], result = cpu_times(solve, runs)
            rows.append(row(len(y), start_name, method, times[start_name, method], result, float(u.scale)))
    return rows, times


def by_networks(model: Any, x: Tensor, y: Tensor, runs: int) -> tuple[list[dict[str, Any]], dict[str, list[float]]]:
    """The rows of y = F(x) (n, d) to 1e-3 and 1e-5 from V_phi(y) and from M_xi(x), and the seconds of each run."""
    rows, times = [], {}
    for tolerance in (1e-3, 1e-5):
        for name, network, at in (("V", model.v, y), ("M_xi", model.m, x)):
            tell(f"{name}, {tolerance:g}")

            def solve(tolerance: float = tolerance, network: Any = network, at: Tensor = at) -> Conjugate:
                return conjugate(model.u, y, in_chunks(network, at), tolerance=tolerance)

            key = f"{name}, {tolerance:g}"
            times[key], result = cpu_times(solve, runs)
            rows.append(row(len(y), name, f"newton, {tolerance:g}", times[key], result, float(model.u.scale)))
    return rows, times


def many_points(u: Any, y: Tensor, runs: int) -> dict[str, Any]:
    """The row of MANY values from a cold start to 1e-5."""
    tell("100,000 points to 1e-5")
    many = y.repeat(-(-MANY // len(y)), 1)[:MANY]
    each, result = cpu_times(lambda: conjugate(u, many, tolerance=1e-5), runs)
    return row(len(many), "cold", "newton, 1e-5", each, result, float(u.scale))


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "", runs=True).parse_args()
    set_threads(options.threads)
    model, x, y = trained()
    u = model.u
    rows, times = compare(u, y[:FEW], options.runs)
    networks, starts = by_networks(model, x[: 8 * FEW], y[: 8 * FEW], options.runs)
    rows += networks
    rows.append(many_points(u, y, options.runs))
    middle = {key: statistics.median(each) for key, each in times.items()}
    speedups = {start: speedup_over(times[start, "adam"], times[start, "newton"]) for start in ("cold", "warm")}
    result = {
        "speedup": least_speedup(speedups),
        "speedup by start": speedups,
        "Adam's time over Newton's": {start: middle[start, "adam"] / middle[start, "newton"] for start in speedups},
        "V's time over M_xi's": {
            tolerance: statistics.median(starts[f"V, {tolerance}"]) / statistics.median(starts[f"M_xi, {tolerance}"])
            for tolerance in ("0.001", "1e-05")
        },
        "u.scale": float(u.scale),
        "threads": options.threads,
    }
    keep("conjugate", rows, result)
    show("Conjugate solver, d = 2, 1e-3", rows, result, options.json)


if __name__ == "__main__":
    main()
