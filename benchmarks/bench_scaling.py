"""Time and peak memory against the number of samples, the dimension and the threads.

    python -m benchmarks.bench_scaling [--json] [--sizes 1e3,1e4,1e5,1e6] [--dims 2,8,32,128,256] [--thread-counts 1,2]
    python -m benchmarks.bench_scaling --bar-memory      the preset quick with its report on 1,000,000 samples in d = 2

Every measurement is a child process of its own: wall seconds of the work, and the process' largest resident set
(imports included). ``stage u``: the preset quick's on Himmelblau's gradient (d = 2). ``fit``: ``fit_brenier_map`` with
--seconds on the known-answer family logsumexp, with its L2-UVP. For the bar M_xi and X_psi train for few steps of their
batches, which all need the same memory; u, V and all that runs over every sample is whole (with --quick, u and V are
short too).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import arguments, keep, numbers, set_threads, show, tell

BAR_GB = 4.0
BAR_SAMPLES = 1_000_000
FEW_M = {"m.steps": 20, "inverse.steps": 20}
FEW_U = {"u.regression_steps": 20, "u.pairings": 1, "v.steps": 20}


def measure(work: dict[str, Any]) -> dict[str, Any]:
    """One row, from a child process."""
    threads = str(work["threads"])
    root = Path(__file__).resolve().parents[1]
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_scaling", "--child", json.dumps(work)],
        cwd=root,
        text=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": threads, "PYTHONPATH": str(root)},
    )
    if child.returncode:
        raise RuntimeError(f"the child for {work} failed with code {child.returncode}")
    row: dict[str, Any] = {**work, "L2-UVP": None} | json.loads(child.stdout.strip().splitlines()[-1])
    tell(str(row))
    return row


def child(work: dict[str, Any]) -> None:
    """Do the work, print its figures."""
    set_threads(work["threads"])
    found = {"stage u": _stage_u, "fit": _fit, "quick": _quick}[work["what"]](work)
    unit = 1e9 if sys.platform == "darwin" else 1e6  # ru_maxrss: bytes there, kB on Linux
    print(json.dumps(found | {"peak GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}))


def _spec(work: dict[str, Any]) -> Any:
    from npf_engine.studies.factorization.spec import preset, with_values

    values = {"field.source": "himmelblau", "field.n_samples": work["n"], "device": "cpu"}
    return with_values(preset("quick"), values | work.get("set", {}))


def _stage_u(work: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.ours import train_u
    from npf_engine.fields.catalog import resolve

    spec = _spec(work)
    _, seconds = train_u(resolve(spec.field), spec)
    return {"seconds": seconds}


def _quick(work: dict[str, Any]) -> dict[str, Any]:
    from npf_engine.fields.catalog import resolve
    from npf_engine.measures.report import accuracy_report
    from npf_engine.polar.train import train

    spec = _spec(work)
    begin = time.perf_counter()
    field = resolve(spec.field)
    model = train(field, spec.stages).model
    accuracy_report(model, field, spec.report, spec.seed)
    return {"seconds": time.perf_counter() - begin, "n": field.n}


def _fit(work: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.problems import make_problem
    from npf_engine.divergences import l2_uvp
    from npf_engine.transport import fit_brenier_map

    problem = make_problem("logsumexp", work["d"], 0)
    g = torch.Generator().manual_seed(0)
    x, y = problem.source(work["n"], g), problem.target(work["n"], g)
    begin = time.perf_counter()
    fitted = fit_brenier_map(x, y, budget_seconds=work["allowed"])
    seconds = time.perf_counter() - begin
    test = problem.source(4096, g)
    return {"seconds": seconds, "L2-UVP": l2_uvp(fitted.forward(test), problem.map(test))}


def bar_memory(threads: int, quick: bool) -> dict[str, Any]:
    """The bar: 1,000,000 samples in d = 2 train in under 4 GB."""
    short = FEW_M | (FEW_U if quick else {})
    row = measure({"what": "quick", "n": BAR_SAMPLES, "d": 2, "threads": threads, "set": short})
    return {
        "samples": row["n"],
        "peak_gb": row["peak GB"],
        "bar_gb": BAR_GB,
        "met": row["peak GB"] < BAR_GB,
        "seconds": row["seconds"],
        "shortened": short,
    }


def draw(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Seconds of the stage u and peak memory against n; L2-UVP against d is in the table."""
    for threads in dict.fromkeys(r["threads"] for r in rows):
        for what, style in {"stage u": "o-", "fit": "s--"}.items():
            here = [r for r in rows if (r["what"], r["threads"]) == (what, threads)]
            key = "n" if what == "stage u" else "d"
            label = f"{what} against {key}, {threads} thread{'s' if threads > 1 else ''}"
            axes[0].loglog([r[key] for r in here], [r["seconds"] for r in here], style, ms=4, label=label)
            axes[1].loglog([r[key] for r in here], [r["peak GB"] for r in here], style, ms=4, label=label)
    axes[0].set(xlabel="samples n, or dimension d", ylabel="seconds")
    axes[1].set(xlabel="samples n, or dimension d", ylabel="peak memory, GB")
    axes[0].legend(fontsize=7)


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--sizes", type=numbers, default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--dims", type=numbers, default=[2, 8, 32, 128, 256])
    parser.add_argument("--thread-counts", type=numbers, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=30.0, help="allowed for a fit")
    parser.add_argument("--n", type=lambda t: int(float(t)), default=100_000, help="samples where d varies")
    parser.add_argument("--bar-memory", action="store_true", help="only the bar on memory")
    parser.add_argument("--quick", action="store_true", help="minutes: two sizes, two dimensions, one thread")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(json.loads(options.child))
        return
    if options.bar_memory:
        result = {"memory": bar_memory(options.threads, options.quick)}
        show("Memory of one million samples", [], result, options.json)
        return
    if options.quick:
        options.sizes, options.dims, options.thread_counts = [1000, 10_000], [2, 16], [1]
        options.seconds, options.n = min(options.seconds, 5.0), min(options.n, 10_000)
    few = {"u.regression_steps": 50, "u.pairings": 1} if options.quick else {}
    works = []
    for threads in options.thread_counts:
        works += [{"what": "stage u", "n": n, "d": 2, "threads": threads, "set": few} for n in options.sizes]
        works += [
            {"what": "fit", "n": options.n, "d": d, "threads": threads, "allowed": options.seconds}
            for d in options.dims
        ]
    rows = [{k: v for k, v in measure(work).items() if k not in ("set", "allowed")} for work in works]
    result = {"seconds allowed to a fit": options.seconds, "quick": options.quick}
    keep("scaling", rows, result, lambda axes: draw(axes, rows))
    show("Time and memory against n, d and threads", rows, result, options.json)


if __name__ == "__main__":
    main()
