"""M as a deforming mesh: what a map of the plane makes of the cells of a lattice, and how well it preserves rho.

M preserves rho where rho(M^-1(B)) = rho(B) for every B. Where M is one to one, the image of a cell then weighs what the
cell weighs, its area for a uniform rho; where k sheets of M lie over one another, the image of a cell weighs k times
as much on average, since each sheet brings a k-th of what lies there. So two measures: ``weight`` of a cell's image,
which is 1 where M is one to one, and ``arrives``, the mass that M brings into a cell, which is 1 for every M that
preserves rho, the identity too. Where M has many thin sheets, what arrives is known up to how many spots are carried:
``floor`` is what two halves of them disagree by.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from npf_engine.polar.factorization import PolarFactorization
from npf_engine.polar.guidance import outside
from npf_engine.polar.known_field import KnownField

SIDE = 24  # cells a side
FINE = 4  # parts of a cell's side: an image is bent
SPOTS = 6  # a part's side, each somewhere in its square: a regular lattice would beat with thin sheets
REACH = 2.5  # of a Gaussian rho, in standard deviations
FROM = 4.0  # ... as far as mass is carried from: 1 in 8,000 lies beyond
NETWORK, SOLVER = "network", "solver"  # M_xi; M_theta = grad u* o F
Places = Callable[[Tensor], Tensor]  # model positions (n, 2) -> (n, 2)
Inside = Callable[[Tensor], Tensor]  # model positions (n, 2) -> (n,) bool
Density = Callable[[Tensor], Tensor]  # model positions (n, 2) -> (n,), up to a factor


@dataclass(frozen=True)
class Spread:
    """|ln r| of the cells: its median and its 95 % quantile, inf where so many cells get nothing."""

    median: float
    most: float


@dataclass(frozen=True)
class Deformation:
    """A lattice of ``side`` x ``side`` cells and its image; rows go along y.

    x, m: the lattice's nodes and M there, (k, k, 2) with k = side * fine + 1, model positions. cells (side, side):
    which lie in rho's support as a whole; the next three are NaN elsewhere. weight: of the image over that of the
    cell, sheets counted each by itself; turned: whether the image is turned over; arrives: the mass that M brings into
    the cell, over its own. own: the mass of each cell, up to a factor; halves (2, side, side): ``arrives`` of two
    halves of the spots.
    """

    x: np.ndarray
    m: np.ndarray
    cells: np.ndarray
    weight: np.ndarray
    turned: np.ndarray
    arrives: np.ndarray
    own: np.ndarray
    halves: np.ndarray

    @property
    def side(self) -> int:
        """Cells a side."""
        return len(self.cells)

    @property
    def fine(self) -> int:
        """Parts of a cell's side."""
        return (len(self.x) - 1) // self.side

    def spread(self, ratio: np.ndarray) -> Spread:
        """How far the cells' ``weight`` or ``arrives`` is from 1, in shares of the mass of all cells."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._spread(np.abs(np.log(ratio)))

    @property
    def floor(self) -> Spread:
        """What ``arrives`` is off by for the number of spots alone: half of what its two halves differ by."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._spread(np.nan_to_num(np.abs(np.log(self.halves[0] / self.halves[1])) / 2, posinf=np.inf))

    @property
    def sheets(self) -> float:
        """How many lie over one another on average: the mass of all images over that of all cells."""
        own = self.own[self.cells]
        return float((self.weight[self.cells] * own).sum() / own.sum()) if len(own) else math.nan

    def _spread(self, off: np.ndarray) -> Spread:
        off, own = off[self.cells], self.own[self.cells]
        if not len(off):
            return Spread(np.nan, np.nan)
        order = np.argsort(off)
        reached = np.cumsum(own[order]) / own.sum()
        found = [min(int(np.searchsorted(reached, share * (1 - 1e-12))), len(off) - 1) for share in (0.5, 0.95)]
        return Spread(*(float(off[order[k]]) for k in found))


def deformation(
    places: Places,
    half: float = 1.0,
    inside: Inside | None = None,
    density: Density | None = None,
    side: int = SIDE,
    fine: int = FINE,
    reach: float | None = None,
) -> Deformation:
    """What ``places`` does to the lattice over [-half, half]^2.

    inside: which positions lie in rho's support (all); density: of rho there (uniform). reach: mass is carried from
    [-reach, reach]^2, where rho has any (half).
    """
    x = _lattice(half, side * fine)
    m = places(x.reshape(-1, 2)).double().reshape(x.shape)
    within = inside or (lambda at: torch.ones(len(at), dtype=torch.bool))
    mass = density or (lambda at: torch.ones(len(at), dtype=torch.float64))
    # Nodes pulled in a little: a corner on the edge of Omega belongs to it.
    node = within((x * (1 - 1e-9)).reshape(-1, 2)).reshape(x.shape[:2])
    cells = node.unfold(0, fine + 1, fine).unfold(1, fine + 1, fine).reshape(side, side, -1).all(dim=2)
    weight, turned, own = _images(x, m, mass, side)
    more = 0 if reach is None else math.ceil((reach / half - 1) * side * fine / 2)
    if more:
        x_all = _lattice(half * (1 + 2 * more / (side * fine)), side * fine + 2 * more)
        m_all = places(x_all.reshape(-1, 2)).double().reshape(x_all.shape)
    else:
        x_all, m_all = x, m
    arrives, halves = _arrivals(x_all, m_all, within, mass, half, side)
    blank = torch.where(cells, 0.0, torch.nan)
    return Deformation(
        x.numpy(),
        m.numpy(),
        cells.numpy(),
        (weight + blank).numpy(),
        (turned & cells).numpy(),
        (arrives + blank).numpy(),
        own.numpy(),
        (halves + blank).numpy(),
    )


def _lattice(half: float, parts: int) -> Tensor:
    """Nodes over [-half, half]^2, (parts + 1, parts + 1, 2); rows go along y."""
    line = torch.linspace(-half, half, parts + 1, dtype=torch.float64)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([columns, rows], dim=2)


def _images(x: Tensor, m: Tensor, mass: Density, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weight of each cell's image over the cell's own (side, side), whether more of it is turned over than not, and
    its own."""
    own, image, signed = (torch.zeros(side, side, dtype=torch.float64) for _ in range(3))
    for corners in (((0, 0), (0, 1), (1, 0)), ((1, 1), (1, 0), (0, 1))):
        before, after = (_triangles(nodes, corners) for nodes in (x, m))
        area = _area(before) * mass(before.mean(dim=2).reshape(-1, 2)).reshape(before.shape[:2])
        there = mass(after.mean(dim=2).reshape(-1, 2)).reshape(after.shape[:2])
        own += _summed(area, side)
        image += _summed(_area(after).abs() * there, side)
        signed += _summed(_area(after), side)
    return image / own, signed < 0, own


def _triangles(nodes: Tensor, corners: tuple[tuple[int, int], ...]) -> Tensor:
    """One triangle of each part of the lattice, (parts, parts, 3, 2)."""
    parts = len(nodes) - 1
    return torch.stack([nodes[r : r + parts, c : c + parts] for r, c in corners], dim=2)


def _area(triangles: Tensor) -> Tensor:
    """Signed area of triangles (..., 3, 2), positive where they keep the lattice's sense."""
    a, b = triangles[..., 1, :] - triangles[..., 0, :], triangles[..., 2, :] - triangles[..., 0, :]
    return (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]) / 2


def _summed(values: Tensor, side: int) -> Tensor:
    """Sums over the parts of each cell, (side, side)."""
    fine = len(values) // side
    return values.reshape(side, fine, side, fine).sum(dim=(1, 3))


def _arrivals(x: Tensor, m: Tensor, within: Inside, mass: Density, half: float, side: int) -> tuple[Tensor, Tensor]:
    """Mass that M brings into each cell over its own (side, side), and the same of two halves of the spots (2, side,
    side): spots spread over the lattice, each with the mass of rho around it, go where M takes them, M being bilinear
    between nodes."""
    parts = len(x) - 1
    generator = torch.Generator().manual_seed(0)
    size = (parts, SPOTS, parts, SPOTS, 1)
    steps = torch.arange(SPOTS, dtype=torch.float64)
    up = (steps[:, None, None, None] + torch.rand(size, generator=generator, dtype=torch.float64)) / SPOTS
    across = (steps[:, None] + torch.rand(size, generator=generator, dtype=torch.float64)) / SPOTS
    start, end = (_bilinear(nodes, up, across).reshape(-1, 2) for nodes in (x, m))
    carried = mass(start) * within(start)
    # Neighbours in a chessboard: each half is spread as the whole is.
    odd = (torch.arange(parts * SPOTS)[:, None] + torch.arange(parts * SPOTS)).reshape(-1) % 2

    def binned(at: Tensor, of: Tensor) -> Tensor:
        cell = ((at + half) / (2 * half) * side).floor().long()
        there = ((cell >= 0) & (cell < side)).all(dim=1)
        index = cell[there, 1] * side + cell[there, 0]
        return torch.zeros(side * side, dtype=torch.float64).index_add_(0, index, of[there]).reshape(side, side)

    def ratio(of: Tensor) -> Tensor:
        return binned(end, of) / binned(start, of)

    return ratio(carried), torch.stack([ratio(carried * (odd == k)) for k in (0, 1)])


def _bilinear(nodes: Tensor, up: Tensor, across: Tensor) -> Tensor:
    """Between nodes (k, k, 2), at these shares of each part's sides, (parts, SPOTS, parts, SPOTS, 2)."""
    corner = [[nodes[r : len(nodes) - 1 + r, c : len(nodes) - 1 + c][:, None, :, None] for c in (0, 1)] for r in (0, 1)]
    low, high = (row[0] * (1 - across) + row[1] * across for row in corner)
    return low * (1 - up) + high * up


@dataclass(frozen=True)
class MeshView:
    """``deformed`` by M of ``way``, and grad u at the images of its nodes, ``values`` (k, k, 2) in F's units; ``rho``
    as its model says."""

    deformed: Deformation
    values: np.ndarray
    way: str
    rho: str

    @property
    def measure(self) -> str:
        """What of a cell M keeps where it is one to one: its area for a uniform rho, else its mass."""
        return "mass" if self.rho == "gaussian" else "area"

    @property
    def exact(self) -> bool:
        """Whether masses of cells are rho's own: of a rho that is known by its samples alone, areas stand for them."""
        return self.rho != "samples"


def ways(model: PolarFactorization) -> tuple[str, ...]:
    """Which M of a model can be evaluated at the nodes of a lattice: M_xi, where it was trained; M_theta, where F is
    known beyond its samples. Of two dimensions alone."""
    if model.d != 2:
        return ()
    known = model.function is not None or model.lattice is not None
    return (*((NETWORK,) if model.m is not None else ()), *((SOLVER,) if known else ()))


def mesh_view(model: PolarFactorization, way: str = NETWORK, side: int = SIDE) -> MeshView:
    """The mesh of a model's M, ``way`` being one of ``ways(model)``."""
    half = REACH if model.rho == "gaussian" else 1.0
    like = model.u.like
    known = KnownField.of(model) if way == SOLVER else None

    def places(x: Tensor) -> Tensor:
        with torch.no_grad():
            if known is not None:
                return model.solve(known.value(x).to(like)).x.double().cpu()
            assert model.m is not None
            return model.m(x.to(like)).double().cpu()

    reach = FROM if model.rho == "gaussian" else None
    found = deformation(places, half, support(model), _density(model), side, reach=reach)
    with torch.no_grad():
        values = model.u.gradient(torch.from_numpy(found.m).reshape(-1, 2).to(like)).double().cpu()
    return MeshView(found, values.reshape(found.m.shape).numpy(), way, model.rho)


def support(model: PolarFactorization) -> Inside | None:
    """Which model positions lie in rho's support; None for all of the box."""
    if model.rho == "disc":
        return lambda x: x.norm(dim=1) <= 1
    if model.rho == "land" and model.lattice is not None:
        return model.lattice.inside
    if model.rho in ("land", "samples"):
        away = outside(model.rho, model.samples["x_train"].double())
        return lambda x: away(x) <= 0
    return None


def _density(model: PolarFactorization) -> Density | None:
    return (lambda x: (-x.square().sum(dim=1) / 2).exp()) if model.rho == "gaussian" else None
