"""The flat torus: a twist before a known gradient, F = exp(grad phi) o M, factorized from samples and as a function.

    python -m benchmarks.bench_torus [--json] [--a 0.2] [--n 65536] [--seeds 0,1,2]

M is the twist (x, y) -> (x, y + a sin 2 pi x), phi a smooth potential that is no trigonometric polynomial
(``manifolds/known.py``). On 4096 unseen places: ``u``: E d(grad u, truth)^2 in percent of E |grad phi|^2, so that the
identity, which is also the best translation as grad phi has mean 0, scores 100; ``u, UVP``: in percent of the variance
of a uniform point, L2-UVP as it is defined elsewhere; ``M``: sqrt(E d(M, truth)^2) in percent of the same of two
independent uniform points; ``M, UVP``: its square. ``floor``: for ``u`` what is left when M is known too: the same
polynomials, fitted to the exact pairs M(x), F(x) by least squares; M's from that u. The rows: the identity; the best
translation; the exact assignment of 1500 samples, at the samples themselves; samples drawn independently; M_xi learned
from them, which sees no F; F as a function, asked at evenly spread places; the same held against F of the twist of
another a, which must be seen.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.common import arguments, keep, numbers, set_threads, show
from npf_engine import seeds
from npf_engine.manifolds import TorusFactorization, factorize_exactly, factorize_torus
from npf_engine.manifolds.known import Off, Twisted
from npf_engine.manifolds.torus import SAMPLES
from npf_engine.manifolds.trigonometric import TrigonometricPotential

UNSEEN, EXACT, OTHER = 4_096, 1_500, 1.1
BARS = {"u": 0.5, "M": 1.0}  # percent
Map = Callable[[Tensor], Tensor]


def errors(known: Twisted, grad_u: Map, m: Map, seed: int) -> dict[str, float]:
    """Of the maps grad u of x and M of x, on unseen places."""
    x = known.torus.draw(UNSEEN, seeds.generator(seed, "torus.unseen"))
    return _row(known.errors(x, grad_u(x), m(x)))


def _row(off: Off) -> dict[str, float]:
    return {"u": off.u, "u, UVP": off.u_uvp, "M": off.m, "M, UVP": off.m_uvp}


def of_fit(known: Twisted, found: TorusFactorization, seed: int) -> dict[str, float]:
    """Of a factorization."""
    return errors(known, found.grad_u, lambda x: found.M(x, known(x)), seed)


def best_translation(known: Twisted, truth: Map) -> Map:
    """x + t for the t, of 4096, that is nearest to the map on the whole."""
    x = known.torus.spread_evenly(2_000)
    way = known.torus.log(x, truth(x))
    shifts = known.torus.spread_evenly(4_096)
    cost = torch.stack([known.torus.log(way, t.expand_as(way)).square().sum(1).mean() for t in shifts])
    best = shifts[cost.argmin()]
    return lambda x: known.torus.exp(x, best.expand_as(x))


def exact(known: Twisted, seed: int) -> dict[str, float]:
    """The assignment of samples, measured on them."""
    x = known.torus.draw(EXACT, seeds.generator(seed, "torus.exact"))
    found = factorize_exactly(known.torus, x, known(x))
    return _row(known.errors(x, found.image, found.m)) | {"gap": found.gap}


def floor(known: Twisted, x: Tensor, found: TorusFactorization, seed: int) -> dict[str, float]:
    """The polynomials of this degree by least squares of their gradient on the pairs M(x), grad phi(M(x))."""
    m = known.M(x)
    phi = TrigonometricPotential.flat(known.torus, found.report.degree)
    angle = m @ phi.waves.T
    rows = torch.cat([-torch.sin(angle)[:, None] * phi.waves.T, torch.cos(angle)[:, None] * phi.waves.T], dim=2)
    rows, sought = rows.flatten(0, 1), known.gradient(m).flatten()
    fitted = phi.with_weights(torch.linalg.solve(rows.T @ rows, rows.T @ sought))
    known_m = TorusFactorization(known.torus, fitted, None, found.report)
    return of_fit(known, known_m, seed)


def one_seed(options: Any, seed: int) -> list[dict[str, Any]]:
    """Every row."""
    known = Twisted(options.a)
    x = known.torus.draw(options.n, seeds.generator(seed, "torus.samples"))
    best_u, best_m = best_translation(known, known.grad_u), best_translation(known, known.M)
    rows: list[dict[str, Any]] = [
        {"by": "the identity", "n": 0} | errors(known, lambda x: x, lambda x: x, seed),
        {"by": "the best translation", "n": 0} | errors(known, best_u, best_m, seed),
        {"by": "exact assignment, at its samples", "n": EXACT} | exact(known, seed),
    ]
    tries = {
        f"the dual, {options.n:,} samples": (options.n, lambda: factorize_torus(x, known(x), seed=seed)),
        f"the dual, a function at {SAMPLES:,} places": (SAMPLES, lambda: factorize_torus(known, periods=[1, 1])),
    }
    for name, (n, work) in tries.items():
        began = time.process_time()
        found = work()
        seconds = time.process_time() - began
        places = x if "samples" in name else known.torus.spread_evenly(n)
        least = floor(known, places, found, seed)
        rows.append(
            {"by": name, "n": n}
            | of_fit(known, found, seed)
            | {"floor of u": least["u"], "floor of M": least["M"]}
            | {"degree": found.report.degree, "curvature": found.report.curvature, "CPU seconds": seconds}
        )
        if "samples" in name:
            began = time.process_time()
            network = found.learn_M(places, known(places), seed=seed).requires_grad_(False)
            seconds = time.process_time() - began
            own = errors(known, found.grad_u, network, seed)
            rows.append({"by": "the same, M by a network", "n": n} | own | {"CPU seconds": seconds})
    # F of another twist, taken for this one's: M is off by the difference
    other = Twisted(OTHER * options.a)
    wrong = errors(known, found.grad_u, lambda x: found.M(x, other(x)), seed)
    rows.append({"by": f"the same, of the twist {OTHER:g} a", "n": SAMPLES} | wrong)
    return [row | {"seed": seed} for row in rows]


def medians(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row with the median over the seeds for each way."""
    out = []
    for name in dict.fromkeys(row["by"] for row in rows):
        same = [row for row in rows if row["by"] == name]
        middle = {key: statistics.median(row[key] for row in same) for key in same[0] if key not in ("by", "seed", "n")}
        out.append({"by": name, "n": same[0]["n"], "runs": len(same)} | middle)
    return out


def draw(axes: Any, table: list[dict[str, Any]]) -> None:
    """A bar a way, u and M."""
    for axis, key in zip(axes, BARS, strict=True):
        axis.barh([row["by"] for row in table], [max(row[key], 1e-5) for row in table])
        axis.axvline(BARS[key], color="k")
        axis.set(xscale="log", xlabel=f"error of {key}, percent")
        axis.invert_yaxis()


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--a", type=float, default=0.2, help="of the twist, in periods")
    parser.add_argument("--n", type=lambda t: int(float(t)), default=65_536, help="samples drawn")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2])
    options = parser.parse_args()
    set_threads(options.threads)
    rows = [row for seed in options.seeds for row in one_seed(options, seed)]
    table = medians(rows)
    fitted = [row for row in rows if row["by"].startswith("the dual")]
    met = {key: all(row[key] < bar for row in fitted) for key, bar in BARS.items()}
    result = {"a": options.a, "threads": options.threads, "bars, percent": BARS, "met by every run": met}
    keep("torus", table, result | {"runs": rows}, lambda axes: draw(axes, table))
    show("A twist before a known gradient on the torus, errors in percent", table, result, options.json)


if __name__ == "__main__":
    main()
