"""Scores (gradients of log densities) of samples, and velocities of divergences: what drifts a map.

Self-entropic score (Mordant 2024, CDM Remark 3.11): with cost |x-y|^2 / 2, eps = 0.05 * median |x-y|^2 and the
symmetric potential f of the cloud onto itself, s(x) = -(2/eps) (x - bary(x)), bary the barycentric projection. It is
too weak: the kernel widens the law, and every atom sees itself. Stein's identity E[s(X) (X - EX)^T] = -I holds for
every smooth law, and ``calibrated`` mends exactly that: s <- A s with the d x d matrix A that makes it hold on the
sample. For a Gaussian the result is exact up to sampling.

All clouds are (..., n, d) with any leading axes (one for each seed).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from npf_engine.divergences import EntropicPlan, Epsilon, solve_entropic

MEDIAN_SHARE = 0.05  # eps of a score, of the median |x - x'|^2
TOLERANCE = 1e-12  # on a plan's value, in units of eps: its potentials are then right to float32
MOST_MENDED = 3.0  # of a calibration's numbers: a larger one is not believed

Map = Callable[[Tensor], Tensor]


def self_entropic(x: Tensor, share: float = MEDIAN_SHARE) -> EntropicPlan:
    """The plan of clouds x (..., n, d) to themselves whose ``score`` is theirs; eps: a share of the median |x - x'|^2
    for the cost |x - x'|^2 / 2."""
    return solve_entropic(x, None, Epsilon.of_median(x, 2 * share), tolerance=TOLERANCE)


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

    score: ``self-entropic`` or ``calibrated``. ``error`` remembers the worst convergence.
    """

    grad_V: Map
    score: str = "self-entropic"
    error: float = 0.0

    def __post_init__(self) -> None:
        if self.score not in ("self-entropic", "calibrated"):
            raise ValueError(f"the score is self-entropic or calibrated, not {self.score!r}")

    @staticmethod
    def of_samples(y: Tensor, score: str = "calibrated") -> KullbackLeibler:
        """nu by samples y (m, d): its score is estimated in the same way and extended to all points."""
        plan = self_entropic(y)
        inside = plan.score()
        A = torch.eye(y.shape[1], dtype=y.dtype)
        if score == "calibrated":
            A = torch.linalg.lstsq(inside, calibrated(y, inside)).solution
        return KullbackLeibler(lambda z: -(plan.score(z) @ A), score)

    def velocity(self, x: Tensor) -> Tensor:
        """-(grad V(x) + score(x))."""
        plan = self_entropic(x)
        self.error = max(self.error, plan.error)
        score = plan.score()
        if self.score == "calibrated":
            score = calibrated(x, score)
        return -(self.grad_V(x) + score)


def standard_normal_gradient(x: Tensor) -> Tensor:
    """grad V for V = |x|^2 / 2."""
    return x


@dataclass
class SinkhornDrift:
    """Sinkhorn divergence to nu by samples y (m, d), cost |x-y|^2, eps = 0.05 E|Y-Y'|^2.

    v = 2 (bary_xy(x) - bary_xx(x)): towards the target's barycentres, away from one's own (Feydy et al. 2019).
    tolerance: on the value of each plan, in units of eps.
    """

    y: Tensor
    tolerance: float = 1e-6
    error: float = 0.0

    def velocity(self, x: Tensor) -> Tensor:
        """2 (bary_xy - bary_xx)."""
        eps = Epsilon.of(self.y)
        own = solve_entropic(x, None, eps, tolerance=self.tolerance)
        towards = solve_entropic(x, self.y, eps, tolerance=self.tolerance)
        self.error = max(self.error, towards.error)
        return 2 * (towards.barycentre(x) - own.barycentre(x))
