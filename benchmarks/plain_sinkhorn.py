"""S_eps by Sinkhorn's own iterations in float64 from a cold start: a reference that shares nothing with the engine.

The convention is the papers' (cost |x - y|^2, uniform weights, one eps). The iterates are those of the log-domain
iteration; scalings of a kernel that is rebuilt every ``BLOCK`` iterations save the exponentials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 100
MARGINAL = 1e-8


@dataclass
class Plain:
    """A value; the L1 error of the worst marginal that was left in its three problems, and the most iterations."""

    value: float
    marginal: float
    iterations: int


def plain_divergence(x: Tensor, y: Tensor, eps: float, iterations: int = 3000, marginal: float = MARGINAL) -> Plain:
    """S_eps of clouds x (n, d), y (m, d): at most so many iterations a problem, or until the marginals fit."""
    parts = [plain_cost(a, b, eps, iterations, marginal) for a, b in ((x, y), (x, x), (y, y))]
    value = parts[0].value - parts[1].value / 2 - parts[2].value / 2
    return Plain(value, max(p.marginal for p in parts), max(p.iterations for p in parts))


def plain_cost(x: Tensor, y: Tensor, eps: float, iterations: int = 3000, marginal: float = MARGINAL) -> Plain:
    """OT_eps of x (n, d) and y (m, d). The same cloud twice gets the averaged symmetric update (Feydy et al. 2019)."""
    same = x is y
    C = (x.double()[:, None] - y.double()[None]).square().sum(2) if x.shape[1] < 8 else _far(x, y)
    C /= eps
    f = torch.zeros(len(x), dtype=torch.float64)
    g = f if same else torch.zeros(len(y), dtype=torch.float64)
    done, error = 0, math.inf
    while done < iterations and error > marginal:
        if same:
            f = g = (f - torch.logsumexp(g[None] - C, 1) + math.log(len(y))) / 2
        else:
            g = math.log(len(x)) - torch.logsumexp(f[:, None] - C, 0)
            f = math.log(len(y)) - torch.logsumexp(g[None] - C, 1)
        kernel = torch.exp(f[:, None] + g[None] - C)
        count = min(BLOCK, iterations - done)
        log_u, log_v, error, used = (_symmetric if same else _alternate)(kernel, count, marginal)
        f, g, done = f + log_u, g + log_v, done + used
    mass = float(torch.exp(f[:, None] + g[None] - C).mean())
    return Plain(eps * (float(f.mean() + g.mean()) - mass + 1), error, done)


def _alternate(kernel: Tensor, count: int, marginal: float) -> tuple[Tensor, Tensor, float, int]:
    """(log u, log v, L1 error of the columns after exact rows, iterations) of u_i v_j kernel_ij."""
    u = torch.ones(len(kernel), dtype=torch.float64)
    error, used = math.inf, 0
    columns = kernel.T @ u / len(u)
    while used < count and error > marginal:
        v = 1 / columns
        u = kernel.shape[1] / (kernel @ v)
        columns = kernel.T @ u / len(u)
        error, used = float((v * columns - 1).abs().mean()), used + 1
    return u.log(), v.log(), error, used


def _symmetric(kernel: Tensor, count: int, marginal: float) -> tuple[Tensor, Tensor, float, int]:
    """The same with u = v for a symmetric kernel."""
    u = torch.ones(len(kernel), dtype=torch.float64)
    error, used = math.inf, 0
    rows = kernel @ u / len(u)
    while used < count and error > marginal:
        u = (u / rows).sqrt()
        rows = kernel @ u / len(u)
        error, used = float((u * rows - 1).abs().mean()), used + 1
    return u.log(), u.log(), error, used


def _far(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances (n, m) in high dimension, where the table of differences would be too large."""
    return torch.cdist(x.double(), y.double(), compute_mode="donot_use_mm_for_euclid_dist").square()
