"""A certificate of u place by place: what is left of the Monge-Ampere equation.

Where grad u takes rho to F#rho, with the density nu, rho(x) = det D2u(x) nu(grad u(x)) (Brenier 1991; McCann 1997). So

    r(x) = ln rho(x) - ln det D2u(x) - ln nu(grad u(x))

is the logarithm of the mass that grad u brings to the value grad u(x) over what F has there: 0 where u is right, above
0 where it crowds values, below 0 where it leaves too few. nu is estimated by neighbours (measures/laws.py), so r is off
for that alone. ``floor`` is the same with the cloud grad u#rho in the place of F's, of as many draws: there the answer
is 0 whatever u is, and what is seen is the estimate's own error, of chance and of a density that bends. ``trivial`` is
the Gaussian map's. Where F is known beyond its samples nu is also known exactly: see measures/multiplicity.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.measures import laws
from npf_engine.measures.laws import CloudDensity
from npf_engine.measures.measured import Measured
from npf_engine.networks.chunks import in_chunks
from npf_engine.polar import PolarFactorization
from npf_engine.transport.gaussian import gaussian_map

Array = NDArray[np.float64]
D = 2  # dimensions in which it is shown
SIDE = 64  # places along each axis
DRAWS = 60_000  # of rho, where F is known beyond its samples
SURE = 3.0  # standard deviations of two estimates from which u is called wrong at a place
Slopes = Callable[[Tensor], tuple[Tensor, Tensor]]  # places (n, 2) -> grad u (n, 2), ln det D2u (n,)


@dataclass(frozen=True)
class Residuals:
    """r at places (n,), the floor and the trivial answer there, and the standard deviation ``chance`` of each, by its
    ``k`` neighbours alone."""

    value: Tensor
    floor: Tensor
    trivial: Tensor
    chance: float
    k: int

    @property
    def wrong(self) -> Tensor:
        """(n,) bool: where r is further from its floor than the chance of both estimates explains."""
        return (self.value - self.floor).abs() > SURE * math.sqrt(2) * self.chance


@dataclass(frozen=True)
class MongeAmpereView:
    """line (2, SIDE): places along both axes, in the user's units; residual, floor, trivial (SIDE, SIDE): r there, rows
    along x2, NaN outside of rho's support; wrong (SIDE, SIDE): where u is wrong beyond the estimate's error. row: mean
    |r| over rho; share: of rho's mass that is wrong; chance: standard deviation of an estimate by its ``k`` neighbours
    alone."""

    line: Array
    residual: Array
    floor: Array
    trivial: Array
    wrong: NDArray[np.bool_]
    row: Measured
    share: float
    chance: float
    k: int

    def numbers(self) -> dict[str, object]:
        """As JSON: the measured |r| as the contract has it, and the share of rho at which u is wrong."""
        return {"residual": self.row.to_json(), "wrong_share": self.share, "chance": self.chance, "neighbours": self.k}


def residuals(slopes: Slopes, x: Tensor, log_rho: Tensor, of_rho: Tensor, of_field: Tensor) -> Residuals:
    """r of a potential at places x (n, 2), where ln rho is ``log_rho`` (n,). of_rho (m, 2), of_field (m, 2): draws of
    rho and of F#rho. Raises InputError where F's values have no density."""
    nu = CloudDensity(of_field)
    grad_u, bend = slopes(x)
    own = CloudDensity(slopes(of_rho)[0])
    S, mean = gaussian_map(of_rho, of_field)
    plain = float(torch.linalg.slogdet(S.double())[1])
    at = x.double() @ S.double().T + mean.double()
    value, floor = (log_rho - bend - density.log(grad_u) for density in (nu, own))
    return Residuals(value, floor, log_rho - plain - nu.log(at), nu.chance, nu.k)


def slopes_of(model: PolarFactorization) -> Slopes:
    """grad u and ln det D2u of a model."""

    def slopes(x: Tensor) -> tuple[Tensor, Tensor]:
        at = x.to(model.u.like)
        grad_u = in_chunks(model.u.gradient, at).double().cpu()
        bend = in_chunks(lambda part: torch.linalg.slogdet(model.u.hessian(part).double())[1], at).cpu()
        return grad_u, bend

    return slopes


def check(model: PolarFactorization) -> None:
    """Raises InputError where there is no such map."""
    if model.d != D:
        raise InputError(f"the Monge–Ampère equation is shown in two dimensions, and this field has {model.d}")


def monge_ampere_view(model: PolarFactorization, side: int = SIDE, n: int = DRAWS, seed: int = 0) -> MongeAmpereView:
    """r on a grid of Omega. Raises InputError as ``check`` and ``residuals`` do."""
    check(model)
    x, within = laws.grid(model, side)
    log_rho = laws.log_rho(model)(x[within])
    of_rho, _ = laws.pairs(model, n, seed)
    # other draws of rho than those whose grad u is the floor: two clouds of one chance
    _, of_field = laws.pairs(model, n, seed, "laws.field")
    found = residuals(slopes_of(model), x[within], log_rho, of_rho, of_field)
    mass = log_rho.exp() / log_rho.exp().sum()

    def mean(values: Tensor) -> float:
        return float((values.abs() * mass).sum())

    def spread(values: Tensor) -> Array:
        out = torch.full((side * side,), torch.nan, dtype=torch.float64)
        out[within] = values.double()
        return out.reshape(side, side).numpy()

    row = Measured(mean(found.value), mean(found.floor), mean(found.trivial), None, len(of_field), None, None)
    return MongeAmpereView(
        line=laws.lines(model, side),
        residual=spread(found.value),
        floor=spread(found.floor),
        trivial=spread(found.trivial),
        wrong=spread(found.wrong) == 1.0,
        row=row,
        share=mean(found.wrong.double()),
        chance=found.chance,
        k=found.k,
    )
