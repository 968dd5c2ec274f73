"""Landscapes whose polar factorization is known in closed form: nothing is trained to sample them (NPF 4.2).

    grad g = grad u o M   with u, M and all of M^{-1}(y) written down

``Folds`` is such a family in any number of dimensions. Along each axis M goes to and fro over [-1, 1], once a fold, a
straight line on each; folds of widths w_i with sum 2 preserve the uniform law because sum_i w_i / 2 = 1 is the share of
each that lies in any piece of the image. With u'(y) = A sin(pi y / 2) the function

    g(x) = s_i (w_i / 2) u(M(x)),   u(y) = -(2 A / pi) cos(pi y / 2),   s_i = +-1 where M rises or falls,

has g' = u'(M(x)) on every fold and is 0 with slope +-A between two of them. So it has a minimum in the middle of each
rising fold, as deep as the fold is wide, and a maximum in the middle of each falling one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class KnownFactorization(Protocol):
    """u, M and M^{-1} of a gradient field, in model positions; x, y and f = grad g(x) are (n, d)."""

    def value_and_gradient(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """u(y) (n,) and grad u(y) (n, d), also a little outside of Omega."""

    def conjugate(self, f: Tensor) -> Tensor:
        """grad u*(f) (n, d)."""

    def m(self, x: Tensor) -> Tensor:
        """M(x) (n, d)."""

    def jacobian(self, x: Tensor) -> Tensor:
        """J_M(x) (n, d, d)."""

    def follow(self, x: Tensor, y: Tensor) -> Tensor:
        """The pre-image of y (n, d) on the branch of M^{-1} that x lies on."""

    def inverse(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """One draw of M^{-1}(y) (n, d): each branch with the share that it has of rho."""

    def blurred(self, y: Tensor, noise: float, generator: torch.Generator) -> Tensor:
        """One draw (n, d) of x ~ rho given y = M(x) + noise z."""

    def log_blurred(self, x: Tensor, y: Tensor, noise: float) -> Tensor:
        """Its log density at x (n,)."""


@dataclass(frozen=True)
class Folds:
    """The family at the head of this module on [-1, 1]^d. widths: of the folds along each axis, an odd number with sum
    2, the first rising; heights (d,): A of each axis."""

    widths: tuple[tuple[float, ...], ...]
    heights: tuple[float, ...]

    def potential(self, x: Tensor) -> Tensor:
        """g (n,)."""
        value, _, width, sign = self._along(x)
        u = self._parts(value)[0]
        return (sign * width / 2 * u).sum(dim=1)

    def gradient(self, x: Tensor) -> Tensor:
        """grad g (n, d)."""
        return self._parts(self._along(x)[0])[1]

    def value_and_gradient(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """u and grad u; straight outside of [-1, 1]^d."""
        u, slope = self._parts(y)
        return u.sum(dim=1), slope

    def conjugate(self, f: Tensor) -> Tensor:
        """grad u*(f) (n, d); the nearest corner for a slope that u has nowhere."""
        return (f / torch.tensor(self.heights, dtype=torch.float64).to(f)).clamp(-1.0, 1.0).asin() * (2 / math.pi)

    def m(self, x: Tensor) -> Tensor:
        """M(x) (n, d)."""
        return self._along(x)[0]

    def jacobian(self, x: Tensor) -> Tensor:
        """J_M(x) (n, d, d), diagonal."""
        _, _, width, sign = self._along(x)
        return torch.diag_embed(2 * sign / width)

    def follow(self, x: Tensor, y: Tensor) -> Tensor:
        """Along the line of x's fold, which goes on beyond its ends."""
        _, left, width, sign = self._along(x)
        return left + width * (sign * y + 1) / 2

    def inverse(self, y: Tensor, generator: torch.Generator) -> Tensor:
        """A fold by its width, and the one point there."""
        columns = []
        for axis, widths in enumerate(self.widths):
            w = torch.tensor(widths, dtype=torch.float64)
            fold = torch.multinomial(w, len(y), replacement=True, generator=generator)
            sign = 1 - 2 * (fold % 2)
            left = w.cumsum(0)[fold] - w[fold] - 1
            columns.append(left.to(y) + w[fold].to(y) * (sign.to(y) * y[:, axis] + 1) / 2)
        return torch.stack(columns, dim=1)

    def blurred(self, y: Tensor, noise: float, generator: torch.Generator) -> Tensor:
        """y moved by a normal number that leaves it in [-1, 1]^d, and its pre-image: under rho M(x) is uniform."""
        low, high = (torch.special.ndtr((side - y) / noise) for side in (-1.0, 1.0))
        share = torch.rand(y.shape, generator=generator, dtype=torch.float64).to(y)
        moved = y + noise * torch.special.ndtri(low + share * (high - low))
        return self.inverse(moved.clamp(-1.0, 1.0), generator)

    def log_blurred(self, x: Tensor, y: Tensor, noise: float) -> Tensor:
        """The truncated normal density at M(x): M keeps volume, and each fold has its share."""
        z = (self.m(x) - y) / noise
        low, high = (torch.special.ndtr((side - y) / noise) for side in (-1.0, 1.0))
        one = -0.5 * z.square() - (high - low).log() - math.log(noise * math.sqrt(2 * math.pi))
        return one.sum(dim=1)

    def _parts(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """u and u' along each axis, (n, d) both."""
        height = torch.tensor(self.heights, dtype=torch.float64).to(y)
        inner = y.clamp(-1.0, 1.0)
        u = -(2 / math.pi) * height * (math.pi / 2 * inner).cos() + height * (y - inner).abs()
        return u, height * (math.pi / 2 * inner).sin()

    def _along(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """M(x), and of the fold that x lies on the left end, the width and the sign of M', all (n, d)."""
        parts = []
        for axis, widths in enumerate(self.widths):
            w = torch.tensor(widths, dtype=torch.float64).to(x)
            ends = w.cumsum(0) - 1
            fold = torch.searchsorted(ends[:-1].contiguous(), x[:, axis].detach().contiguous(), right=True)
            left, width, sign = (ends - w)[fold], w[fold], (1 - 2 * (fold % 2)).to(x)
            parts.append((sign * (2 * (x[:, axis] - left) / width - 1), left, width, sign))
        first, second, third, fourth = (torch.stack(column, dim=1) for column in zip(*parts, strict=True))
        return first, second, third, fourth


# Six modes between walls that Langevin steps do not cross; the widest folds have the deepest wells.
FOLDS = Folds(((0.5, 0.35, 0.3, 0.45, 0.4), (0.75, 0.65, 0.6)), (30.0, 15.0))
FOLDS_START = (-0.05, 0.7)  # in the lightest of them


def preconditioned_step(gradient: Tensor, y: Tensor, jacobian: Tensor, tau: Tensor | float, noise: Tensor) -> Tensor:
    """A step of LMC on g as seen from y = M(x) (NPF Appendix B), to first order:

        y <- y + J ( -tau grad u(y) + sqrt(2 tau) z ),   J = J_M(x) (n, d, d), not necessarily positive definite.

    gradient: grad u(y), times c; y, noise (n, d); tau: one step, or one an axis. Returns (n, d).
    """
    move = -tau * gradient + (2 * torch.as_tensor(tau)).sqrt().to(y) * noise
    return y + (jacobian @ move[:, :, None])[:, :, 0]
