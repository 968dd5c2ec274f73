"""OTT-JAX's own ``W2NeuralDual``: its jitted step, its conjugate solver, our batches and clock.

Its time goes to the conjugate: jaxopt's L-BFGS under vmap computes every branch of the line search for the whole batch
and ends with the slowest point. Settings beyond those of ``loop``: conjugate (default: OTT-JAX's own, gtol 1e-5 and
20 iterations; quick: gtol 1e-3 and 10), g (mlp | icnn), v_hidden, v_lr, b1, b2.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ott.neural.methods.neuraldual import W2NeuralDual
from ott.neural.networks.icnn import ICNN
from ott.neural.networks.layers.conjugate import DEFAULT_CONJUGATE_SOLVER, FenchelConjugateLBFGS
from ott.neural.networks.potentials import PotentialMLP

from benchmarks.peers.networks import ACTIVATIONS, potential


class Own:
    """W2NeuralDual behind the interface of ``loop.Trainer``."""

    def __init__(self, data: dict[str, np.ndarray], settings: dict[str, Any]) -> None:
        self.data, self.settings = data, settings
        d = data["x"].shape[1]
        optimiser = optax.inject_hyperparams(optax.adam)
        rates = {"b1": settings.get("b1", 0.9), "b2": settings.get("b2", 0.999)}
        quick = settings.get("conjugate", "default") == "quick"
        f = potential(data, settings)
        self.dual = W2NeuralDual(
            d,
            neural_f=f,
            neural_g=_conjugate_network(d, settings),
            optimizer_f=optimiser(learning_rate=float(settings["lr"]), **rates),
            optimizer_g=optimiser(learning_rate=float(settings.get("v_lr", 5e-4)), **rates),
            pos_weights=True,
            back_and_forth=False,
            amortization_loss="regression",
            rng=jax.random.key(int(settings.get("seed", 0))),
            conjugate_solver=FenchelConjugateLBFGS() if quick else DEFAULT_CONJUGATE_SOLVER,
        )
        self.f = f

    def potential(self) -> Any:
        """(apply, params), see ``loop.Trainer``."""
        return self._apply, self.dual.state_f.params

    def _apply(self, params: Any, x: Any) -> Any:
        return self.f.apply({"params": params}, x).reshape(x.shape[0])  # type: ignore

    def compile(self) -> None:
        """One step whose result is thrown away."""
        batch = int(self.settings["batch"])
        pair = {"source": jnp.asarray(self.data["x"][:batch]), "target": jnp.asarray(self.data["y"][:batch])}
        jax.block_until_ready(self.dual.train_step_parallel(self.dual.state_f, self.dual.state_g, pair))

    def warm_up(self, rng: np.random.Generator) -> None:
        """OTT-JAX has none."""

    def step(self, x: Any, y: Any, lr: float) -> dict[str, Any]:
        """One step of f and g."""
        dual = self.dual
        dual.state_f.opt_state.hyperparams["learning_rate"] = jnp.asarray(lr, jnp.float32)
        pair = {"source": jnp.asarray(x), "target": jnp.asarray(y)}
        dual.state_f, dual.state_g, _, loss, _, _ = dual.train_step_parallel(dual.state_f, dual.state_g, pair)
        return {"batch_dual": loss}


def _conjugate_network(d: int, settings: dict[str, Any]) -> Any:
    if settings.get("g", "mlp") == "icnn":
        activation = ACTIVATIONS[settings.get("activation", "elu")]
        return ICNN(dim_data=d, dim_hidden=list(settings["hidden"]), act_fn=activation, pos_weights=True)
    return PotentialMLP(list(settings.get("v_hidden", (256, 256))), is_potential=False, act_fn=jax.nn.silu)


def make_trainer(data: dict[str, np.ndarray], kind: str, settings: dict[str, Any]) -> Own:
    """kind is not looked at: there is one."""
    return Own(data, settings)
