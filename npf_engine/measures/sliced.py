"""The sliced Wasserstein distance as unexplained variance: a sharp measure of a law, in any dimension.

    100 d E_theta W_2^2(theta . X, theta . Y) / Var(Y)     in percent, theta uniform on the sphere, Var the trace

is at most 100 W_2^2(X, Y) / Var(Y), which for maps is at most the L2-UVP. The Sinkhorn divergence blurs by a fifth of
the spread, and its floor grows with the dimension; one-dimensional laws are compared exactly at O(1/n). On 20,000 test
samples of terrain the standard error is 0.1 %, where the divergence's is a third of its value. What it cannot see:
differences that no line shows, as between many-dimensional laws with the same marginals.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.measures.measured import Measured

DIRECTIONS = 24
FOLDS = 8  # independent parts of the test set, for the standard error
MOST = 32_768  # test samples that are used
SEED = 20_011


def directions(d: int, count: int = DIRECTIONS) -> Tensor:
    """Unit vectors (d, k), k >= count a multiple of d, as orthonormal frames, so that their mean over a frame is exact
    for quadratic forms."""
    generator = seeds.generator(SEED, "sliced.directions")
    frames = [
        torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64))[0] for _ in range(-(-count // d))
    ]
    return torch.cat(frames, dim=1)


def sliced_share(image: Tensor, target: Tensor, along: Tensor, variance: float | None = None) -> float:
    """The measure above, in percent, of clouds (n, d) of the same size; NaN where the target has no variance.

    variance: of the law that the target is a part of, where that is known: a part may miss all of its rare values.
    """
    lines = (cloud.double() @ along for cloud in (image, target))
    first, second = (line.sort(dim=0).values for line in lines)
    if variance is None:
        variance = _variance(target)
    distance = image.shape[1] * float((first - second).square().mean())
    return 100 * distance / variance if variance > 0 else math.nan


def _variance(cloud: Tensor) -> float:
    """The trace of the covariance of (n, d) points."""
    return float((cloud.double() - cloud.double().mean(0)).square().sum(1).mean())


def sliced_measure(image: Tensor, trivial: Tensor, true: Tensor, seed: int) -> Measured | None:
    """Image and trivial answer (n, d) against the true values (n, d), of FOLDS parts that share no sample.

    Within a part one half of the samples is mapped and the other half is the reference; the floor is between the two
    halves of the true values. None where there are too few samples or the true values are constant.
    """
    n = min(true.shape[0], MOST) // (2 * FOLDS)
    if n < 8 or not float((true - true[0]).abs().max()) > 0:
        return None
    order = torch.randperm(true.shape[0], generator=seeds.generator(seed, "sliced.folds"))
    along, variance = directions(true.shape[1]), _variance(true)
    rows = []
    for here, there in zip(*order[: 2 * n * FOLDS].reshape(2, FOLDS, n), strict=True):
        row = [sliced_share(cloud[here], true[there], along, variance) for cloud in (image, true, trivial)]
        rows.append((row[0], row[1], row[2]))
    return Measured.of_draws(rows, n, None)
