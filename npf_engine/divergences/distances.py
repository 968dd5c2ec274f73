"""Energy-distance MMD between clouds, and L2-UVP between maps."""

from __future__ import annotations

import torch
from torch import Tensor


def energy_mmd(x: Tensor, y: Tensor, chunk: int = 2048) -> float:
    """Squared MMD of clouds x (n, d), y (m, d) for the kernel -|x - y| (V-statistic): 2 E|X-Y| - E|X-X'| - E|Y-Y'|.

    Rounding below zero is cut. Raises ValueError for clouds that are not finite.
    """
    if not (torch.isfinite(x).all() and torch.isfinite(y).all()):
        raise ValueError("a cloud with values that are not finite has no energy distance")

    def mean_distance(a: Tensor, b: Tensor) -> float:
        total = sum(float(torch.cdist(part.double(), b.double()).sum()) for part in a.split(chunk))
        return total / (a.shape[0] * b.shape[0])

    return max(0.0, 2 * mean_distance(x, y) - mean_distance(x, x) - mean_distance(y, y))


def l2_uvp(estimate: Tensor, truth: Tensor) -> float:
    """Unexplained variance in percent: 100 E|T - T*|^2 / Var(T*) for maps evaluated on the same points, (n, d) each.

    Var is the trace of the covariance of the target T*#rho (Korotin et al. 2021). Raises ValueError for a constant T*.
    """
    variance = (truth.double() - truth.double().mean(0)).square().sum(1).mean()
    if variance <= 0:
        raise ValueError("the true map is constant: unexplained variance has no meaning")
    return float(100 * (estimate.double() - truth.double()).square().sum(1).mean() / variance)
