"""Entropic maps (Pooladian & Niles-Weed 2021): OTT-JAX's Sinkhorn on subsamples, its potentials' barycentric map.

Settings: points (4096), shares: one map for each eps = share * mean cost. The caller may pick the best of them
knowing the answer, which flatters this peer.
"""

from __future__ import annotations

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ott.geometry import pointcloud
from ott.solvers import linear


def solve(
    data: dict[str, np.ndarray], settings: dict[str, Any]
) -> tuple[list[dict[str, Any]], np.ndarray, dict[str, Any]]:
    """(curve with a row for each eps, maps (shares, k, d), info)."""
    points = int(settings.get("points", 4096))
    x, y = jnp.asarray(data["x"][:points]), jnp.asarray(data["y"][:points])
    mean_cost = float(pointcloud.PointCloud(x, y).mean_cost_matrix)
    rows: list[dict[str, Any]] = []
    maps = []
    for share in settings.get("shares", (0.003, 0.01, 0.03, 0.1)):
        begin = time.perf_counter()
        geometry = pointcloud.PointCloud(x, y, epsilon=share * mean_cost)
        out = linear.solve(geometry, max_iterations=int(settings.get("max_iterations", 2000)))
        transport = jax.jit(out.to_dual_potentials().transport)  # type: ignore
        parts = [np.asarray(transport(part)) for part in np.array_split(data["x_eval"], 4)]
        maps.append(np.concatenate(parts))
        rows.append({"share": share, "converged": bool(out.converged), "seconds": time.perf_counter() - begin})
    return rows, np.stack(maps), {"points": len(x), "settings": settings}
