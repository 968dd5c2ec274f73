"""OTT-JAX's and POT's Sinkhorn divergences of the clouds x (n, d) and y (m, d).

OTT-JAX: ``sinkdiv``, jitted, compiled before the clock starts; one row for each threshold (its stopping rule; 1e-3 is
its default), with the library's defaults otherwise. POT: ``empirical_sinkhorn_divergence`` to 1e-5. Settings: eps,
runs, thresholds, max_iterations, pot (whether to run it).
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ott.tools.sinkhorn_divergence import sinkdiv

from benchmarks.common import cpu_times


def solve(
    data: dict[str, np.ndarray], settings: dict[str, Any]
) -> tuple[list[dict[str, Any]], np.ndarray, dict[str, Any]]:
    """(a row a solver with value, CPU seconds and those of each run, nothing, info)."""
    eps, runs = float(settings["eps"]), int(settings["runs"])
    x, y = jnp.asarray(data["x"]), jnp.asarray(data["y"])
    rows = []
    for threshold in settings.get("thresholds", (1e-3, 1e-4, 1e-5)):
        limits = {"threshold": threshold, "max_iterations": int(settings.get("max_iterations", 5000))}
        work = jax.jit(lambda a, b, limits=limits: sinkdiv(a, b, epsilon=eps, solve_kwargs=limits)[0])
        each, value = cpu_times(lambda work=work: jax.block_until_ready(work(x, y)), runs)  # type: ignore[misc]
        rows.append(_row(f"OTT-JAX, {threshold:.0e}", each, value))
    if settings.get("pot"):
        rows.append(_pot(data["x"].astype(np.float64), data["y"].astype(np.float64), eps))
    return rows, np.zeros(0), {"settings": settings}


def _pot(x: np.ndarray, y: np.ndarray, eps: float) -> dict[str, Any]:
    """One run: nothing to warm up. Its stabilised method: with the plain one the kernel may underflow."""
    from ot.bregman import empirical_sinkhorn_divergence

    begin = time.process_time()
    value = empirical_sinkhorn_divergence(x, y, eps, stopThr=1e-5, method="sinkhorn_stabilized", warn=False)
    return _row("POT (time only)", [time.process_time() - begin], value)


def _row(solver: str, each: list[float], value: Any) -> dict[str, Any]:
    return {"solver": solver, "seconds": statistics.median(each), "value": float(value), "each": each}
