"""Where places lie: a flat torus, or the unit sphere. Each knows its distances, its exponential map and its inverse."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from npf_engine.errors import InputError

UNIT = 1e-6  # how far from 1 the length of a point of the sphere may be


class Space(ABC):
    """A Riemannian manifold with its uniform measure; points are (n, k) in double precision."""

    @property
    @abstractmethod
    def width(self) -> int:
        """k, the numbers by which a point is given."""

    @abstractmethod
    def points(self, name: str, x: object) -> Tensor:
        """The points x (n, k), a tensor or an array, as this space writes them. Raises InputError, which begins with
        ``name``."""

    @abstractmethod
    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        """Where one comes from x (n, k) straight on along the tangents v (n, k)."""

    @abstractmethod
    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """The shortest tangent v (n, k) at x with exp(x, v) = y, row by row."""

    @abstractmethod
    def cost(self, x: Tensor, y: Tensor) -> Tensor:
        """d(x_i, y_j)^2 / 2, (n, m)."""

    @property
    @abstractmethod
    def variance(self) -> float:
        """E d(x, X)^2 of a uniform X, from any x: what a map that knows nothing is off."""

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent uniform points."""

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """d(x_i, y_i), (n,)."""
        return self.log(x, y).norm(dim=1)


@dataclass(frozen=True)
class Torus(Space):
    """R^d where x and x + periods are one point; a point is written with 0 <= x_a < period_a. Raises InputError for
    periods that are not positive and finite."""

    periods: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.periods or not all(0 < side < math.inf for side in self.periods):
            raise InputError(f"periods are {list(self.periods)}; pass a positive number for each axis")

    @staticmethod
    def unit(d: int) -> Torus:
        """All periods 1."""
        return Torus((1.0,) * d)

    @property
    def width(self) -> int:
        """d."""
        return len(self.periods)

    @property
    def sides(self) -> Tensor:
        """The periods (d,)."""
        return torch.tensor(self.periods, dtype=torch.float64)

    def points(self, name: str, x: object) -> Tensor:
        """Any real numbers, taken by the period."""
        return self.wrap(_checked(name, x, self.width))

    def wrap(self, x: Tensor) -> Tensor:
        """x (n, d) by the period, each number at least 0 and under it."""
        inside = torch.remainder(x, self.sides)
        return torch.where(inside >= self.sides, torch.zeros_like(inside), inside)  # -1e-20 is rounded up to the period

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        """x + v by the period."""
        return self.wrap(x + v)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """The shortest of the vectors y - x + k periods, k whole."""
        way = y - x
        return way - self.sides * torch.round(way / self.sides)

    def cost(self, x: Tensor, y: Tensor) -> Tensor:
        """Half the squared length of the shortest way, (n, m); an axis at a time, as (n, m, d) would be large."""
        total = torch.zeros(len(x), len(y), dtype=torch.float64)
        for a, side in enumerate(self.periods):
            way = y[None, :, a] - x[:, None, a]
            total += 0.5 * (way - side * torch.round(way / side)).square()
        return total

    @property
    def variance(self) -> float:
        """A twelfth of each squared period."""
        return sum(side**2 for side in self.periods) / 12

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent uniform points (n, d)."""
        return torch.rand(n, self.width, generator=generator, dtype=torch.float64) * self.sides

    def spread_evenly(self, n: int) -> Tensor:
        """n points (n, d) that fill the torus evenly: multiples of the powers of the plastic number's kin (Roberts
        2018), a sequence of low discrepancy whose sums over smooth functions err by about 1 / n."""
        d = self.width
        ratio = 2.0
        for _ in range(64):  # the root of g^(d+1) = g + 1
            ratio = (1 + ratio) ** (1 / (d + 1))
        steps = torch.tensor([ratio ** -(a + 1) for a in range(d)], dtype=torch.float64)
        return torch.remainder(0.5 + torch.arange(n, dtype=torch.float64)[:, None] * steps, 1.0) * self.sides


@dataclass(frozen=True)
class Sphere(Space):
    """The unit sphere in R^3; a point is written as a unit vector, a tangent as a vector at a right angle to it."""

    @property
    def width(self) -> int:
        """3."""
        return 3

    def points(self, name: str, x: object) -> Tensor:
        """Unit vectors."""
        own = _checked(name, x, self.width)
        length = own.norm(dim=1)
        worst = int((length - 1).abs().argmax())
        if abs(float(length[worst]) - 1) > UNIT:
            raise InputError(
                f"{name}[{worst}] has length {float(length[worst]):.6g}; pass unit vectors, for example of longitude "
                "and latitude by manifolds.spaces.on_sphere"
            )
        return own / length[:, None]

    def exp(self, x: Tensor, v: Tensor) -> Tensor:
        """Along the great circle."""
        angle = v.norm(dim=1, keepdim=True)
        there = torch.cos(angle) * x + torch.sinc(angle / math.pi) * v
        return there / there.norm(dim=1, keepdim=True)

    def log(self, x: Tensor, y: Tensor) -> Tensor:
        """Along the great circle; for opposite points one of the many."""
        along = (x * y).sum(1, keepdim=True)
        across = y - along * x
        sine = across.norm(dim=1, keepdim=True)
        side = torch.where(sine > 1e-15, across, _some_tangent(x))
        return torch.atan2(sine, along) * side / side.norm(dim=1, keepdim=True)

    def cost(self, x: Tensor, y: Tensor) -> Tensor:
        """Half the squared angle, (n, m), by the chord: the arc cosine loses what is near."""
        chord = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
        return 0.5 * (2 * torch.asin((chord / 2).clamp(max=1.0))).square()

    @property
    def variance(self) -> float:
        """E angle^2 = (pi^2 - 4) / 2."""
        return (math.pi**2 - 4) / 2

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent uniform points (n, 3)."""
        x = torch.randn(n, 3, generator=generator, dtype=torch.float64)
        return x / x.norm(dim=1, keepdim=True)

    def spread_evenly(self, n: int) -> Tensor:
        """n points (n, 3) that fill the sphere evenly: a sunflower's."""
        k = torch.arange(n, dtype=torch.float64) + 0.5
        z, angle = 1 - 2 * k / n, k * math.pi * (3 - math.sqrt(5))
        radius = (1 - z * z).sqrt()
        return torch.stack([radius * torch.cos(angle), radius * torch.sin(angle), z], dim=1)


def on_sphere(longitude: Tensor, latitude: Tensor) -> Tensor:
    """Unit vectors (n, 3) of longitudes and latitudes (n,) in degrees."""
    a, b = torch.deg2rad(longitude.double()), torch.deg2rad(latitude.double())
    return torch.stack([torch.cos(b) * torch.cos(a), torch.cos(b) * torch.sin(a), torch.sin(b)], dim=1)


def carried(x: Tensor, east: Tensor, north: Tensor) -> Tensor:
    """Where points x (n, 3) of the sphere come by going straight on for (n,) radians eastward and northward."""
    pole = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    eastward = torch.linalg.cross(pole.expand_as(x), x)
    length = eastward.norm(dim=1, keepdim=True)
    if bool((length < 1e-12).any()):
        raise InputError("a pole is among the places, where no way is eastward; leave it out")
    eastward = eastward / length
    return Sphere().exp(x, east[:, None] * eastward + north[:, None] * torch.linalg.cross(x, eastward))


def _some_tangent(x: Tensor) -> Tensor:
    """A vector (n, 3) at a right angle to each x."""
    axis = torch.zeros_like(x)
    axis[torch.arange(len(x)), x.abs().argmin(1)] = 1
    return torch.linalg.cross(x, axis)


def as_tensor(name: str, given: object) -> Tensor:
    """A tensor or an array of real numbers in double precision, on the CPU; a tensor keeps its graph. Raises InputError
    for what is none."""
    if given is None:
        raise InputError(f"{name} is missing; pass F at each x")
    if isinstance(given, Tensor) and not given.is_complex():
        return given.to("cpu", torch.float64)
    try:
        array = np.asarray(given)
        if array.dtype.kind == "c":
            raise TypeError
        return torch.from_numpy(np.array(array, dtype=np.float64))  # a copy: strides may be negative
    except (TypeError, ValueError):
        raise InputError(f"{name} is no array of real numbers; pass an array (n, d)") from None


def _checked(name: str, given: object, width: int) -> Tensor:
    """(n, width) in double precision. InputError for what is no (n, width) of finite numbers."""
    x = as_tensor(name, given)
    if x.ndim != 2 or x.shape[1] != width or not len(x):
        raise InputError(f"{name} has shape {tuple(x.shape)}; pass points (n, {width}), one row a point")
    if not bool(torch.isfinite(x).all()):
        row = int((~torch.isfinite(x).all(dim=1)).nonzero()[0])
        raise InputError(f"{name}[{row}] is not finite; pass finite numbers")
    return x
