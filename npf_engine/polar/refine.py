"""Levenberg-Marquardt on |f(x) - target|^2, a batch at a time: how drawn pre-images are brought to where they belong.

Each point goes downhill from where it is with steps of bounded length, so that it stays on its branch; one that has
arrived, or that can go no further (a fold of f, the edge of Omega), is left where it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

ValueAndJacobian = Callable[[Tensor], tuple[Tensor, Tensor]]
FIRST_DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-3, 1e-9, 1e6  # times the mean square of the Jacobian's columns


@torch.no_grad()
def levenberg_marquardt(
    f: ValueAndJacobian,
    x: Tensor,
    target: Tensor,
    confine: Callable[[Tensor], Tensor],
    *,
    steps: int,
    tolerance: float,
    reach: float,
) -> tuple[Tensor, Tensor]:
    """(x, |f(x) - target|) after at most ``steps`` steps from x (n, d) to target (n, d): (n, d), (n,).

    f gives values (n, d) and Jacobians (n, d, d). ``confine`` puts a point back into Omega; a point stops at a residual
    of ``tolerance``; no step is longer than ``reach``, and none makes the residual larger.
    """
    x = confine(x.clone())
    value, slope = f(x)
    miss = value - target
    cost = miss.square().sum(dim=1)
    cost = torch.where(torch.isfinite(cost), cost, torch.inf)
    damping = torch.full_like(cost, FIRST_DAMPING)
    eye = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    for _ in range(steps):
        at = ((cost > tolerance**2) & torch.isfinite(cost) & (damping < MOST_DAMPING)).nonzero()[:, 0]
        if not len(at):
            break
        j, here = slope[at], x[at]
        normal = j.transpose(1, 2) @ j
        size = normal.diagonal(dim1=1, dim2=2).mean(dim=1).clamp(min=torch.finfo(x.dtype).tiny * 1e6)
        down = -(j.transpose(1, 2) @ miss[at][:, :, None])
        step = torch.linalg.solve_ex(normal + (damping[at] * size)[:, None, None] * eye, down)[0][:, :, 0]
        length = step.norm(dim=1, keepdim=True)
        step = torch.nan_to_num(step * (reach / length.clamp(min=reach)))
        there = confine(here + step)
        value, slope_there = f(there)
        miss_there = value - target[at]
        cost_there = miss_there.square().sum(dim=1)
        better = cost_there < cost[at]
        took = at[better]
        x[took], miss[took], cost[took], slope[took] = (
            part[better] for part in (there, miss_there, cost_there, slope_there)
        )
        damping[at] = torch.where(better, (damping[at] / 5).clamp(min=LEAST_DAMPING), damping[at] * 8)
    return x, cost.sqrt()
