"""The Sinkhorn divergence of two point clouds, in the papers' convention (NPF 5.1; Genevay et al. 2018, Feydy et
al. 2019).

    OT_eps(a, b) = min_P <P, C> + eps KL(P | a x b),   C_ij = |x_i - y_j|^2,
    S_eps(a, b) = OT_eps(a, b) - OT_eps(a, a) / 2 - OT_eps(b, b) / 2  >= 0,    eps = 0.05 E|X - X'|^2 of the
    reference cloud,

one eps for the three terms. (geomloss' p = 2 has cost |x - y|^2 / 2 and eps = blur^2: S_eps = 2 SamplesLoss(blur =
sqrt(eps / 2)).)

The potentials are found in float32: annealed log-domain updates, then matrix scaling on the absorbed kernel, until the
marginal error is below a tolerance. Two exact float64 updates close: the dual's error is quadratic in the
potentials', so that
the value is that of the double-precision optimum to about 1e-5 relative.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

EPS_SHARE = 0.05
MARGINAL_TOLERANCE = 1e-5
MAX_SCALINGS = 2000


def default_eps(reference: Tensor) -> float:
    """0.05 * E|X - X'|^2 = 0.1 * total variance of the reference cloud (n, d). Raises ValueError for a single point."""
    x = reference.double()
    if x.shape[0] < 2:
        raise ValueError("eps needs at least two points in the reference cloud")
    # Over all n^2 pairs, as in the released code: twice the (biased) total variance.
    return float(EPS_SHARE * 2 * (x - x.mean(dim=0)).square().sum(dim=1).mean())


def sinkhorn_divergence(x: Tensor, y: Tensor, eps: float | None = None) -> float:
    """S_eps between clouds x (n, d) and y (m, d); eps defaults to default_eps(y), y being the reference.

    Never negative (rounding below zero is cut). Raises ValueError for empty or non-finite clouds, for clouds of
    different dimension, and for an eps that is not positive or is below 1e-4 of the reference's spread (no
    convergence in sensible time).
    """
    _check(x, y)
    value = default_eps(y) if eps is None else _checked_eps(float(eps), y)
    return float(batched_sinkhorn_divergence(x[None], y[None], value)[0])


def batched_sinkhorn_divergence(x: Tensor, y: Tensor, eps: float) -> Tensor:
    """S_eps for b pairs of clouds x (b, n, d), y (b, m, d) with one eps; (b,) float64."""
    if eps <= 0:  # a degenerate cloud: all points equal; S is then the squared distance of the two points
        return (x.double().mean(1) - y.double().mean(1)).square().sum(1)
    cross = entropic_cost(x, y, eps)
    return (cross - (self_cost(x, eps) + self_cost(y, eps)) / 2).clamp(min=0.0)


def entropic_cost(x: Tensor, y: Tensor, eps: float) -> Tensor:
    """OT_eps of b pairs of clouds (b, n, d), (b, m, d): (b,) float64."""
    return _cross(_Problem(x, y, eps))


def self_cost(x: Tensor, eps: float) -> Tensor:
    """OT_eps(x, x) of b clouds (b, n, d): (b,) float64. One potential; its damped update converges in a few steps."""
    problem = _Problem(x, x, eps)
    f = x.new_zeros(x.shape[:2], dtype=torch.float32)
    for _ in range(2):
        f = (f + problem.softmin(f)) / 2
    kernel = (f[:, :, None] / eps + f[:, None, :] / eps - problem.cost).exp_()
    a = torch.ones_like(f)
    for _ in range(200):
        row = torch.bmm(kernel, a[:, :, None])[:, :, 0] / x.shape[1]
        error = float((a * row - 1).abs().mean(dim=1).max())
        a = (a * _inverse(row)).sqrt()
        if error < MARGINAL_TOLERANCE:
            break
    # (f, softmin f) is dual feasible with no mass term: its value is a lower bound with a quadratic error.
    f64 = f.double() + eps * a.double().log()
    return (f64 + problem.softmin(f64)).mean(dim=1)


@dataclass
class _Problem:
    """Two batches of clouds with uniform weights; squared distances in units of eps, in both precisions."""

    x: Tensor
    y: Tensor
    eps: float
    temperature: float = 1.0

    def __post_init__(self) -> None:
        centre = self.y.double().mean(dim=1, keepdim=True)
        size = self.eps**0.5
        self.exact = _squared_distances((self.x.double() - centre) / size, (self.y.double() - centre) / size)
        self.cost = self.exact.float()

    def softmin(self, f: Tensor, temperature: float = 1.0) -> Tensor:
        """-t log mean_i exp((f_i - C_ij) / t), t = temperature * eps, for f (b, n): (b, m), in f's precision."""
        return self._softmin(f[:, :, None], 1, temperature)

    def softmin_of_g(self, g: Tensor, temperature: float = 1.0) -> Tensor:
        """-t log mean_j exp((g_j - C_ij) / t) for g (b, m): (b, n)."""
        return self._softmin(g[:, None, :], 2, temperature)

    def _softmin(self, potential: Tensor, dim: int, temperature: float) -> Tensor:
        cost = self.cost if potential.dtype == torch.float32 else self.exact
        a = torch.sub(potential / self.eps, cost)
        if temperature != 1.0:
            a.div_(temperature)
        top = a.amax(dim=dim, keepdim=True)
        return -self.eps * temperature * (a.sub_(top).exp_().mean(dim=dim).log_() + top.squeeze(dim))


def _squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2 (b, n, m)."""
    cross = torch.baddbmm(x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None, :], x, y.mT, alpha=-2)
    return cross.clamp_(min=0.0)


def _cross(problem: _Problem) -> Tensor:
    g = _annealed_start(problem)
    f, g = _scale(problem, problem.softmin_of_g(g), g)
    # g optimal for f in double precision: the dual's mass term vanishes and its error is quadratic in f's.
    f64 = f.double()
    return f64.mean(dim=1) + problem.softmin(f64).mean(dim=1)


def _annealed_start(problem: _Problem) -> Tensor:
    """Potential g (b, m) after one update at each of a falling sequence of temperatures."""
    temperature = float(problem.cost.max())
    g = problem.y.new_zeros(problem.y.shape[:2], dtype=torch.float32)
    while temperature > 1:
        g = problem.softmin(problem.softmin_of_g(g, temperature), temperature)
        temperature /= 2
    return g


def _scale(problem: _Problem, f: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix scaling on the kernel with f, g absorbed, over-relaxed, until the marginal error is small."""
    eps = problem.eps
    n, m = f.shape[1], g.shape[1]
    for _ in range(20):
        kernel = (f[:, :, None] / eps + g[:, None, :] / eps - problem.cost).exp_()
        a, b = torch.ones_like(f), torch.ones_like(g)
        stable = True
        for k in range(MAX_SCALINGS // 20):
            b_new = _inverse(torch.bmm(a[:, None, :], kernel)[:, 0] / n)
            b = b * (b_new / b) ** (1.5 if k > 3 else 1.0)
            row = torch.bmm(kernel, b[:, :, None])[:, :, 0] / m
            error = float((a * row - 1).abs().mean(dim=1).max())
            a = a * (_inverse(row) / a) ** (1.5 if k > 3 else 1.0)
            size = max(float(a.max()), float(b.max()), 1 / float(a.min()), 1 / float(b.min()))
            if not size < 1e8:
                stable = False
            if error < MARGINAL_TOLERANCE or not stable:
                break
        if torch.isfinite(a).all() and torch.isfinite(b).all():
            f, g = f + eps * a.log(), g + eps * b.log()
        else:  # fall back to plain log-domain updates
            for _ in range(20):
                g = problem.softmin(f)
                f = problem.softmin_of_g(g)
            continue
        if error < MARGINAL_TOLERANCE:
            return f, g
    warnings.warn(
        f"Sinkhorn's iterations stopped at a marginal error of {error:.1e}; the value is a lower bound", stacklevel=4
    )
    return f, g


def _inverse(x: Tensor) -> Tensor:
    """1 / x with x kept off zero."""
    return 1.0 / x.clamp(min=1e-30)


def _check(x: Tensor, y: Tensor) -> None:
    for name, cloud in (("first", x), ("second", y)):
        if cloud.ndim != 2 or cloud.shape[0] < 1:
            raise ValueError(f"the {name} cloud must be (n, d) with n >= 1, not {tuple(cloud.shape)}")
        if not torch.isfinite(cloud).all():
            raise ValueError(f"the {name} cloud holds values that are not finite")
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"the clouds live in different dimensions, {x.shape[1]} and {y.shape[1]}")


def _checked_eps(eps: float, reference: Tensor) -> float:
    smallest = 1e-4 * default_eps(reference) / EPS_SHARE if reference.shape[0] > 1 else 0.0
    if not eps > 0 or eps < smallest:
        raise ValueError(f"eps must be positive and at least {smallest:.3g} (1e-4 of E|X - X'|^2), not {eps!r}")
    return eps
