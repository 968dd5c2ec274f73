"""Log-sum-exp as a convex potential (Calafiore et al. 2020):

    u(x) = t log sum_j exp((<w_j, x> + b_j) / t) + floor/2 |x|^2,    t > 0.

Arrays are (..., n, d), as in ``classical_icnn.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from npf_engine.networks.activation import inverse_softplus
from npf_engine.networks.potential import Potential, size_of_image


class LogSumExpPotential(Potential):
    """u(x) = t log sum_j exp((<w_j, x> + b_j) / t) + floor/2 |x|^2; its gradient is an average of the pieces' w_j.

    pieces (k, d): the w_j to begin with, e.g. samples of the target; b_j = -|w_j|^2 / 2 then makes grad u
    send x to the pieces nearest to it, a smoothed identity. temperature: t at the start.
    """

    floor: Tensor

    def __init__(self, pieces: Tensor, temperature: float = 0.1, strong_convexity: float = 1e-3) -> None:
        super().__init__(pieces.shape[1], pieces=len(pieces), strong_convexity=strong_convexity)
        self.W = nn.Parameter(pieces.detach().clone())
        self.b = nn.Parameter(-0.5 * pieces.detach().square().sum(1))
        self.raw_t = nn.Parameter(torch.tensor(inverse_softplus(temperature)))
        self.register_buffer("floor", torch.tensor(float(strong_convexity)))

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """As many pieces as there were, all at 0."""
        count, d, floor = (float(str(config[key])) for key in ("pieces", "d", "strong_convexity"))
        return cls(torch.zeros(int(count), int(d)), strong_convexity=floor)

    @torch.no_grad()
    def start_at_gaussian(self, S: Tensor, m: Tensor, samples: Tensor, scale: float | None = None) -> None:
        """Pieces are tangents of <x, S x> / 2 + <m, x> at the first samples. ValueError where these are too few."""
        if len(samples) < len(self.W):
            raise ValueError(f"the Gaussian start needs a sample for each of the {len(self.W)} pieces")
        self.scale.fill_(size_of_image(S, samples) if scale is None else scale)
        x = samples[: len(self.W)].double().cpu()
        slopes = x @ S.double().cpu()
        self.W.copy_(slopes + m.double().cpu())
        self.b.copy_(-0.5 * (slopes * x).sum(1))

    def _logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        t = nnf.softplus(self.raw_t)[..., None, None]
        return (x @ self.W.mT + self.b[..., None, :]) / t, t

    def forward(self, x: Tensor) -> Tensor:
        """u(x) (..., n)."""
        return self.value_and_gradient(x)[0]

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (..., n, d)."""
        return self._logits(x)[0].softmax(-1) @ self.W + self.floor * x

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (..., n) and grad u(x) (..., n, d)."""
        logits, t = self._logits(x)
        value = t[..., 0] * logits.logsumexp(-1) + 0.5 * self.floor * x.square().sum(-1)
        return value, logits.softmax(-1) @ self.W + self.floor * x

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (..., n), grad u(x) (..., n, d) and the Hessian (..., n, d, d): the pieces' covariance over t."""
        logits, t = self._logits(x)
        p = logits.softmax(-1)
        mean = p @ self.W
        centred = self.W[..., None, :, :] - mean[..., None, :]
        H = centred.mT @ (p[..., None] * centred) / t[..., None]
        value = t[..., 0] * logits.logsumexp(-1) + 0.5 * self.floor * x.square().sum(-1)
        eye = torch.eye(self.d, dtype=x.dtype, device=x.device)
        return value, mean + self.floor * x, H + self.floor * eye

    @property
    def strong_convexity(self) -> float:
        """m > 0 with Hessian >= m I everywhere."""
        return float(self.floor)
