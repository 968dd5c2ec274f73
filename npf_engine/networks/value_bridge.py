"""X_psi that sees the value asked for: features of grad u(y) beside y (for fields in high dimension).

I_psi answers "which x have M(x) = y", that is F(x) = grad u(y). Where F varies far more in some directions than in
others, M = grad u* o F stretches them all to the size of Omega: noise fills most of y's coordinates, and a network
would have to learn grad u again to find what matters in y. grad u(y) is known in closed form, so it is given: the unit
vector and the logarithm of the norm of the whole value and of each of its blocks, which spread over magnitudes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from npf_engine.networks.bridge import Bridge
from npf_engine.networks.mlp import reset_linear
from npf_engine.networks.potential import Potential

SMALLEST = 1e-6  # norms below this share of u's scale count as this


class ValueBridge(Bridge):
    """A Bridge with features of grad u(y); ``attach`` tells it u, which is not part of it.

    blocks: sizes of groups of coordinates of F that belong together (the layers of a classifier), summing to d.
    A start y is not projected to Omega, since that would change its value; X_psi is kept in Omega as ever.
    """

    def __init__(
        self,
        d: int,
        hidden: Sequence[int],
        *,
        blocks: Sequence[int],
        sigma: float = 1.0,
        region: str = "box",
        grid_power: float = 2.0,
        seed: int = 0,
    ) -> None:
        super().__init__(d, hidden, fourier=0, sigma=sigma, region=region, grid_power=grid_power, seed=seed)
        if sum(blocks) != d:
            raise ValueError(f"the blocks {tuple(blocks)} must sum to d = {d}")
        self.blocks = tuple(blocks)
        first = self.layers[0]
        assert isinstance(first, nn.Linear)
        extra = 2 * d + 1 + len(self.blocks)
        self.layers[0] = nn.Linear(first.in_features + extra, first.out_features)
        reset_linear(self, seed)
        self._u: tuple[Potential, ...] = ()  # in a tuple, so that torch does not count it as a part

    def attach(self, u: Potential) -> ValueBridge:
        """Tell it the potential whose gradient it shall see. Returns self."""
        self._u = (u,)
        return self

    def value_features(self, y: Tensor) -> Tensor:
        """(n, 2 d + 1 + blocks) from y (n, d). Raises ValueError before ``attach``."""
        if not self._u:
            raise ValueError("a ValueBridge needs its potential: call attach(u) first")
        with torch.no_grad():
            value = self._u[0].gradient(y) / self._u[0].scale
        features = []
        for part in (value, *value.split(self.blocks, dim=1)):
            norm = part.norm(dim=1, keepdim=True).clamp(min=SMALLEST)
            features += [part / norm * part.shape[1] ** 0.5, norm.log() / 2]
        return torch.cat(features, dim=1)

    def condition(self, y: Tensor) -> Tensor:
        """y beside the features of grad u(y)."""
        return torch.cat([y, self.value_features(y)], dim=1)

    def project(self, x: Tensor) -> Tensor:
        """A start stays where grad u has its value."""
        return x

    def confine(self, x: Tensor) -> Tensor:
        """The nearest point of Omega."""
        return super().project(x)


def build_bridge(**arguments: object) -> Bridge:
    """The bridge of kept arguments: a ValueBridge where they name blocks."""
    return ValueBridge(**arguments) if "blocks" in arguments else Bridge(**arguments)  # type: ignore[arg-type]
