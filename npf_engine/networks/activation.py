"""Activations of input-convex networks: convex, non-decreasing and smooth, with their derivatives."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf


def inverse_softplus(value: float) -> float:
    """v with softplus(v) = value > 0."""
    return value + math.log(-math.expm1(-value))


def raw_of(values: Tensor) -> Tensor:
    """The parameters whose softplus these positive values are."""
    return values + torch.log(-torch.expm1(-values))


class Activation(nn.Module):
    """A convex, non-decreasing, smooth s with its first and second derivative: ``softplus`` or ``elu``."""

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in ("softplus", "elu"):
            raise ValueError(f"activation must be softplus or elu, not {name!r}")
        self.name = name

    def forward(self, a: Tensor) -> Tensor:
        """s(a), elementwise."""
        return nnf.softplus(a) if self.name == "softplus" else nnf.elu(a)

    def with_slope(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """s(a) and s'(a) from one exponential."""
        if self.name == "softplus":
            return nnf.softplus(a), torch.sigmoid(a)
        slope = torch.exp(a.clamp(max=0.0))
        return torch.relu(a) + (slope - 1.0), slope

    def slope(self, a: Tensor) -> Tensor:
        """s'(a), elementwise."""
        return torch.sigmoid(a) if self.name == "softplus" else torch.exp(a.clamp(max=0.0))

    def curvature_of(self, slope: Tensor) -> Tensor:
        """s'' from s', elementwise: both activations' slopes tell it (ELU: 0 where the slope is 1)."""
        return slope * (1 - slope) if self.name == "softplus" else torch.where(slope < 1, slope, 0.0)

    def curvature(self, a: Tensor) -> Tensor:
        """s''(a), elementwise (ELU: from the left at 0)."""
        if self.name == "softplus":
            p = torch.sigmoid(a)
            return p * (1 - p)
        return torch.where(a <= 0, torch.exp(a.clamp(max=0.0)), torch.zeros_like(a))
