"""Where M piles rho up or leaves it bare: two measures that see what an eye sees in a scatter and a divergence not.

The Sinkhorn divergence blurs by a fifth of the spread, and slices add up a hole with what lies before and behind it.

    misplaced: 100 sum_c |P(c) - Q(c)| / 2      total variation over cells c of equal mass, percent of the mass
    hole:      100 max_x min_m |x - m| / s      the widest hole: the sample of rho farthest from the image, percent of
                                                the spread s of rho

The cells are those of a k-d tree of one half of the true samples, cut at medians, 128 at most and of 32 samples at
least. The image is of the other half, the floor is that other half itself, the trivial answer's image is of it too.
Cuts lie midway between values that occur, so that a rho on a grid is cut between its points. Cells at the border reach
outwards for ever: what lies just beyond rho's support is not seen here (the divergences see it).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from npf_engine import seeds
from npf_engine.measures.measured import Measured

DEPTH = 7  # 2^7 cells
FEWEST = 32  # true samples in a cell
SPLITS = 8  # of the test samples in two halves, for the standard error
MOST = 32_768  # test samples that are used
FLAT = 8  # dimensions up to which a tree finds neighbours quicker than all distances
FAR_MOST = 2_048  # samples in more dimensions, where all distances are taken

Array = NDArray[np.float64]


class Cells:
    """A partition of R^d in 2^depth cells of equal mass of ``points`` (n, d): medians along the widest axis in turn."""

    def __init__(self, points: Array) -> None:
        self.depth = max(0, min(DEPTH, int(math.log2(max(len(points), 1) / FEWEST))))
        self.count = 2**self.depth
        self.axes = np.zeros(self.count, dtype=np.int64)  # of the nodes, the root is 1
        self.levels = np.zeros(self.count)
        self._cut(points, 1, self.depth)

    def _cut(self, points: Array, node: int, levels: int) -> None:
        if levels == 0:
            return
        axis = int(np.argmax(points.std(0))) if len(points) else 0
        self.axes[node], self.levels[node] = axis, (at := _between(points[:, axis]))
        below = points[:, axis] <= at
        self._cut(points[below], 2 * node, levels - 1)
        self._cut(points[~below], 2 * node + 1, levels - 1)

    def shares(self, points: Array) -> Array:
        """The share of ``points`` (n, d) in each cell, (count,)."""
        node = np.ones(len(points), dtype=np.int64)
        for _ in range(self.depth):
            values = np.take_along_axis(points, self.axes[node][:, None], axis=1)[:, 0]
            node = 2 * node + (values > self.levels[node])
        return np.bincount(node - self.count, minlength=self.count) / max(1, len(points))


def _between(values: Array) -> float:
    """A cut near the median, midway between two values that occur; the median itself where all are the same."""
    if not len(values):
        return 0.0
    middle = float(np.median(values))
    above, below = values[values > middle], values[values <= middle]
    if not len(above) or not len(below):
        return middle
    return (float(below.max()) + float(above.min())) / 2


def local_measures(image: Tensor, trivial: Tensor, true: Tensor, seed: int) -> tuple[Measured, Measured] | None:
    """(misplaced, hole) of image and trivial answer (n, d), the maps' values at the samples whose law should be that of
    ``true`` (n, d); the rows of all three belong together.

    ``se`` is the spread over the splits, not divided by their root: all splits are of the same samples. None where
    there are too few samples for two cells, or where the true values do not vary.
    """
    spread = float((true.double() - true.double().mean(0)).square().sum(1).mean().sqrt())
    n = min(true.shape[0], MOST)
    if n // 2 < 2 * FEWEST or not spread > 0:
        return None
    generator = seeds.generator(seed, "local.splits")
    misplaced, holes = [], []
    for _ in range(SPLITS):
        here, there = torch.randperm(true.shape[0], generator=generator)[:n].chunk(2)
        reference = _array(true[there])
        clouds = [_array(cloud[here]) for cloud in (image, true, trivial)]
        cells = Cells(reference)
        inside = cells.shares(reference)
        misplaced.append([50 * float(np.abs(cells.shares(cloud) - inside).sum()) for cloud in clouds])
        holes.append([100 * _widest(cloud, reference) / spread for cloud in clouds])
    return _row(misplaced, n // 2), _row(holes, min(n // 2, _most(true.shape[1])))


def _array(cloud: Tensor) -> Array:
    return cloud.double().cpu().numpy()


def _most(d: int) -> int:
    return MOST if d <= FLAT else FAR_MOST


def _widest(image: Array, reference: Array) -> float:
    """The largest distance from a reference point to the image."""
    most = _most(image.shape[1])
    image, reference = image[:most], reference[:most]
    if not np.isfinite(image).all():
        return math.nan
    if image.shape[1] <= FLAT:
        tree = cKDTree(np.unique(image, axis=0))  # of one point many times a tree has no branches
        return float(tree.query(reference)[0].max())
    return float(torch.cdist(torch.from_numpy(reference), torch.from_numpy(image)).min(1).values.max())


def _row(rows: list[list[float]], n: int) -> Measured:
    """Means over the splits; the standard error of the ratio is its spread over them."""
    data = np.asarray(rows)
    value, floor, trivial = (float(v) for v in data.mean(0))
    se = float((data[:, 0] - value / floor * data[:, 1]).std(ddof=1) / floor) if floor > 0 else None
    return Measured(value, floor, trivial, se, n, None, len(rows))
