"""The semi-discrete factorization of some values of F, beside the learned one: rho as it is, in cells of equal mass.

For m values y_j = F(x_j) the optimal map from rho, uniform on the region, to the law of the y_j is the gradient of
u(x) = max_j <x, y_j> - psi_j (transport/semi_discrete.py): each cell goes to one value. M(x_j) lies in the cell of y_j,
whose barycentre stands for it here; a value that is no target has the corner of the cells at which grad u* takes it.

Nothing but the sampling of F#rho is in its error. ``floor`` is about as large: the root mean square of what changes
with other m values, over sqrt 2, since both answers are off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.measures.exact import Lengths
from npf_engine.measures.measured import Measured
from npf_engine.polar import PolarFactorization
from npf_engine.tasks.progress import Tell
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.gaussian import gaussian_map, undo_gaussian_map
from npf_engine.transport.semi_discrete import SemiDiscrete, regular, semi_discrete

Array = NDArray[np.float64]

MOST = 1_000  # values of F: Newton's method takes seconds
FEWEST = 100
SIDE = 128  # places along each axis, on which both maps are compared
DISC_SIDES = 256  # of the polygon that stands for a disc
REGIONS = {
    "box": np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]),
    "disc": regular(DISC_SIDES),
}
TOLD = {
    "box": "",
    "disc": f"The disc is a polygon of {DISC_SIDES} sides and the same area.",
}
CLOSE = 1e-8  # of a cell's mass, to which all are solved
STEPS = 12  # of Newton's method, as many as it usually takes: for progress


@dataclass(frozen=True)
class CellsView:
    """Both factorizations. ``line`` (2, SIDE): places along x1 and x2 in the user's units; exact, learned (SIDE,
    SIDE, 2): grad u there in F's units, rows along x2, NaN outside the region. x (m, 2): where the targets were
    read; exact_m, learned_m (m, 2): M there; corners (k, 2): the cells' edges for drawing, NaN between them. u, m:
    percent of the spread of F and of rho. merged: values that lay where another does; error: the most that a cell's
    mass is off, in shares of it; scale: as ``measures/exact.py`` has it."""

    line: Array
    exact: Array
    learned: Array
    x: Array
    exact_m: Array
    learned_m: Array
    corners: Array
    u: Measured
    m: Measured
    targets: int
    merged: int
    error: float
    told: str
    scale: Array

    def lengths(self) -> tuple[Lengths, Lengths]:
        """|grad u| (SIDE, SIDE) in F's units, and how far M moves (m,) in positions' (``scale``)."""
        flat = Lengths.of(self.exact.reshape(-1, 2), self.learned.reshape(-1, 2), np.zeros(2), np.ones(2))
        square = (len(self.line[0]),) * 2
        values = Lengths(*(part.reshape(square) for part in (flat.exact, flat.learned, flat.difference)))
        return values, Lengths.of(self.exact_m, self.learned_m, self.x, self.scale)


def check(model: PolarFactorization) -> None:
    """Raises InputError where there is no such answer: not in the plane, or rho not uniform on a convex region."""
    if model.d != 2:
        raise InputError(f"semi-discrete transport is solved in two dimensions, and this field has {model.d}")
    if model.rho not in REGIONS:
        raise InputError(
            "semi-discrete transport needs a rho that is uniform on a box or a disc; here rho is "
            f"{'Gaussian' if model.rho == 'gaussian' else 'known by its samples alone'}: see the assignment of samples"
        )


def cells_view(model: PolarFactorization, most: int = MOST, seed: int = 0, progress: Tell | None = None) -> CellsView:
    """Both factorizations for at most ``most`` of the values that the model keeps, unseen ones first. progress(share,
    text) may raise. Raises InputError as ``check`` does, for too few samples and for values in a line."""
    check(model)
    x = torch.cat([model.samples["x_test"], model.samples["x_train"]]).double()
    y = torch.cat([model.samples["y_test"], model.samples["y_train"]]).double()
    m = min(most, len(x) // 2)
    if m < FEWEST:
        raise InputError(f"the model keeps {len(x)} samples; the semi-discrete factorization needs {2 * FEWEST}")
    order = torch.randperm(2 * m, generator=seeds.generator(seed, "exact.samples"))
    (xa, _), (ya, yb) = x[order].split(m), y[order].split(m)
    region = REGIONS[model.rho]
    first, second = (semi_discrete(part.numpy(), region, _telling(progress, k)) for k, part in enumerate((ya, yb)))
    at, within = _places(model.rho)
    like, S, mean = model.u.like, *gaussian_map(x, y)
    learned = in_chunks(model.u.gradient, torch.from_numpy(at).to(like)).cpu().double().numpy()
    exact, other = first.gradient(at), second.gradient(at)
    learned_m = model.solve(ya.to(like)).x if model.m is None else in_chunks(model.m, xa.to(like))
    exact_m, other_m = _barycentres(first, ya.numpy()), _corners_of(second, ya.numpy())
    trivial, trivial_m = at @ S.T.numpy() + mean.numpy(), undo_gaussian_map(S, mean, ya).numpy()
    spread, spread_m = _spread(y.numpy()), _spread(x.numpy())
    shift = model.shift.numpy()
    return CellsView(
        line=_user(model, np.stack([_line(), _line()], axis=1)).T,
        exact=_grid(exact + shift, within),
        learned=_grid(learned + shift, within),
        x=_user(model, xa.numpy()),
        exact_m=_user(model, exact_m),
        learned_m=_user(model, learned_m.cpu().double().numpy()),
        corners=_user(model, _edges(first)),
        u=_row(m, exact, learned, other, trivial, spread),
        m=_row(m, exact_m, learned_m.cpu().double().numpy(), other_m, trivial_m, spread_m),
        targets=len(first.y),
        merged=first.merged,
        error=first.error,
        told=TOLD[model.rho],
        scale=np.ones(2) if len(set(model.units.position)) == 1 else np.asarray(model.scaling.scale),
    )


def _telling(progress: Tell | None, which: int) -> Callable[[int, float], None] | None:
    """Newton's steps as shares of the work: by the digits that are still wrong."""
    if progress is None:
        return None

    def tell(step: int, error: float) -> None:
        digits = 1 + math.log10(max(error, CLOSE)) / -math.log10(CLOSE)  # of a cell's mass
        share = max(1 - digits if error < 1 else 0.0, 1 - 0.9 ** (step * 10 / STEPS))
        text = f"step {step + 1}: the worst of the masses is off by {error:.2g} of a cell's"
        progress((which + min(share, 1.0)) / 2, f"Cells of {'these' if which == 0 else 'other'} values, {text}")

    return tell


def _line() -> Array:
    """Middles of SIDE equal parts of [-1, 1]."""
    return np.asarray((np.arange(SIDE) + 0.5) * 2 / SIDE - 1)


def _places(rho: str) -> tuple[Array, NDArray[np.bool_]]:
    """Places (n, 2) of the grid that lie in the region, and which of the grid do (SIDE, SIDE)."""
    line = _line()
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    within = (grid**2).sum(axis=2) <= 1.0 if rho == "disc" else np.ones((SIDE, SIDE), dtype=bool)
    return grid[within], within


def _grid(values: Array, within: NDArray[np.bool_]) -> Array:
    out = np.full((SIDE, SIDE, 2), np.nan)
    out[within] = values
    return out


def _barycentres(found: SemiDiscrete, y: Array) -> Array:
    """Barycentre (m, 2) of the cell of each value, which is a target or lies where one does."""
    middles = found.cells.barycentres()
    near = ((y[:, None] - found.y[None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray(middles[near])


def _corners_of(found: SemiDiscrete, y: Array) -> Array:
    """grad u*(y) (m, 2) of values that are no targets: the corner of the cells at which <x, y> - u(x) is largest."""
    cells = found.cells
    on = np.arange(cells.corners.shape[1]) < cells.counts[:, None]
    places = cells.corners[on]
    cell = np.nonzero(on)[0]
    heights = (places * found.y[cell]).sum(axis=1) - found.psi[cell]
    return np.concatenate([places[(part @ places.T - heights).argmax(axis=1)] for part in np.array_split(y, 10)])


def _edges(found: SemiDiscrete) -> Array:
    """Outlines of the cells, one after another, NaN between them (k, 2)."""
    gap = np.full((1, 2), np.nan)
    parts: list[Array] = []
    for j in range(len(found.y)):
        own = found.cells.polygon(j)
        parts += [own, own[:1], gap]
    return np.concatenate(parts)


def _row(m: int, exact: Array, learned: Array, other: Array, trivial: Array, spread: float) -> Measured:
    def off(a: Array) -> float:
        return 100 * float(np.sqrt(((a - exact) ** 2).sum(axis=1).mean())) / spread

    return Measured(off(learned), off(other) / math.sqrt(2), off(trivial), None, m, None, None)


def _spread(cloud: Array) -> float:
    return max(1e-300, float(np.sqrt(((cloud - cloud.mean(axis=0)) ** 2).sum(axis=1).mean())))


def _user(model: PolarFactorization, x: Array) -> Array:
    return np.asarray(model.scaling.to_user(torch.from_numpy(np.ascontiguousarray(x))).numpy())
