"""Batched L-BFGS in JAX: every point has its own memory, step and end; the batch runs until the last one is done."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

MEMORY = 8


def lbfgs(function: Any, y: Any, start: Any, gtol: float, iterations: int) -> tuple[Any, Any]:
    """xhat (n, d) = argmax <x, y> - u(x) and the sup-norm (n,) of its residual; function: x (n, d) -> u(x) (n,).

    One evaluation an iteration: a step that does not lower the value enough is tried again at a third of its length.
    """

    def both(x: Any) -> tuple[Any, Any]:
        def total(p: Any) -> tuple[Any, Any]:
            value = function(p)
            return value.sum(), value

        gradient, value = jax.grad(total, has_aux=True)(x)
        return value - (x * y).sum(1), gradient - y

    def running(state: Any) -> Any:
        k, _, _, r, step, *_ = state
        return (k < iterations) & ((jnp.abs(r).max(axis=1) > gtol) & (step > 1e-8)).any()

    def advance(state: Any) -> Any:
        k, x, value, r, step, S, Z, rho = state
        active = (jnp.abs(r).max(axis=1) > gtol) & (step > 1e-8)
        direction = -_two_loop(r, S, Z, rho, k)
        slope = (direction * r).sum(1)
        uphill = slope >= 0
        direction = jnp.where(uphill[:, None], -r, direction)
        slope = jnp.where(uphill, -(r**2).sum(1), slope)
        trial = x + step[:, None] * direction
        value_new, r_new = both(trial)
        flat = jnp.abs(value_new - value) <= 1e-6 * jnp.maximum(jnp.abs(value), 1.0)
        lower = jnp.linalg.norm(r_new, axis=1) < jnp.linalg.norm(r, axis=1)
        good = active & ((value_new <= value + 1e-4 * step * slope) | (flat & lower))
        s, z = trial - x, r_new - r
        sz = (s * z).sum(1)
        ok = good & (sz > 1e-12 * (z**2).sum(1))
        slot = k % MEMORY
        S = S.at[slot].set(jnp.where(ok[:, None], s, 0.0))
        Z = Z.at[slot].set(jnp.where(ok[:, None], z, 0.0))
        rho = rho.at[slot].set(jnp.where(ok, 1 / jnp.maximum(sz, 1e-30), 0.0))
        x, r = jnp.where(good[:, None], trial, x), jnp.where(good[:, None], r_new, r)
        value = jnp.where(good, value_new, value)
        return k + 1, x, value, r, jnp.where(good, 1.0, jnp.where(active, step / 3, step)), S, Z, rho

    value, r = both(start)
    memory = jnp.zeros((MEMORY, *y.shape), y.dtype)
    step = 0.1 / (jnp.linalg.norm(r, axis=1) + 1e-12)
    first = (0, start, value, r, step, memory, memory, jnp.zeros((MEMORY, len(y)), y.dtype))
    _, x, _, r, *_ = jax.lax.while_loop(running, advance, first)
    return x, jnp.abs(r).max(axis=1)


def _two_loop(r: Any, S: Any, Z: Any, rho: Any, k: Any) -> Any:
    """The inverse Hessian's product with r (n, d); empty slots (rho = 0) do nothing."""
    q, alphas = r, []
    gamma, found = jnp.ones_like(r[:, 0]), jnp.zeros(len(r), bool)
    for i in range(MEMORY):
        slot = (k - 1 - i) % MEMORY
        alpha = rho[slot] * (S[slot] * q).sum(1)
        q = q - alpha[:, None] * Z[slot]
        alphas.append((slot, alpha))
        new = (rho[slot] > 0) & ~found
        gamma = jnp.where(new, 1 / jnp.maximum(rho[slot] * (Z[slot] ** 2).sum(1), 1e-30), gamma)
        found = found | new
    q = gamma[:, None] * q
    for slot, alpha in reversed(alphas):
        q = q + (alpha - rho[slot] * (Z[slot] * q).sum(1))[:, None] * S[slot]
    return q
