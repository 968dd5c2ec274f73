"""A region in space: heights on a lattice, its cells in the colours of the shaded relief, F as arrows on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npf_engine.fields.field import Grid, Units
from npf_engine.figures import relief
from npf_engine.figures.layout import aspect
from npf_engine.figures.terrain import lattice

NODES = 72  # a side: what a browser turns smoothly without a graphics card
PICTURE = 420  # pixels a side of what is seen from above
TALL = 0.45  # of the heights' range, half the longer side being 1
ARROWS = 18  # a side
LONGEST = 0.9  # of an arrow, in distances between two
LIFT = 0.012  # of an arrow over the ground, so that it is seen


@dataclass(frozen=True)
class Region:
    """What is drawn: nodes (rows, cols, 3), x to the east, y to the north and z up, the longer side from -1 to 1, rows
    running south; colours (rows - 1, cols - 1, 4) uint8 of the cells, clear outside of Omega; picture (h, w, 4) uint8,
    the same from above and finer; tails, heads (n, 3) of the arrows; low, high: of the heights, in their own unit;
    steeper: how many times heights are exaggerated, None where positions have another unit."""

    nodes: np.ndarray
    colours: np.ndarray
    picture: np.ndarray
    tails: np.ndarray
    heads: np.ndarray
    low: float
    high: float
    steeper: float | None


def region(grid: Grid, units: Units, x: np.ndarray, f: np.ndarray) -> Region:
    """The region of a grid with F at samples: x (n, 2) in the user's units, f (n, 2)."""
    whole = np.where(grid.mask, grid.elevation, np.nan)
    rows, columns = _evenly(whole.shape, NODES)
    z = whole[np.ix_(rows, columns)].astype(np.float64)
    low, high = (float(np.nanmin(whole)), float(np.nanmax(whole))) if grid.mask.any() else (0.0, 0.0)
    scale = _scale(grid, units)
    # A node is the middle of its pixel.
    across = ((columns + 0.5) / whole.shape[1] * 2 - 1) * scale.half[0]
    down = (1 - (rows + 0.5) / whole.shape[0] * 2) * scale.half[1]
    lifted = TALL * (z - low) / max(high - low, 1e-300)
    nodes = np.stack([*np.meshgrid(across, down), lifted], axis=2)
    picture = relief.of_heights(whole[np.ix_(*_evenly(whole.shape, PICTURE))])
    middles = [(line[:-1] + line[1:] + 1) / 2 / side for line, side in zip((rows, columns), whole.shape, strict=True)]
    tails, heads = _arrows(grid, scale, (across, down, lifted), x, f)
    steeper = None if scale.metre is None or high <= low else TALL / (high - low) / scale.metre
    ends = (low + grid.offset, high + grid.offset)
    return Region(nodes, _at(picture, *middles), picture, tails, heads, *ends, steeper)


def _evenly(shape: tuple[int, ...], most: int) -> list[np.ndarray]:
    """At most ``most`` rows and columns of (rows, cols), the first and the last among them."""
    return [np.unique(np.linspace(0, side - 1, min(side, most)).round().astype(int)) for side in shape]


@dataclass(frozen=True)
class _Scale:
    """half (2,): half the sides on the stage; metre: a metre of the ground there, where that is known."""

    half: np.ndarray
    metre: float | None


METRES = {"m": 1.0, "metres": 1.0, "km": 1000.0, "kilometres": 1000.0, "degrees": 111_320.0}


def _scale(grid: Grid, units: Units) -> _Scale:
    sides = np.array([grid.east - grid.west, grid.north - grid.south], dtype=np.float64)
    own = aspect(units, (grid.west, grid.south), (grid.east, grid.north))
    if own is None:
        return _Scale(np.ones(2), None)
    sides[1] *= own
    half = sides / sides.max()
    # A degree of latitude is so long everywhere; a unit of the second axis is ``own`` on the stage.
    length = METRES.get(units.position[1])
    return _Scale(half, None if length is None else 2 * own / sides.max() / length)


def _at(picture: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The colours of a picture at shares of its height and width."""
    rows, columns = (
        np.minimum((share * side).astype(int), side - 1)
        for share, side in zip((down, across), picture.shape[:2], strict=True)
    )
    return np.ascontiguousarray(picture[np.ix_(rows, columns)])


def _arrows(
    grid: Grid, scale: _Scale, ground: tuple[np.ndarray, np.ndarray, np.ndarray], x: np.ndarray, f: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Arrows from samples spread over the region, both ends on the ground; they are as long as |F| up to its 95 %
    quantile."""
    low, high = (grid.west, grid.south), (grid.east, grid.north)
    chosen = lattice(x, low, high, ARROWS)
    at = ((x[chosen] - low) / (np.array(high) - low) * 2 - 1) * scale.half
    value = np.asarray(f[chosen], dtype=np.float64)
    norm = np.linalg.norm(value, axis=1)
    cap = float(np.quantile(norm, 0.95)) if len(norm) else 1.0
    length = LONGEST * 2 * float(scale.half.max()) / ARROWS * np.minimum(norm / (cap or 1.0), 1.0)
    ends = at + value / np.maximum(norm, 1e-300)[:, None] * length[:, None]
    tails, heads = (np.column_stack([place, _height(place, *ground) + LIFT]) for place in (at, ends))
    known = np.isfinite(tails).all(axis=1) & np.isfinite(heads).all(axis=1)
    return tails[known], heads[known]


def _height(at: np.ndarray, across: np.ndarray, down: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Bilinear height (n,) at places (n, 2) of the stage; NaN beyond the nodes that are known."""
    column = np.interp(at[:, 0], across, np.arange(len(across)), left=np.nan, right=np.nan)
    row = np.interp(-at[:, 1], -down, np.arange(len(down)), left=np.nan, right=np.nan)
    known = np.isfinite(column) & np.isfinite(row)
    c, r = (np.clip(np.nan_to_num(of), 0, size - 1.000001) for of, size in ((column, len(across)), (row, len(down))))
    i, j = r.astype(int), c.astype(int)
    p, q = r - i, c - j
    top, low = z[i, j] * (1 - q) + z[i, j + 1] * q, z[i + 1, j] * (1 - q) + z[i + 1, j + 1] * q
    return np.where(known, top * (1 - p) + low * p, np.nan)
