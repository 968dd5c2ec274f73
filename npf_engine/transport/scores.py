"""Scores (gradients of log densities) of samples, and velocities of divergences: what drifts a map.

Self-entropic score (Mordant 2024, CDM Remark 3.11): with cost |x-y|^2 / 2, eps = 0.05 * median |x-y|^2 and the
symmetric potential f of the cloud onto itself, s(x) = -(2/eps) (x - bary(x)), bary the barycentric projection. It is
too weak: the kernel widens the law, and every atom sees itself. Stein's identity E[s(X) (X - EX)^T] = -I holds for
every smooth law, and ``calibrated`` mends exactly that: s <- A s with the d x d matrix A that makes it hold on the
sample. For a Gaussian the result is exact up to sampling.

All clouds are (..., n, d) with any leading axes (one for each seed).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from npf_engine.divergences import default_eps

MEDIAN_SHARE = 0.05  # eps of a score, of the median |x - x'|^2
TOLERANCE = 1e-8
MAX_ITERATIONS = 500
MEDIAN_POINTS = 512
ROUNDING = 4  # of a float's steps, which no iteration can better
MOST_MENDED = 3.0  # of a calibration's numbers: a larger one is not believed
RELAXATION = 1.8  # of Sinkhorn's step, whose spectrum lies in [0, 1]: below 2 it converges, and faster than at 1

Map = Callable[[Tensor], Tensor]


@dataclass
class Coupling:
    """An entropic coupling with the cloud x (..., n, d): ``log_scaling`` (..., n) = f / eps, ``eps`` (..., 1, 1), how
    many iterations it took and the relative marginal error that was left."""

    x: Tensor
    log_scaling: Tensor
    eps: Tensor
    iterations: int
    error: float

    def barycentre(self, z: Tensor) -> Tensor:
        """Barycentric projection (..., k, d) of any points z (..., k, d): outside the cloud by the same formula."""
        return self.shares(z) @ self.x

    def covariance(self, z: Tensor) -> Tensor:
        """Covariance (..., k, d, d) of where z is sent; over eps it is the Jacobian of ``barycentre``."""
        plan = self.shares(z)
        mean = plan @ self.x
        second = torch.einsum("...kn,...ni,...nj->...kij", plan, self.x, self.x)
        return second - mean[..., :, None] * mean[..., None, :]

    def shares(self, z: Tensor) -> Tensor:
        """The share of each z that goes to each x (..., k, n); rows of sum one."""
        logits = self.log_scaling[..., None, :] - _half_squared(z, self.x) / self.eps
        return torch.softmax(logits, dim=-1)

    def score(self, z: Tensor | None = None) -> Tensor:
        """The score at z (at the cloud itself without z)."""
        points = self.x if z is None else z
        return -(2 / self.eps) * (points - self.barycentre(points))


def _half_squared(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2 / 2 (..., n, m)."""
    cross = x @ y.mT
    return (x.square().sum(-1)[..., :, None] / 2 + y.square().sum(-1)[..., None, :] / 2 - cross).clamp_(min=0.0)


def self_coupling(x: Tensor, share: float = MEDIAN_SHARE, tolerance: float = TOLERANCE) -> Coupling:
    """f <- f/2 + softmin(f)/2 until f moves by less than ``tolerance`` eps; x (..., n, d).

    In scaling form a <- sqrt(a / K a) with K = exp(-|x-y|^2 / (2 eps)), which is safe here: K has ones on its
    diagonal, so that no sum vanishes. A cloud of equal points gets eps = 1 and the score 0.
    """
    half = _half_squared(x, x)
    few = half[..., :MEDIAN_POINTS, :MEDIAN_POINTS]
    eps = share * 2 * few.flatten(-2).median(dim=-1).values[..., None, None]
    eps = torch.where(eps > 0, eps, torch.ones_like(eps))
    kernel = half.div_(-eps).exp_() / x.shape[-2]
    a = kernel.sum(-1).rsqrt()
    # Below this, float32 only rounds.
    tolerance = max(tolerance, ROUNDING * torch.finfo(x.dtype).eps)
    error, iterations = torch.inf, 0
    while iterations < MAX_ITERATIONS and error > tolerance:
        iterations += 1
        update = (a / (kernel @ a[..., None])[..., 0]).sqrt()
        error = float((update / a - 1).abs().max())
        a = update
    return Coupling(x, a.log(), eps, iterations, error)


def calibrated(x: Tensor, score: Tensor) -> Tensor:
    """A s with E[A s (x - Ex)^T] = -I on the sample; x, score (..., n, d). As given where no such A is safe."""
    centred = x - x.mean(-2, keepdim=True)
    moment = score.mT @ centred / x.shape[-2]
    finite = torch.isfinite(moment).all(-1).all(-1)
    A = -torch.linalg.pinv(torch.where(finite[..., None, None], moment, 0.0).double()).to(x.dtype)
    good = (
        finite
        & torch.isfinite(A).all(-1).all(-1)
        & (A.diagonal(dim1=-2, dim2=-1).amin(-1) > 0)
        & (A.abs().amax((-2, -1)) < MOST_MENDED)
    )
    return torch.where(good[..., None, None], score @ A.mT, score)


class Functional(Protocol):
    """A divergence D(. | nu) with a Wasserstein gradient."""

    def velocity(self, x: Tensor) -> Tensor:
        """v (..., n, d) = -(Wasserstein gradient) at the atoms of x (..., n, d), constant for differentiation."""


@dataclass
class KullbackLeibler:
    """KL(. | nu): v = -(grad V + score), V by its gradient (``of_density``) or from samples of nu (``of_samples``).

    score: ``self-entropic`` or ``calibrated``. ``iterations`` and ``error`` remember the worst convergence.
    """

    grad_V: Map
    score: str = "self-entropic"
    iterations: int = 0
    error: float = 0.0

    def __post_init__(self) -> None:
        if self.score not in ("self-entropic", "calibrated"):
            raise ValueError(f"the score is self-entropic or calibrated, not {self.score!r}")

    @staticmethod
    def of_samples(y: Tensor, score: str = "calibrated") -> KullbackLeibler:
        """nu by samples y (m, d): its score is estimated in the same way and extended to all points."""
        coupling = self_coupling(y)
        inside = coupling.score()
        A = torch.eye(y.shape[1], dtype=y.dtype)
        if score == "calibrated":
            A = torch.linalg.lstsq(inside, calibrated(y, inside)).solution
        return KullbackLeibler(lambda z: -(coupling.score(z) @ A), score)

    def velocity(self, x: Tensor) -> Tensor:
        """-(grad V(x) + score(x))."""
        coupling = self_coupling(x)
        self.iterations = max(self.iterations, coupling.iterations)
        self.error = max(self.error, coupling.error)
        score = coupling.score()
        if self.score == "calibrated":
            score = calibrated(x, score)
        return -(self.grad_V(x) + score)


def standard_normal_gradient(x: Tensor) -> Tensor:
    """grad V for V = |x|^2 / 2."""
    return x


@dataclass
class EnergyDistance:
    """Squared MMD of the kernel -|x-y| to nu by samples y (m, d): v = 2 E (X'-x)/|X'-x| turned away, Y attracting."""

    y: Tensor

    def velocity(self, x: Tensor) -> Tensor:
        """2 mean_j (y_j - x)/|y_j - x| - 2 mean_k (x_k - x)/|x_k - x|."""
        return 2 * (_mean_direction(x, self.y) - _mean_direction(x, x))


def _mean_direction(x: Tensor, y: Tensor) -> Tensor:
    """mean_j (y_j - x_i) / |y_j - x_i| (..., n, d), an atom on itself counting 0."""
    distance = (2 * _half_squared(x, y)).sqrt()
    # Rounding makes an atom's distance to itself a small number: nothing closer than this pulls.
    weight = torch.where(distance > 1e-3 * distance.mean(), 1 / distance, 0.0) / y.shape[-2]
    return weight @ y - weight.sum(-1, keepdim=True) * x


@dataclass
class SinkhornDrift:
    """Sinkhorn divergence to nu by samples y (m, d), cost |x-y|^2, eps = 0.05 E|Y-Y'|^2.

    v = 2 (bary_xy(x) - bary_xx(x)): towards the target's barycentres, away from one's own (Feydy et al. 2019).
    """

    y: Tensor
    tolerance: float = 1e-4
    error: float = 0.0

    def velocity(self, x: Tensor) -> Tensor:
        """2 (bary_xy - bary_xx), with potentials to the marginal error ``tolerance``."""
        eps = default_eps(self.y) / 2  # of the halved cost
        own = self_coupling_at(x, eps)
        coupling = cross_coupling(x, self.y, eps, self.tolerance)
        self.error = max(self.error, coupling.error)
        return 2 * (coupling.barycentre(x) - own.barycentre(x))


def self_coupling_at(x: Tensor, eps: float, tolerance: float = 1e-6) -> Coupling:
    """``self_coupling`` at a given eps (cost |x-y|^2 / 2), in log form."""
    half = _half_squared(x, x)
    f = torch.zeros_like(x[..., 0])
    error, iterations = torch.inf, 0
    while iterations < MAX_ITERATIONS and error > tolerance:
        iterations += 1
        update = (f - torch.logsumexp(f[..., None, :] - half / eps, -1) + _log(x)) / 2
        error = float((update - f).abs().max())
        f = update
    return Coupling(x, f, torch.tensor(eps, dtype=x.dtype), iterations, error)


def cross_coupling(x: Tensor, y: Tensor, eps: float, tolerance: float = 1e-4, iterations: int = 2000) -> Coupling:
    """Potential of y for the entropic transport x -> y (cost |x-y|^2 / 2, uniform weights), in log form with falling
    temperatures; its ``barycentre`` is the entropic map (Pooladian & Niles-Weed 2021), defined everywhere.

    Warns when the marginal error stays above ``tolerance``.
    """
    half = _half_squared(x, y)
    g = torch.zeros(*half.shape[:-2], half.shape[-1], dtype=x.dtype, device=x.device)
    temperature, error, count = max(float(half.max()), eps), torch.inf, 0

    def sweep(g: Tensor, t: float) -> tuple[Tensor, Tensor]:
        f = -t * (torch.logsumexp((g[..., None, :] - half) / t, -1) - _log(y))
        return f, -t * (torch.logsumexp((f[..., :, None] - half) / t, -2) - _log(x))

    while temperature > eps:
        g = sweep(g, temperature)[1]
        temperature = temperature / 2
    while count < iterations and error > tolerance:
        count += 1
        update = sweep(g, eps)[1]
        # exp((g_new - g) / eps) is the factor by which y's marginal was off.
        error = float(torch.expm1((g - update) / eps).abs().mean(-1).max())
        g = g + RELAXATION * (update - g)
    if error > tolerance:
        warnings.warn(f"the entropic potentials stopped at a marginal error of {error:.1e}", stacklevel=2)
    points = y.expand(*half.shape[:-2], *y.shape[-2:])
    return Coupling(points, g / eps, torch.tensor(eps, dtype=x.dtype), count, error)


def _log(x: Tensor) -> Tensor:
    return torch.tensor(float(x.shape[-2]), dtype=x.dtype, device=x.device).log()
