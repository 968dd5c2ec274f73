"""Maps from discrete transport, extended to every point by their dual potential g on the target points y_j:

    entropic:  T(x) = sum_j w_j(x) y_j,   w = softmax_j (g_j - |x - y_j|^2) / eps        (Pooladian and Niles-Weed 2021)
    exact:     T(x) = y_j with the largest g_j - |x - y_j|^2                             (its limit, eps -> 0)

Both are gradients of convex functions; the exact one is constant on cells.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import ot
import torch
from torch import Tensor

from npf_engine.divergences import default_eps

POINTS = 1600  # of each cloud in the exact transport
ENTROPIC_POINTS = 1000
SHARE = 0.05  # eps of the entropic map over the divergence's eps: 0.0025 of E|Y - Y'|^2
ROUNDS = 100
TOLERANCE = 1e-2  # mean relative error of the target's marginal
CHUNK = 4096


@dataclass(frozen=True)
class DiscreteMap:
    """y (m, d), g (m,) in units of squared length; eps = 0 for the exact map."""

    y: Tensor
    g: Tensor
    eps: float

    def forward(self, x: Tensor) -> Tensor:
        """T(x) (n, d), float32."""
        parts = [self._piece(part) for part in x.to(self.y).split(CHUNK)]
        return torch.cat(parts) if parts else x.to(self.y)

    def _piece(self, x: Tensor) -> Tensor:
        score = 2 * x @ self.y.T + (self.g - self.y.square().sum(1))
        return self.y[score.argmax(1)] if self.eps == 0 else torch.softmax(score / self.eps, 1) @ self.y


def entropic_map(
    x: Tensor, y: Tensor, *, eps: float | None = None, points: int = ENTROPIC_POINTS, seed: int = 0
) -> DiscreteMap:
    """From subsamples of x (n, d) and y (m, d): log-domain iterations from the exact transport's potential, to a marginal
    error of 1 %. eps is in units of squared length, SHARE * default_eps(y) by default. Warns where they end earlier."""
    a, b = _subsamples(x, y, points, seed)
    eps = SHARE * default_eps(b) if eps is None else eps
    cost = torch.cdist(a, b).square()
    g = _exact_potential(a, b)
    error = math.inf
    for _ in range(ROUNDS):
        g, error = _round(cost, g, eps)
        if error < TOLERANCE:
            break
    else:
        warnings.warn(f"the entropic map's iterations ended at a marginal error of {error:.1e}", stacklevel=2)
    return DiscreteMap(b, g, eps)


def exact_map(x: Tensor, y: Tensor, *, points: int = POINTS, seed: int = 0) -> DiscreteMap:
    """From subsamples of x (n, d) and y (m, d): the potential of POT's network simplex."""
    a, b = _subsamples(x, y, points, seed)
    return DiscreteMap(b, _exact_potential(a, b), 0.0)


def _exact_potential(a: Tensor, b: Tensor) -> Tensor:
    """The dual potential g (k,) of the optimal assignment of a (k, d) to b (k, d)."""
    cost = torch.cdist(a.double(), b.double()).square().numpy()
    size = max(float(np.max(cost)), 1e-300)
    _, log = ot.emd([], [], cost / size, numItermax=100 * 100_000, log=True)
    return torch.from_numpy(np.asarray(log["v"]) * size).float()


def _round(cost: Tensor, g: Tensor, eps: float) -> tuple[Tensor, float]:
    """One update of both potentials, and the mean relative error of the target's marginal before it."""
    n, m = cost.shape
    f = -eps * (torch.logsumexp((g - cost) / eps, 1) - math.log(m))
    new = -eps * (torch.logsumexp((f[:, None] - cost) / eps, 0) - math.log(n))
    return new, float(torch.expm1((g - new) / eps).abs().mean())


def _subsamples(x: Tensor, y: Tensor, points: int, seed: int) -> tuple[Tensor, Tensor]:
    """The same number of points of both clouds, without repeats."""
    count = min(points, len(x), len(y))
    generator = torch.Generator().manual_seed(seed)
    pick = [cloud[torch.randperm(len(cloud), generator=generator)[:count]].float() for cloud in (x, y)]
    return pick[0], pick[1]
