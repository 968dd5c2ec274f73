"""OTT-JAX's and POT's Sinkhorn divergences of the clouds x (n, d) and y (m, d).

OTT-JAX: ``sinkdiv``, jitted, compiled before the clock starts; one row for each threshold (its stopping rule; 1e-3 is
its default), with the library's defaults otherwise. POT: ``empirical_sinkhorn_divergence`` to 1e-5. Settings: eps,
runs, thresholds, max_iterations, pot (whether to run it).
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ott.tools.sinkhorn_divergence import sinkdiv

from benchmarks.common import cpu_seconds


def solve(
    data: dict[str, np.ndarray], settings: dict[str, Any]
) -> tuple[list[dict[str, Any]], np.ndarray, dict[str, Any]]:
    """(a row a solver with value and CPU seconds, nothing, info)."""
    eps, runs = float(settings["eps"]), int(settings["runs"])
    x, y = jnp.asarray(data["x"]), jnp.asarray(data["y"])
    rows = []
    for threshold in settings.get("thresholds", (1e-3, 1e-4, 1e-5)):
        limits = {"threshold": threshold, "max_iterations": int(settings.get("max_iterations", 5000))}
        work = jax.jit(lambda a, b, limits=limits: sinkdiv(a, b, epsilon=eps, solve_kwargs=limits)[0])
        seconds, value = cpu_seconds(lambda work=work: jax.block_until_ready(work(x, y)), runs)  # type: ignore[misc]
        rows.append({"solver": f"OTT-JAX, {threshold:.0e}", "seconds": seconds, "value": float(value)})
    if settings.get("pot"):
        rows.append(_pot(data["x"].astype(np.float64), data["y"].astype(np.float64), eps))
    return rows, np.zeros(0), {"settings": settings}


def _pot(x: np.ndarray, y: np.ndarray, eps: float) -> dict[str, Any]:
    """One run: nothing to warm up. Its stabilised method: with the plain one the kernel may underflow."""
    from ot.bregman import empirical_sinkhorn_divergence

    begin = time.process_time()
    value = empirical_sinkhorn_divergence(x, y, eps, stopThr=1e-5, method="sinkhorn_stabilized", warn=False)
    return {"solver": "POT (time only)", "seconds": time.process_time() - begin, "value": float(value)}
