"""The Sinkhorn divergence of two point clouds, in the papers' convention (NPF 5.1; Genevay et al. 2018, Feydy et
al. 2019).

    OT_eps(a, b) = min_P <P, C> + eps KL(P | a x b),   C_ij = |x_i - y_j|^2,
    S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2  >= 0,    eps = 0.05 E|X - X'|^2 of the
    reference cloud,

one eps for the three terms. (geomloss' p = 2 has cost |x - y|^2 / 2 and eps = blur^2: S_eps = 2 SamplesLoss(blur =
sqrt(eps / 2)).)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from npf_engine.divergences.entropic import entropic_cost, self_cost
from npf_engine.divergences.plan import EPS_SHARE, Epsilon

SMALLEST_EPS, LARGEST_EPS = 1e-4, 1e4  # of E|X - X'|^2
BATCH_NUMBERS = 2**24  # entries of the kernels that are held at a time


def default_eps(reference: Tensor) -> float:
    """0.05 * E|X - X'|^2 = 0.1 * total variance of the reference cloud (n, d). Raises ValueError for a single point."""
    return float(Epsilon.of(reference).value)


def sinkhorn_divergence(x: Tensor, y: Tensor, eps: float | None = None) -> float:
    """S_eps between clouds x (n, d) and y (m, d); eps defaults to default_eps(y), y being the reference.

    Never negative (rounding below zero is cut). Raises ValueError for empty or non-finite clouds, for clouds of
    different dimension, and for an eps that is not positive or is below 1e-4 of the reference's spread (no
    convergence in sensible time) or above 1e4 of it (what remains of the value is rounding).
    """
    return sinkhorn_divergences([x], y, eps)[0]


def sinkhorn_divergences(clouds: list[Tensor], y: Tensor, eps: float | None = None) -> list[float]:
    """``sinkhorn_divergence`` of each cloud (n, d) to one reference y (m, d), whose own term is computed once."""
    for x in clouds:
        _check(x, y)
    value = default_eps(y) if eps is None else _checked_eps(float(eps), y)
    own: Tensor | None = None
    out = []
    for x in clouds:
        if value <= 0:
            out.append(float(_between_points(x[None], y[None])))
            continue
        own = self_cost(y[None], value) if own is None else own
        out.append(max(0.0, float(entropic_cost(x[None], y[None], value) - (self_cost(x[None], value) + own) / 2)))
    return out


def batched_sinkhorn_divergence(x: Tensor, y: Tensor, eps: float) -> Tensor:
    """S_eps for b pairs of clouds x (b, n, d), y (b, m, d) with one eps; (b,) float64. Raises ValueError for clouds
    that are not finite."""
    if not (torch.isfinite(x).all() and torch.isfinite(y).all()):
        raise ValueError("a cloud holds values that are not finite")
    if eps <= 0:
        return _between_points(x, y)
    size = max(1, BATCH_NUMBERS // (max(x.shape[1], y.shape[1]) ** 2))
    parts = [
        entropic_cost(a, b, eps) - (self_cost(a, eps) + self_cost(b, eps)) / 2
        for a, b in zip(x.split(size), y.split(size), strict=True)
    ]
    return torch.cat(parts).clamp(min=0.0)


def _between_points(x: Tensor, y: Tensor) -> Tensor:
    """A degenerate reference, all points equal: S is the squared distance of the means."""
    return (x.double().mean(1) - y.double().mean(1)).square().sum(1)


def _check(x: Tensor, y: Tensor) -> None:
    for name, cloud in (("first", x), ("second", y)):
        if cloud.ndim != 2 or cloud.shape[0] < 1:
            raise ValueError(f"the {name} cloud must be (n, d) with n >= 1, not {tuple(cloud.shape)}")
        if not torch.isfinite(cloud).all():
            raise ValueError(f"the {name} cloud holds values that are not finite")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"the clouds live in different dimensions, {x.shape[1]} and {y.shape[1]}")


def _checked_eps(eps: float, reference: Tensor) -> float:
    spread = default_eps(reference) / EPS_SHARE if reference.shape[0] > 1 else 0.0  # E|X - X'|^2
    smallest, largest = SMALLEST_EPS * spread, LARGEST_EPS * spread or math.inf
    if not 0 < eps < math.inf or not smallest <= eps <= largest:
        raise ValueError(
            f"eps must be positive, between {smallest:.3g} and {largest:.3g} "
            f"({SMALLEST_EPS:g} and {LARGEST_EPS:g} of E|X - X'|^2), not {eps!r}"
        )
    return eps
