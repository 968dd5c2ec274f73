"""Laws that the lab's tasks are made of, each by its sampler (n, generator) -> (n, d)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from npf_engine.transport.methods.method import Draw


def mixture(means: Tensor, covariances: Tensor, weights: Tensor) -> Draw:
    """Draw of a Gaussian mixture: means (k, d), covariances (k, d, d), weights (k,)."""
    roots = torch.linalg.cholesky(covariances)

    def draw(n: int, generator: torch.Generator) -> Tensor:
        which = torch.multinomial(weights, n, replacement=True, generator=generator)
        z = torch.randn(n, len(means[0]), generator=generator)
        return means[which] + torch.einsum("nij,nj->ni", roots[which], z)

    return draw


def normal(n_dimensions: int) -> Draw:
    """Draw of N(0, I)."""
    return lambda n, generator: torch.randn(n, n_dimensions, generator=generator)


# Means, covariances and weights of the four modes of seed 003.
DRIFT_COMPONENTS = (
    2 * torch.tensor([[-1.0, -1.0], [-0.5, 1.0], [1.0, -1.5], [1.0, 1.0]]),
    torch.tensor(
        [[[0.10, 0.06], [0.06, 0.10]], [[0.1, 0.01], [0.01, 0.5]], [[0.10, 0.03], [0.03, 0.10]], [[0.1, 0], [0, 0.1]]]
    ),
    torch.tensor([0.3, 0.2, 0.3, 0.2]),
)


def drift_source() -> Draw:
    """The four modes of seed 003."""
    return mixture(*DRIFT_COMPONENTS)


def mixture_log_density(means: Tensor, covariances: Tensor, weights: Tensor, x: Tensor) -> Tensor:
    """log density (n,) of a Gaussian mixture at x (n, d): means (k, d), covariances (k, d, d), weights (k,)."""
    parts = torch.distributions.MultivariateNormal(means, covariances)
    return torch.logsumexp(weights.log() + parts.log_prob(x[:, None]), 1)


def seven_means(d: int) -> Tensor:
    """The means of seven Gaussians, (7, d) (NPF, Appendix D; it gives six, the seventh is taken at the origin)."""
    even, sign = torch.arange(d) % 2 == 0, torch.where(torch.arange(d) % 2 == 0, 1.0, -1.0)
    on, off = torch.where(even, 30.0, 0.0), torch.where(even, 0.0, -30.0)
    diagonal = torch.full((d,), 30.0 / math.sqrt(2))
    return torch.stack([on, -on, off, diagonal, diagonal * sign, -diagonal * sign, torch.zeros(d)])


def drawn_from(cloud: Tensor) -> Draw:
    """Draw from a cloud (n, d): without repeats as long as there are points, then with."""

    def draw(n: int, generator: torch.Generator) -> Tensor:
        if n <= len(cloud):
            return cloud[torch.randperm(len(cloud), generator=generator)[:n]]
        return cloud[torch.randint(len(cloud), (n,), generator=generator)]

    return draw
