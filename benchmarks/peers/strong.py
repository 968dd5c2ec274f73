"""The strongest JAX peer: the published algorithm (Amos 2023 with Makkuva's dual; NPF section 3.2) with OTT-JAX's ICNN,
the whole step jitted and its buffers donated.

    L_u = mean u(x) + <xhat, y> - u(xhat),   L_V = mean |V(y) - xhat|^2,   xhat = stop_gradient(grad u*(y)) from V(y).

Conjugates of a batch are found together in one while_loop (vmapped loops would compute the same with more copying):
``adam`` is the released solver (rate 0.1 falling by a cosine to 1e-5 over 200 iterations, per point, stop at a
sup-norm of 1e-3); ``lbfgs`` a batched L-BFGS with backtracking, which is far quicker. Points that are done stand
still; unfinished ones are masked out of the loss, as released. Settings beyond those of ``loop``: those of
``networks``, v_hidden, v_lr, warm_up, gtol, max_iter, b1, b2.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.lbfgs import lbfgs
from benchmarks.peers.networks import Amortizer, potential


def adam(gradient: Any, y: Any, start: Any, gtol: float, iterations: int) -> tuple[Any, Any]:
    """xhat (n, d) and its residual (n,): the released solver, batched."""

    def running(state: Any) -> Any:
        k, _, _, _, residual = state
        return (k < iterations) & (residual > gtol).any()

    def advance(state: Any) -> Any:
        k, x, m, v, _ = state
        r = gradient(x) - y
        residual = jnp.abs(r).max(axis=1)
        rate = 0.1 * (1e-4 + (1 - 1e-4) * 0.5 * (1 + jnp.cos(jnp.pi * k / iterations)))
        m, v = 0.9 * m + 0.1 * r, 0.999 * v + 0.001 * r**2
        move = rate * (m / (1 - 0.9 ** (k + 1))) / (jnp.sqrt(v / (1 - 0.999 ** (k + 1))) + 1e-8)
        return k + 1, jnp.where((residual > gtol)[:, None], x - move, x), m, v, residual

    zero = jnp.zeros_like(start)
    first = (0, start, zero, zero, jnp.full(len(y), jnp.inf, y.dtype))
    _, x, _, _, residual = jax.lax.while_loop(running, advance, first)
    return x, residual


class Strong:
    """u_theta and V_phi with their optimiser states."""

    def __init__(self, data: dict[str, np.ndarray], kind: str, settings: dict[str, Any]) -> None:
        self.data, self.settings = data, settings
        self.u = potential(data, settings)
        y = data["y"]
        self.v = Amortizer(tuple(settings.get("v_hidden", (256, 256))), y.mean(0), y.std(0) + 1e-12)
        keys = jax.random.split(jax.random.key(int(settings.get("seed", 0))))
        d = y.shape[1]
        params = {
            "u": self.u.init(keys[0], jnp.ones((1, d)))["params"],
            "v": self.v.init(keys[1], jnp.ones((1, d)))["params"],
        }
        params = jax.tree.map(lambda a: jnp.array(a, jnp.float32), params)
        self.optimiser = optax.scale_by_adam(settings.get("b1", 0.9), settings.get("b2", 0.999))
        self.state = (params, self.optimiser.init(params))
        self.solver = adam if kind == "adam" else lbfgs
        self.v_lr = float(settings.get("v_lr", 5e-4))
        self._step = jax.jit(self._dual_step, donate_argnums=0)
        self._warm = jax.jit(self._warm_step, donate_argnums=0)

    def apply_u(self, params: Any, x: Any) -> Any:
        """u(x) (n,) for x (n, d)."""
        return self.u.apply({"params": params}, x).reshape(x.shape[0])  # type: ignore

    def potential(self) -> Any:
        """(apply, params), see ``loop.Trainer``."""
        return self.apply_u, self.state[0]["u"]

    def compile(self) -> None:
        """Compile both steps on copies of the state."""
        batch = int(self.settings["batch"])
        x, y = self.data["x"][:batch], self.data["y"][:batch]
        for work in (partial(self._warm, x=x, lr=0.0), partial(self._step, x=x, y=y, lr=0.0)):
            jax.block_until_ready(work(jax.tree.map(jnp.array, self.state)))

    def warm_up(self, rng: np.random.Generator) -> None:
        """V(grad u(x)) -> x, as released (1000 steps there)."""
        x, batch = self.data["x"], int(self.settings["batch"])
        for _ in range(int(self.settings.get("warm_up", 200))):
            self.state = self._warm(self.state, x=x[rng.integers(len(x), size=batch)], lr=self.v_lr)
        jax.block_until_ready(self.state)

    def step(self, x: Any, y: Any, lr: float) -> dict[str, Any]:
        """One dual step."""
        self.state, shown = self._step(self.state, x=x, y=y, lr=lr)
        return shown

    def _update(self, state: Any, grads: Any, lr_u: Any, lr_v: Any) -> Any:
        params, moments = state
        moves, moments = self.optimiser.update(grads, moments)
        rates = {"u": lr_u, "v": lr_v}
        params = {k: jax.tree.map(lambda p, m, k=k: p - rates[k] * m, params[k], moves[k]) for k in params}
        return params, moments

    def _warm_step(self, state: Any, x: Any, lr: Any) -> Any:
        def loss(params: Any) -> Any:
            image = jax.lax.stop_gradient(jax.grad(lambda p: self.apply_u(params["u"], p).sum())(x))
            return ((self.v.apply({"params": params["v"]}, image) - x) ** 2).sum(1).mean()

        return self._update(state, jax.grad(loss)(state[0]), 0.0, lr)

    def _dual_step(self, state: Any, x: Any, y: Any, lr: Any) -> Any:
        params = state[0]
        gtol, iterations = float(self.settings.get("gtol", 1e-3)), int(self.settings.get("max_iter", 200))
        start = self.v.apply({"params": params["v"]}, y)
        if self.solver is adam:
            xhat, residual = adam(jax.grad(lambda p: self.apply_u(params["u"], p).sum()), y, start, gtol, iterations)
        else:
            xhat, residual = lbfgs(lambda p: self.apply_u(params["u"], p), y, start, gtol, iterations)
        good = (residual <= gtol) & jnp.isfinite(xhat).all(axis=1)
        xhat = jax.lax.stop_gradient(jnp.where(good[:, None], xhat, 0.0))
        share = jnp.maximum(good.sum(), 1)

        def loss(p: Any) -> Any:
            star = (xhat * y).sum(1) - self.apply_u(p["u"], xhat)
            dual = self.apply_u(p["u"], x).mean() + jnp.where(good, star, 0.0).sum() / share
            miss = ((self.v.apply({"params": p["v"]}, y) - xhat) ** 2).sum(1)  # type: ignore
            return dual + jnp.where(good, miss, 0.0).sum() / share, dual

        grads, dual = jax.grad(loss, has_aux=True)(params)
        return self._update(state, grads, lr, self.v_lr), {"batch_dual": dual, "converged": good.mean()}


def make_trainer(data: dict[str, np.ndarray], kind: str, settings: dict[str, Any]) -> Strong:
    """kind: adam | lbfgs."""
    return Strong(data, kind, settings)
