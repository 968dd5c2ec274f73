"""Many quadratics |R_k x|^2 / 2 of low rank at once, their gradients and curvatures."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

FINE = 0.1  # R_k over its parameters: their many entries move together, so that each must move less


def squares(x: Tensor, root: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """|R_k x|^2 / 2 (n, count) and R_k x (n, count, rank) of the roots R_k stacked in ``root`` (count rank, d)."""
    rx = (x @ root.T).unflatten(1, (count, -1))
    return rx.square().sum(2) / 2, rx


def start_of_roots(count: int, rank: int, d: int, mean_eigenvalue: float, g: torch.Generator) -> nn.Parameter:
    """Parameters (count rank, d) of which FINE times gives R_k with that mean eigenvalue of R_k^T R_k."""
    around = nnf.normalize(torch.randn(count * rank, d, generator=g), dim=1)
    return nn.Parameter(around * math.sqrt(mean_eigenvalue * d / rank) / FINE)


def rises(rx: Tensor, root: Tensor) -> Tensor:
    """The gradients R_k^T R_k x (n, count, d) of |R_k x|^2 / 2."""
    return torch.einsum("nkr,krd->nkd", rx, root.unflatten(0, tuple(rx.shape[1:])))


def weighed(root: Tensor, weights: Tensor) -> Tensor:
    """sum_k weights_k R_k^T R_k (n, d, d) for weights (n, count) >= 0."""
    turned = root * weights.repeat_interleave(len(root) // weights.shape[1], 1).sqrt()[:, :, None]
    return torch.matmul(turned.transpose(1, 2), turned)
