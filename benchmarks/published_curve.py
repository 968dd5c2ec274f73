"""The papers' own algorithm (``solver=published``) on the papers' terrain, beside what the authors' program reaches.

    PYTHONPATH=. python -m benchmarks.published_curve Chamonix.tif --steps 300

prints S_eps(grad u#rho, F#rho) of unseen samples, its floor and the Gaussian map's, at every hundredth step. The
authors' program: 199, 20 and 5.0 after 100, 200 and 300 steps, 1.1 s each.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path

import torch

from npf_engine.divergences import default_eps, sinkhorn_divergence
from npf_engine.fields.catalog import resolve
from npf_engine.polar.stages.amortizer import untrained
from npf_engine.polar.stages.job import Job
from npf_engine.polar.stages.potential import first_potential
from npf_engine.studies.factorization.spec import preset, with_values
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.dual import PublishedPlan, fit_published
from npf_engine.transport.gaussian import gaussian_map

AUTHORS = {100: 199.0, 200: 20.0, 300: 5.0}
POINTS, DRAWS = 2048, 4


class Enough(Exception):
    """The steps that were asked for are done."""


def main() -> int:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raster", type=Path)
    parser.add_argument("--steps", type=int, default=300, help="of u; the authors' schedule is of 50,000")
    parser.add_argument("--sigma", default="10", help="of the smoothing, in pixels")
    args = parser.parse_args()
    values = {"field.source": str(args.raster), "field.sigma": args.sigma, "solver": "published"}
    spec = with_values(preset("quick"), values)
    field = resolve(spec.field)
    job = Job.of(field, spec.stages, Recorder())
    S, m = gaussian_map(field.x_train, field.y_train)
    u = first_potential(job, spec.u, S, m, published=True).module
    v = untrained(job, spec.v).module
    x, y = field.x_test, field.y_test
    eps = default_eps(y)

    def apart(moved: torch.Tensor) -> float:
        generator = torch.Generator().manual_seed(0)
        found = []
        for _ in range(DRAWS):
            one, two = (torch.randperm(len(y), generator=generator)[:POINTS] for _ in range(2))
            found.append(float(sinkhorn_divergence(moved[one], y[two], eps)))
        return sum(found) / len(found)

    print(f"{field.name}: {field.n} samples; S_eps over {DRAWS} draws of {min(POINTS, len(y))}")
    print(f"floor {apart(y):.3g}   Gaussian map {apart(x @ S.to(x).T + m.to(x)):.4g}")
    begin = time.perf_counter()

    def watch(step: int) -> dict[str, float]:
        if step in AUTHORS or step % 500 == 0:
            with torch.no_grad():
                value = apart(u.gradient(job.field.x_test.to(job.x)).to(y))
            known = f"authors {AUTHORS[step]:g}" if step in AUTHORS else ""
            print(f"{step:6d} steps  S_eps {value:10.4g}  {time.perf_counter() - begin:5.0f} s  {known}", flush=True)
        if step >= args.steps:
            raise Enough
        return {}

    plan = PublishedPlan(spec.u, spec.conjugate, spec.v.lr, spec.v.lr_floor)
    with contextlib.suppress(Enough):
        fit_published(u, v, job.x, job.y, plan, spec.seed, job.recorder, watch=watch)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
