"""The coordinates in which a potential is trained, and the way from the user's to them and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine import seeds

Draw = Callable[[int, torch.Generator], Tensor]
UNIT_POINTS = 2000  # of each law, by which its centre and size are known


@dataclass(frozen=True)
class Coordinates:
    """x' = (x - centre) P, and u(x) = factor u'(x') + <mean, x>: grad u(x) = factor grad u'(x') P^T + mean.

    <x, y> is kept, so that u is optimal exactly if u' is. spread: of y', a coordinate, the unit of residuals; centre
    and mean are in double precision where the clouds were.
    """

    centre: Tensor
    P: Tensor
    factor: float
    mean: Tensor
    spread: float = 1.0

    def source(self, x: Tensor) -> Tensor:
        """The network's x' of x (n, d)."""
        return (x.to(self.centre) - self.centre).to(self.P) @ self.P

    def target(self, y: Tensor) -> Tensor:
        """The network's y' of y (n, d)."""
        P, size = self.columns()
        return (torch.linalg.solve(P, (y.double() - self.mean).T).T / size).to(self.P) / self.factor

    def position(self, x: Tensor) -> Tensor:
        """The x (n, d) of the network's x': undoes ``source``."""
        P, size = self.columns()
        return torch.linalg.solve(P.T, (x.double() / size).T).T.to(self.P) + self.centre

    def image(self, slope: Tensor) -> Tensor:
        """grad u (n, d) of the network's grad u'."""
        return self.factor * slope @ self.P.T + self.mean

    def columns(self) -> tuple[Tensor, Tensor]:
        """P with columns of length 1, and their lengths (d,), in double precision: an equation with P in it loses
        nothing to axes of unlike slopes."""
        P = self.P.double()
        size = P.norm(dim=0)
        return P / size, size


@dataclass(frozen=True)
class Units:
    """x = centre + size x_hat for both clouds."""

    source: tuple[Tensor, float]
    target: tuple[Tensor, float]

    @staticmethod
    def of(source: Draw, target: Draw) -> Units:
        """From UNIT_POINTS points of each law."""
        clouds = (law(UNIT_POINTS, seeds.generator(0, "lab.units")) for law in (source, target))
        return Units(*((c.mean(0), float(c.var(0).mean().sqrt()) or 1.0) for c in clouds))

    @staticmethod
    def none(source: Draw, target: Draw) -> Units:
        """The units as they are, where the target's potential is known in them."""
        clouds = (law(1, seeds.generator(0, "lab.units")) for law in (source, target))
        return Units(*((torch.zeros_like(c[0]), 1.0) for c in clouds))

    @property
    def at(self) -> Coordinates:
        """The same as coordinates of a potential: T(x) = centre_y + size_y grad u((x - centre_x) / size_x)."""
        (centre, size), (mean, image_size) = self.source, self.target
        P = torch.eye(len(centre), dtype=centre.dtype, device=centre.device) / size
        return Coordinates(centre, P, size * image_size, mean)

    def source_sampler(self, draw: Draw) -> Draw:
        """Draws in model units."""
        centre, size = self.source
        return lambda n, generator: (draw(n, generator) - centre) / size

    def target_sampler(self, draw: Draw) -> Draw:
        """Draws in model units."""
        centre, size = self.target
        return lambda n, generator: (draw(n, generator) - centre) / size

    def target_slope(self, grad_V: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """The gradient of the target's potential in model units, of that in the law's own."""
        centre, size = self.target
        return lambda y: size * grad_V(centre + size * y)

    def map(self, inner: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        """A map of model units in the laws' own."""
        (a, s), (b, t) = self.source, self.target

        def forward(x: Tensor) -> Tensor:
            with torch.no_grad():
                return b + t * inner((x - a) / s)

        return forward
