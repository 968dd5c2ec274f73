"""The networks of the peers: OTT-JAX's ICNN (Vesseron & Cuturi's own contribution to it) and an MLP."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from ott.neural.networks.icnn import ICNN

ACTIVATIONS = {"elu": nn.elu, "softplus": nn.softplus, "relu": nn.relu, "celu": nn.celu}
START_SAMPLES = 20_000


def potential(data: dict[str, np.ndarray], settings: dict[str, Any]) -> ICNN:
    """u_theta. Settings: hidden, rank, activation, start (gaussian | identity), init (size of the layers' first
    weights; at OTT-JAX's own, 1, the layers bury the Gaussian start, so that a smaller one is a better start)."""
    samples = None
    if settings.get("start", "gaussian") == "gaussian":
        samples = (jnp.asarray(data["x"][:START_SAMPLES]), jnp.asarray(data["y"][:START_SAMPLES]))
    return ICNN(
        dim_data=data["x"].shape[1],
        dim_hidden=list(settings["hidden"]),
        ranks=int(settings.get("rank", 1)),
        init_fn=nn.initializers.variance_scaling(float(settings.get("init", 1.0)) ** 2, "fan_in", "truncated_normal"),
        act_fn=ACTIVATIONS[settings.get("activation", "elu")],
        pos_weights=True,
        gaussian_map_samples=samples,
    )


class Amortizer(nn.Module):
    """V_phi: y -> grad u*(y), on standardised y."""

    hidden: tuple[int, ...]
    centre: Any
    spread: Any

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        """(n, d) -> (n, d)."""
        z = (y - self.centre) / self.spread
        for width in self.hidden:
            z = nn.silu(nn.Dense(width)(z))
        return nn.Dense(y.shape[-1])(z)
