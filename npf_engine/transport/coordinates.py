"""The coordinates in which a potential is trained, and the way from the user's to them and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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


def scaled(centre: Tensor, size: float, image_centre: Tensor, image_size: float) -> Coordinates:
    """x = centre + size x', y = image_centre + image_size y', both in one unit for all axes."""
    P = torch.eye(len(centre), dtype=centre.dtype, device=centre.device) / size
    return Coordinates(centre, P, size * image_size, image_centre)
