"""fit_brenier_map: the optimal map between two samples, with the settings chosen from n, d and the time allowed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from npf_engine.heap import keep_freed_memory
from npf_engine.settings import PotentialConfig
from npf_engine.transport.brenier_map import BrenierMap, Clouds, gaussian_fallback
from npf_engine.transport.fit_narrow import fit_narrow
from npf_engine.transport.fit_wide import WideConfig, choose, fit_wide

Sampler = Callable[[int, torch.Generator], Tensor]
DRAWN = 250_000  # of each side: in 64 dimensions a convex network still learns what is chance in 100,000
DEFAULT_SECONDS = 60.0


def fit_brenier_map(
    source: Tensor | Sampler,
    target: Tensor | Sampler,
    *,
    seed: int = 0,
    budget_seconds: float | None = None,
    config: PotentialConfig | WideConfig | None = None,
) -> BrenierMap:
    """The convex potential whose gradient sends ``source`` to ``target`` at least quadratic cost.

    source, target: samples (n, d) and (m, d), or callables (n, generator) -> (n, d). budget_seconds: wall time for
    the whole call (60 by default); it ends earlier when the held-out dual no longer improves. Without a config the
    settings follow from d and the budget: a WidePotential on the dual. config: a WideConfig, or a PotentialConfig for
    the papers' network (its ``method`` pairing or dual).
    A fit that is not finite or no better than the closed-form Gaussian map on held-out samples falls back to that map
    and says so in ``info["note"]``. Raises ValueError for clouds of different dimension, with fewer than 4 points, or
    with values that are not finite.

    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> x = torch.randn(4000, 2, generator=g)
    >>> T = fit_brenier_map(x, 2 * torch.randn(4000, 2, generator=g) + 1, budget_seconds=5)
    >>> bool((T.forward(x) - (2 * x + 1)).square().mean() < 0.1)
    True
    """
    begin = time.perf_counter()
    budget = DEFAULT_SECONDS if budget_seconds is None else float(budget_seconds)
    if not budget > 0:
        raise ValueError(f"budget_seconds must be positive, not {budget_seconds!r}")
    x, y = _draw(source, seed, "source"), _draw(target, seed + 1, "target")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"source has dimension {x.shape[1]} and target {y.shape[1]}; a Brenier map needs them equal")
    keep_freed_memory()
    clouds = Clouds(x, y, seed)
    linear, linear_dual = gaussian_fallback(clouds)
    until = begin + budget - 1.5 * (time.perf_counter() - begin)  # judging the fit takes as long again
    config = config or choose(until - time.perf_counter(), clouds.d)
    try:
        if isinstance(config, WideConfig):
            fitted = fit_wide(clouds, config, seed, until)
        else:
            fitted = fit_narrow(clouds, config, seed, until)
        note = fitted.info.get("note", "")
        dual = clouds.dual(fitted) if all(torch.isfinite(p).all() for p in fitted.u.parameters()) else math.nan
        if not math.isfinite(dual):
            note = "the fit ended with values that are not finite, so that the Gaussian map is returned"
        elif not dual < linear_dual:
            why = f" ({note})" if note else ""
            note = f"no better than the Gaussian map on held-out samples{why}, so that the Gaussian map is returned"
    except FloatingPointError as error:
        fitted, dual, note = linear, math.nan, f"the fit was stopped ({error}), so that the Gaussian map is returned"
    best = fitted if dual < linear_dual else replace(linear, trained=fitted if math.isfinite(dual) else None)
    best.info |= {
        "d": x.shape[1], "n": len(clouds.x), "held_out_dual": dual if dual < linear_dual else linear_dual,
        "gaussian_dual": linear_dual, "note": note, "seconds": time.perf_counter() - begin,
    }  # fmt: skip
    return best


def _draw(cloud: Tensor | Sampler, seed: int, name: str) -> Tensor:
    points = cloud if isinstance(cloud, Tensor) else cloud(DRAWN, torch.Generator().manual_seed(seed))
    if points.ndim != 2 or points.shape[0] < 4:
        raise ValueError(f"the {name} must be (n, d) with n >= 4, not {tuple(points.shape)}")
    if not torch.isfinite(points).all():
        raise ValueError(f"the {name} holds values that are not finite")
    points = points.detach().float()
    return points.cpu() if points.device.type == "mps" else points  # MPS has no float64, which the moments need
