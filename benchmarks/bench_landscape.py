"""LMC-NPF, its correction and peers on landscapes whose law is known, at equal counts of gradients of g.

    python -m benchmarks.bench_landscape [--json] [--landscapes himmelblau,mixture] [--methods ...] [--seed S]
        [--particles P] [--steps K] [--density mixture,flow]

``mixture-10`` is the mixture in ten dimensions, judged by its weights. density: of what corrected jumps come back by.
All particles start in one corner. Columns: the largest error of a basin's weight against exp(-c g) (for lmc-npf also
against its own law), the share of draws truly near modes (0.99 of exact ones), the energy distance to exact samples
beside that of two exact sets, gradients, CPU seconds.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.common import NO_SPEEDUP, arguments, keep, names_of, set_threads, show, tell
from npf_engine.sampling import sampler
from npf_engine.studies.landscape.run import run_landscape
from npf_engine.studies.landscape.spec import LandscapeSpec

DENSITIES = ("mixture", "flow")
CORRECTED = "lmc-npf-corrected"
# of those landscapes whose factorization nobody knows in closed form
LEARNED = [name for name, item in sampler.known().items() if not item.known_only]


def row_of(name: str, method: str, density: str, options: Any) -> dict[str, Any]:
    """One line of the table."""
    tell(f"{name}: {method}, {density}")
    begin = time.process_time()
    spec = LandscapeSpec(name, method, options.particles, options.steps, seed=options.seed, density=density)
    result: dict[str, Any] = run_landscape(spec).to_json()
    modes = result["modes"]
    own = [abs(mode["occupancy"] - mode["own_law"]) for mode in modes if mode["own_law"] is not None]
    return {
        "landscape": name,
        "method": method if density == DENSITIES[0] else f"{method}, {density}",
        "smallest occupancy": min(mode["occupancy"] for mode in modes),
        "error of a weight": result["truth"]["largest_error"],
        "error to own law": max(own) if own else None,
        "near modes": result["near_modes"],
        "energy distance": result["energy_distance"],
        "of exact samples": result["truth"]["energy_distance_of_exact_samples"],
        "acceptance": result["acceptance"],
        "R-hat": None if result["mixing"] is None else result["mixing"]["r_hat"],
        "effective draws": None if result["mixing"] is None else result["mixing"]["ess"],
        "gradients": result["gradient_evaluations"],
        "CPU s": time.process_time() - begin,
    }


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--landscapes", default="himmelblau,mixture")
    parser.add_argument("--methods", type=names_of(sampler.names()), default=LEARNED, help=", ".join(sampler.names()))
    parser.add_argument("--density", type=names_of(DENSITIES), default=[DENSITIES[0]], help=", ".join(DENSITIES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--particles", type=int, default=None)
    parser.add_argument("--steps", type=int, default=None)
    options = parser.parse_args()
    set_threads(options.threads)
    names = options.landscapes.split(",")
    rows = [
        row_of(name, method, density, options)
        for name in names
        for method in options.methods
        for density in (options.density if method == CORRECTED else DENSITIES[:1])
    ]
    errors = {f"{row['landscape']} {row['method']}": row["error of a weight"] for row in rows}
    result = {"largest error of a weight": errors, "speedup": NO_SPEEDUP}
    keep("landscape", rows, result)
    show("Landscapes: exp(-c g) at equal gradients", rows, result, options.json)


if __name__ == "__main__":
    main()
