"""The polar factorization of a map of the flat torus to itself, for all its points:

    F = exp(grad phi) o M:    F(x) = M(x) + grad phi(M(x)) by the period,    |x|^2/2 + phi convex,    M keeps the area.

phi is a trigonometric polynomial whose dual is solved to rounding (manifolds/dual.py), M(x) = grad U*(F(x)) is its
conjugate, solved for each point. How many waves there are is chosen by the dual on values that were kept apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.manifolds.dual import STRENGTH, minimise
from npf_engine.manifolds.network import PeriodicMap, learn_map
from npf_engine.manifolds.spaces import Torus, as_tensor
from npf_engine.manifolds.trigonometric import Conjugates, TrigonometricPotential, check_width, frequencies

Function = Callable[[Tensor], Tensor]
SAMPLES = 16_384  # places at which a function is asked: the dual takes a second in the plane
FEWEST = 64
MOST_WAVES = 150  # the dual's curvature has four times their square
MOST_DEGREE = 24
APART = 0.2  # share of the values by which the degree is chosen
WAIT = 2  # degrees that may be worse than the best before the search ends
LOOKED = 4_096  # places at which the curvature of U is looked at
CONVEX = 1e-3  # the least curvature of U that is left
UNEVEN = 6.0  # standard errors: x is told to be uneven beyond
ROUGH = (
    "the law of F has holes or lies close together, where grad u would jump; it is a smooth map near it, and where it "
    "should jump M is not to be trusted: compare with the exact factorization of some samples"
)


@dataclass(frozen=True)
class TorusReport:
    """n: values of F; degree: the highest |k|; waves: how many w_k; duals: degree -> the dual on values kept apart;
    strength: of what keeps U convex; promise: by how much one more step would lower the dual, in the mean squared
    period; curvature: the least of U that was met; residual: the largest of |grad U(x) - F(x)|; notes: sentences on
    what to know."""

    n: int
    degree: int
    waves: int
    duals: dict[int, float]
    strength: float
    promise: float
    curvature: float
    residual: float
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TorusFactorization:
    """F = exp(grad phi) o M. Positions are (n, d) in double precision, answered with 0 <= x_a < period_a."""

    torus: Torus
    phi: TrigonometricPotential
    function: Function | None
    report: TorusReport

    def potential(self, x: Tensor) -> Tensor:
        """phi(x), (n,), of mean 0 over the torus."""
        return self.phi.values(self.torus.points("x", x))

    def gradient(self, x: Tensor) -> Tensor:
        """grad phi(x), the tangents (n, d)."""
        return self.phi.gradient(self.torus.points("x", x))

    def grad_u(self, x: Tensor) -> Tensor:
        """exp(grad phi(x)) = x + grad phi(x) by the period, (n, d): the optimal map of the uniform law to F's."""
        x = self.torus.points("x", x)
        return self.torus.exp(x, self.phi.gradient(x))

    def conjugate(self, y: Tensor) -> Conjugates:
        """The inverse of ``grad_u`` at y (n, d), not taken by the period, with phi^c and residuals."""
        return self.phi.conjugate(self.torus.points("y", y).detach())

    def grad_u_conjugate(self, y: Tensor) -> Tensor:
        """The inverse of ``grad_u``, (n, d)."""
        return self.torus.wrap(self.conjugate(y).x)

    def M(self, x: Tensor, field_values: Tensor | None = None) -> Tensor:
        """M(x) = grad U*(F(x)), (n, d). field_values: F(x) (n, d), needed where F is known on samples only."""
        if field_values is None:
            if self.function is None:
                raise InputError("F is known on samples only; pass field_values, F at each x")
            field_values = _values(self.function, self.torus, self.torus.points("x", x))
        return self.grad_u_conjugate(field_values)

    def learn_M(self, x: Tensor, field_values: Tensor | None = None, *, seed: int = 0) -> PeriodicMap:
        """M_xi, a network that needs no F: learned from M at x (n, d), where ``field_values`` is F."""
        places = self.torus.points("x", x)
        return learn_map(self.torus, places, self.M(places, field_values), seed=seed)


def factorize_torus(
    x: Tensor | np.ndarray | Function,
    y: Tensor | np.ndarray | None = None,
    *,
    periods: Sequence[float] | None = None,
    n: int = SAMPLES,
    degree: int | None = None,
    seed: int = 0,
) -> TorusFactorization:
    """The polar factorization on the flat torus of samples x, y = F(x), (n, d) each, or of a function of tensors (n, d)
    that acts on each row by itself, which is asked at ``n`` evenly spread places.

    periods: of each axis, in the unit of x; needed for a function, 1 each for samples. degree: of the trigonometric
    polynomial; else the one with the least dual on a fifth of the values, drawn by ``seed``. The reference law is the
    uniform one. Raises InputError for what is no such pair, for fewer than 64 samples, for too high a
    degree, and for more than 6 dimensions.
    """
    if callable(x):
        if y is not None or periods is None:
            raise InputError("a function is factorized by periods=[...], one for each axis, and without y")
        torus, function = _torus(periods), x
        if isinstance(n, bool) or not isinstance(n, int) or n < FEWEST:
            raise InputError(f"n is {n}; pass a whole number of places, {FEWEST} or more")
        places = torus.spread_evenly(n)
        values = _values(function, torus, places)
        notes = []
    else:
        places, given = _tensor("x", x), _tensor("y", y)
        torus, function = _torus(periods if periods is not None else [1.0] * places.shape[-1]), None
        places, values = torus.points("x", places), torus.points("y", given)
        if len(places) != len(values):
            raise InputError(f"x has {len(places):,} rows and y {len(values):,}; pass y = F(x), row by row")
        notes = _uneven(torus, places)
        # rows may come in an order; places of a function do, and each stretch of them is as even as the whole
        values = values[torch.randperm(len(values), generator=seeds.generator(seed, "torus.degree"))]
    if len(values) < FEWEST:
        raise InputError(f"there are {len(values):,} samples; {FEWEST} or more are needed")
    return _factorize(torus, values, function, degree, notes)


def _factorize(
    torus: Torus, y: Tensor, function: Function | None, degree: int | None, notes: list[str]
) -> TorusFactorization:
    """phi of the values y; the first four fifths of them must follow the law that the last fifth does."""
    duals: dict[int, float] = {}
    if degree is None:
        degree, duals = _best_degree(torus, y)
    elif not isinstance(degree, int) or not 1 <= degree <= _most_degree(torus):
        raise InputError(f"degree is {degree}; on a torus of {torus.width} dimensions it is 1 to {_most_degree(torus)}")
    solved = minimise(TrigonometricPotential.flat(torus, degree), y)
    phi = _convex(solved.phi)
    if solved.strength > STRENGTH or not solved.done:
        notes = [*notes, ROUGH]
    residual = float(phi.conjugate(y, solved.x).residual.max())
    curvature = phi.least_curvature(LOOKED)
    waves = len(phi.waves)
    report = TorusReport(len(y), degree, waves, duals, solved.strength, solved.promise, curvature, residual, notes)
    return TorusFactorization(torus, phi, function, report)


def _convex(phi: TrigonometricPotential) -> TrigonometricPotential:
    """phi, or the largest part of it whose U is convex at all places that are looked at, not only at the dual's."""
    least = phi.least_curvature(LOOKED)
    return phi if least >= CONVEX else phi.with_weights(phi.weights * (1 - CONVEX) / (1 - least))


def _best_degree(torus: Torus, y: Tensor) -> tuple[int, dict[int, float]]:
    """The degree with the least dual on the last of the values, kept apart, and the dual of each that was tried."""
    apart, kept = y[-round(APART * len(y)) :], y[: -round(APART * len(y))]
    duals: dict[int, float] = {}
    best = 1
    phi, start = TrigonometricPotential.flat(torus, 1), None
    for degree in range(1, _most_degree(torus) + 1):
        solved = minimise(phi.at_degree(degree), kept, start)
        phi, start = solved.phi, solved.x
        duals[degree] = float(phi.conjugate(apart).value.mean())
        best = min(duals, key=lambda tried: duals[tried])
        if degree - best >= WAIT:
            break
    return best, duals


def _most_degree(torus: Torus) -> int:
    """The highest degree with at most MOST_WAVES waves, and at least 1."""
    degree = 1
    while degree < MOST_DEGREE and len(frequencies(torus, degree + 1)) <= MOST_WAVES:
        degree += 1
    return degree


def _uneven(torus: Torus, x: Tensor) -> list[str]:
    """A note where samples of the uniform law would hardly lie as x does."""
    found = TrigonometricPotential.flat(torus, min(2, _most_degree(torus))).features(x).mean(0).abs()
    if float(found.max()) <= UNEVEN * (0.5 / len(x)) ** 0.5:
        return []
    return ["x is not uniform on the torus: u is taken from the uniform law all the same, and M cannot keep that of x"]


def _torus(periods: Sequence[float]) -> Torus:
    try:
        torus = Torus(tuple(float(side) for side in periods))
    except (TypeError, ValueError):
        raise InputError(f"periods are {periods!r}; pass a positive number for each axis") from None
    check_width(torus)
    return torus


def _tensor(name: str, given: object) -> Tensor:
    x = as_tensor(name, given).detach()
    if x.ndim != 2 or not x.shape[1]:
        raise InputError(f"{name} has shape {tuple(x.shape)}; pass an array (n, d), one row a sample")
    return x


def _values(function: Function, torus: Torus, x: Tensor) -> Tensor:
    """F(x) (n, d), checked."""
    with torch.enable_grad():  # it may differentiate inside
        out = function(x)
    if not isinstance(out, Tensor) or out.shape != x.shape:
        shape = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise InputError(f"F answers with {shape} for points of shape {tuple(x.shape)}; let it return a tensor of that")
    return torus.points("F(x)", out.detach())
