"""Mass of exp(-energy) on the cells of a grid in the plane, and on finer ones where a cell is wider than the law is.

With a large coefficient exp(-c g) is narrower than a cell about its modes: what stands at a cell's centre then says
nothing of its mass (Himmelblau at c = 10,000 would have 91 % in one basin of four). There a cell is cut into nine until
the energy hardly varies across it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Energy = Callable[[Tensor], Tensor]
NARROW = 2.0  # variances of a Gaussian in a cell's side squared: with fewer the sum over centres is right to 1e-4
ROUGH = 0.5  # of the energy across a cell
REACH = 25.0  # above the least energy: beyond it a cell has no mass
LEVELS, MOST = 12, 2_000_000  # how often a cell is cut at most, and how many there may be
CORNERS = torch.tensor([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]], dtype=torch.float64)
NINTHS = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64) / 3] * 2)


@dataclass(frozen=True)
class Cells:
    """points (m, 2): centres; size (m, 2): lengths of the sides; energy (m,) at the centres; mass (m,), 1 in all; base
    (m,): the cell of the grid that each is a part of."""

    points: Tensor
    size: Tensor
    energy: Tensor
    mass: Tensor
    base: Tensor

    @staticmethod
    def even(points: Tensor, size: Tensor, energy: Tensor) -> Cells:
        """The grid as it is: centres (n, 2), size (2,) of all, energy (n,)."""
        return Cells(
            points, size.expand(len(points), 2), energy, torch.softmax(-energy, dim=0), torch.arange(len(points))
        )

    def draw(self, n: int, generator: torch.Generator, among: Tensor | None = None) -> Tensor:
        """n draws (n, 2): a cell by its mass (inverse of the cumulative sum), uniform inside. among (m,) bool."""
        mass = self.mass if among is None else torch.where(among, self.mass, 0.0)
        cumulative = mass.cumsum(dim=0)
        uniform = torch.rand(n, generator=generator, dtype=torch.float64) * cumulative[-1]
        cell = torch.searchsorted(cumulative, uniform)
        jitter = torch.rand(n, 2, generator=generator, dtype=torch.float64) - 0.5
        return self.points[cell] + jitter * self.size[cell]


def narrow(curvature: Tensor, slope: Tensor, size: Tensor) -> bool:
    """Whether exp(-energy) is narrower than a cell of this size (2,) at any of its modes: by the energy's second
    derivatives along the axes (k, 2) or, at an edge, by its slopes (k, 2)."""
    wide = torch.maximum(curvature * size.square(), (slope * size).square()).nan_to_num(0.0)
    return bool((wide > NARROW).any())


def cut(energy: Energy, points: Tensor, size: Tensor) -> Cells:
    """Cells of a grid with centres (n, 2) and size (2,), those cut into finer ones where the energy (k, 2) -> (k,)
    varies and there may be mass."""
    base, side = torch.arange(len(points)), size.expand(len(points), 2)
    done: list[tuple[Tensor, ...]] = []
    least, count = torch.inf, 0
    for level in range(LEVELS + 1):
        middle = energy(points)
        around = energy((points[:, None] + CORNERS * side[:, None]).reshape(-1, 2)).reshape(-1, 4)
        seen = torch.cat([middle[:, None], around], dim=1)
        lowest, known = seen.amin(dim=1), torch.isfinite(seen)
        least = min(least, float(lowest.min()))
        # By those of its energies that are finite: an edge beyond which there is none is no slope.
        rise = torch.where(known, seen, -torch.inf).amax(dim=1) - lowest
        split = known.any(dim=1) & (rise > ROUGH) & (lowest - rise < least + REACH)
        if level == LEVELS or count + len(points) + 8 * int(split.sum()) > MOST:
            split = torch.zeros_like(split)
        keep = ~split
        done.append((points[keep], side[keep], middle[keep], around[keep], base[keep]))
        count += int(keep.sum())
        if not bool(split.any()):
            break
        points = (points[split][:, None] + NINTHS * side[split][:, None]).reshape(-1, 2)
        side, base = side[split].repeat_interleave(9, dim=0) / 3, base[split].repeat_interleave(9)
    points, side, middle, around, base = (torch.cat(part) for part in zip(*done, strict=True))
    # exact for polynomials of degree three on a cell
    height = 2 / 3 * torch.exp(least - middle) + torch.exp(least - around).sum(dim=1) / 12
    mass = height * side.prod(dim=1)
    return Cells(points, side, middle, mass / mass.sum(), base)
