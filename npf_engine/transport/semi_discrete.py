"""Semi-discrete transport in the plane: the uniform law of a convex polygon to points, solved exactly.

The optimal map from rho to sum_j w_j delta(y_j) is the gradient of u(x) = max_j <x, y_j> - psi_j, the psi being those
for which each Laguerre cell {x: <x, y_j> - psi_j is the largest} has its mass w_j. Their equations are the gradient of
a concave function of psi, whose Hessian is known from the lengths of the cells' edges:

    d rho(L_j) / d psi_k = |edge of L_j and L_k| / (|polygon| |y_j - y_k|)        (k != j)

Solved by Newton's method, damped so that no cell becomes empty, which converges from any start of cells that are not
(Kitagawa, Merigot and Thibert, Journal of the EMS 21, 2019, Algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from npf_engine.errors import InputError
from npf_engine.transport.laguerre import Array, Cells, Ints, cells_of

TOLERANCE = 1e-8  # of 1 / m: how far a cell's mass may be off
MOST_STEPS = 200
MOST_HALVINGS = 40
INSIDE = 0.9  # of the polygon's inner circle: where the points of the first cells lie
FLAT = 1e-9  # of the longest extent of the targets: a width below it is none
ALIKE = 1e-12  # of the same: points as near are one
CHUNK = 4096  # places whose cells are looked for at a time

Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class SemiDiscrete:
    """y (m, 2) distinct targets of mass ``weights`` (m,), psi (m,), their cells, the polygon (p, 2); error: the most
    that a cell's mass is off, in units of 1 / m; merged: how many targets lay where another does."""

    y: Array
    psi: Array
    weights: Array
    polygon: Array
    cells: Cells
    error: float
    steps: int
    merged: int = 0

    def potential(self, x: Array) -> Array:
        """u(x) (n,) of places (n, 2)."""
        return np.concatenate([(part @ self.y.T - self.psi).max(axis=1) for part in _chunks(x)])

    def cell(self, x: Array) -> Ints:
        """The number (n,) of the cell in which each place (n, 2) lies."""
        return np.concatenate([(part @ self.y.T - self.psi).argmax(axis=1) for part in _chunks(x)]).astype(np.int64)

    def gradient(self, x: Array) -> Array:
        """grad u(x) (n, 2): the target of each place."""
        return np.asarray(self.y[self.cell(x)])

    @property
    def masses(self) -> Array:
        """(m,): the share of the polygon that each cell is."""
        return self.cells.areas() / polygon_area(self.polygon)


def _chunks(x: Array) -> list[Array]:
    return [x[k : k + CHUNK] for k in range(0, len(x), CHUNK)] or [x]


def polygon_area(polygon: Array) -> float:
    """The area of a polygon (p, 2), positive where it is counterclockwise."""
    a, b = polygon, np.roll(polygon, -1, axis=0)
    return float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / 2)


def regular(sides: int) -> Array:
    """The regular polygon (sides, 2) about 0 with the area of the unit disc."""
    angle = 2 * np.pi * np.arange(sides) / sides
    radius = np.sqrt(2 * np.pi / (sides * np.sin(2 * np.pi / sides)))
    return np.asarray(radius * np.column_stack([np.cos(angle), np.sin(angle)]))


def semi_discrete(y: Array, polygon: Array, progress: Progress | None = None) -> SemiDiscrete:
    """The optimal map of the uniform law on a convex ``polygon`` (p, 2) to targets y (m, 2) of equal mass, those at one
    place as one. progress(step, error) may raise.

    Raises InputError for targets in a line, fewer than three, or not finite, and where Newton's method ends early.
    """
    y, polygon = np.asarray(y, dtype=np.float64), np.asarray(polygon, dtype=np.float64)
    sites, weights, merged = _distinct(y)
    middle, spread = sites.mean(axis=0), float(np.abs(sites - sites.mean(axis=0)).max())
    centre, size = polygon.mean(axis=0), float(np.abs(polygon - polygon.mean(axis=0)).max())
    at, region = (sites - middle) / spread, (polygon - centre) / size  # of the order of one, both
    psi, cells, error, steps = _newton(at, weights, region, len(y), progress)
    # <x, y> - psi of the user's x and y: what was taken off y adds a linear function, what was taken off x a constant
    own = size * spread * psi + (sites - middle) @ centre
    placed = Cells(cells.corners * size + centre, cells.counts, cells.beyond)
    return SemiDiscrete(sites, own, weights, polygon, placed, error, steps, merged)


def _distinct(y: Array) -> tuple[Array, Array, int]:
    """Targets at different places, their masses, and how many were at another's."""
    if not np.isfinite(y).all():
        raise InputError("a target of the semi-discrete transport is not finite; leave it out")
    extent = float(np.ptp(y, axis=0).max(initial=0.0)) if len(y) else 0.0
    rounded = np.round((y - y.min(axis=0)) / (ALIKE * extent)) if extent > 0 else np.zeros_like(y)
    _, first, counts = np.unique(rounded, axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    sites, weights = y[first[order]], counts[order] / max(len(y), 1)
    apart = sites - sites.mean(axis=0) if len(sites) else sites
    widths = np.linalg.svd(apart, compute_uv=False) if len(sites) > 1 else np.zeros(2)
    if len(sites) < 3 or widths[1] <= FLAT * widths[0]:
        raise InputError(
            f"the {len(y):,} values of F lie in a line or a point, where the cells of semi-discrete transport have no "
            "corners; take a field whose values fill a part of the plane"
        )
    return sites, weights, len(y) - len(sites)


def _newton(
    y: Array, weights: Array, polygon: Array, m: int, progress: Progress | None
) -> tuple[Array, Cells, float, int]:
    """psi for which the cells have their masses, the cells, the error left in units of 1 / m, the steps taken."""
    area, psi = polygon_area(polygon), _first(y, polygon)
    cells = cells_of(y, psi, polygon)
    mass = cells.areas() / area
    least = min(float(mass.min()), float(weights.min())) / 2  # no cell becomes smaller
    if not least > 0:
        raise InputError("the values of F lie too near to one another for semi-discrete transport; take fewer of them")
    for step in range(MOST_STEPS):
        off = mass - weights
        error = float(np.abs(off).max()) * m
        if progress is not None:
            progress(step, error)
        if error <= TOLERANCE:
            return psi, cells, error, step
        change = _direction(y, cells, area, off)
        size = float(np.linalg.norm(off))
        share = 1.0
        for _ in range(MOST_HALVINGS):
            tried = psi + share * change
            found = cells_of(y, tried, polygon)
            masses = found.areas() / area
            if masses.min() >= least and np.linalg.norm(masses - weights) <= (1 - share / 2) * size:
                break
            share /= 2
        else:
            raise InputError(
                f"semi-discrete transport came no nearer than {error:.1e} of a cell's mass after {step} steps; take "
                "fewer values of F"
            )
        psi, cells, mass = tried, found, masses
    raise InputError(f"semi-discrete transport did not end within {MOST_STEPS} steps; take fewer values of F")


def _first(y: Array, polygon: Array) -> Array:
    """psi of which every cell holds a place of its own: the cells of |x - z_j|^2 with z_j the targets, moved into the
    polygon."""
    centre = polygon.mean(axis=0)
    a, b = polygon, np.roll(polygon, -1, axis=0)
    normal = np.column_stack([(b - a)[:, 1], (a - b)[:, 0]]) / np.linalg.norm(b - a, axis=1)[:, None]
    inner = float((normal * (a - centre)).sum(axis=1).min())  # radius of the circle about the centre
    radius = float(np.linalg.norm(y - y.mean(axis=0), axis=1).max())
    scale = INSIDE * inner / radius  # z = centre + scale (y - mean)
    z = centre + scale * (y - y.mean(axis=0))
    return np.asarray((z * z).sum(axis=1) / (2 * scale))


def _direction(y: Array, cells: Cells, area: float, off: Array) -> Array:
    """Newton's step: the change of psi, with the last one held, that takes ``off`` (m,) off the masses to first
    order."""
    first, second, lengths = cells.edges()
    weight = lengths / (area * np.linalg.norm(y[first] - y[second], axis=1))
    m = len(y)
    across = sparse.coo_matrix((weight, (first, second)), shape=(m, m)).tocsr()
    laplacian = (sparse.diags(np.asarray(across.sum(axis=1)).ravel()) - across).tocsc()
    out = np.zeros(m)
    out[:-1] = spsolve(laplacian[:-1, :-1], off[:-1])
    return np.asarray(out - out.mean())
