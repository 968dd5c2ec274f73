"""Does F change from sample to sample? Maps trained on it then follow the large scales alone, and M is no measure-
preserving one: told before anything is trained, with what smooths it."""

from __future__ import annotations

import numpy as np

from npf_engine.numbers import percent

SMOOTH_GRID = (
    "smooth = 2 takes out what is smaller than about two steps of the grid; a part of the region has fewer scales"
)
SMOOTH_RASTER = "a larger sigma does"
SMOOTH_TABLE = "means over neighbouring rows do"
TAIL, HEAVY = 0.01, 0.2  # share of the samples, and of the mean square that they hold where the law has heavy tails
MOST = 50_000  # samples that are compared, so that the scale is one of the region and not of the sampling
LEAST = {1: 1000, 2: 1000, 3: 10_000}  # by dimension: the nearest of fewer samples are no neighbours yet
ROUGH = 0.025  # from which quick trainings did not end usable, see tests/fields/test_roughness.py


def roughness(x: np.ndarray, f: np.ndarray) -> float:
    """Share of the variance of F (n, d) that is there between nearest samples: E |F(x) - F(x')|^2 / (2 E |F - E F|^2),
    x' the nearest to x (n, d) of at most 50,000 samples. 0 for a smooth field, 1 for noise (half a variogram at the
    shortest distance over its sill: Matheron, Economic Geology 58, 1963). 0 of few samples, and in more than three
    dimensions: there the nearest of 50,000 is not near, and costs minutes to find."""
    from scipy.spatial import cKDTree

    if len(x) < LEAST.get(x.shape[1], len(x) + 1):
        return 0.0
    if len(x) > MOST:
        chosen = np.random.default_rng(0).permutation(len(x))[:MOST]
        x, f = x[chosen], f[chosen]
    f = f.astype(np.float64) - f.mean(axis=0, dtype=np.float64)
    variance = float(np.square(f).sum(axis=1).mean())
    if not variance > 0:
        return 0.0
    nearest = cKDTree(x).query(x, k=2)[1][:, 1]
    return float(np.square(f - f[nearest]).sum(axis=1).mean() / (2.0 * variance))


def rough_warning(x: np.ndarray, f: np.ndarray, mend: str) -> list[str]:
    """The sentence on a field that changes from sample to sample, and what smooths it (``mend``); none where it is
    smooth."""
    share = roughness(x, f)
    if share < ROUGH:
        return []
    square = np.sort(np.square(f.astype(np.float64) - f.mean(axis=0, dtype=np.float64)).sum(axis=1))
    tail = float(square[-max(1, int(TAIL * len(square))) :].sum() / square.sum())
    heavy = f" ({percent(TAIL)} of the samples hold {percent(tail, 2)} of it)" if tail > HEAVY else ""
    return [
        f"F is rough: {percent(min(share, 1.0), 2)} of its variance{heavy} is there between nearest samples, which a "
        f"short training of M does not follow. Smooth it first ({mend}), or train for longer."
    ]
