"""The activation of WidePotential: convex, twice continuously differentiable, a tenth of softplus' cost on a CPU."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SPLINE_WIDTH = 2.0


def spline(a: Tensor) -> tuple[Tensor, Tensor]:
    """s(a) and s'(a): 0 below -w, a above w (w = 2), and the integral of a smooth step 3 t^2 - 2 t^3 between."""
    w = SPLINE_WIDTH
    t = (a * (0.5 / w) + 0.5).clamp_(0.0, 1.0)
    squared = t * t
    value = (squared * t).mul_(1 - 0.5 * t).mul_(2 * w).add_((a - w).clamp_(min=0.0))
    return value, squared.mul_(3 - 2 * t)


def spline_curvature(a: Tensor) -> Tensor:
    """s''(a), continuous."""
    t = (a * (0.5 / SPLINE_WIDTH) + 0.5).clamp(0.0, 1.0)
    return t * (1 - t) * (3 / SPLINE_WIDTH)


class _Kept(Protocol):
    """What autograd hands from the forward to the backward sweep."""

    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep them."""


class Spline(torch.autograd.Function):
    """s(a) for autograd, from one pass that keeps s'."""

    @staticmethod
    def forward(ctx: _Kept, a: Tensor) -> Tensor:
        value, slope = spline(a)
        ctx.save_for_backward(slope)
        return value

    @staticmethod
    @once_differentiable  # s'' is missing here: a second derivative would be wrong; derivatives() has it in closed form
    def backward(ctx: _Kept, *grads: Tensor) -> Tensor:
        return grads[0] * ctx.saved_tensors[0]
