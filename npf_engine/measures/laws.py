"""rho and F#rho of a model in the plane, as densities and as draws, for maps of what M and grad u do place by place.

Model positions throughout. The density of a cloud is that of its k nearest neighbours: with r the distance of the k-th
of n points, ln p = digamma(k) - ln n - ln(area of the disc of radius r), right on average where p is even across that
disc, with a standard deviation of sqrt(trigamma(k)) (Loftsgaarden and Quesenberry 1965; Kozachenko and Leonenko 1987).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import digamma, polygamma
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.fields.field import draw_rho
from npf_engine.measures.mesh import REACH, support
from npf_engine.networks.chunks import in_chunks
from npf_engine.polar import PolarFactorization

Array = NDArray[np.float64]
LogDensity = Callable[[Tensor], Tensor]  # places (n, 2) -> ln of the density there (n,)
DRAWN = ("box", "disc", "gaussian", "land")  # kinds of rho that are drawn from where F is known
FEWEST = 100  # samples of a cloud whose density is told
SHARE, FEWEST_NEAR = 0.4, 10  # neighbours of n: n^SHARE. On terrain 80 of 60,000 had the smallest floor


class CloudDensity:
    """The density of a cloud (n, 2), by its ``k`` = n^0.4 nearest neighbours in units of its own spread."""

    def __init__(self, cloud: Tensor) -> None:
        """Raises InputError for a cloud that is too small, or that lies in a line."""
        points = cloud.double().cpu().numpy()
        if len(points) < FEWEST:
            raise InputError(f"a density needs {FEWEST} samples at least, and there are {len(points)}")
        self.k = max(FEWEST_NEAR, round(len(points) ** SHARE))
        self.mean = points.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((points - self.mean).T))
        if not values[0] > 1e-12 * values[-1]:
            raise InputError("the values lie in a line or in one point, so that their law has no density")
        self.turn = vectors / np.sqrt(values)
        self.unit = -0.5 * float(np.log(values).sum())
        self.tree = cKDTree((points - self.mean) @ self.turn)

    @property
    def chance(self) -> float:
        """Standard deviation of ``log`` for the number of neighbours alone."""
        return math.sqrt(float(polygamma(1, self.k)))

    def log(self, y: Tensor) -> Tensor:
        """ln of the density at y (n, 2), (n,)."""
        at = (y.double().cpu().numpy() - self.mean) @ self.turn
        radius = np.maximum(self.tree.query(at, k=[self.k])[0][:, 0], 1e-300)
        found = float(digamma(self.k)) - math.log(self.tree.n) - math.log(math.pi) - 2 * np.log(radius) + self.unit
        return torch.from_numpy(found)


def grid(model: PolarFactorization, side: int) -> tuple[Tensor, Tensor]:
    """Middles of side x side squares of Omega's box (side * side, 2), rows along x2; and which lie in rho's support."""
    half = REACH if model.rho == "gaussian" else 1.0
    line = (torch.arange(side, dtype=torch.float64) + 0.5) * (2 * half / side) - half
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    x = torch.stack([columns.reshape(-1), rows.reshape(-1)], dim=1)
    within = support(model)
    return x, torch.ones(len(x), dtype=torch.bool) if within is None else within(x)


def lines(model: PolarFactorization, side: int) -> Array:
    """The places along both axes (2, side) of ``grid``, in the user's units."""
    x = grid(model, side)[0].reshape(side, side, 2)
    diagonal = x[torch.arange(side), torch.arange(side)]
    return np.ascontiguousarray(model.scaling.to_user(diagonal).numpy().T)


def log_rho(model: PolarFactorization) -> LogDensity:
    """ln of rho's density inside its support: in closed form, or of the samples by which alone it is known."""
    if model.rho == "gaussian":
        return lambda x: -x.double().square().sum(dim=1) / 2 - math.log(2 * math.pi)
    area = {"box": 4.0, "disc": math.pi}.get(model.rho)
    if area is None and model.rho == "land" and model.lattice is not None:
        area = 4.0 * float(model.lattice.mask.double().mean())
    if area is None:
        return CloudDensity(_samples(model)[0]).log
    level = -math.log(area)
    return lambda x: torch.full((len(x),), level, dtype=torch.float64)


def pairs(model: PolarFactorization, n: int, seed: int = 0, name: str = "laws.rho") -> tuple[Tensor, Tensor]:
    """x (m, 2) of rho and F(x) (m, 2), float64: n draws, a stream for each ``name``, where rho can be drawn from and F
    is known there, else the samples that the model keeps."""
    value = model.function or (model.lattice.value if model.lattice is not None else None)
    if value is None or model.rho not in DRAWN or (model.rho == "land" and model.lattice is None):
        return _samples(model)
    x = draw_rho("box" if model.rho == "land" else model.rho, n, 2, seeds.generator(seed, name)).double()
    within = support(model)
    if within is not None:
        x = x[within(x)]
    return x, in_chunks(value, x).double()


def _samples(model: PolarFactorization) -> tuple[Tensor, Tensor]:
    x, y = (torch.cat([model.samples[f"{name}_train"], model.samples[f"{name}_test"]]).double() for name in "xy")
    return x, y


def factor_of(arrives: Array) -> Array:
    """The logarithm r of what grad u brings to its value over what F has there, of the mass that M brings to each place
    over what was there: the one is 1 / the other. inf where nothing arrives."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(arrives))
