"""Losses that make a map T push ``source`` to ``target``: each a function of a batch, to be differentiated in T.

- ``gaussian_kl``: KL of the Gaussians with the two clouds' moments, in closed form. It sees mean and covariance only.
- ``sinkhorn_loss``: the Sinkhorn divergence (the convention of ``npf_engine.divergences``), differentiable.
- ``monge_ampere``: log rho(x) - log nu(T(x)) - log det DT(x), zero for the exact map; needs both densities.

The adversarial Wasserstein-1 loss has a critic to train and lives in ``adversarial.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from npf_engine.networks.monotone import MonotoneGradient

LogDensity = Callable[[Tensor], Tensor]
RIDGE = 1e-6  # of the target's mean variance, so that a flat image has a finite KL
FORWARD_SHARE = 0.9  # geomloss anneals by this factor; the gradient does not ask for more


def gaussian_kl(image: Tensor, mean: Tensor, covariance: Tensor) -> Tensor:
    """KL(N(m_T, C_T) | N(mean, covariance)) with the moments of ``image`` (n, d); scalar in float64.

    (tr(C^-1 C_T) + <m_T - m, C^-1 (m_T - m)> - d + log det C - log det C_T) / 2 (seed 004, 3.1).
    """
    points = image.double()
    d = points.shape[1]
    ridge = RIDGE * covariance.diagonal().mean().clamp(min=1e-300) * torch.eye(d, dtype=torch.float64)
    gap = points.mean(0) - mean
    centred = points - points.mean(0)
    C_T = centred.T @ centred / points.shape[0] + ridge.to(points.device)
    C = covariance + ridge.to(points.device)
    factor = torch.linalg.cholesky(C)
    inside = torch.linalg.solve_triangular(factor, gap[:, None], upper=False).square().sum()
    trace = torch.cholesky_solve(C_T, factor).diagonal().sum()
    return (trace + inside - d + 2 * factor.diagonal().log().sum() - torch.linalg.slogdet(C_T).logabsdet) / 2


def sinkhorn_loss(eps: float) -> Callable[[Tensor, Tensor], Tensor]:
    """S_eps(x, y) of clouds (n, d), (m, d) with gradients in both: geomloss' loss, brought to our convention.

    geomloss has cost |x - y|^2 / 2 and eps = blur^2, so S_eps = 2 SamplesLoss(p=2, blur=sqrt(eps / 2)).
    """
    from geomloss import SamplesLoss

    loss = SamplesLoss(
        "sinkhorn", p=2, blur=math.sqrt(eps / 2), scaling=FORWARD_SHARE, debias=True, backend="tensorized"
    )
    return lambda x, y: 2 * loss(x, y)


def monge_ampere(u: MonotoneGradient, x: Tensor, size: float, log_rho: Tensor, log_nu: LogDensity) -> Tensor:
    """The residual log rho - log nu(T) - log det DT at x (n, d) in model units: (n,).

    size: length of a model unit, so that DT = hessian / size; log_rho (n,): log density of the source at the points.
    """
    J = u.hessian(x) / size
    return log_rho - log_nu(u.gradient(x)) - torch.linalg.slogdet(J).logabsdet
