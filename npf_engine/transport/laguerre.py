"""Laguerre cells in a convex polygon: the pieces on which max_j <x, y_j> - psi_j is affine.

The cells are those of a power diagram, whose neighbours are the edges of the lower convex hull of the lifted points
(y_j, psi_j) (Aurenhammer 1987). Each cell is the polygon cut by the half planes of its neighbours, all cells at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

ALL_PAIRS = 24  # targets of which every one is tried as a neighbour of every other
EDGE = -1  # what lies beyond a side of the polygon: no cell
EMPTY = 3  # corners that a cell has at least


@dataclass(frozen=True)
class Cells:
    """m cells of a polygon. corners (m, k, 2): of each, counterclockwise, the first ``counts`` (m,) of them; beyond
    (m, k): the number of the cell on the other side of the edge from each corner to the next, EDGE for none."""

    corners: Array
    counts: Ints
    beyond: Ints

    def areas(self) -> Array:
        """(m,)."""
        return _moments(self)[0]

    def barycentres(self) -> Array:
        """(m, 2), NaN for empty cells."""
        area, first = _moments(self)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(area[:, None] > 0, first / area[:, None], np.nan)

    def edges(self) -> tuple[Ints, Ints, Array]:
        """Of each edge between two cells, seen from both: the cell, the one beyond, and its length (e,)."""
        following, on = _following(self)
        lengths = np.linalg.norm(following - self.corners, axis=2)
        inner = on & (self.beyond != EDGE)
        cell = np.broadcast_to(np.arange(len(self.corners))[:, None], inner.shape)[inner]
        return cell.astype(np.int64), self.beyond[inner], lengths[inner]

    def polygon(self, j: int) -> Array:
        """The corners (k, 2) of cell j."""
        return self.corners[j, : self.counts[j]]


def _following(cells: Cells) -> tuple[Array, NDArray[np.bool_]]:
    """The next corner (m, k, 2) of each, and which corners there are (m, k)."""
    width = cells.beyond.shape[1]
    k = np.arange(width)
    after = np.where(k + 1 < cells.counts[:, None], k + 1, 0)
    return np.take_along_axis(cells.corners, after[..., None], axis=1), k < cells.counts[:, None]


def _moments(cells: Cells) -> tuple[Array, Array]:
    """Area (m,) and first moments (m, 2), from the middle of each cell's corners so that no digits are lost."""
    following, on = _following(cells)
    own = cells.corners[:, :1]
    a, b = np.where(on[..., None], cells.corners - own, 0.0), np.where(on[..., None], following - own, 0.0)
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    area = cross.sum(axis=1) / 2
    first = ((a + b) * cross[..., None]).sum(axis=1) / 6 + own[:, 0] * area[:, None]
    return area, first


def cells_of(y: Array, psi: Array, polygon: Array) -> Cells:
    """The cells {x in polygon: <x, y_j> - psi_j >= <x, y_k> - psi_k for all k} of y (m, 2), psi (m,); polygon (p, 2)
    convex, counterclockwise. Numbers of the order of one lose least."""
    first, second = neighbours(y, psi)
    m, p = len(y), len(polygon)
    cells = Cells(np.tile(polygon, (m, 1, 1)), np.full(m, p), np.full((m, p), EDGE, dtype=np.int64))
    order = np.argsort(first, kind="stable")
    first, second = first[order], second[order]
    rank = np.arange(len(first)) - np.searchsorted(first, first)  # which of its neighbours it is
    hidden = np.ones(m, dtype=bool)
    hidden[first] = False
    if m > 1:
        cells.counts[hidden] = 0  # above the hull: nowhere the largest
    for k in range(int(rank.max(initial=-1)) + 1):
        now = rank == k
        cells = _cut(cells, first[now], second[now], y, psi)
    return cells


def neighbours(y: Array, psi: Array) -> tuple[Ints, Ints]:
    """Pairs j, k (e,) of cells that may touch in the plane, each pair both ways round. Raises QhullError for targets in
    a line."""
    m = len(y)
    if m <= ALL_PAIRS:
        j, k = np.nonzero(~np.eye(m, dtype=bool))
        return j.astype(np.int64), k.astype(np.int64)
    lifted = np.column_stack([y, psi])
    hull = ConvexHull(lifted, qhull_options="Qt")
    faces = hull.simplices[hull.equations[:, 2] < 0].astype(np.int64)
    if not len(faces):
        raise QhullError("no lower hull")
    pairs = np.concatenate([faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    codes = np.unique(np.concatenate([pairs[:, 0] * m + pairs[:, 1], pairs[:, 1] * m + pairs[:, 0]]))
    return codes // m, codes % m


def _cut(cells: Cells, which: Ints, other: Ints, y: Array, psi: Array) -> Cells:
    """The cells with those of ``which`` (e,), each once, cut to where they are larger than ``other`` (e,): a convex
    polygon by a half plane (Sutherland and Hodgman 1974), with the edge of the cut named after the other cell."""
    corners, counts, beyond = cells.corners[which], cells.counts[which], cells.beyond[which]
    normal, level = y[other] - y[which], psi[other] - psi[which]
    side = np.einsum("ekd,ed->ek", corners, normal) - level[:, None]
    k = np.arange(side.shape[1])
    on = k < counts[:, None]
    after = np.where(k + 1 < counts[:, None], k + 1, 0)
    ahead = np.take_along_axis(side, after, axis=1)
    stays, goes_on = side <= 0, ahead <= 0
    crosses = on & (stays != goes_on)
    touched = (on & ~stays).any(axis=1)
    if not touched.any():
        return cells
    with np.errstate(invalid="ignore", divide="ignore"):
        share = side / (side - ahead)
    nxt = np.take_along_axis(corners, after[..., None], axis=1)
    at = corners + np.where(crosses, share, 0.0)[..., None] * (nxt - corners)
    # each corner that stays, and after it the place where its edge crosses the line
    kept = np.stack([on & stays, crosses], axis=2).reshape(len(which), -1)
    places = np.stack([corners, at], axis=2).reshape(len(which), -1, 2)
    names = np.stack([beyond, np.where(goes_on, beyond, other[:, None])], axis=2).reshape(len(which), -1)
    size = kept.sum(axis=1)
    size_now = np.where(size >= EMPTY, size, 0)
    width = max(int(size.max(initial=0)), cells.corners.shape[1])
    target = np.cumsum(kept, axis=1) - 1
    row = np.broadcast_to(np.arange(len(which))[:, None], kept.shape)[kept]
    new_corners, new_beyond = np.zeros((len(which), width, 2)), np.full((len(which), width), EDGE, dtype=np.int64)
    new_corners[row, target[kept]], new_beyond[row, target[kept]] = places[kept], names[kept]
    grown = width - cells.corners.shape[1]
    all_corners = np.pad(cells.corners, ((0, 0), (0, grown), (0, 0)))
    all_beyond = np.pad(cells.beyond, ((0, 0), (0, grown)), constant_values=EDGE)
    all_counts = cells.counts.copy()
    all_corners[which], all_beyond[which], all_counts[which] = new_corners, new_beyond, size_now
    return Cells(all_corners, all_counts, all_beyond)
