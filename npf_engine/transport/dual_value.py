"""The dual objective on samples that were kept apart: the figure by which potentials are compared."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.networks.chunks import in_chunks
from npf_engine.networks.potential import Potential
from npf_engine.transport.conjugate import conjugate


@dataclass
class DualValue:
    """value = mean u(x) + mean u*(y); max_residual: largest sup-norm of y - grad u(xhat). ``value`` is an
    upper-bound-corrected figure: where a residual r stays above the tolerance, |r|^2 / (2 m) is added (m: strong
    convexity). source (n,), target (m,) float64, on the CPU: u(x_i) and u*(y_j), of which it is made."""

    value: float
    max_residual: float
    source: Tensor
    target: Tensor

    @property
    def terms(self) -> Tensor:
        """u(x_i) + u*(y_i) (n,), where there are as many of both."""
        return self.source + self.target

    def lead(self, other: DualValue) -> tuple[float, float]:
        """How far this value lies below ``other``'s on the same samples, and the standard error of that: both parts
        vary by themselves, and what they share with the other's cancels. Of a single sample it is infinite."""
        parts = (other.source - self.source, other.target - self.target)
        if min(map(len, parts)) < 2:
            return other.value - self.value, math.inf
        return other.value - self.value, math.sqrt(sum(float(part.var()) / len(part) for part in parts))


def held_out_dual(
    u: Potential, x: Tensor, y: Tensor, start: Tensor | None = None, tolerance: float = 1e-6
) -> DualValue:
    """The dual objective on held-out samples x (n, d), y (m, d), in double precision with exact conjugates.

    An unfinished conjugate under-estimates u* and would flatter the score, so its missing part is bounded from above.
    """
    device = torch.device("cpu") if x.device.type == "mps" else x.device  # MPS has no float64
    double = copy.deepcopy(u).to(device).double()
    x, y = x.to(device).double(), y.to(device).double()
    start = None if start is None else start.to(device).double()
    result = conjugate(double, y, start, tolerance=tolerance / float(double.scale))
    with torch.no_grad():
        star = (result.x * y).sum(1) - in_chunks(double, result.x)
        gap = (y - in_chunks(double.gradient, result.x)).square().sum(1) / (2 * double.strong_convexity)
        star = star + torch.where(result.residual > tolerance, gap, 0.0)
        source, target = in_chunks(double, x).cpu(), star.cpu()
    return DualValue(float(source.mean() + target.mean()), float(result.residual.max()), source, target)
