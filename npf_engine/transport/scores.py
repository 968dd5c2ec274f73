"""Scores (gradients of log densities) of samples; ``functionals`` drift a map by them.

Self-entropic score (Mordant 2024, CDM Remark 3.11): with cost |x-y|^2 / 2, eps = 0.05 * median |x-y|^2 and the
symmetric potential f of the cloud onto itself, s(x) = -(2/eps) (x - bary(x)), bary the barycentric projection. It is
too weak: the kernel widens the law, and every atom sees itself. Stein's identity E[s(X) (X - EX)^T] = -I holds for
every smooth law, and ``calibrated`` mends exactly that: s <- A s with the d x d matrix A that makes it hold on the
sample. For a Gaussian the result is exact up to sampling.

All clouds are (..., n, d) with any leading axes (one for each seed).
"""

from __future__ import annotations

from collections.abc import Callable

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
