"""Both samples of a fit: split into those to fit on and those to judge by, in coordinates; and their Gaussian map."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.transport.coordinates import Coordinates
from npf_engine.transport.dual_value import DualValue, held_out_dual
from npf_engine.transport.frames import graded_frame
from npf_engine.transport.gaussian import gaussian_factor, spread_of, square_of
from npf_engine.transport.map import AffineMap, BrenierMap, PotentialMap

HELD_OUT = 0.1
MAX_VALIDATION = 4096
DUAL_TOLERANCE = 1e-4  # residual of conjugates, of the target's spread
UNEVEN = 1e-3  # of the target's spread: an axis with less counts by itself
BLUR = 1e-2  # of the target's spread on an axis: beyond it single precision is too coarse
Fitted = TypeVar("Fitted", bound=BrenierMap)


class _Exact(NamedTuple):
    """Means of the samples to fit on (d,) and the samples to judge by, in the precision in which they came."""

    x_mean: Tensor
    y_mean: Tensor
    x_check: Tensor
    y_check: Tensor


class Clouds:
    """Both samples, split into those to fit on and those to judge by, with the moments of the first.

    In single precision about their means where they come in double: metres of a map's grid are thousands of kilometres
    from its origin. ``at_home`` has a map of these in the clouds' own coordinates, ``shift`` is to be added to a dual.
    The Gaussian map is that of the samples as they come: ``exact`` keeps their means, and those they are judged by.
    Raises InputError where they are too badly scaled for it.
    """

    def __init__(self, x: Tensor, y: Tensor, seed: int) -> None:
        self.origins = x.mean(0), y.mean(0)
        x, y = (
            cloud - home if cloud.dtype == torch.float64 else cloud
            for cloud, home in zip((x, y), self.origins, strict=True)
        )
        (x, x_check), (y, y_check) = (
            _hold_out(cloud, seeds.generator(seed, name))
            for name, cloud in (("held-out.source", x), ("held-out.target", y))
        )
        self.G = gaussian_factor(x, y)
        self.S = square_of(self.G)
        self.exact = _Exact(x.mean(0), y.mean(0), x_check, y_check)
        self.x, self.x_check, self.y, self.y_check = x.float(), x_check.float(), y.float(), y_check.float()
        self.d = x.shape[1]
        self.x_mean, self.y_mean = self.x.mean(0), self.y.mean(0)
        self.size = spread_of(self.x)

    def at_home(self, fitted: Fitted) -> Fitted:
        """The map in the coordinates in which the clouds came."""
        at = fitted.at
        centre, mean = (
            home + here if home.dtype == torch.float64 else here
            for here, home in zip((at.centre, at.mean), self.origins, strict=True)
        )
        trained = self.at_home(fitted.trained) if fitted.trained is not None else None
        return replace(fitted, at=replace(at, centre=centre, mean=mean), trained=trained)

    def shift(self) -> float:
        """The dual of the clouds as they came less that of ``dual``: u gains <y0, x>, and u* gains <x0, y - y0>."""
        x0, y0 = (home if home.dtype == torch.float64 else torch.zeros_like(home).double() for home in self.origins)
        x, y = self.exact.x_check.double().mean(0), self.exact.y_check.double().mean(0)
        return float(torch.dot(x0 + x, y0) + torch.dot(x0, y))

    def plain(self) -> Coordinates:
        """Centred, and the source at unit variance; the map x + const is then |x|^2 / 2."""
        P = torch.eye(self.d, device=self.x.device) / self.size
        spread, axes = spread_of(self.y), (self.y - self.y_mean).square().mean(0).sqrt()
        least = float(torch.where(axes > 0, axes, spread).min())
        if least < UNEVEN * spread:  # a residual that is small beside the others would be all of this axis
            spread = least
        return Coordinates(self.x_mean, P, self.size**2, self.y_mean, spread / self.size)

    def balanced(self) -> Coordinates:
        """The coordinates in which the Gaussian map is the identity: P P^T = S up to a unit, along S's axes."""
        P, unit = self._frame
        return Coordinates(self.x_mean, (P / unit).float(), unit**2, self.y_mean)

    def exactly_balanced(self) -> Coordinates:
        """The same in the precision in which the clouds came."""
        P, unit = self._frame
        return Coordinates(self.exact.x_mean, (P / unit).to(self.exact.x_mean), unit**2, self.exact.y_mean)

    def blurred(self) -> bool:
        """Whether single precision, in which networks are trained, is too coarse for these clouds: the Gaussian map's
        image of them, held out, is off by BLUR of the target's spread on some axis."""
        single, exact = self.balanced(), self.exactly_balanced()
        inside = single.source(self.x_check).to(exact.P) - exact.source(self.exact.x_check)
        off = (exact.factor * inside @ exact.P.T).square().mean(0).sqrt()
        spread = (self.exact.y_check - self.exact.y_mean).square().mean(0).sqrt()
        return bool(((off > BLUR * spread) & (self.G != 0).any(1)).any())

    def unseen(self) -> str:
        """A sentence where axes weigh so unlike in <x, y> that no dual tells whether the map is right on the least."""
        weight = (self.x - self.x_mean).square().mean(0).sqrt() * (self.y - self.y_mean).square().mean(0).sqrt()
        least, most = float(torch.where(weight > 0, weight, torch.inf).min()), float(weight.max())
        if not least < UNEVEN**2 * most:
            return ""
        axis = int(torch.where(weight > 0, weight, torch.inf).argmin())
        return (
            f"axis {axis + 1} has {least / most:.1g} of the largest axis's part in <x, y>, too little for the dual to "
            "tell whether the map is right there; rescale the axes if it matters"
        )

    @cached_property
    def _frame(self) -> tuple[Tensor, float]:
        return graded_frame(self.S, self.G, self.x.double())

    def dual(self, fitted: PotentialMap) -> DualValue:
        """The dual objective on the held-out samples, in the units of <x, y>."""
        at = fitted.at
        x, y = at.source(self.x_check), at.target(self.y_check)
        inner = held_out_dual(fitted.u, x, y, tolerance=DUAL_TOLERANCE * at.spread)
        return _in_units(inner, at, self.x_check, self.y_check)


def _in_units(inner: DualValue, at: Coordinates, x: Tensor, y: Tensor) -> DualValue:
    """The dual of u from that of u' in coordinates: u(x) + u*(y) = factor (u' + u'*) + <mean, x> + <centre, y - mean>,
    at samples x (n, d), y (m, d)."""
    ends = x.to(at.mean) @ at.mean, (y - at.mean).to(at.centre) @ at.centre
    source, target = (
        at.factor * part + end.cpu().double() for part, end in zip((inner.source, inner.target), ends, strict=True)
    )
    value = at.factor * inner.value + float(ends[0].mean() + ends[1].mean())
    return DualValue(value, inner.max_residual, source, target)


def gaussian_fallback(clouds: Clouds) -> tuple[AffineMap, DualValue]:
    """The closed-form Gaussian map, and its held-out dual."""
    at, x_check, y_check = clouds.exactly_balanced(), clouds.exact.x_check, clouds.exact.y_check
    linear = AffineMap(at, {"method": "gaussian"})
    x, y = at.source(x_check).double(), at.target(y_check).double()
    source, target = x.square().sum(1).cpu() / 2, y.square().sum(1).cpu() / 2
    inner = DualValue(float(source.mean() + target.mean()), 0.0, source, target)
    return linear, _in_units(inner, at, x_check, y_check)


def _hold_out(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(x), generator=generator)
    kept = min(MAX_VALIDATION, max(1, int(HELD_OUT * len(x))))
    return x[order[kept:]], x[order[:kept]]
