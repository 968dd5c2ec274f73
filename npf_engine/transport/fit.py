"""fit_brenier_map: the optimal map between two samples, with the settings chosen from n, d and the time allowed."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.settings.stages import PotentialConfig
from npf_engine.tasks.memory import keep_freed_memory
from npf_engine.tasks.recorder import Passing, Recorder
from npf_engine.transport.clouds import Clouds, gaussian_fallback
from npf_engine.transport.dual_value import DualValue
from npf_engine.transport.fit_narrow import PAIRED, fit_narrow
from npf_engine.transport.fit_wide import SHORT, WideConfig, choose, fit_wide
from npf_engine.transport.map import BrenierMap, PotentialMap

SHOWN = 1000  # steps in which the time is told
Sampler = Callable[[int, torch.Generator], Tensor]
DRAWN = 250_000  # of each side: in 64 dimensions a convex network still learns what is chance in 100,000
DEFAULT_SECONDS = 60.0
JUDGING = 1.5  # times what the preparations took: judging the fit takes as long again
# Up to this dimension a fit to exact pairs gets at most half of the time before the wide network does: Chamonix, 60 s,
# a test dual of 8.5829, where the wide network alone has 8.5852. In 3 and 4 dimensions pairs bring nothing.
PAIRED_D, PAIRED_SHARE, PAIRED_SECONDS = 2, 0.5, 5.0
BLURRED = (
    "directions of the source differ so much that single precision, in which networks are trained, does not hold the "
    "least; rescale the axes, or leave out a column that nearly follows from the others"
)
LOST = DualValue(math.nan, math.nan, torch.empty(0), torch.empty(0))  # of a fit that is not finite
# Standard errors of the gain over the Gaussian map. Between Gaussians of 450 points in the plane (3 s, 16 seeds) a
# network with up to nine times the error of that map has the lower dual 7 times, and leads by one error twice. Two
# errors would refuse those too, and two of five networks with a sixth of its error (6,000 points, x + tanh(2x)/2).
BEYOND = 1.0
FOR_WIDE = 1.1 * SHORT  # seconds that the wide network is left with, enough for its trial


def fit_brenier_map(
    source: Tensor | np.ndarray | Sampler,
    target: Tensor | np.ndarray | Sampler,
    *,
    seed: int = 0,
    budget_seconds: float | None = None,
    config: PotentialConfig | WideConfig | None = None,
    recorder: Recorder | None = None,
) -> BrenierMap:
    """The convex potential whose gradient sends ``source`` to ``target`` at least quadratic cost.

    source, target: samples (n, d) and (m, d), arrays or tensors, or callables (n, generator) -> (n, d); in double
    precision they may lie far from the origin, and the map's answers are in double precision too. budget_seconds: wall
    time for the whole call (60 by default); it ends earlier when the held-out dual no longer improves. Without a config
    the settings follow from n, d and the budget: a WidePotential on the dual; up to two dimensions and with more than
    30 s the papers' network on exact pairs before, and then the better of both on held-out samples. config: a
    WideConfig, or a PotentialConfig for the papers' network (its ``method`` pairing or dual). recorder: is told how
    much of the time is spent, and may end the fit or let it rest, which is not counted.
    A fit that is not finite or not surely better than the closed-form Gaussian map on held-out samples falls back to it
    and says so in ``info["note"]``. Raises ValueError for clouds of different dimension, with fewer than 4 points, or
    with values that are not finite; InputError for a source too badly scaled for the Gaussian map (``gaussian_map``).

    >>> import torch
    >>> g = torch.Generator().manual_seed(0)
    >>> x = torch.randn(4000, 2, generator=g)
    >>> T = fit_brenier_map(x, 2 * torch.randn(4000, 2, generator=g) + 1, budget_seconds=5)
    >>> bool((T.forward(x) - (2 * x + 1)).square().mean() < 0.1)
    True
    """
    budget = DEFAULT_SECONDS if budget_seconds is None else float(budget_seconds)
    if not budget > 0:
        raise ValueError(f"budget_seconds must be positive, not {budget_seconds!r}")
    told = Recorder() if recorder is None else _Spent(recorder, budget)
    begin = told.clock()
    x, y = _draw(source, seed, "source"), _draw(target, seed, "target")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"source has dimension {x.shape[1]} and target {y.shape[1]}; a Brenier map needs them equal")
    keep_freed_memory()
    clouds = Clouds(x, y, seed)
    linear, linear_dual = gaussian_fallback(clouds)
    until = begin + budget - JUDGING * (told.clock() - begin)
    fitted, dual, note = _attempt(clouds, linear_dual, config, seed, until, told)
    better = fitted is not None and _wins(dual, linear_dual)
    best = fitted if fitted and better else replace(linear, trained=fitted if math.isfinite(dual.value) else None)
    shift = clouds.shift()
    best.info |= {
        "d": x.shape[1],
        "n": len(clouds.x),
        "held_out_dual": shift + (dual if better else linear_dual).value,
        "gaussian_dual": shift + linear_dual.value,
        "note": note,
        "seconds": told.clock() - begin,
    }
    return clouds.at_home(best)


class _Spent(Passing):
    """Tells how much of the time is spent, whatever the fit is at; of its parts' steps and checkpoints nothing."""

    def __init__(self, inner: Recorder, seconds: float) -> None:
        super().__init__(inner)
        self.seconds, self.begin = seconds, inner.clock()

    def check(self) -> None:
        """As the inner recorder, which is told first."""
        spent = min(1.0, (self.clock() - self.begin) / self.seconds)
        self.inner.progress("fit", round(SHOWN * spent), SHOWN)
        super().check()


def _attempt(
    clouds: Clouds,
    linear_dual: DualValue,
    config: PotentialConfig | WideConfig | None,
    seed: int,
    until: float,
    told: Recorder,
) -> tuple[PotentialMap | None, DualValue, str]:
    """``_fitted`` with a sentence: why the Gaussian map is to be returned, or what is to be known of the fit."""
    try:
        if clouds.blurred():
            raise FloatingPointError(BLURRED)
        fitted, dual = _fitted(clouds, config, seed, until, told)
    except FloatingPointError as error:
        return None, LOST, f"the fit was stopped ({error}), so that the Gaussian map is returned"
    note = fitted.info.get("note", "")
    if not math.isfinite(dual.value):
        return fitted, dual, "the fit ended with values that are not finite, so that the Gaussian map is returned"
    if not _wins(dual, linear_dual):
        chance = " beyond chance" if dual.value < linear_dual.value else ""
        why = f" ({note})" if note else ""
        note = f"no better than the Gaussian map on held-out samples{chance}{why}, so that the Gaussian map is returned"
        return fitted, dual, note
    return fitted, dual, "; ".join(part for part in (note, clouds.unseen()) if part)


def _fitted(
    clouds: Clouds, config: PotentialConfig | WideConfig | None, seed: int, until: float, told: Recorder
) -> tuple[PotentialMap, DualValue]:
    """The network's map and its held-out dual, LOST where that is not finite: the better of two where the settings are
    ours and the dimension is low. Raises FloatingPointError."""
    if isinstance(config, PotentialConfig):
        fitted = fit_narrow(clouds, config, seed, until, told)
        return fitted, _dual(clouds, fitted)
    left, n = until - told.clock(), min(len(clouds.x), len(clouds.y))
    paired: PotentialMap | None = None
    paired_dual = LOST
    share = min(PAIRED_SHARE * left, left - FOR_WIDE)
    if config is None and clouds.d <= PAIRED_D and share > PAIRED_SECONDS:
        with contextlib.suppress(FloatingPointError):
            paired = fit_narrow(clouds, PAIRED, seed, until - left + share, told)
            paired_dual = _dual(clouds, paired)
            paired = paired if math.isfinite(paired_dual.value) else None
    try:
        fitted = fit_wide(clouds, config or choose(until - told.clock(), n, clouds.d), seed, until, told)
        dual = _dual(clouds, fitted)
    except FloatingPointError:
        if paired is None:
            raise
        return paired, paired_dual
    return (paired, paired_dual) if paired is not None and not dual.value <= paired_dual.value else (fitted, dual)


def _dual(clouds: Clouds, fitted: PotentialMap) -> DualValue:
    finite = all(torch.isfinite(p).all() for p in fitted.u.parameters())
    return clouds.dual(fitted) if finite else LOST


def _wins(dual: DualValue, linear: DualValue) -> bool:
    """Whether a fit is better than the Gaussian map beyond chance, as far as held-out samples say."""
    gain, error = dual.lead(linear) if math.isfinite(dual.value) else (math.nan, 0.0)
    return gain > BEYOND * error and gain > 0


def _draw(cloud: Tensor | np.ndarray | Sampler, seed: int, name: str) -> Tensor:
    if isinstance(cloud, np.ndarray):
        if cloud.dtype.kind not in "iuf":
            raise ValueError(f"the {name} holds {cloud.dtype}; real numbers are needed")
        cloud = torch.from_numpy(np.ascontiguousarray(cloud, dtype=np.float64))
    points = cloud if isinstance(cloud, Tensor) else cloud(DRAWN, seeds.generator(seed, name))
    if points.is_complex():
        raise ValueError(f"the {name} is complex; real numbers are needed")
    if points.ndim != 2 or points.shape[0] < 4:
        raise ValueError(f"the {name} must be (n, d) with n >= 4, not {tuple(points.shape)}")
    if not torch.isfinite(points).all():
        raise ValueError(f"the {name} holds values that are not finite")
    points = points.detach() if points.dtype == torch.float64 else points.detach().float()
    return points.cpu() if points.device.type == "mps" else points  # MPS has no float64, which the moments need
