"""OT_eps between two clouds with uniform weights, by Newton's method on the semi-dual in place of hundreds of Sinkhorn
iterations.

In units of eps, with the kernel P_ij = exp(f_i + g_j - C_ij), its row means r and column means c,

    OT_eps / eps = max_{f, g}  mean f + mean g - mean P + 1.

Columns are kept exact (c = 1). The semi-dual then has the gradient rho = 1 - r and the Hessian -H, H = diag(r) -
P P^T / (n m), and what is still missing of its value is <rho, H^-1 rho> / 2 up to third order: conjugate gradients
give that number together with the step. With C squared distances P is a Gaussian kernel, whose spectrum falls
geometrically, so that about six products with P do; Sinkhorn's iteration (Jacobi's on the same system) feels the
slowest mode.

The start is a coarse problem on a subsample (Sinkhorn's update carries a potential to any other points). Where that is
too far off, as with lonely far points, the same problem at four times the temperature comes first, and so on.

A row's exponents are formed in double precision and rounded only when its largest is taken off: the kernel is float32
for large clouds, its entries are right to 1e-7, sums of thousands of them to better than that.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from npf_engine.divergences.plan import EntropicPlan, Epsilon

CHUNK_NUMBERS = 2**17  # exponents in double precision at a time: they stay in the cache
COARSE = 256  # points of the coarse problem
DOUBLE_NUMBERS = 2**18  # a kernel with no more entries is kept in double precision
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-5}  # on the value still missing, which is added
ROUGH = 0.1  # the same at a higher temperature, where only the start for the next is wanted
HOTTER = 4.0  # the next temperature
TRUST = 2.0  # largest change of a potential in one Newton step
WIDE = 1e4  # scalings beyond this ratio are absorbed into a new kernel
SINKHORN_UPDATES = 2  # before Newton's steps: they cure single points
MAX_BUILDS, MAX_NEWTON, MAX_PRODUCTS = 30, 12, 60


def entropic_cost(x: Tensor, y: Tensor, eps: float) -> Tensor:
    """OT_eps of b pairs of clouds (b, n, d), (b, m, d): (b,) float64."""
    centre = y.double().mean(dim=1, keepdim=True)
    x, y = (x.double() - centre) / eps**0.5, (y.double() - centre) / eps**0.5
    return eps * _told(_cross(x, y, _start(x, y))).value


def self_cost(x: Tensor, eps: float) -> Tensor:
    """OT_eps(x, x) of b clouds (b, n, d): (b,) float64; one potential, and half the work of ``entropic_cost``."""
    x = (x.double() - x.double().mean(dim=1, keepdim=True)) / eps**0.5
    return eps * _told(_self(x, _self_start(x))).value


def solve_entropic(
    x: Tensor, y: Tensor | None, eps: float | Epsilon, *, tolerance: float | None = None
) -> EntropicPlan:
    """The entropic transport of x (..., n, d) to y (..., m, d), or of x to itself where y is None, for the cost
    |x - y|^2; any leading axes, one problem each, or one y for all.

    tolerance: on the value that is still missing, in units of eps; without one, what divergences ask for. Potentials
    are off by its root. All is solved in double precision; the answer is in that of x.
    """
    lead = x.shape[:-2]
    target = x if y is None else y.expand(*lead, *y.shape[-2:])
    value = eps.value if isinstance(eps, Epsilon) else torch.tensor(float(eps), dtype=torch.float64)
    each = value.to(x.device).expand(lead)
    unit = each.reshape(-1, 1, 1).sqrt()
    a, b = (cloud.reshape(-1, *cloud.shape[-2:]).double() for cloud in (x, target))
    # A problem with values that are not finite must not keep the others from their answer.
    lost = ~(torch.isfinite(a).all(2).all(1) & torch.isfinite(b).all(2).all(1) & torch.isfinite(unit[:, 0, 0]))
    centre = b.mean(dim=1, keepdim=True)
    a, b = (torch.where(lost[:, None, None], 0.0, (cloud - centre) / unit) for cloud in (a, b))
    found = _self(a, _self_start(a), tolerance) if y is None else _cross(a, b, _start(a, b), tolerance)
    error = (torch.exp(found.f - _softmin(a, b, found.g)) - 1).abs().mean(dim=1)
    f, g = (torch.where(lost[:, None], torch.nan, part).reshape(*lead, -1) for part in (found.f, found.g))
    return EntropicPlan(
        x,
        target,
        (each[..., None] * f).to(x),
        (each[..., None] * g).to(x),
        each.to(x),
        each * torch.where(lost, torch.nan, found.value).reshape(lead),
        float(error.max()),
        found.done and not bool(lost.any()),
    )


class _Solved(NamedTuple):
    """In units of eps: OT value (b,), potentials (b, n), (b, m), and whether they were found to the tolerance."""

    value: Tensor
    f: Tensor
    g: Tensor
    done: bool


def _told(found: _Solved) -> _Solved:
    """With a warning where it was not found to the tolerance."""
    if not found.done:
        warnings.warn("Sinkhorn's equations were not solved to the tolerance; the value is a lower bound", stacklevel=4)
    return found


# -- kernels ----------------------------------------------------------------------------------------------------------


def _softmin(x: Tensor, y: Tensor, g: Tensor, kernel: Tensor | None = None) -> Tensor:
    """f_i = -log mean_j exp(g_j - |x_i - y_j|^2) for x (b, n, d), y (b, m, d), g (b, m): (b, n) float64.

    ``kernel`` (b, n, m) is filled with exp(f_i + g_j - |x_i - y_j|^2), whose row means are one.
    """
    (batch, n, _), m = x.shape, y.shape[1]
    # One product gives g_j - |y_j|^2 + 2 <x_i, y_j>; -|x_i|^2 is common to a row.
    left = torch.cat([2 * x, torch.ones_like(x[:, :, :1])], dim=2)
    right = torch.cat([y, (g - y.square().sum(2))[:, :, None]], dim=2).mT.contiguous()
    dtype = _precision(x, y) if kernel is None else kernel.dtype
    rows = max(1, CHUNK_NUMBERS // (batch * m))
    logs = []
    for first in range(0, n, rows):
        exponent = torch.bmm(left[:, first : first + rows], right)
        top = exponent.amax(dim=2, keepdim=True)
        p = exponent.sub_(top).to(dtype).exp_()
        mean = p.mean(dim=2, keepdim=True)
        if kernel is not None:
            torch.div(p, mean, out=kernel[:, first : first + rows])
        logs.append((top + mean.double().log())[:, :, 0])
    return x.square().sum(2) - torch.cat(logs, dim=1)


def _precision(x: Tensor, y: Tensor) -> torch.dtype:
    return torch.float64 if x.shape[1] * y.shape[1] <= DOUBLE_NUMBERS else torch.float32


def _empty_kernel(x: Tensor, y: Tensor) -> Tensor:
    return torch.empty(x.shape[0], x.shape[1], y.shape[1], dtype=_precision(x, y), device=x.device)


def _times(kernel: Tensor, v: Tensor) -> Tensor:
    """mean_j kernel_ij v_j for v (b, m) float64: (b, n) float64."""
    return torch.bmm(kernel, v.to(kernel.dtype)[:, :, None])[:, :, 0].double() / kernel.shape[2]


def _transposed_times(kernel: Tensor, v: Tensor) -> Tensor:
    """mean_i kernel_ij v_i for v (b, n) float64: (b, m) float64."""
    return torch.bmm(v.to(kernel.dtype)[:, None, :], kernel)[:, 0].double() / kernel.shape[1]


# -- two clouds, in units of eps --------------------------------------------------------------------------------------


def _start(x: Tensor, y: Tensor) -> Tensor:
    """A potential g (b, m): a coarse problem's where the clouds are large."""
    stride = min(x.shape[1], y.shape[1]) // COARSE
    if stride < 2:
        return y.new_zeros(y.shape[:2])
    coarse_x, coarse_y = x[:, ::stride], y[:, ::stride]
    return _softmin(y, coarse_x, _cross(coarse_x, coarse_y, _start(coarse_x, coarse_y)).f)


def _cross(x: Tensor, y: Tensor, g: Tensor, tolerance: float | None = None) -> _Solved:
    """From a start g (b, m)."""
    kernel = _empty_kernel(x, y)
    tolerance = tolerance or TOLERANCE[kernel.dtype]
    warmed, done = False, False
    for _ in range(MAX_BUILDS):
        f = _softmin(x, y, g, kernel)
        fit = _newton(kernel, tolerance, stop_when_far=not warmed)
        if fit is not None:
            f, g = f + fit.a.log(), g + fit.b.log()
            if fit.done:
                done = True
                break
        elif warmed:
            g = _softmin(y, x, f)
        else:
            hot_x, hot_y = x / HOTTER**0.5, y / HOTTER**0.5
            g = HOTTER * _softmin(hot_y, hot_x, _cross(hot_x, hot_y, g / HOTTER, ROUGH).f)
            warmed = True
    missing = fit.missing if fit is not None else 0.0
    return _Solved(missing + f.mean(dim=1) + g.mean(dim=1), f, g, done)


@dataclass
class _Fit:
    """Scalings a (b, n), b (b, m) of a kernel and the value still missing (b,); not done: they became too wide for the
    kernel's precision and want a new one."""

    a: Tensor
    b: Tensor
    missing: Tensor
    done: bool


def _newton(kernel: Tensor, tolerance: float, stop_when_far: bool) -> _Fit | None:
    """Scalings of a kernel with row means one whose columns are exact and whose missing value is below the tolerance.
    None where the kernel is too far from that: columns without mass or, with stop_when_far, steps beyond trust."""
    a = torch.ones_like(kernel[:, :, 0], dtype=torch.float64)
    columns = _transposed_times(kernel, a)
    if not float(columns.min()) > 1 / WIDE:
        return None
    b = columns.reciprocal()
    missing = torch.zeros_like(a[:, 0])
    for k in range(MAX_NEWTON):
        row = a * _times(kernel, b)
        if k < SINKHORN_UPDATES:
            a = a / row
        else:
            step, missing, whole = _newton_step(kernel, a, b, row, tolerance)
            if whole and float(missing.max()) < tolerance:
                return _Fit(a, b, missing, True)
            if stop_when_far and not whole and float(missing.max()) > ROUGH:
                return None
            a = a * step.exp()
        b = _transposed_times(kernel, a).reciprocal()
        if not float(a.max() / a.min()) < WIDE**2:
            break
    return _Fit(a, b, torch.zeros_like(missing), False)


def _newton_step(kernel: Tensor, a: Tensor, b: Tensor, row: Tensor, tolerance: float) -> tuple[Tensor, Tensor, bool]:
    """``_solve`` with H = diag(row) - P P^T / (n m), P = a kernel b."""

    def product(v: Tensor) -> Tensor:
        return row * v - a * _times(kernel, b.square() * _transposed_times(kernel, a * v))

    rho = 1 - row
    return _solve(product, rho - rho.mean(dim=1, keepdim=True), tolerance)  # constants are H's kernel


def _solve(product: Callable[[Tensor], Tensor], rho: Tensor, tolerance: float) -> tuple[Tensor, Tensor, bool]:
    """(x = H^-1 rho (b, n), <rho, x> / (2 n) (b,), whole) by conjugate gradients, ``product(v)`` = H v.

    Not whole: stopped where a number of x reached TRUST (Steihaug's rule). A lonely group of points can be lifted at
    nearly no cost, and the quadratic model knows no bound for that.
    """
    n = rho.shape[1]
    x, r = torch.zeros_like(rho), rho
    p, size = r, r.square().sum(dim=1)
    energy = torch.zeros_like(size)
    for _ in range(MAX_PRODUCTS):
        q = product(p)
        alpha = size / (p * q).sum(dim=1).clamp(min=1e-300)
        gain = alpha * size / (2 * n)
        energy = energy + gain
        move, r = alpha[:, None] * p, r - alpha[:, None] * q
        if not float((x + move).abs().max()) <= TRUST:
            return x + move * (TRUST / move.abs().amax(dim=1, keepdim=True)).clamp(max=1.0), energy, False
        x = x + move
        if bool((gain <= torch.clamp(0.003 * energy, min=1e-3 * tolerance)).all()):
            break
        fresh = r.square().sum(dim=1)
        p, size = r + (fresh / size.clamp(min=1e-300))[:, None] * p, fresh
    return x, energy, True


# -- one cloud --------------------------------------------------------------------------------------------------------


def _self_start(x: Tensor) -> Tensor:
    """A potential f (b, n): a coarse problem's where the cloud is large."""
    stride = x.shape[1] // COARSE
    if stride < 2:
        return x.new_zeros(x.shape[:2])
    coarse = x[:, ::stride]
    return _softmin(x, coarse, _self(coarse, coarse.new_zeros(coarse.shape[:2])).f)


def _self(x: Tensor, f: Tensor, tolerance: float | None = None) -> _Solved:
    """Of x to itself, from a start f (b, n).

    With both potentials equal the dual has the gradient 2 rho and the Hessian -2 (diag(r) + P / n), whose condition is
    about two: a few products do.
    """
    kernel = _empty_kernel(x, x)
    tolerance = tolerance or TOLERANCE[kernel.dtype]
    for _ in range(MAX_BUILDS):
        half = (_softmin(x, x, f, kernel) - f) / 2
        f = f + half  # the damped update; its kernel has the rows times a and the columns times b, a b = 1
        if float(half.abs().max()) > TRUST:
            continue
        a, b = torch.exp(-half), torch.exp(half)
        for _ in range(MAX_NEWTON):
            row = a * _times(kernel, b)
            step, missing, whole = _solve(
                lambda v, a=a, b=b, row=row: row * v + a * _times(kernel, b * v),  # type: ignore[misc]
                1 - row,
                tolerance,
            )
            if whole and float(missing.max()) < tolerance:
                return _Solved(2 * f.mean(dim=1) - row.mean(dim=1) + 1 + 2 * missing, f, f, True)
            f, a, b = f + step, a * step.exp(), b * step.exp()
    return _Solved(2 * f.mean(dim=1) - row.mean(dim=1) + 1, f, f, False)
