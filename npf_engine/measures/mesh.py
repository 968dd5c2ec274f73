"""M as a deforming mesh: what a map of the plane makes of the cells of a lattice, and how well it preserves rho.

M preserves rho where rho(M^-1(B)) = rho(B) for every B. Where M is one to one, the image of a cell then weighs what the
cell weighs, its area for a uniform rho; where k sheets of M lie over one another, the image of a cell weighs k times
as much on average, since each sheet brings a k-th of what lies there. So two measures: ``weight`` of a cell's image,
which is 1 where M is one to one, and ``arrives``, the mass that M brings into a cell, which is 1 for every M that
preserves rho.
"""

from __future__ import annotations

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
SPOTS = 5  # a part's side, of which each carries mass: odd, so that one lies in the middle
REACH = 2.5  # of a Gaussian rho, in standard deviations
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
    the cell, over its own.
    """

    x: np.ndarray
    m: np.ndarray
    cells: np.ndarray
    weight: np.ndarray
    turned: np.ndarray
    arrives: np.ndarray

    @property
    def side(self) -> int:
        """Cells a side."""
        return len(self.cells)

    @property
    def fine(self) -> int:
        """Parts of a cell's side."""
        return (len(self.x) - 1) // self.side

    def spread(self, ratio: np.ndarray) -> Spread:
        """How far the cells' ``weight`` or ``arrives`` is from 1."""
        values = ratio[self.cells]
        if not len(values):
            return Spread(np.nan, np.nan)
        with np.errstate(divide="ignore"):
            off = np.abs(np.log(values))
        return Spread(*(float(q) for q in np.quantile(off, [0.5, 0.95], method="higher")))


def deformation(
    places: Places,
    half: float = 1.0,
    inside: Inside | None = None,
    density: Density | None = None,
    side: int = SIDE,
    fine: int = FINE,
) -> Deformation:
    """What ``places`` does to the lattice over [-half, half]^2.

    inside: which positions lie in rho's support (all); density: of rho there (uniform).
    """
    line = torch.linspace(-half, half, side * fine + 1, dtype=torch.float64)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    x = torch.stack([columns, rows], dim=2)
    m = places(x.reshape(-1, 2)).double().reshape(x.shape)
    within = inside or (lambda at: torch.ones(len(at), dtype=torch.bool))
    mass = density or (lambda at: torch.ones(len(at), dtype=torch.float64))
    # Nodes pulled in a little: a corner on the edge of Omega belongs to it.
    node = within((x * (1 - 1e-9)).reshape(-1, 2)).reshape(rows.shape)
    cells = node.unfold(0, fine + 1, fine).unfold(1, fine + 1, fine).reshape(side, side, -1).all(dim=2)
    weight, turned = _images(x, m, mass, side)
    arrives = _arrivals(x, m, within, mass, half, side)
    blank = torch.where(cells, 0.0, torch.nan)
    return Deformation(
        x.numpy(),
        m.numpy(),
        cells.numpy(),
        (weight + blank).numpy(),
        (turned & cells).numpy(),
        (arrives + blank).numpy(),
    )


def _images(x: Tensor, m: Tensor, mass: Density, side: int) -> tuple[Tensor, Tensor]:
    """Weight of each cell's image over the cell's own (side, side), and whether more of it is turned over than not."""
    own, image, signed = (torch.zeros(side, side, dtype=torch.float64) for _ in range(3))
    for corners in (((0, 0), (0, 1), (1, 0)), ((1, 1), (1, 0), (0, 1))):
        before, after = (_triangles(nodes, corners) for nodes in (x, m))
        area = _area(before) * mass(before.mean(dim=2).reshape(-1, 2)).reshape(before.shape[:2])
        there = mass(after.mean(dim=2).reshape(-1, 2)).reshape(after.shape[:2])
        own += _summed(area, side)
        image += _summed(_area(after).abs() * there, side)
        signed += _summed(_area(after), side)
    return image / own, signed < 0


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


def _arrivals(x: Tensor, m: Tensor, within: Inside, mass: Density, half: float, side: int) -> Tensor:
    """Mass that M brings into each cell over its own (side, side): spots spread over the lattice, each with the mass of
    rho around it, go where M takes them, M being bilinear between nodes."""
    start, end = (_spots(nodes).reshape(-1, 2) for nodes in (x, m))
    carried = mass(start) * within(start)

    def binned(at: Tensor) -> Tensor:
        cell = ((at + half) / (2 * half) * side).floor().long()
        there = ((cell >= 0) & (cell < side)).all(dim=1)
        index = cell[there, 1] * side + cell[there, 0]
        return torch.zeros(side * side, dtype=torch.float64).index_add_(0, index, carried[there]).reshape(side, side)

    return binned(end) / binned(start)


def _spots(nodes: Tensor) -> Tensor:
    """Bilinear between nodes (k, k, 2): SPOTS x SPOTS spots in each part, (parts, SPOTS, parts, SPOTS, 2)."""
    share = (torch.arange(SPOTS, dtype=torch.float64) + 0.5) / SPOTS
    up, across = share[None, :, None, None, None], share[None, None, None, :, None]
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

    found = deformation(places, half, support(model), _density(model), side)
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
