"""The answer of entropic transport between two clouds: potentials, value, and what follows from them at any point."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EPS_SHARE = 0.05
MEDIAN_POINTS = 512


@dataclass(frozen=True)
class Epsilon:
    """The temperature of entropic transport for the cost |x - y|^2, one for each of (...) clouds: value (...,) float64.

    For the cost |x - y|^2 / 2 the same plan has half of it.
    """

    value: Tensor

    @staticmethod
    def of(cloud: Tensor, share: float = EPS_SHARE) -> Epsilon:
        """A share of E|X - X'|^2 over all n^2 pairs of a cloud (..., n, d), as in the papers' code: twice the (biased)
        total variance. Raises ValueError for a single point."""
        x = cloud.double()
        if x.shape[-2] < 2:
            raise ValueError("eps needs at least two points in the reference cloud")
        return Epsilon(share * 2 * (x - x.mean(dim=-2, keepdim=True)).square().sum(dim=-1).mean(dim=-1))

    @staticmethod
    def of_median(cloud: Tensor, share: float) -> Epsilon:
        """A share of the median |x - x'|^2 over the pairs of the first points of a cloud (..., n, d); 2 for points all
        alike, where any will do."""
        few = cloud[..., :MEDIAN_POINTS, :].double()
        few = few - few.mean(dim=-2, keepdim=True)
        median = half_squared(few, few).flatten(-2).median(dim=-1).values
        return Epsilon(torch.where(median > 0, share * 2 * median, 2.0))


@dataclass(frozen=True)
class EntropicPlan:
    """The entropic transport of x (..., n, d) to y (..., m, d) with uniform weights, cost |x - y|^2.

        P_ij = exp((f_i + g_j - |x_i - y_j|^2) / eps) / (n m)

    f (..., n), g (..., m): potentials; eps, value (...,): OT_eps; error: the worst mean |1 - n sum_j P_ij| of a pair,
    the other marginal being exact; converged: whether what was asked for was reached.
    """

    x: Tensor
    y: Tensor
    f: Tensor
    g: Tensor
    eps: Tensor
    value: Tensor
    error: float
    converged: bool

    def shares(self, z: Tensor) -> Tensor:
        """The share of each z (..., k, d) that goes to each y: (..., k, m), rows of sum one; z may be any points."""
        eps = self.eps[..., None, None]
        logits = (self.g[..., None, :] - 2 * half_squared(z, self.y)) / eps
        return torch.softmax(logits, dim=-1)

    def barycentre(self, z: Tensor) -> Tensor:
        """The mean of where z goes (..., k, d): the entropic map (Pooladian and Niles-Weed 2021)."""
        return self.shares(z) @ self.y

    def covariance(self, z: Tensor) -> Tensor:
        """The covariance of where z goes (..., k, d, d); times 2 / eps it is the Jacobian of ``barycentre``."""
        shares = self.shares(z)
        mean = shares @ self.y
        second = torch.einsum("...kn,...ni,...nj->...kij", shares, self.y, self.y)
        return second - mean[..., :, None] * mean[..., None, :]

    def score(self, z: Tensor | None = None) -> Tensor:
        """(4 / eps) (barycentre(z) - z) at z, without one at x: of a cloud to itself an estimate of the gradient of its
        log density (Mordant 2024)."""
        points = self.x if z is None else z
        return 4 / self.eps[..., None, None] * (self.barycentre(points) - points)


def half_squared(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2 / 2 (..., n, m)."""
    cross = x @ y.mT
    return (x.square().sum(-1)[..., :, None] / 2 + y.square().sum(-1)[..., None, :] / 2 - cross).clamp_(min=0.0)
