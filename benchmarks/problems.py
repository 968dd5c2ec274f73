"""Transport problems whose answer is known: a Gaussian mixture pushed by the gradient of a random convex function.

    phi(x) = scale ( <x, Q x> / 2 + strength * g(x) ),   target = grad phi # source,   optimal map = grad phi (Brenier)

Q is a random matrix with eigenvalues in [1/2, 3/2] and g a random convex function of one of seven families:

| family    | g                                                                                        |
|-----------|------------------------------------------------------------------------------------------|
| logsumexp | temperature * log sum_k exp((<w_k, x> + b_k) / temperature): a smoothed max of affine functions |
| icnn      | an input-convex network with two hidden layers and sharp softplus                        |
| ridge     | sum_k a_k s_k(<w_k, x> + b_k), s_k in turn softplus, log cosh and sqrt(1 + t^2), sharp     |
| maxquad   | a nearly kinked smoothed max of convex quadratics: a linear map of its own in each cell  |
| norms     | sum_k a_k softplus(|A_k x + b_k| - t_k), A_k of low rank: bent along spheres, not planes |
| spectral  | sum_k a_k softplus(largest eigenvalue of C_k + sum_i x_i S_ki - t_k): bent along cones    |
| topsum    | sum_k a_k softplus(the sum of the 3 largest of W_k x - t_k), sharp: many flat faces       |

``strength`` is found by bisection so that the closed-form linear (Gaussian) map leaves 45 % of the variance unexplained
(random functions that cannot are drawn again; the map is exact at any strength); ``scale`` makes the target's total
variance d. Settings may be tuned on TUNED_ON; only NEVER_TUNED_ON is quoted. That the pieces of a WidePotential have
quadratics at all was decided after a look at maxquad (none of their sizes was), that units of its first layer bend, and
by what rank, after a look at norms; that units bend by a pseudo-Huber and all of them, after a look at spectral; that
minibatches grow, on icnn and norms; that no network with neither comes to a trial, on icnn, after a trial on topsum had
shown that it may win one; that a trial counts steps and not seconds, on icnn, spectral and maxquad, after one on norms
had gone wrong on a busy machine; that a trial takes longer beyond 64 dimensions, on maxquad, icnn and logsumexp. ridge
decided nothing.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.transport.gaussian import gaussian_map_of_moments

TUNED_ON = ("logsumexp", "icnn")
NEVER_TUNED_ON = ("ridge", "maxquad", "norms", "spectral", "topsum")
FAMILIES = TUNED_ON + NEVER_TUNED_ON
AIM = 45.0  # L2-UVP of the linear map, in percent
MAX_RATIO = 40.0  # variance of the non-quadratic part over the quadratic part's: beyond it the target is nearly atoms
MAX_DRAWS = 200
CALIBRATION_POINTS = 20_000
CHUNK = 16_384

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Mixture:
    """A Gaussian mixture in R^d: weights (k,), means (k, d), factors (k, d, d) with covariance factor factor^T."""

    weights: Tensor
    means: Tensor
    factors: Tensor

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent points (n, d), float64."""
        which = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        x = torch.randn(n, self.means.shape[1], generator=generator, dtype=torch.float64)
        for k in range(len(self.weights)):
            here = which == k
            x[here] = self.means[k] + x[here] @ self.factors[k].T
        return x

    def normalised(self) -> Mixture:
        """The same mixture with mean zero and unit variance in every coordinate."""
        mean = self.weights @ self.means
        inner = self.factors.square().sum(2) + (self.means - mean).square()
        size = (self.weights @ inner).sqrt()
        return Mixture(self.weights, (self.means - mean) / size, self.factors / size[None, :, None])


@dataclass(frozen=True)
class Problem:
    """One known-answer problem. ``linear_uvp``: L2-UVP in percent of the closed-form Gaussian map on it."""

    family: str
    d: int
    seed: int
    mixture: Mixture
    quadratic: Tensor
    extra: Function
    strength: float
    scale: float
    linear_uvp: float

    def source(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent points of the source (n, d), float32."""
        return self.mixture.draw(n, generator).float()

    def target(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent points of the target (n, d), float32. Their sources are drawn for them and thrown away."""
        return self.map(self.mixture.draw(n, generator)).float()

    def potential(self, x: Tensor) -> Tensor:
        """phi(x) (n,) in float64."""
        x = x.double()
        return self.scale * ((x @ self.quadratic * x).sum(1) / 2 + self.strength * self.extra(x))

    def map(self, x: Tensor) -> Tensor:
        """grad phi(x) (n, d), computed in float64 and returned in x's precision."""
        wide = x.double()
        return (self.scale * (wide @ self.quadratic + self.strength * _gradient(self.extra, wide))).to(x)


def make_problem(family: str, d: int, seed: int) -> Problem:
    """The problem of a family (see the module) in R^d. Raises ValueError for an unknown family."""
    if family not in _EXTRAS:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {family!r}")
    g = torch.Generator().manual_seed(zlib.crc32(f"{family} {d} {seed}".encode()))
    for _ in range(MAX_DRAWS):
        mixture = _mixture(d, g)
        quadratic = _symmetric(d, 0.5, 1.5, g)
        x = mixture.draw(CALIBRATION_POINTS, g)
        extra = _EXTRAS[family](d, g, x)
        found = _calibrate(x, x @ quadratic, _gradient(extra, x))
        if found is not None:
            strength, uvp, variance = found
            return Problem(family, d, seed, mixture, quadratic, extra, strength, math.sqrt(d / variance), uvp)
    raise ValueError(f"no {family} problem in dimension {d} is as non-linear as {AIM} %")


# -- the parts ---------------------------------------------------------------------------------------------------------


def _mixture(d: int, g: torch.Generator, components: int = 4) -> Mixture:
    """Components that overlap in small d and stand apart in large d, each with a covariance of its own."""
    weights = 0.5 + torch.rand(components, generator=g, dtype=torch.float64)
    means = _normal(components, d, g=g) * 1.5 / d**0.25
    factors = torch.stack([_symmetric(d, 0.3, 1.0, g) for _ in range(components)])
    return Mixture(weights / weights.sum(), means, factors).normalised()


def _symmetric(d: int, low: float, high: float, g: torch.Generator) -> Tensor:
    """A random symmetric matrix (d, d) with eigenvalues uniform in [low, high]."""
    vectors = torch.linalg.qr(_normal(d, d, g=g))[0]
    values = low + (high - low) * torch.rand(d, generator=g, dtype=torch.float64)
    return (vectors * values) @ vectors.T


def _normal(*shape: int, g: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def _directions(k: int, d: int, g: torch.Generator) -> Tensor:
    """k random unit vectors (k, d)."""
    return nnf.normalize(_normal(k, d, g=g), dim=1)


def _softplus(t: Tensor, sharpness: float) -> Tensor:
    return nnf.softplus(sharpness * t) / sharpness


def _log_cosh(t: Tensor) -> Tensor:
    return t.abs() + nnf.softplus(-2 * t.abs()) - math.log(2)


def _logsumexp(d: int, g: torch.Generator, x: Tensor, temperature: float = 0.1) -> Function:
    k = 4 + d // 4
    w = _directions(k, d, g) * _sizes(k, g)[:, None]
    b = -_threshold(x @ w.T, g)
    w, b = torch.cat([w, w.new_zeros(1, d)]), torch.cat([b, b.new_zeros(1)])  # the last piece, 0, holds the middle
    return lambda p: temperature * torch.logsumexp((p @ w.T + b) / temperature, dim=1)


def _icnn(d: int, g: torch.Generator, x: Tensor, sharpness: float = 5.0) -> Function:
    width = 6 + d // 4
    first, second = _directions(width, d, g), _directions(width, d, g)
    b0 = -_threshold(x @ first.T, g)
    mixing = (1.5 * _normal(width, width, g=g)).exp()
    inner = _softplus(x @ first.T + b0, sharpness) @ mixing.T
    mixing = mixing / inner.std(0)[:, None]  # the first layer speaks as loudly in the second as x itself
    b1 = -_threshold(inner / inner.std(0) + x @ second.T, g)
    out = _sizes(width, g)

    def value(p: Tensor) -> Tensor:
        z = _softplus(p @ first.T + b0, sharpness)
        return _softplus(z @ mixing.T + p @ second.T + b1, sharpness) @ out

    return value


def _ridge(d: int, g: torch.Generator, x: Tensor, sharpness: float = 6.0) -> Function:
    k = 4 + d // 4
    w, a = _directions(k, d, g), _sizes(k, g)
    b = -_threshold(x @ w.T, g)

    def value(p: Tensor) -> Tensor:
        t = sharpness * (p @ w.T + b)
        parts = nnf.softplus(t[:, 0::3]), _log_cosh(t[:, 1::3]), (1 + t[:, 2::3].square()).sqrt()
        return sum((part @ a[i::3] for i, part in enumerate(parts)), start=p.new_zeros(())) / sharpness

    return value


def _maxquad(d: int, g: torch.Generator, x: Tensor, temperature: float = 0.03) -> Function:
    k, rank = 4 + d // 16, max(1, d // 4)
    w = _directions(k, d, g) * _sizes(k, g)[:, None]
    roots = _normal(k, rank, d, g=g) / math.sqrt(d * math.sqrt(rank))

    def quadratics(p: Tensor) -> Tensor:
        return torch.einsum("nd,krd->nkr", p, roots).square().sum(2) / 2 + p @ w.T

    b = -_threshold(quadratics(x), g)
    return lambda p: temperature * torch.logsumexp((quadratics(p) + b) / temperature, dim=1)


def _norms(d: int, g: torch.Generator, x: Tensor, sharpness: float = 6.0) -> Function:
    k, rank = 4 + d // 16, max(2, d // 8)
    roots = _normal(k, rank, d, g=g) / math.sqrt(rank)
    centres = _normal(k, rank, g=g)
    a = _sizes(k, g)

    def lengths(p: Tensor) -> Tensor:
        return (torch.einsum("nd,krd->nkr", p, roots) + centres).square().sum(2).add(1e-2).sqrt()

    t = _threshold(lengths(x), g)
    return lambda p: _softplus(lengths(p) - t, sharpness) @ a


def _spectral(d: int, g: torch.Generator, x: Tensor, sharpness: float = 6.0) -> Function:
    k, m = 4 + d // 16, 3 + d // 32
    slopes, offsets = _normal(k, d, m, m, g=g) / math.sqrt(m), _normal(k, m, m, g=g) / math.sqrt(m)
    slopes, offsets = slopes + slopes.mT, offsets + offsets.mT
    a = _sizes(k, g)

    def largest(p: Tensor) -> Tensor:
        return torch.linalg.eigvalsh(torch.einsum("nd,kdij->nkij", p, slopes) + offsets)[..., -1]

    t = _threshold(largest(x), g)
    return lambda p: _softplus(largest(p) - t, sharpness) @ a


def _topsum(d: int, g: torch.Generator, x: Tensor, m: int = 3, sharpness: float = 6.0) -> Function:
    k, width = 4 + d // 16, 6 + d // 8
    w = _directions(k * width, d, g)
    a = _sizes(k, g)

    def sums(p: Tensor) -> Tensor:
        return top_sum((p @ w.T).unflatten(1, (k, width)), m, sharpness)

    t = _threshold(sums(x), g)
    return lambda p: _softplus(sums(p) - t, sharpness) @ a


def top_sum(v: Tensor, m: int, sharpness: float) -> Tensor:
    """Smoothed sum of the m largest of v's last axis: the least over tau of m tau + sum softplus(v - tau) (Rockafellar
    and Uryasev 2000, for the superquantile). The first derivative is right; tau is found by bisection and held."""
    with torch.no_grad():
        reach = math.log(v.shape[-1]) / sharpness
        low, high = v.amin(-1) - reach, v.amax(-1) + reach
        for _ in range(40):
            tau = (low + high) / 2
            above = torch.sigmoid(sharpness * (v - tau[..., None])).sum(-1) > m
            low, high = torch.where(above, tau, low), torch.where(above, high, tau)
    return m * tau + _softplus(v - tau[..., None], sharpness).sum(-1)


def _sizes(k: int, g: torch.Generator) -> Tensor:
    """k random positive sizes (k,), log-normal."""
    return (0.5 * _normal(k, g=g)).exp()


def _threshold(values: Tensor, g: torch.Generator) -> Tensor:
    """For each column of values (n, k) a random quantile between 0.86 and 0.97: each unit is switched on by a small
    part of the mass, which is what no linear map can follow."""
    n, k = values.shape
    rank = (n * (0.86 + 0.11 * torch.rand(k, generator=g, dtype=torch.float64))).long()
    return values.sort(0).values.gather(0, rank[None])[0]


_EXTRAS: dict[str, Callable[[int, torch.Generator, Tensor], Function]] = {
    "logsumexp": _logsumexp,
    "icnn": _icnn,
    "ridge": _ridge,
    "maxquad": _maxquad,
    "norms": _norms,
    "spectral": _spectral,
    "topsum": _topsum,
}


def _gradient(function: Function, x: Tensor) -> Tensor:
    """Gradient (n, d) of a function of points, exact (reverse mode), in pieces."""
    parts = []
    for part in x.detach().split(CHUNK):
        point = part.clone().requires_grad_()
        with torch.enable_grad():
            parts.append(torch.autograd.grad(function(point).sum(), point)[0])
    return torch.cat(parts) if parts else x.clone()


# -- the scaling -------------------------------------------------------------------------------------------------------


def _calibrate(x: Tensor, base: Tensor, extra: Tensor) -> tuple[float, float, float] | None:
    """(strength t, L2-UVP of the Gaussian map, total variance) of base + t extra, with the L2-UVP at AIM; None where
    that would take more than MAX_RATIO times the quadratic part's variance.

    Everything is a function of first and second moments, taken once.
    """
    stack = torch.cat([x, base, extra], 1)
    mean = stack.mean(0)
    moments = (stack - mean).T @ (stack - mean) / len(x)
    d = x.shape[1]
    unit = math.sqrt(float(moments[d : 2 * d, d : 2 * d].trace() / moments[2 * d :, 2 * d :].trace()))
    low, high = 0.0, unit * math.sqrt(MAX_RATIO)
    if _linear_uvp(moments, mean, d, high)[0] < AIM:
        return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if _linear_uvp(moments, mean, d, middle)[0] < AIM else (low, middle)
    return (high, *_linear_uvp(moments, mean, d, high))


def _linear_uvp(moments: Tensor, mean: Tensor, d: int, t: float) -> tuple[float, float]:
    """L2-UVP in percent of the Gaussian map to base + t extra, and the total variance of that target."""
    rows = torch.cat([torch.eye(d, dtype=torch.float64), t * torch.eye(d, dtype=torch.float64)])
    target = rows.T @ moments[d:, d:] @ rows
    cross = moments[:d, d:] @ rows
    S, _ = gaussian_map_of_moments(mean[:d], moments[:d, :d], mean[d:] @ rows, target)
    missed = target - S @ cross - cross.T @ S + S @ moments[:d, :d] @ S
    return float(100 * missed.trace() / target.trace()), float(target.trace())
