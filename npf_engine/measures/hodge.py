"""The Helmholtz-Hodge decomposition of a field on a grid, to stand beside its polar factorization.

F = grad phi + rot psi + h on Omega, phi and psi 0 on its edge, rot psi = (d psi / dy, -d psi / dx): h has neither
divergence nor curl and carries what enters and leaves through the edge. The three parts are orthogonal in L2, so that
their shares of the mean of |F|^2 add up to 1 (Bhatia, Norgard, Pascucci and Bremer, The Helmholtz-Hodge Decomposition,
IEEE TVCG 2013). On the grid F is its circulation along edges, and grad, curl and their adjoints are the
incidence matrices of nodes, edges and cells (discrete exterior calculus; Desbrun, Kanso and Tong 2006), so that all of
this holds exactly there too; two sparse systems are solved directly (scipy).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

from npf_engine.errors import InputError
from npf_engine.fields.lattice import Lattice
from npf_engine.networks.chunks import in_chunks
from npf_engine.polar import PolarFactorization
from npf_engine.polar.known_field import KnownField
from npf_engine.settings.reading import maybe_mapping

MOST_NODES = 20_000  # of the grid that is decomposed: a third of a second, and more than a map shows
WIDEST_MAP = 3600.0  # km from the middle: 32 degrees
PARTS = ("curl_free", "divergence_free", "harmonic")
Array = np.ndarray


@dataclass(frozen=True)
class Hodge:
    """curl_free, divergence_free, harmonic: (rows, cols, 2) at the nodes, NaN outside of Omega; shares: of the mean of
    |F|^2 over the area (whatever rho is) by the same names, 1 in all. inner (rows, cols): nodes with cells of Omega all
    round and beside: at the others the edge of Omega is the cells' own, a staircase where Omega is no box."""

    curl_free: Array
    divergence_free: Array
    harmonic: Array
    shares: dict[str, float]
    inner: Array

    @property
    def staircase(self) -> bool:
        """Whether the edge of Omega is one: whether nodes of the grid's box lie outside."""
        return bool(np.isnan(self.harmonic[..., 0]).any())


@dataclass(frozen=True)
class HodgeView:
    """A model's field and its parts on a grid: x (cols,), y (rows,) in the user's units, y upwards; field and parts
    (rows, cols, 2), NaN outside of Omega. grad_u: grad u at the same places; moved: M_xi(x) - x there, in the user's
    units, or None without M_xi. metric: what a step along each axis was taken as."""

    x: Array
    y: Array
    field: Array
    hodge: Hodge
    grad_u: Array
    moved: Array | None
    metric: str


def decompose(values: Array, mask: Array, dx: float, dy: float) -> Hodge:
    """The parts of values (rows, cols, 2), rows upwards, at the nodes of a grid with steps dx and dy, on the cells
    whose four corners belong to ``mask`` (rows, cols). Raises InputError where there is no such cell, or no field."""
    cells = mask[:-1, :-1] & mask[:-1, 1:] & mask[1:, :-1] & mask[1:, 1:]
    if not cells.any():
        raise InputError(
            "no cell of the grid lies in the region, so that the field has no divergence and no curl there"
        )
    grid = _Complex(cells, dx, dy)
    f = grid.circulation(np.where(mask[..., None], values, 0.0))
    energy = float(grid.weight @ f**2)
    if not np.isfinite(energy) or energy <= 0:
        raise InputError("the field is 0 everywhere on its grid, so that there is nothing to decompose")
    gradient = grid.gradient_part(f)
    rotation = grid.rotation_part(f)
    found = {"curl_free": gradient, "divergence_free": rotation, "harmonic": f - gradient - rotation}
    shares = {name: float(grid.weight @ part**2) / energy for name, part in found.items()}
    nodes = {name: grid.at_nodes(part) for name, part in found.items()}
    # edges average two nodes: what that smooths away is left with the part that is known by what is left
    nodes["harmonic"] = (
        np.where(grid.covered[..., None], values, np.nan) - nodes["curl_free"] - nodes["divergence_free"]
    )
    return Hodge(nodes["curl_free"], nodes["divergence_free"], nodes["harmonic"], shares, _eroded(grid.inner))


class _Complex:
    """Nodes, edges and cells of a masked grid: incidence matrices and the weights of the inner product of edges."""

    def __init__(self, cells: Array, dx: float, dy: float) -> None:
        rows, cols = cells.shape[0] + 1, cells.shape[1] + 1
        self.shape, self.dx, self.dy = (rows, cols), dx, dy
        padded = np.pad(cells, 1).astype(np.int8)
        beside_h = padded[1:, 1:-1] + padded[:-1, 1:-1]  # cells above and below each edge along x, (rows, cols - 1)
        beside_v = padded[1:-1, 1:] + padded[1:-1, :-1]  # right and left of each edge along y, (rows - 1, cols)
        around = padded[1:, 1:] + padded[1:, :-1] + padded[:-1, 1:] + padded[:-1, :-1]
        self.covered, inner = around > 0, around == 4
        self.inner = inner
        self.h, self.v = beside_h > 0, beside_v > 0
        n_h, n_v = int(self.h.sum()), int(self.v.sum())
        self.weight = np.concatenate([beside_h[self.h] * (dy / dx), beside_v[self.v] * (dx / dy)]) / 2.0
        node = _numbered(inner)
        tails = np.concatenate([node[:, :-1][self.h], node[:-1][self.v]])
        heads = np.concatenate([node[:, 1:][self.h], node[1:][self.v]])
        self.grad = _incidence([(tails, -1.0), (heads, 1.0)], n_h + n_v, int(inner.sum()))
        cell = np.pad(_numbered(cells), 1, constant_values=-1)
        above, below = cell[1:, 1:-1][self.h], cell[:-1, 1:-1][self.h]
        right, left = cell[1:-1, 1:][self.v], cell[1:-1, :-1][self.v]
        first, second = np.concatenate([above, left]), np.concatenate([below, right])
        # counter-clockwise: the edge below a cell and the one on its right run with it
        self.curl = _incidence([(first, 1.0), (second, -1.0)], n_h + n_v, int(cells.sum())).T.tocsr()

    def circulation(self, values: Array) -> Array:
        """Along each edge, by the trapezoidal rule."""
        along_x, along_y = values[..., 0], values[..., 1]
        h = (along_x[:, :-1] + along_x[:, 1:]) * (self.dx / 2)
        v = (along_y[:-1] + along_y[1:]) * (self.dy / 2)
        return np.concatenate([h[self.h], v[self.v]])

    def gradient_part(self, f: Array) -> Array:
        """The part of f that is a gradient of what is 0 on the edge of Omega."""
        if not self.grad.shape[1]:
            return np.zeros_like(f)
        weighted = sparse.diags_array(self.weight) @ self.grad
        return np.asarray(self.grad @ _solve(self.grad.T @ weighted, weighted.T @ f))

    def rotation_part(self, f: Array) -> Array:
        """The part of f that is a rotated gradient of what is 0 on the edge of Omega."""
        adjoint = sparse.diags_array(1.0 / self.weight) @ self.curl.T
        return np.asarray(adjoint @ _solve(self.curl @ adjoint, self.curl @ f))

    def at_nodes(self, f: Array) -> Array:
        """Vectors (rows, cols, 2): the mean over the edges at each node, NaN where no cell is near."""
        rows, cols = self.shape
        out = np.full((rows, cols, 2), np.nan)
        n_h = int(self.h.sum())
        for axis, (there, part, step) in enumerate(((self.h, f[:n_h], self.dx), (self.v, f[n_h:], self.dy))):
            edge = np.zeros(there.shape)
            edge[there] = part / step
            pad = ((0, 0), (1, 1)) if axis == 0 else ((1, 1), (0, 0))
            total, count = np.pad(edge, pad), np.pad(there.astype(float), pad)
            both = (total[:, 1:] + total[:, :-1], count[:, 1:] + count[:, :-1])
            if axis == 1:
                both = (total[1:] + total[:-1], count[1:] + count[:-1])
            out[..., axis] = np.where(self.covered, both[0] / np.maximum(both[1], 1), np.nan)
        return out


def _eroded(inner: Array) -> Array:
    """``inner`` (rows, cols) without the nodes beside one that is not: the means at those hold values of the edge."""
    padded = np.pad(inner, 1)
    rows, cols = inner.shape
    near = [padded[1 + i : 1 + i + rows, 1 + j : 1 + j + cols] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return np.asarray(np.logical_and.reduce(near))


def _numbered(chosen: Array) -> Array:
    """0, 1, 2 ... where ``chosen``, -1 elsewhere."""
    out = np.full(chosen.shape, -1)
    out[chosen] = np.arange(int(chosen.sum()))
    return out


def _incidence(ends: list[tuple[Array, float]], edges: int, others: int) -> sparse.csr_array:
    """(edges, others) with the signs of ``ends``, whose entries of -1 name nothing."""
    row, column, sign = [], [], []
    for other, value in ends:
        there = np.flatnonzero(other >= 0)
        row.append(there)
        column.append(other[there])
        sign.append(np.full(len(there), value))
    entries = (np.concatenate(sign), (np.concatenate(row), np.concatenate(column)))
    return sparse.csr_array(entries, shape=(edges, others))


def _solve(matrix: sparse.sparray, right: Array) -> Array:
    """matrix, symmetric and positive, times what is returned is ``right``."""
    return np.asarray(splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve(right))


def hodge_view(model: PolarFactorization, most: int = MOST_NODES) -> HodgeView:
    """The decomposition of the field that a model of two dimensions was trained on, beside its own two parts.

    Values are those that the model knows: F less ``model.shift``. Raises InputError where F is known on scattered
    samples only, or not in two dimensions, or on a map of the Earth that is no plane.
    """
    known = KnownField.of(model)
    if model.d != 2 or known is None or known.lattice is None:
        raise InputError(
            "the Helmholtz-Hodge decomposition is of fields on a grid of two dimensions, or of functions of two "
            "variables; this field is known on scattered samples or has another dimension"
        )
    _check_map(model)
    lattice = known.lattice.thinned(most)
    rows, cols = lattice.shape
    mask, values = lattice.mask.numpy()[::-1], lattice.values.double().numpy()[::-1]
    if model.rho == "disc":
        line = np.linspace(-lattice.half, lattice.half, rows)
        mask = mask & (np.hypot(*np.meshgrid(np.linspace(-lattice.half, lattice.half, cols), line)) <= 1.0)
    outside = ~mask[..., None]
    dx, dy, metric = steps(model, lattice)
    hodge = decompose(values, mask, dx, dy)
    offset, scale = model.scaling.offset, model.scaling.scale
    x = offset[0] + scale[0] * np.linspace(-lattice.half, lattice.half, cols)
    y = offset[1] + scale[1] * np.linspace(-lattice.half, lattice.half, rows)
    at = lattice.nodes  # north first, as the lattice has them
    there = lattice.mask.numpy()
    grad_u = _spread(in_chunks(model.u.gradient, at.to(model.u.like)).cpu().double().numpy(), there)
    moved = None
    if model.m is not None:
        shift = in_chunks(model.m, at.to(model.u.like)).cpu().double() - at
        moved = _spread(shift.numpy() * np.asarray(scale), there)
    field, grad_u = (np.where(outside, np.nan, part) for part in (values, grad_u))
    return HodgeView(x, y, field, hodge, grad_u, None if moved is None else np.where(outside, np.nan, moved), metric)


def _check_map(model: PolarFactorization) -> None:
    """InputError where the axes of a map of the Earth are no steps on the ground for the components: eastward and
    northward ones away from the map's middle, and a map so wide that it squeezes and stretches by more than 4 %
    (Lambert's azimuthal one, by cos(c / 2) at the angle c from its middle), as that round the globe does."""
    units, spec = model.units, model.field_spec
    on_map = {"east of the middle": True, "along the equator": False}.get(units.axes[0])
    if on_map is None or set(units.position) != {"km"}:
        return
    wide = math.hypot(*(max(abs(low), abs(high)) for low, high in zip(model.low, model.high, strict=True)))
    if on_map and wide <= WIDEST_MAP and spec.get("axes") != "earth":
        return
    raise InputError(
        "divergence and curl on the Earth are not those of this map: "
        + ("its components are eastward and northward" if on_map and wide <= WIDEST_MAP else "it reaches too far round")
        + f"; choose bounds within {WIDEST_MAP:,.0f} km of their middle and axes=map, and train on that part"
    )


def _spread(found: Array, there: Array) -> Array:
    """Rows (m, 2) of the nodes of Omega as (rows, cols, 2), rows upwards."""
    out = np.full((*there.shape, 2), np.nan)
    out[there] = found
    return out[::-1]


def steps(model: PolarFactorization, lattice: Lattice) -> tuple[float, float, str]:
    """A step of the grid along each axis in what F is a slope over, and what that is called.

    Slopes per pixel: pixels; slopes per metre: metres of the ground; positions of one unit: that unit; else the model's
    own positions, in which Omega is a square.
    """
    rows, cols = lattice.shape
    told = maybe_mapping(model.info, "provenance")
    grid, metres = _pair(told.get("grid")), _pair(told.get("pixel_metres"))
    if grid:
        across, up = grid[1] / cols, grid[0] / rows
        if model.units.value.endswith("per pixel"):
            return across, up, "pixels"
        if metres:
            return across * metres[0], up * metres[1], "metres of the ground"
    x, y = (2 * lattice.half / (side - 1) for side in (cols, rows))
    units = set(model.units.position)
    if len(units) == 1 and not units & {"degrees", "°"}:
        unit = units.pop()
        return x * model.scaling.scale[0], y * model.scaling.scale[1], unit or "the units of the axes"
    return x, y, "model positions, in which the region is a square"


def _pair(value: object) -> tuple[float, float] | None:
    """Two positive numbers, or None."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if not all(isinstance(v, int | float) and v > 0 for v in value):
        return None
    return float(value[0]), float(value[1])
