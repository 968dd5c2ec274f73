"""The test dual of a JAX potential with exact conjugates in float64, and its map at given points."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

TOLERANCE = 1e-6
ITERATIONS = 200
CANDIDATES = 4096


def finite_map(apply: Any, params: Any, x: np.ndarray, chunk: int = 4096) -> np.ndarray:
    """grad u (n, d) at x (n, d), in float32."""
    gradient = jax.jit(jax.grad(lambda p, v: apply(p, v).sum(), argnums=1))
    return np.concatenate([np.asarray(gradient(params, x[i : i + chunk])) for i in range(0, len(x), chunk)])


def exact_dual(apply: Any, params: Any, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """mean u(x) + u*(y) over held-out x (n, d), y (k, d), and the largest residual |y - grad u(xhat)| (sup-norm).

    Damped Newton from the best of many points of x. Where a residual r stays above the tolerance, u* is bounded from
    above with |r|^2 / (2 m), m the strong convexity of u's last quadratic term, as for ours.
    """
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: jnp.asarray(np.asarray(a), jnp.float64), params)
        points, targets = jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64)
        values = apply(wide, points)
        candidates, heights = points[:CANDIDATES], values[:CANDIDATES]
        start = jnp.concatenate(
            [
                candidates[jnp.argmax(part @ candidates.T - heights, axis=1)]
                for part in jnp.split(targets, _cuts(targets))
            ]
        )
        xhat, residual = _newton(apply, wide, targets, start)
        r = targets - jax.grad(lambda v: apply(wide, v).sum())(xhat)
        star = (xhat * targets).sum(1) - apply(wide, xhat)
        gap = (r**2).sum(1) / (2 * max(_strong_convexity(wide), 1e-6))
        star = star + jnp.where(residual > TOLERANCE, gap, 0.0)
        return {
            "dual": float(values.mean() + star.mean()),
            "max_residual": float(residual.max()),
            "unfinished": float((residual > TOLERANCE).mean()),
        }


def _cuts(targets: Any) -> list[int]:
    return list(range(1024, targets.shape[0], 1024))


def _newton(apply: Any, params: Any, y: Any, start: Any) -> tuple[Any, Any]:
    d = y.shape[1]

    def one(p: Any, v: Any) -> Any:
        return apply(p, v[None]).reshape(())

    derivatives = jax.jit(jax.vmap(lambda p, v: (jax.grad(one, 1)(p, v), jax.hessian(one, 1)(p, v)), in_axes=(None, 0)))

    @jax.jit
    def advance(x: Any, g: Any, H: Any, damping: Any) -> tuple[Any, Any, Any, Any]:
        r = y - g
        step = jnp.linalg.solve(H + 1e-9 * jnp.eye(d), r[:, :, None])[:, :, 0]
        trial = x + damping[:, None] * step
        g_new, H_new = derivatives(params, trial)
        norm, norm_new = jnp.linalg.norm(r, axis=1), jnp.linalg.norm(y - g_new, axis=1)
        good = norm_new <= (1 - 1e-4 * damping) * norm  # also False where the trial is not finite
        x = jnp.where(good[:, None], trial, x)
        g, H = jnp.where(good[:, None], g_new, g), jnp.where(good[:, None, None], H_new, H)
        return x, g, H, jnp.where(good, jnp.minimum(4 * damping, 1.0), damping / 4)

    x, damping = start, jnp.ones(len(y))
    g, H = derivatives(params, x)
    for _ in range(ITERATIONS):
        residual = jnp.abs(y - g).max(axis=1)
        if not bool(((residual > TOLERANCE) & (damping > 1e-10)).any()):
            break
        x, g, H, damping = advance(x, g, H, damping)
    return x, jnp.abs(y - g).max(axis=1)


def _strong_convexity(params: Any) -> float:
    """Smallest eigenvalue of the last quadratic term of OTT-JAX's ICNN, 1/2 x^T (A A^T + diag(d)) x."""
    last = params["pos_def_potentials"]
    A, diagonal = last["quad_kernel"][0], jax.nn.relu(last["diag_kernel"][:, 0])
    return float(jnp.linalg.eigvalsh(A @ A.T + jnp.diag(diagonal))[0])
