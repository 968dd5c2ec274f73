"""The answer of fit_brenier_map, and both clouds it is found from: coordinates, held-out samples, the Gaussian map."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from npf_engine.networks.icnn import ConvexPotential
from npf_engine.networks.wide import WidePotential
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.dual import held_out_dual, in_chunks
from npf_engine.transport.frames import graded_frame
from npf_engine.transport.gaussian import gaussian_factor, spread_of, square_of

HELD_OUT = 0.1
MAX_VALIDATION = 4096
INVERSE_TOLERANCE, DUAL_TOLERANCE = 1e-5, 1e-4  # residuals of conjugates, of the target's spread
UNEVEN = 1e-3  # of the target's spread: an axis with less counts by itself
BLUR = 1e-2  # of the target's spread on an axis: beyond it single precision is too coarse
INEXACT = 1e-3  # residual of an inverse that is worth a warning; float32 alone leaves some 1e-5


@dataclass(frozen=True)
class Coordinates:
    """x' = (x - centre) P, and u(x) = factor u'(x') + <mean, x>: grad u(x) = factor grad u'(x') P^T + mean.

    <x, y> is kept, so that u is optimal exactly if u' is. spread: of y', a coordinate, the unit of residuals; centre
    and mean are in double precision where the clouds were.
    """

    centre: Tensor
    P: Tensor
    factor: float
    mean: Tensor
    spread: float = 1.0

    def source(self, x: Tensor) -> Tensor:
        """The network's x' of x (n, d)."""
        return (x.to(self.centre) - self.centre).to(self.P) @ self.P

    def target(self, y: Tensor) -> Tensor:
        """The network's y' of y (n, d)."""
        P, size = self.columns()
        return (torch.linalg.solve(P, (y.double() - self.mean).T).T / size).to(self.P) / self.factor

    def columns(self) -> tuple[Tensor, Tensor]:
        """P with columns of length 1, and their lengths (d,), in double precision: an equation with P in it loses
        nothing to axes of unlike slopes."""
        P = self.P.double()
        size = P.norm(dim=0)
        return P / size, size


@dataclass
class BrenierMap:
    """grad u from source to target, and back. ``info`` tells how it was found: method, seconds, duals, and a
    sentence. ``trained``: the network's map, where the closed-form Gaussian map was returned in its place."""

    u: ConvexPotential | WidePotential
    at: Coordinates
    info: dict[str, Any] = field(default_factory=dict)
    trained: BrenierMap | None = None

    def potential(self, x: Tensor) -> Tensor:
        """u(x) (n,) with grad u = forward; x (n, d) in the source's units."""
        return self.at.factor * in_chunks(self.u, self.at.source(x)) + x.to(self.at.mean) @ self.at.mean

    def forward(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        return self.at.factor * in_chunks(self.u.gradient, self.at.source(x)) @ self.at.P.T + self.at.mean

    def hessian(self, x: Tensor) -> Tensor:
        """Hessian of u, the Jacobian of ``forward`` (n, d, d); symmetric, positive definite."""
        return self.at.factor * self.at.P @ in_chunks(self.u.hessian, self.at.source(x)) @ self.at.P.T

    def inverse(self, y: Tensor) -> Tensor:
        """grad u*(y) (n, d): where forward sends to y. Warns where it is off by INEXACT of the target's spread."""
        spread = self.at.spread
        solved = conjugate(self.u, self.at.target(y), tolerance=INVERSE_TOLERANCE * spread / float(self.u.scale))
        missed = int((~(solved.residual <= INEXACT * spread)).sum())
        if missed:
            warnings.warn(
                f"{missed} of {len(y)} inverses were not found: forward misses y there by more than {INEXACT:g} of the "
                "target's spread",
                stacklevel=2,
            )
        P, size = self.at.columns()
        return torch.linalg.solve(P.T, (solved.x.double() / size).T).T.to(self.at.P) + self.at.centre


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
        (x, x_check), (y, y_check) = _hold_out(x, seed), _hold_out(y, seed + 1)
        self.G = gaussian_factor(x, y)
        self.S = square_of(self.G)
        self.exact = _Exact(x.mean(0), y.mean(0), x_check, y_check)
        self.x, self.x_check, self.y, self.y_check = x.float(), x_check.float(), y.float(), y_check.float()
        self.d = x.shape[1]
        self.x_mean, self.y_mean = self.x.mean(0), self.y.mean(0)
        self.size = spread_of(self.x)

    def at_home(self, fitted: BrenierMap) -> BrenierMap:
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

    def dual(self, fitted: BrenierMap) -> float:
        """The dual objective on the held-out samples, in the units of <x, y>."""
        at = fitted.at
        x, y = at.source(self.x_check), at.target(self.y_check)
        inner = held_out_dual(fitted.u, x, y, tolerance=DUAL_TOLERANCE * at.spread).value
        # u(x) + u*(y) = factor (u' + u'*) + <mean, x> + <centre, y - mean>
        ends = (self.x_check.to(at.mean) @ at.mean).mean() + ((self.y_check - at.mean).to(at.centre) @ at.centre).mean()
        return at.factor * inner + float(ends)


def gaussian_fallback(clouds: Clouds) -> tuple[BrenierMap, float]:
    """The closed-form Gaussian map, and its held-out dual."""
    at, x_check, y_check = clouds.exactly_balanced(), clouds.exact.x_check, clouds.exact.y_check
    linear = BrenierMap(_Quadratic(clouds.d).to(at.P), at, {"method": "gaussian"})
    x, y = at.source(x_check).double(), at.target(y_check).double()
    inner = float(x.square().sum(1).mean() + y.square().sum(1).mean()) / 2
    ends = (x_check.to(at.mean) @ at.mean).mean() + ((y_check - at.mean).to(at.centre) @ at.centre).mean()
    return linear, at.factor * inner + float(ends)


class _Quadratic(WidePotential):
    """|x|^2 / 2, exactly: the Gaussian map in balanced coordinates."""

    def __init__(self, d: int) -> None:
        super().__init__(d, (), pieces=0, share=0.0, strong_convexity=0.0)


def _hold_out(x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    kept = min(MAX_VALIDATION, max(1, int(HELD_OUT * len(x))))
    return x[order[kept:]], x[order[:kept]]
