"""Losses that make a map T push ``source`` to ``target``: functions of a batch, to be differentiated in T, and for each
a class that draws the batches of a training.

- ``gaussian_kl``: KL of the Gaussians with the two clouds' moments, in closed form. It sees mean and covariance only.
- ``sinkhorn_loss``: the Sinkhorn divergence (the convention of ``npf_engine.divergences``), differentiable.
- ``monge_ampere``: log rho(x) - log nu(T(x)) - log det DT(x), zero for the exact map; needs both densities.

The adversarial Wasserstein-1 loss has a critic to train and lives in ``adversarial.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.divergences import default_eps
from npf_engine.networks.monotone import MonotoneGradient
from npf_engine.transport.adversarial import AdversarialConfig, Adversary
from npf_engine.transport.gaussian import covariance
from npf_engine.transport.schedule import At, Loss, Shown

LogDensity = Callable[[Tensor], Tensor]
RIDGE = 1e-6  # of the target's mean variance, so that a flat image has a finite KL
EPS_POINTS = 4096  # of the target, by which the Sinkhorn loss chooses its eps
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


@dataclass(frozen=True)
class Fitting:
    """What a monotone gradient network is fitted to: x (n, d) in model units, which are ``size`` long and begin at
    ``centre``, y (m, d); and the samples of a step."""

    u: MonotoneGradient
    x: Tensor
    y: Tensor
    centre: Tensor
    size: float
    batch: int

    @property
    def scale(self) -> float:
        """A typical size of the image."""
        return float(self.u.scale)

    def draw(self, cloud: Tensor, generator: torch.Generator) -> Tensor:
        """A batch of a cloud."""
        batch = min(self.batch, len(self.x), len(self.y))
        return cloud[torch.randint(len(cloud), (batch,), generator=generator, device=generator.device)]

    def image(self, generator: torch.Generator) -> Tensor:
        """T of a batch of the source."""
        return self.u.gradient(self.draw(self.x, generator))


class KLLoss:
    """``gaussian_kl`` of a batch's image."""

    def __init__(self, fitting: Fitting) -> None:
        self.fitting = fitting
        self.mean, self.covariance = fitting.y.double().mean(0), covariance(fitting.y)

    def __call__(self, at: At, generator: torch.Generator) -> tuple[Tensor, Shown]:
        """The loss of one batch."""
        return gaussian_kl(self.fitting.image(generator), self.mean, self.covariance), {}


class SinkhornLoss:
    """``sinkhorn_loss`` between a batch's image and a batch of the target, in units of the image's size."""

    def __init__(self, fitting: Fitting) -> None:
        self.fitting = fitting
        self.divergence = sinkhorn_loss(default_eps(fitting.y[:EPS_POINTS]) / fitting.scale**2)

    def __call__(self, at: At, generator: torch.Generator) -> tuple[Tensor, Shown]:
        """The loss of one batch."""
        scale, fitting = self.fitting.scale, self.fitting
        return self.divergence(fitting.image(generator) / scale, fitting.draw(fitting.y, generator) / scale), {}


@dataclass(frozen=True)
class MongeAmpereLoss:
    """The mean square of ``monge_ampere``'s residual; densities: log densities of source and target, (n, d) -> (n,)."""

    fitting: Fitting
    densities: tuple[LogDensity, LogDensity]

    def __call__(self, at: At, generator: torch.Generator) -> tuple[Tensor, Shown]:
        """The loss of one batch."""
        fitting, (log_rho, log_nu) = self.fitting, self.densities
        points = fitting.draw(fitting.x, generator)
        known = log_rho(points * fitting.size + fitting.centre)
        return monge_ampere(fitting.u, points, fitting.size, known, log_nu).square().mean(), {}


class AdversarialLoss:
    """The adversarial Wasserstein-1 loss, in units of the image's size; each step trains the critic first."""

    def __init__(self, fitting: Fitting, seed: int) -> None:
        self.fitting = fitting
        self.adversary = Adversary(fitting.y, AdversarialConfig(), seed)

    def __call__(self, at: At, generator: torch.Generator) -> tuple[Tensor, Shown]:
        """The loss of one batch."""
        fitting, adversary = self.fitting, self.adversary
        rounds = adversary.config.rounds if adversary.warm else adversary.config.warm_up
        adversary.warm = True
        for _ in range(rounds):
            with torch.no_grad():
                image = fitting.image(generator)
            adversary.train(image, fitting.draw(fitting.y, generator), generator)
        image = fitting.image(generator)
        return adversary.loss(image, fitting.draw(fitting.y, generator)) / fitting.scale, {}


def batch_loss(name: str, fitting: Fitting, densities: tuple[LogDensity, LogDensity] | None, seed: int) -> Loss:
    """The loss of a training by batches: kl, sinkhorn, monge-ampere or adversarial."""
    if name == "monge-ampere":
        assert densities is not None
        return MongeAmpereLoss(fitting, densities)
    if name == "adversarial":
        return AdversarialLoss(fitting, seed)
    return KLLoss(fitting) if name == "kl" else SinkhornLoss(fitting)
