"""S_eps of two clouds: our solver against geomloss, OTT-JAX and POT, in CPU time and in error.

    python -m benchmarks.bench_sinkhorn [--json] [--n 2048] [--iterations 3000] [--quick]

Clouds: rho and F#rho of the terrain (Chamonix where the data are, else jacksboro), n points each, and two uniform
clouds of 128 points in [-1, 1]^222 at eps = 7.398, whose value the papers give as 105.7 +- 0.5 (105.326 for
this draw, numpy's default_rng(0)). The reference is
Sinkhorn's own iteration in float64 from a cold start (``plain_sinkhorn.py``) until its marginals fit to 1e-8 in L1, or
for --iterations; ``reference``: value, what marginal error was left, iterations.

Seconds are CPU seconds (all threads together, the median of --runs), without compilation. ``speedup by clouds``: the
seconds of the quickest peer that errs by at most 1e-4 over ours, run by run (none where no peer or not ours does);
``speedup``: the least of these. POT gives <P, C> without the entropy's term in each of its three parts: another number,
so that only its time is shown.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from geomloss import SamplesLoss
from torch import Tensor

from benchmarks.bench_terrain import chosen_field
from benchmarks.common import (
    NO_SPEEDUP,
    arguments,
    cpu_times,
    keep,
    least_speedup,
    set_threads,
    show,
    speedup_over,
    tell,
    without,
)
from benchmarks.peers.launch import run_peer
from benchmarks.plain_sinkhorn import plain_divergence
from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.catalog import resolve
from npf_engine.fields.spec import FieldSpec

HIGH_D, HIGH_N, HIGH_EPS = 222, 128, 7.398
GOAL = 1e-4  # relative error that counts as solved


def problems(field_name: str, n: int) -> dict[str, tuple[Tensor, Tensor, float]]:
    """name -> (x (n, d), y (n, d), eps)."""
    field = resolve(FieldSpec(source=field_name))
    n = min(n, len(field.x_test) // 2)
    out = {}
    for name, points in (("rho", field.x_test), ("F#rho", field.y_test)):
        x, y = points[:n], points[n : 2 * n]
        out[f"{name}, {n} points"] = (x, y, default_eps(y))
    generator = np.random.default_rng(0)
    x, y = (torch.from_numpy(generator.uniform(-1, 1, (HIGH_N, HIGH_D))) for _ in range(2))
    return out | {f"d = {HIGH_D}, {HIGH_N} points": (x, y, HIGH_EPS)}


def geomloss(x: Tensor, y: Tensor, eps: float, scaling: float) -> float:
    """geomloss has half the cost, and its blur is a length."""
    loss = SamplesLoss("sinkhorn", p=2, blur=math.sqrt(eps / 2), scaling=scaling, debias=True, backend="tensorized")
    return 2 * float(loss(x, y))


def one_problem(name: str, x: Tensor, y: Tensor, eps: float, options: Any) -> tuple[list[dict[str, Any]], Any]:
    """Rows of the table and the reference."""
    tell(f"{name}: the reference")
    reference = plain_divergence(x, y, eps, options.iterations)
    found = []
    works = {"ours": partial(sinkhorn_divergence, x, y, eps)}
    for scaling, note in ((0.5, " (its default)"), (0.9, ""), (0.99, "")):
        works[f"geomloss {scaling}{note}"] = partial(geomloss, x, y, eps, scaling)
    for solver, work in works.items():
        tell(f"{name}: {solver}")
        each, value = cpu_times(work, options.runs)
        found.append({"solver": solver, "seconds": statistics.median(each), "value": value, "each": each})
    if options.peers:
        tell(f"{name}: OTT-JAX and POT")
        settings = {"eps": eps, "runs": options.runs, "pot": True}
        found += run_peer("divergence", x, y, x[:1], settings, options.threads).curve
    rows = []
    for row in found:
        error = abs(row["value"] / reference.value - 1) if "time only" not in row["solver"] else None
        rows.append({"clouds": name} | row | {"relative error": error})
    return rows, reference


def quickest(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """CPU seconds to a relative error of GOAL: ours, and the quickest peer's."""
    good = [r for r in rows if r["relative error"] is not None and r["relative error"] <= GOAL]
    ours = next((r["seconds"] for r in good if r["solver"] == "ours"), None)
    peers = [(r["seconds"], r["solver"]) for r in good if r["solver"] != "ours"]
    seconds, peer = min(peers, default=(None, None))
    return {"ours": ours, "peer": peer, "peer's": seconds, "times ours": seconds / ours if ours and seconds else None}


def speedup(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The quickest peer's seconds to GOAL over ours, run by run; None where no peer gets there."""
    found = quickest(rows)
    if found["peer"] is None:
        return None
    each = {r["solver"]: r["each"] for r in rows}
    ratios = NO_SPEEDUP if found["ours"] is None else speedup_over(each[found["peer"]], each["ours"])
    return ratios | {"peer": found["peer"]}


def draw(axes: Any, rows: list[dict[str, Any]]) -> None:
    """Error against CPU seconds, and the seconds alone."""
    solvers = list(dict.fromkeys(r["solver"] for r in rows))
    clouds = list(dict.fromkeys(r["clouds"] for r in rows))
    markers = dict(zip(clouds, "os^", strict=False))
    for row in rows:
        index = solvers.index(row["solver"])
        style = {"color": f"C{index}", "marker": markers[row["clouds"]], "ls": "", "ms": 6}
        if row["relative error"] is not None:
            label = row["solver"] if row["clouds"] == clouds[0] else None
            axes[0].loglog(row["seconds"], max(row["relative error"], 1e-9), label=label, **style)
        axes[1].semilogx(row["seconds"], index, **style)
    axes[0].axhline(GOAL, color="0.6", lw=0.8)
    axes[0].set(xlabel="CPU seconds", ylabel="relative error")
    axes[0].legend(fontsize=7)
    axes[1].set(xlabel="CPU seconds (" + ", ".join(f"{m} {c}" for c, m in markers.items()) + ")")
    axes[1].xaxis.label.set_fontsize(7)
    axes[1].set_yticks(range(len(solvers)), solvers, fontsize=7)


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "", runs=True)
    parser.add_argument("--field", default=chosen_field())
    parser.add_argument("--n", type=int, default=2048, help="points of each cloud in d = 2")
    parser.add_argument("--iterations", type=int, default=3000, help="the reference's, at most")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="leave out OTT-JAX and POT")
    parser.add_argument("--quick", action="store_true", help="512 points, one run")
    options = parser.parse_args()
    if options.quick:
        options.n, options.runs = 512, 1
    set_threads(options.threads)
    rows: list[dict[str, Any]] = []
    references, to_goal, speedups = {}, {}, {}
    for name, (x, y, eps) in problems(options.field, options.n).items():
        new, reference = one_problem(name, x, y, eps, options)
        rows += new
        references[name] = asdict(reference) | {"eps": eps}
        to_goal[name], speedups[name] = quickest(new), speedup(new)
    rows = without("each", rows)
    result = {
        "speedup": least_speedup({name: found for name, found in speedups.items() if found}),
        "speedup by clouds": speedups,
        "threads": options.threads,
        "reference": references,
        f"CPU seconds to {GOAL:.0e}": to_goal,
    }
    keep("sinkhorn", rows, result, lambda axes: draw(axes, rows))
    show("Sinkhorn divergence", rows, result, options.json)


if __name__ == "__main__":
    main()
