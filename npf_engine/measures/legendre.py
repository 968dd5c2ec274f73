"""u and u* over one another: at nodes of a lattice of Omega, u, its slope, and u* there, so that each point of the one
surface is a point of the other.

The tangent plane of u at x has the slope y = grad u(x) and meets the axis over the origin at -u*(y), since
u(x) + u*(y) = <x, y>. Positions are the model's, in which u is convex and grad u is F's law; values are F's. u* comes
from the conjugate that everything else here uses, started away from x: how well the identity holds says how well that
is solved.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from npf_engine.measures.mesh import REACH, support
from npf_engine.networks.chunks import in_chunks
from npf_engine.polar.factorization import PolarFactorization

SIDE = 41  # nodes a side


@dataclass(frozen=True)
class LegendreView:
    """x (side, side, 2) model positions, rows along the second axis; u (side, side); y = grad u(x) (side, side, 2) in
    F's units; star (side, side) = u*(y) by the conjugate; inside (side, side): which nodes lie in rho's support."""

    x: np.ndarray
    u: np.ndarray
    y: np.ndarray
    star: np.ndarray
    inside: np.ndarray

    @property
    def drawn(self) -> bool:
        """Whether a whole cell lies in the support: there is no surface without one."""
        pairs = self.inside[:-1] & self.inside[1:]
        return bool((pairs[:, :-1] & pairs[:, 1:]).any())

    @property
    def start(self) -> int:
        """Of the nodes inside, counted along rows, the one nearest to two thirds down and far to the right: there the
        tangent plane can be seen."""
        side = len(self.u)
        rows, columns = np.nonzero(self.inside)
        nearest = int(np.argmin((rows - side // 3) ** 2 + (columns - (7 * side) // 8) ** 2))
        return int(rows[nearest]) * side + int(columns[nearest])

    @property
    def gap(self) -> np.ndarray:
        """u(x) + u*(y) - <x, y> (side, side): 0 but for what the conjugate leaves and for rounding."""
        return np.asarray(self.u + self.star - (self.x * self.y).sum(axis=2))


def legendre_view(model: PolarFactorization, side: int = SIDE) -> LegendreView:
    """u and u* of a model of two dimensions."""
    half = REACH if model.rho == "gaussian" else 1.0
    line = torch.linspace(-half, half, side, dtype=torch.float64)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    x = torch.stack([columns, rows], dim=2).reshape(-1, 2)
    at = x.to(model.u.like)
    with torch.no_grad():
        u, y = in_chunks(model.u, at), in_chunks(model.u.gradient, at)
        solved = model.solve(y).x
        star = (solved.double() * y.double()).sum(dim=1) - in_chunks(model.u, solved).double()
    within = support(model)
    inside = torch.ones(len(x), dtype=torch.bool) if within is None else within(x * (1 - 1e-9))
    shape = (side, side)
    return LegendreView(
        x.reshape(*shape, 2).numpy(),
        u.double().cpu().reshape(shape).numpy(),
        y.double().cpu().reshape(*shape, 2).numpy(),
        star.cpu().reshape(shape).numpy(),
        inside.reshape(shape).numpy(),
    )
