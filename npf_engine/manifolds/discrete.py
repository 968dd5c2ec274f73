"""The exact polar factorization of samples on a torus or a sphere, with nothing learned.

For samples x_j and F(x_i), equally many, the assignment s that is cheapest for c = d^2 / 2 (a linear programme) gives

    M(x_i) = x_s(i)                 a permutation, so that it keeps the samples' law
    exp(grad phi)(x_s(i)) = F(x_i)  c-cyclically monotone (McCann 2001), so phi exists
    F = exp(grad phi) o M           on every sample

The dual potentials prove it: with phi^c_i = max_j -c(x_j, F(x_i)) - phi_j no pairing costs less on the mean than
-mean(phi) - mean(phi^c), and this one costs no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.manifolds.spaces import Space
from npf_engine.transport import simplex

MOST = 4_000  # samples: the programme takes half a minute
FEWEST = 2


@dataclass(frozen=True)
class DiscreteFactorization:
    """x, field (n, k): samples and F there. match (n,): M(x_i) = x[match[i]]. phi (n,): at each x_j; conjugate (n,):
    phi^c at each F(x_i). cost: the mean of c over the pairs; gap: how far it lies above what any pairing must cost."""

    space: Space
    x: Tensor
    field: Tensor
    match: Tensor
    phi: Tensor
    conjugate: Tensor
    cost: float
    gap: float

    @property
    def m(self) -> Tensor:
        """M(x_i), (n, k)."""
        return self.x[self.match]

    @property
    def image(self) -> Tensor:
        """exp(grad phi) at each x_j, (n, k)."""
        return self.field[self.match.argsort()]

    @property
    def gradient(self) -> Tensor:
        """grad phi at each x_j, a tangent (n, k)."""
        return self.space.log(self.x, self.image)


def factorize_exactly(space: Space, x: Tensor | np.ndarray, field: Tensor | np.ndarray) -> DiscreteFactorization:
    """The polar factorization of the samples x, F(x), (n, k) each, on this space; the law of x is its reference.

    Raises InputError for points that are none of the space, for clouds of different sizes, and for more than MOST.
    """
    x, field = space.points("x", x).detach(), space.points("F(x)", field).detach()
    if len(x) != len(field):
        raise InputError(f"x has {len(x):,} rows and F(x) {len(field):,}; pass F at each x")
    if not FEWEST <= len(x) <= MOST:
        raise InputError(f"there are {len(x):,} samples; the exact factorization takes {FEWEST} to {MOST:,} of them")
    cost = space.cost(x, field)
    scale = max(float(cost.max()), 1e-300)
    plan, u, _ = simplex.plan_and_duals((cost / scale).numpy())
    source = torch.from_numpy(plan.argmax(axis=0))  # of the j that each F(x_i) is paired with
    phi = -scale * torch.from_numpy(u)
    conjugate = -(phi[:, None] + cost).min(dim=0).values
    paid = float(cost[source, torch.arange(len(x))].mean())
    gap = paid + float(phi.mean() + conjugate.mean())
    return DiscreteFactorization(space, x, field, source, phi, conjugate, paid, gap)
