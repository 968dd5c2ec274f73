"""The analytic fields' formulas, each with its gradient in closed form, in the user's positions x (n, d).

Himmelblau and the two cosine potentials are the released code's (NPF 5.1); the rest are the usual test functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Vectorial = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class AnalyticInfo:
    """What lists and pages need to know: ``rho`` is the reference measure that suits the field, ``rhos`` all it has.

    low, high: the domain by default. ``gradient`` says whether F is one. ``formula`` is plain text. ``free`` says
    whether another domain may be asked for, and ``any_d`` whether one of another dimension. ``uses``: other settings of
    a field that it hangs on.
    """

    name: str
    title: str
    formula: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    rho: Literal["box", "disc", "gaussian"] = "box"
    rhos: tuple[str, ...] = ("box", "disc", "gaussian")
    gradient: bool = True
    free: bool = True
    any_d: bool = False
    uses: tuple[str, ...] = ()

    @property
    def d(self) -> int:
        """Dimension of the default domain."""
        return len(self.low)

    @property
    def units(self) -> str:
        """Units of F."""
        return "plain numbers"


def himmelblau(x: Tensor) -> Tensor:
    """(x^2 + y - 11)^2 + (x + y^2 - 7)^2 at (n, 2) -> (n,)."""
    a, b = _himmelblau_parts(x)
    return a**2 + b**2


def himmelblau_gradient(x: Tensor) -> Tensor:
    """Its gradient (n, 2)."""
    a, b = _himmelblau_parts(x)
    return torch.stack([4 * x[:, 0] * a + 2 * b, 2 * a + 4 * x[:, 1] * b], dim=1)


def _himmelblau_parts(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[:, 0] ** 2 + x[:, 1] - 11, x[:, 0] + x[:, 1] ** 2 - 7


def cosines(slope: float, shift: float) -> tuple[Vectorial, Vectorial]:
    """3 cos(a) cos(b), a = 0.628 x - 1.57, b = slope y + shift: potential and gradient."""

    def potential(x: Tensor) -> Tensor:
        return 3 * torch.cos(0.628 * x[:, 0] - 1.57) * torch.cos(slope * x[:, 1] + shift)

    def gradient(x: Tensor) -> Tensor:
        a, b = 0.628 * x[:, 0] - 1.57, slope * x[:, 1] + shift
        return torch.stack([-1.884 * torch.sin(a) * torch.cos(b), -3 * slope * torch.cos(a) * torch.sin(b)], dim=1)

    return potential, gradient


def double_well(x: Tensor) -> Tensor:
    """(x^2 - 1)^2 + y^2 / 2: minima at (-1, 0) and (1, 0), a saddle of height 1 at the origin."""
    return (x[:, 0] ** 2 - 1) ** 2 + x[:, 1] ** 2 / 2


def double_well_gradient(x: Tensor) -> Tensor:
    """Its gradient (n, 2)."""
    return torch.stack([4 * x[:, 0] * (x[:, 0] ** 2 - 1), x[:, 1]], dim=1)


# Mueller and Brown, Theor. Chim. Acta 53 (1979): A, a, b, c, x0, y0 of four exponentials
_MUELLER_BROWN = (
    (-200.0, -1.0, 0.0, -10.0, 1.0, 0.0),
    (-100.0, -1.0, 0.0, -10.0, 0.0, 0.5),
    (-170.0, -6.5, 11.0, -6.5, -0.5, 1.5),
    (15.0, 0.7, 0.6, 0.7, -1.0, 1.0),
)


def mueller_brown(x: Tensor) -> Tensor:
    """Sum of A exp(a (x - x0)^2 + b (x - x0)(y - y0) + c (y - y0)^2): three minima, two saddles."""
    return sum((part[0] for part in _mueller_brown_parts(x)), start=x.new_zeros(x.shape[0]))


def mueller_brown_gradient(x: Tensor) -> Tensor:
    """Its gradient (n, 2)."""
    total = torch.zeros_like(x)
    for value, along_x, along_y in _mueller_brown_parts(x):
        total = total + torch.stack([value * along_x, value * along_y], dim=1)
    return total


def _mueller_brown_parts(x: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    parts = []
    for height, a, b, c, x0, y0 in _MUELLER_BROWN:
        u, v = x[:, 0] - x0, x[:, 1] - y0
        parts.append((height * torch.exp(a * u**2 + b * u * v + c * v**2), 2 * a * u + b * v, b * u + 2 * c * v))
    return parts


def rastrigin(x: Tensor) -> Tensor:
    """10 d + sum of x_k^2 - 10 cos(2 pi x_k), any d."""
    return (10 + x**2 - 10 * torch.cos(2 * math.pi * x)).sum(dim=1)


def rastrigin_gradient(x: Tensor) -> Tensor:
    """Its gradient (n, d)."""
    return 2 * x + 20 * math.pi * torch.sin(2 * math.pi * x)


def swirl(x: Tensor) -> Tensor:
    """x turned about the origin by pi exp(-|x|^2), half a turn in the middle: keeps areas and |x|, so its own M."""
    angle = math.pi * torch.exp(-(x**2).sum(dim=1))
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.stack([cos * x[:, 0] - sin * x[:, 1], sin * x[:, 0] + cos * x[:, 1]], dim=1)


def rotation(x: Tensor) -> Tensor:
    """A quarter turn, (-y, x): keeps the disc, the square and every isotropic Gaussian."""
    return torch.stack([-x[:, 1], x[:, 0]], dim=1)


def doubling(x: Tensor) -> Tensor:
    """2 x mod 1 on [0, 1]: every value but one has two pre-images, each of weight one half."""
    return torch.remainder(2 * x, 1.0)
