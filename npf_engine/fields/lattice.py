"""F on a regular grid of a rectangle, bilinear between its nodes: its value and derivative anywhere, and every place
where it takes a given value.

On one cell F(s, t) = a + b s + c t + e s t, so that F = v are two equations of degree two, which are solved in closed
form. A value can be attained only in a cell whose four corners enclose it in both components.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

EDGE = 1e-6  # of a cell: what rounding may put a place beyond its side, values being in single precision
SAME = 1e-4  # of a cell: two places so near to each other are one that two cells share
LATTICE = ("lattice_values", "lattice_mask", "lattice_half")  # names of its tensors in a file
MOST_NODES = 400_000  # of a lattice that is kept with a model
MOST_PLACES = 5000  # where F is one value: noise takes some values in every cell, and each place is compared with all


@dataclass(frozen=True)
class Lattice:
    """values (rows, cols, 2) float32, row 0 in the north (at +half); mask (rows, cols) bool, True where the node
    belongs to Omega. The outermost nodes lie at model positions +-half on both axes."""

    values: Tensor
    mask: Tensor
    half: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """rows, cols."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    def value(self, x: Tensor) -> Tensor:
        """F (n, 2) at model positions x (n, 2); beyond the outermost nodes that of the nearest place on the edge."""
        return self.value_and_jacobian(x)[0]

    def value_and_jacobian(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """F (n, 2) and dF_i / dx_j (n, 2, 2), with respect to model positions."""
        rows, cols = self.shape
        column, row = self._column_row(x.to(self.values.device))
        j = column.floor().clamp(0, cols - 2).long()
        i = row.floor().clamp(0, rows - 2).long()
        s, t = (column - j)[:, None], (row - i)[:, None]
        flat = self.values.reshape(-1, 2)
        k = i * cols + j
        a, b, c, e = (flat[k + step].to(x) for step in (0, 1, cols, cols + 1))
        across, down = torch.lerp(b - a, e - c, t), torch.lerp(c - a, e - b, s)
        value = a + s * (b - a) + t * torch.lerp(c - a, e - b, s)
        slope = torch.stack([across * ((cols - 1) / (2 * self.half)), down * (-(rows - 1) / (2 * self.half))], dim=2)
        return value, slope

    def _column_row(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows, cols = self.shape
        column = (x[:, 0] + self.half) * ((cols - 1) / (2 * self.half))
        row = (self.half - x[:, 1]) * ((rows - 1) / (2 * self.half))
        return column.clamp(0, cols - 1), row.clamp(0, rows - 1)

    def inside(self, x: Tensor) -> Tensor:
        """Which positions (n, 2) lie on the lattice, nearest to a node of Omega: (n,) bool."""
        column, row = self._column_row(x)
        return (x.abs() <= self.half * (1 + EDGE)).all(dim=1) & self.mask[row.round().long(), column.round().long()]

    @functools.cached_property
    def nodes(self) -> Tensor:
        """Model positions (m, 2) of the nodes in Omega, float64."""
        return _nodes(*self.shape, self.half)[self.mask.flatten()]

    @functools.cached_property
    def _bounds(self) -> tuple[Tensor, Tensor]:
        """Least and greatest value (rows - 1, cols - 1, 2) over each cell, which its corners have."""
        v = self.values
        corners = torch.stack([v[:-1, :-1], v[:-1, 1:], v[1:, :-1], v[1:, 1:]])
        return corners.amin(0), corners.amax(0)

    def places(self, value: Tensor) -> Tensor:
        """Every place of Omega where F is ``value`` (2,): model positions (k, 2), float64, each once.

        A patch on which F is constant has no single places and is left out; of more than MOST_PLACES, an even share.
        """
        low, high = self._bounds
        v = value.to(low)
        i, j = ((low <= v) & (high >= v)).all(dim=2).nonzero(as_tuple=True)
        corner = self.values.double()
        a, b, c, e = corner[i, j], corner[i, j + 1], corner[i + 1, j], corner[i + 1, j + 1]
        cell, s, t = _bilinear_roots(a - value.double(), b - a, c - a, a - b - c + e)
        rows, cols = self.shape
        x = -self.half + (j[cell] + s) * (2 * self.half / (cols - 1))
        y = self.half - (i[cell] + t) * (2 * self.half / (rows - 1))
        found = torch.stack([x, y], dim=1)
        found = found[self.inside(found)]
        found = found[:: -(-len(found) // MOST_PLACES) or 1]
        return distinct(found, SAME * 2 * self.half / (max(rows, cols) - 1))

    def thinned(self, most: int = MOST_NODES) -> Lattice:
        """The same with at most ``most`` nodes, itself where it has no more: between kept nodes F is then a straighter
        line than it was."""
        rows, cols = self.shape
        if rows * cols <= most:
            return self
        share = (most / (rows * cols)) ** 0.5
        shape = (max(2, int(rows * share)), max(2, int(cols * share)))
        x = _nodes(*shape, self.half)
        column, row = (part.round().long() for part in self._column_row(x))
        return Lattice(self.value(x).float().reshape(*shape, 2), self.mask[row, column].reshape(shape), self.half)


def lattice_tensors(lattice: Lattice) -> dict[str, Tensor]:
    """A lattice as tensors by the names ``LATTICE``."""
    half = torch.tensor([lattice.half], dtype=torch.float64)
    return dict(zip(LATTICE, (lattice.values.contiguous(), lattice.mask.contiguous(), half), strict=True))


def lattice_of(tensors: Mapping[str, Tensor]) -> Lattice | None:
    """Inverse of ``lattice_tensors``; None where the tensors hold none. Raises ValueError for shapes that do not
    fit."""
    if not set(LATTICE) <= set(tensors):
        return None
    values, mask, half = (tensors[key] for key in LATTICE)
    if values.ndim != 3 or values.shape[2] != 2 or min(values.shape[:2]) < 2 or mask.shape != values.shape[:2]:
        raise ValueError(f"values {tuple(values.shape)} and mask {tuple(mask.shape)} are no lattice in two dimensions")
    lattice = Lattice(values.float(), mask.bool(), float(half.flatten()[0]))
    if not (0 < lattice.half < math.inf and bool(torch.isfinite(lattice.values[lattice.mask]).all())):
        raise ValueError("a lattice must have finite values and lie around 0")
    return lattice


def sampled(function: Callable[[Tensor], Tensor], half: float, side: int) -> Lattice:
    """A function of model positions on ``side`` x ``side`` nodes of [-half, half]^2: where to look for its values."""
    values = function(_nodes(side, side, half)).float().reshape(side, side, 2)
    return Lattice(values, torch.ones(side, side, dtype=torch.bool), half)


def _nodes(rows: int, cols: int, half: float) -> Tensor:
    """Model positions (rows * cols, 2), float64, row by row from the north."""
    column = torch.linspace(-half, half, cols, dtype=torch.float64)
    row = torch.linspace(half, -half, rows, dtype=torch.float64)
    y, x = torch.meshgrid(row, column, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def _bilinear_roots(a: Tensor, b: Tensor, c: Tensor, e: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Solutions of a + b s + c t + e s t = 0 in [0, 1]^2 for each row of a, b, c, e (k, 2): row, s, t.

    (a + c t) is parallel to (b + e t), which is a quadratic in t; s follows.
    """
    p = _cross(c, e)
    q = _cross(a, e) + _cross(c, b)
    r = _cross(a, b)
    root = (q * q - 4 * p * r).clamp(min=0).sqrt()
    real = q * q - 4 * p * r >= -1e-12 * (q * q).clamp(min=1e-300)
    far = -(q + torch.where(q >= 0, root, -root)) / 2  # without cancellation
    rows, across, down = [], [], []
    for t in (far / p, r / far):
        step = b + e * t[:, None]
        s = -((a + c * t[:, None]) * step).sum(1) / step.square().sum(1)
        good = real & torch.isfinite(s) & torch.isfinite(t)
        good &= (s >= -EDGE) & (s <= 1 + EDGE) & (t >= -EDGE) & (t <= 1 + EDGE)
        # Where step is 0 in length the quadratic holds for any s: what is found must be a solution.
        miss = (a + b * s[:, None] + c * t[:, None] + e * (s * t)[:, None]).norm(dim=1)
        good &= miss <= 1e-6 * (a.norm(dim=1) + b.norm(dim=1) + c.norm(dim=1)).clamp(min=1e-300)
        row = good.nonzero()[:, 0]
        rows.append(row)
        across.append(s[row])
        down.append(t[row])
    return torch.cat(rows), torch.cat(across).clamp(0, 1), torch.cat(down).clamp(0, 1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def distinct(x: Tensor, radius: float) -> Tensor:
    """Rows of x (n, d) without those within ``radius`` of an earlier row that stays."""
    kept: list[Tensor] = []
    rest = x
    while len(rest):
        first = rest[0]
        kept.append(first)
        rest = rest[(rest - first).norm(dim=1) > radius]
    return torch.stack(kept) if kept else x[:0]
