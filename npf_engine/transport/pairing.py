"""Exact discrete transport between subsamples, and the regression of grad u on its pairs.

The optimal assignment of k source to k target points is the restriction of a gradient of a convex function. Several
small assignments, averaged by the regression, beat one big one. Both subsamples are stratified: one point from
each of k cells of equal mass, so that they follow rho and F#rho far more closely than k independent draws.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from npf_engine import seeds
from npf_engine.transport import simplex

STRATIFIED_MAX_D = 4
TREE_MAX_D = 10  # beyond it a tree of points is no faster than all distances
QUERIES = 256  # at a time, where all distances are computed
MAX_TIES = 16  # copies of one point that a tree takes: as many as its leaf holds
TIE = 1e-9  # how far more of them are spread, of the cloud's size
LOOKUP_MAX_D = 6  # beyond it looking for a nearest point costs more than its first guess saves


def optimal_assignment(x: Tensor, y: Tensor) -> Tensor:
    """Indices sigma (k,) such that x_i -> y_sigma(i) is optimal for |x - y|^2; x, y (k, d). POT's network simplex.

    Raises ValueError when the clouds differ in shape.
    """
    if x.shape != y.shape:
        raise ValueError(f"an assignment needs clouds of one shape, not {tuple(x.shape)} and {tuple(y.shape)}")
    a, b = x.double().cpu().numpy(), y.double().cpu().numpy()
    # |x - y|^2 and -<x, y> have the same solution; centring and scaling keep the simplex' tolerances meaningful.
    cost = -(a - a.mean(0)) @ (b - b.mean(0)).T
    cost = (cost - cost.min()) / max(float(np.ptp(cost)), 1e-300)
    return torch.from_numpy(simplex.plan(cost).argmax(axis=1))


class Stratifier:
    """Draws about k of the points x (n, d), one from each of k cells of equal mass (d <= 4; else k at random).

    Cells: sort by the first axis and cut into s strips, each strip by the second axis into s, and so on, with s =
    k^(1/d).
    """

    def __init__(self, x: Tensor, k: int) -> None:
        device, x = x.device, x.cpu()  # where its seeded draws are made
        n, d = x.shape
        self.n, self.k = n, min(k, n)
        self.cells: Tensor | None = None
        self.sampled: Tensor | None = None  # the cells where x is
        per_axis = max(1, int(self.k ** (1 / d) + 1e-9))
        if d > STRATIFIED_MAX_D or per_axis**d < 2:
            return
        self.k = per_axis**d
        # Dropping the remainder at random, not at an edge, leaves the law unchanged.
        generator = seeds.generator(0, "strata.remainder")
        order = torch.randperm(n, generator=generator)[: n // self.k * self.k]
        cells = order[None]
        for axis in range(d):
            rank = x[cells, axis].argsort(dim=1)
            cells = cells.gather(1, rank).reshape(cells.shape[0] * per_axis, -1)
        self.cells, self.sampled = cells, cells.to(device)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Indices (k,) into x for one step, on x's device, as is the generator; without cells one may come twice."""
        if self.sampled is None:
            return torch.randint(self.n, (self.k,), generator=generator, device=generator.device)
        count = self.sampled.shape[1]
        pick = torch.randint(count, (self.k, 1), generator=generator, device=generator.device)
        return self.sampled.gather(1, pick)[:, 0]

    def draw(self, generator: torch.Generator) -> Tensor:
        """Indices (k,) into x, each once; by a generator of the processor."""
        if self.cells is None:
            return torch.randperm(self.n, generator=generator)[: self.k]
        pick = torch.randint(self.cells.shape[1], (self.k, 1), generator=generator)
        return self.cells.gather(1, pick)[:, 0]


def tie_free(points: np.ndarray) -> np.ndarray:
    """The points (n, d) in double precision; where one stands more than MAX_TIES times, its copies are spread by TIE.

    A tree cannot cut a cloud of copies: each query would look at all of them, and a million samples, three quarters of
    them on level sea, took hours. Spread, a query among them gets any k, and not always the same first ones.
    """
    points = points.astype(np.float64)
    rng = np.random.default_rng(0)
    # Copies have one image on a line; sorting that costs a tenth of sorting rows. What else falls together is harmless.
    seen = (points * rng.standard_normal(points.shape[1])).sum(axis=1)
    _, which, counts = np.unique(seen, return_inverse=True, return_counts=True)
    copies = counts[which] > MAX_TIES
    if copies.any():
        extent, largest = float(np.ptp(points, axis=0).max()), float(np.abs(points).max())
        size = max(TIE * extent, 1e-14 * largest) or TIE  # some units in the last place, far from the origin
        points[copies] += size * rng.standard_normal((int(copies.sum()), points.shape[1]))
    return points


def lookup(points: Tensor) -> cKDTree:
    """A tree of the points (n, d), quick also where many of them are one."""
    return cKDTree(tie_free(points.cpu().numpy()))


def neighbours(points: Tensor, k: int) -> Tensor:
    """For each of the points (n, d) the indices of the k nearest, itself among them: (n, min(k, n))."""
    tree = lookup(points)
    index = tree.query(tree.data, k=min(k, len(points)))[1]
    return torch.as_tensor(index, dtype=torch.int64, device=points.device).reshape(len(points), -1)


def source_of_nearest(source: Tensor, target: Tensor, y: Tensor) -> Tensor:
    """For each value y (n, d) the source paired with the nearest target: a first guess of grad u*(y), (n, d)."""
    nearest = lookup(target).query(y.cpu().numpy())[1]
    return source[torch.as_tensor(nearest, device=source.device)]


def draw_pairs(
    x: Tensor, y: Tensor, k: int, generator: torch.Generator, strata: Stratifier | None = None
) -> tuple[Tensor, Tensor]:
    """k optimally matched pairs (source (k, d), target (k, d)) from samples x (n, d) and y (n, d) = F(x).

    The two subsamples are drawn independently; k may come out a little smaller where the cells demand it.
    """
    strata = strata or Stratifier(x, k)
    source, target = x[strata.draw(generator)], y[strata.draw(generator)]
    return source, target[optimal_assignment(source, target)]


def nearest(points: Tensor, queries: Tensor, k: int) -> Tensor:
    """Indices (q, k) of the k nearest of ``points`` (n, d) to each query (q, d)."""
    if points.shape[1] <= TREE_MAX_D:
        index = lookup(points).query(queries.double().numpy(), k=k)[1]
        return torch.as_tensor(index, dtype=torch.int64).reshape(queries.shape[0], k)
    rows = [torch.cdist(part, points).topk(k, largest=False).indices for part in queries.split(QUERIES)]
    return torch.cat(rows)
