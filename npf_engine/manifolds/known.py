"""Factorizations on the unit torus and on the sphere that are known exactly, for toys, tests and benchmarks.

On the torus M is the twist (x, y) -> (x, y + a sin 2 pi x), which moves every column by its own amount and so keeps
the area; phi is no trigonometric polynomial. On the sphere M turns each parallel by its own angle, as a wind would, and
phi draws everything towards a pole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.manifolds.spaces import Sphere, Torus

TURN = 2 * math.pi
# At bend 1 the least curvature of U is 0.2: convex, and far from flat.
SIZE, PEAK, SLANTED, AHEAD = 0.016, 0.5, 0.35, 1.0


@dataclass(frozen=True)
class Off:
    """Percent. u: E d(grad u, truth)^2 over E |grad phi|^2, so that the identity scores 100 (a mean square); u_uvp:
    the same over the variance of a uniform point; m: sqrt(E d(M, truth)^2) over its root (a root mean square); m_uvp:
    the mean square of M over that variance."""

    u: float
    u_uvp: float
    m: float
    m_uvp: float


@dataclass(frozen=True)
class Twisted:
    """F = exp(grad phi) o M on the unit torus in the plane; ``a``: of the twist, in periods; bend in [0, 1]: how much
    phi there is."""

    a: float = 0.2
    bend: float = 1.0

    @property
    def torus(self) -> Torus:
        """Where it lives."""
        return Torus.unit(2)

    def M(self, x: Tensor) -> Tensor:
        """The twist, (n, 2)."""
        return self.torus.wrap(torch.stack([x[:, 0], x[:, 1] + self.a * torch.sin(TURN * x[:, 0])], dim=1))

    def potential(self, x: Tensor) -> Tensor:
        """phi(x), (n,), of any mean."""
        s, t = TURN * x[:, 0] - AHEAD, TURN * x[:, 1]
        parts = torch.exp(PEAK * torch.cos(s)) + torch.exp(PEAK * torch.sin(t)) + SLANTED * torch.cos(s + t + AHEAD)
        return self.bend * SIZE * parts

    def gradient(self, x: Tensor) -> Tensor:
        """grad phi(x), (n, 2)."""
        s, t = TURN * x[:, 0] - AHEAD, TURN * x[:, 1]
        both = -SLANTED * torch.sin(s + t + AHEAD)
        first = -PEAK * torch.sin(s) * torch.exp(PEAK * torch.cos(s)) + both
        second = PEAK * torch.cos(t) * torch.exp(PEAK * torch.sin(t)) + both
        return self.bend * SIZE * TURN * torch.stack([first, second], dim=1)

    def grad_u(self, x: Tensor) -> Tensor:
        """exp(grad phi(x)), (n, 2)."""
        return self.torus.exp(x, self.gradient(x))

    def errors(self, x: Tensor, grad_u: Tensor, m: Tensor) -> Off:
        """How far grad u and M, (n, 2) each, are off at x (n, 2)."""
        of_u = float(self.torus.distance(grad_u, self.grad_u(x)).square().mean())
        of_m = float(self.torus.distance(m, self.M(x)).square().mean())
        moved, spread = float(self.gradient(x).square().sum(1).mean()), self.torus.variance
        u = 100 * of_u / moved if moved else math.nan  # without phi there is nothing to compare with
        return Off(u, 100 * of_u / spread, 100 * math.sqrt(of_m / spread), 100 * of_m / spread)

    def __call__(self, x: Tensor) -> Tensor:
        """F(x), (n, 2)."""
        return self.grad_u(self.M(x))


@dataclass(frozen=True)
class Swirled:
    """F = exp(grad phi) o M on the unit sphere; angle: by which the equator turns, in radians (a parallel at latitude
    b by angle cos b); pull in [0, 0.9]: phi(x) = pull z, which moves each place along its meridian by pull cos b."""

    angle: float = 1.0
    pull: float = 0.5

    @property
    def sphere(self) -> Sphere:
        """Where it lives."""
        return Sphere()

    def M(self, x: Tensor) -> Tensor:
        """Each parallel turned, (n, 3)."""
        turn = self.angle * (1 - x[:, 2] ** 2).clamp(min=0).sqrt()
        c, s = torch.cos(turn), torch.sin(turn)
        return torch.stack([c * x[:, 0] - s * x[:, 1], s * x[:, 0] + c * x[:, 1], x[:, 2]], dim=1)

    def gradient(self, x: Tensor) -> Tensor:
        """grad phi(x): what is tangent of pull (0, 0, 1), (n, 3)."""
        up = torch.tensor([0.0, 0.0, self.pull], dtype=x.dtype)
        return up - (x @ up)[:, None] * x

    def grad_u(self, x: Tensor) -> Tensor:
        """exp(grad phi(x)), (n, 3)."""
        return self.sphere.exp(x, self.gradient(x))

    def __call__(self, x: Tensor) -> Tensor:
        """F(x), (n, 3)."""
        return self.grad_u(self.M(x))
