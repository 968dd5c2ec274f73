"""What I_psi makes of one value of the gradient, against the points where it is known to be taken (NPF 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from npf_engine import seeds
from npf_engine.polar.factorization import PolarFactorization

NEAR = 0.05  # of the box's diagonal: a draw is at a point within it
DRAWS = 300
UNIFORM = 20_000  # places of the box that are drawn for comparison
MORE = 2.0  # times the share of uniform places: a point with as many draws near it is found


@dataclass(frozen=True)
class CriticalDraws:
    """x (n, d): draws of I_psi(grad u*(v)), in the user's units; near: the share within NEAR of one of the points;
    trivial: the share of uniform places of the box that are; found: how many of the points have more than MORE times
    the draws near them that uniform places would have."""

    x: np.ndarray
    near: float
    trivial: float
    found: int


def critical_draws(
    model: PolarFactorization, v: Sequence[float], points: np.ndarray, n: int = DRAWS, seed: int = 0
) -> CriticalDraws:
    """``n`` draws for the value v (d,) of grad g, g in the user's units, against points (k, d), which are not none.

    The model's F is the gradient with respect to positions in [-1, 1]^d: v times the half sides of the box.
    """
    scale = torch.tensor(model.scaling.scale, dtype=torch.float64)
    x = model.invert(torch.tensor(list(v), dtype=torch.float64) * scale, n, seed).double().numpy()
    low, high = np.array(model.low), np.array(model.high)
    unit = torch.rand(UNIFORM, len(low), generator=seeds.generator(seed, "critical.uniform")).double().numpy()
    reach = NEAR * float(np.linalg.norm(high - low))
    drawn, free = (_within(cloud, points, reach) for cloud in (x, low + unit * (high - low)))
    found = int((drawn.mean(0) > MORE * free.mean(0)).sum())
    return CriticalDraws(x, float(drawn.any(1).mean()), float(free.any(1).mean()), found)


def _within(x: np.ndarray, points: np.ndarray, reach: float) -> np.ndarray:
    """Whether x_i (n, d) is within reach of each of the points (k, d): (n, k)."""
    return np.asarray(torch.cdist(torch.from_numpy(x), torch.from_numpy(points)).numpy() <= reach)
