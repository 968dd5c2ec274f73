"""Mixtures of Gaussians as landscapes of any dimension: the weight of each mode is known, and so are exact draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import special
from torch import Tensor

from npf_engine.sampling.chain import Vectorial
from npf_engine.sampling.langevin import Region


@dataclass(frozen=True)
class Mixture:
    """weights (k,), means (k, d) and covariances (k, d, d) of the parts of the density exp(-g). box: what all parts
    are cut off at (``within``); weights are then those that are left."""

    weights: tuple[float, ...]
    means: tuple[tuple[float, ...], ...]
    covariances: tuple[tuple[tuple[float, ...], ...], ...]
    box: Region | None = None

    @property
    def d(self) -> int:
        """Dimension."""
        return len(self.means[0])

    def within(self, box: Region) -> Mixture:
        """The law on a box alone: each part has what lies in there, a product of normal shares along the axes. Raises
        ValueError for parts that are not products."""
        matrices = torch.tensor(self.covariances, dtype=torch.float64)
        if not torch.equal(matrices, torch.diag_embed(matrices.diagonal(dim1=1, dim2=2))):
            raise ValueError("the parts of this mixture are no products along the axes")
        low, high, _ = self._sides(box)
        most = torch.special.log_ndtr(high)
        held = most + torch.log1p(-torch.exp(torch.special.log_ndtr(low) - most))
        logs = torch.tensor(self.weights, dtype=torch.float64).log() + held.sum(dim=1)
        return replace(self, weights=tuple(torch.softmax(logs, dim=0).tolist()), box=box)

    def _sides(self, box: Region) -> tuple[Tensor, Tensor, Tensor]:
        """The box as seen from each part, in its deviations (k, d): low and high, turned to the left where the box is
        on the right, and the signs of that; small shares are then as exact as large ones."""
        means = torch.tensor(self.means, dtype=torch.float64)
        deviation = torch.tensor(self.covariances, dtype=torch.float64).diagonal(dim1=1, dim2=2).sqrt()
        low, high = ((side - means) / deviation for side in box.corners(means))
        sign = torch.where(low > 0, -1.0, 1.0).to(means)
        return torch.where(low > 0, -high, low), torch.where(low > 0, -low, high), sign

    def potential(self) -> tuple[Vectorial, Vectorial]:
        """g and its gradient."""
        return gaussian_mixture(self.weights, self.means, self.covariances)

    def part(self, x: Tensor) -> Tensor:
        """The part that each of x (n, d) most likely comes from, (n,): its mode."""
        return self._log_parts(x.double().cpu()).argmax(dim=1)

    def shares(self, x: Tensor) -> np.ndarray:
        """Share of x (n, d) at each mode, (k,)."""
        return np.bincount(self.part(x).numpy(), minlength=len(self.weights)) / max(1, len(x))

    def sample(self, n: int, generator: torch.Generator, part: int | None = None) -> Tensor:
        """n exact draws (n, d); part: of that one only."""
        weights = torch.tensor(self.weights, dtype=torch.float64)
        if part is None:
            which = torch.multinomial(weights, n, replacement=True, generator=generator)
        else:
            which = torch.full((n,), part)
        factor = torch.linalg.cholesky(torch.tensor(self.covariances, dtype=torch.float64))[which]
        if self.box is None:
            noise = torch.randn(n, self.d, 1, generator=generator, dtype=torch.float64)
        else:
            low, high, sign = (side[which] for side in self._sides(self.box))
            most = torch.special.log_ndtr(high)
            share = torch.rand(n, self.d, generator=generator, dtype=torch.float64)
            logs = most + torch.log(share + (1 - share) * torch.exp(torch.special.log_ndtr(low) - most))
            inside = torch.from_numpy(special.ndtri_exp(logs.numpy()))
            noise = (sign * torch.minimum(torch.maximum(inside, low), high))[:, :, None]
        return torch.tensor(self.means, dtype=torch.float64)[which] + (factor @ noise)[:, :, 0]

    def _log_parts(self, x: Tensor) -> Tensor:
        precision = torch.linalg.inv(torch.tensor(self.covariances, dtype=torch.float64))
        away = x[:, None] - torch.tensor(self.means, dtype=torch.float64)
        far = torch.einsum("nki,kij,nkj->nk", away, precision, away)
        return torch.tensor(self.weights).double().log() + 0.5 * torch.logdet(precision) - 0.5 * far


def gaussian_mixture(
    weights: Sequence[float], means: Sequence[Sequence[float]], covariances: Sequence[Sequence[Sequence[float]]]
) -> tuple[Vectorial, Vectorial]:
    """g = -log of the density of a Gaussian mixture (up to a constant), and its gradient, on (n, d)."""
    mean = torch.tensor(means, dtype=torch.float64)
    precision = torch.linalg.inv(torch.tensor(covariances, dtype=torch.float64))
    log_weight = torch.tensor(weights, dtype=torch.float64).log() + 0.5 * torch.logdet(precision)

    def parts(x: Tensor) -> tuple[Tensor, Tensor]:
        away = x[:, None] - mean.to(x)
        pull = (precision.to(x) @ away[:, :, :, None])[:, :, :, 0]
        return log_weight.to(x) - 0.5 * (away * pull).sum(dim=2), pull

    def value(x: Tensor) -> Tensor:
        return -torch.logsumexp(parts(x)[0], dim=1)

    def slope(x: Tensor) -> Tensor:
        log_parts, pull = parts(x)
        return (torch.softmax(log_parts, dim=1)[:, :, None] * pull).sum(dim=1)

    return value, slope


IN_THE_PLANE = Mixture(
    (0.4, 0.3, 0.2, 0.1),
    ((-3.0, -2.5), (2.5, -3.0), (-2.0, 3.0), (3.0, 2.5)),
    (
        ((0.30, 0.12), (0.12, 0.20)),
        ((0.15, 0.0), (0.0, 0.45)),
        ((0.50, -0.2), (-0.2, 0.25)),
        ((0.12, 0.0), (0.0, 0.12)),
    ),
)
VARIANCE = 0.25  # of every part and axis in more dimensions


def in_space(d: int) -> Mixture:
    """The same weights in d dimensions, the means of the plane's parts again and again along the axes. All parts have
    one covariance: with those of the plane's parts the narrowest owns 0.7 % of the box in ten dimensions, and uniform
    samples hardly meet it."""
    means = tuple(tuple(mean[axis % 2] for axis in range(d)) for mean in IN_THE_PLANE.means)
    one = tuple(tuple(VARIANCE if i == j else 0.0 for j in range(d)) for i in range(d))
    return Mixture(IN_THE_PLANE.weights, means, (one,) * len(means))
