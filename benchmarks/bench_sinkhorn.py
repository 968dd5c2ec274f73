"""S_eps of two clouds of 2048 points: our solver against geomloss, in time and in error against a converged float64
value.

    python benchmarks/bench_sinkhorn.py [--json]

The reference is a plain float64 log-domain iteration run until the potentials stand still to 1e-10 eps (at most
600 times).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from geomloss import SamplesLoss
from torch import Tensor

from benchmarks.common import arguments, median_seconds, set_threads, show, tell
from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.catalog import resolve
from npf_engine.fields.spec import FieldSpec

N = 2048


def converged(x: Tensor, y: Tensor, eps: float) -> float:
    """S_eps by plain iterations in double precision."""

    def cost(a: Tensor, b: Tensor) -> float:
        C = torch.cdist(a.double(), b.double()) ** 2 / eps
        f = torch.zeros(len(a), dtype=torch.float64)
        for _ in range(600):
            g = -(torch.logsumexp(f[:, None] - C, 0) - math.log(len(a)))
            new = -(torch.logsumexp(g[None] - C, 1) - math.log(len(b)))
            change, f = float((new - f).abs().max()), new
            if change < 1e-10:
                break
        return eps * float(f.mean() + g.mean())

    return cost(x, y) - cost(x, x) / 2 - cost(y, y) / 2


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "").parse_args()
    set_threads(options.threads)
    field = resolve(FieldSpec(source="jacksboro"))
    rows, speedups = [], {}
    for name, points in (("rho", field.x_test), ("F#rho", field.y_test)):
        x, y = points[:N], points[N : 2 * N]
        eps = default_eps(y)
        tell(f"{name}: the converged value (about a minute)")
        exact = converged(x, y, eps)
        blur = math.sqrt(eps / 2)

        def geomloss(scaling: float, x: Tensor = x, y: Tensor = y, blur: float = blur) -> Callable[[], float]:
            loss = SamplesLoss("sinkhorn", p=2, blur=blur, scaling=scaling, debias=True, backend="tensorized")
            return lambda: 2 * float(loss(x, y))

        solvers: dict[str, Callable[[], float]] = {
            "ours": partial(sinkhorn_divergence, x, y, eps),
            "geomloss 0.5 (its default)": geomloss(0.5),
            "geomloss 0.9": geomloss(0.9),
            "geomloss 0.99": geomloss(0.99),
        }
        times = {}
        for solver, work in solvers.items():
            tell(f"{name}: {solver}")
            times[solver], value = median_seconds(work, options.runs)
            error = abs(value - exact) / exact
            rows.append(
                {"clouds": name, "solver": solver, "seconds": times[solver], "value": value, "relative error": error}
            )
        speedups[name] = times["geomloss 0.9"] / times["ours"]
    show(f"Sinkhorn divergence, {N} x {N}, d = 2", rows, {"speedup over geomloss 0.9": speedups}, options.json)


if __name__ == "__main__":
    main()
