"""grad u*: the point where <x, y> - u(x) is largest (CS in NPF), with an answer about every point.

Newton with a closed-form Hessian for small d (about two evaluations a point from a good start), L-BFGS for large d,
Adam as in the released code. Points that are done leave the batch, so that a batch does not wait for its
slowest point; every point keeps its best iterate and reports its residual.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from npf_engine.networks.potential import Curve, Potential

NEWTON_MAX_D = 8
WANTED = 0.95  # of a minibatch's conjugates
MOST_EXTRA = 20
MEMORY = 10  # steps that L-BFGS remembers


class ConvexFunction(Protocol):
    """What a solver asks of u: its derivatives, in closed form, and the size of its values."""

    d: int
    scale: Tensor

    def gradient(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""

    def value_and_gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """u(x) (n,) and grad u(x) (n, d)."""

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """u(x) (n,), grad u(x) (n, d), the Hessian (n, d, d)."""


@dataclass
class Conjugate:
    """x (n, d) ~ grad u*(y); residual (n,) = sup-norm of y - grad u(x); converged (n,) bool; evaluations a point."""

    x: Tensor
    residual: Tensor
    converged: Tensor
    evaluations: float


def extra_iterations(extra: int, solved: Conjugate) -> int:
    """How many iterations more the next minibatch's conjugates may take than this one's ``extra`` beyond a method's
    own: one more, at most MOST_EXTRA in all, where fewer than WANTED of these converged; else one fewer.

    An unfinished conjugate under-estimates u*, so that a step of the dual makes u harder to conjugate; with a fixed
    number the dual then falls below any true value: on 150,000 gradients of the 222-weight classifier with ten
    iterations, the share that converged fell to 0.39, the dual to 33 where the true one is 48, and S_eps rose from 124
    to 158 (floor 116).
    """
    missed = float(solved.converged.float().mean()) < WANTED
    return min(MOST_EXTRA, extra + 1) if missed else max(0, extra - 1)


def conjugate(
    u: ConvexFunction,
    y: Tensor,
    start: Tensor | None = None,
    *,
    method: str = "auto",
    tolerance: float = 1e-6,
    max_iterations: int = 200,
    chunk: int = 16384,
) -> Conjugate:
    """grad u*(y) for y (n, d), without gradients with respect to u's parameters.

    start (n, d): a first guess (V_phi(y), or the last answer); without one, the solution of u's quadratic
    tail. tolerance: on the sup-norm of y - grad u(x), in the units of y times u.scale (so that it means the same
    for a field in millimetres). Non-finite y raise ValueError.
    """
    if not torch.isfinite(y).all():
        raise ValueError("the conjugate of a non-finite gradient was asked for")
    solver = {"newton": _newton, "lbfgs": _lbfgs, "adam": _adam}[
        method if method != "auto" else ("newton" if y.shape[1] <= NEWTON_MAX_D else "lbfgs")
    ]
    tol = tolerance * float(u.scale)
    parts = []
    with torch.no_grad():
        x0 = quadratic_start(u, y) if start is None else torch.where(torch.isfinite(start), start, 0.0)
        for first in range(0, y.shape[0], chunk):
            part, begin = y[first : first + chunk], x0[first : first + chunk]
            found = solver(u, part, begin, tol, max_iterations)
            if method == "auto" and solver is _newton:
                found = _rescued(u, part, begin, tol, max_iterations, found)
            parts.append(found)
    x = torch.cat([p[0] for p in parts]) if parts else x0
    residual = torch.cat([p[1] for p in parts]) if parts else y.new_zeros(0)
    work = sum(p[2] for p in parts)
    return Conjugate(x, residual, residual <= tol, work / max(1, y.shape[0]))


def _rescued(
    u: ConvexFunction, y: Tensor, start: Tensor, tol: float, iterations: int, found: tuple[Tensor, Tensor, int]
) -> tuple[Tensor, Tensor, int]:
    """Newton's answer, with L-BFGS from the start where it stalled: on a u with nearly kinks the residual may have to
    rise before it falls, which only a test on the value allows."""
    x, residual, work = found
    lost = ~(residual <= tol)
    if not lost.any():
        return found
    again, left, more = _lbfgs(u, y[lost], start[lost], tol, iterations)
    better = left < residual[lost].nan_to_num(nan=torch.inf)
    x, residual = x.clone(), residual.clone()
    x[lost] = torch.where(better[:, None], again, x[lost])
    residual[lost] = torch.where(better, left, residual[lost])
    return x, residual, work + more


def quadratic_start(u: ConvexFunction, y: Tensor) -> Tensor:
    """The conjugate of u's quadratic model at 0: one Newton step from the origin, (n, d)."""
    origin = torch.zeros(1, u.d, dtype=y.dtype, device=y.device)
    _, g, H = u.derivatives(origin)
    return torch.linalg.solve(H[0], (y - g[0]).T).T


def solve_definite(H: Tensor, r: Tensor) -> Tensor:
    """H^{-1} r for a batch of symmetric positive definite H; 1-d and 2-d by hand (LAPACK's per-matrix cost
    dominates)."""
    d = r.shape[1]
    if d == 1:
        return r / H[:, :, 0]
    if d == 2:
        a, b, c, first, second = H[:, 0, 0], H[:, 0, 1], H[:, 1, 1], r[:, 0], r[:, 1]
        det = torch.addcmul(a * c, b, b, value=-1)
        parts = [torch.addcmul(c * first, b, second, value=-1), torch.addcmul(a * second, b, first, value=-1)]
        return torch.stack(parts, dim=1).div_(det[:, None])
    factor, info = torch.linalg.cholesky_ex(H)
    step = torch.cholesky_solve(r[:, :, None], factor)[:, :, 0]
    return torch.where((info == 0)[:, None], step, r / torch.linalg.matrix_norm(H)[:, None])


def curve_of(u: ConvexFunction) -> Curve:
    """grad u and its Hessian, of weights that stand still while it is used."""
    return u.curve() if isinstance(u, Potential) else lambda x: u.derivatives(x)[1:]


def _newton(u: ConvexFunction, y: Tensor, x0: Tensor, tol: float, iterations: int) -> tuple[Tensor, Tensor, int]:
    """Damped Newton on active points. A step is accepted when |y - grad u| falls (Newton's direction is one of descent
    for it), which unlike Armijo's test on the value still works at the resolution of float32."""
    best, best_residual = x0.clone(), torch.full_like(y[:, 0], torch.inf)
    active = torch.arange(y.shape[0], device=y.device)
    x, damping, curve = x0, torch.ones_like(y[:, 0]), curve_of(u)
    g, H = curve(x)
    r = y - g
    work = y.shape[0]
    best_residual = r.abs().amax(dim=1)
    for _ in range(iterations):
        keep = (best_residual[active] > tol) & (damping > 1e-4)
        if not keep.all():
            if not keep.any():
                break
            active, x, r, H, damping = active[keep], x[keep], r[keep], H[keep], damping[keep]
        trial = x + damping[:, None] * solve_definite(H, r)
        g, H_trial = curve(trial)
        work += trial.shape[0]
        r_trial = y[active] - g
        norm, norm_trial = r.norm(dim=1), r_trial.norm(dim=1)
        good = norm_trial <= (1 - 1e-4 * damping) * norm
        x, r = torch.where(good[:, None], trial, x), torch.where(good[:, None], r_trial, r)
        H = torch.where(good[:, None, None], H_trial, H)
        damping = torch.where(good, (damping * 4).clamp(max=1.0), damping / 4)
        sup = r.abs().amax(dim=1)
        better = good & (sup < best_residual[active])
        best[active[better]], best_residual[active[better]] = x[better], sup[better]
    return best, best_residual, work


def _lbfgs(u: ConvexFunction, y: Tensor, x0: Tensor, tol: float, iterations: int) -> tuple[Tensor, Tensor, int]:
    """Batched L-BFGS (MEMORY steps) on phi(x) = u(x) - <x, y>, with backtracking per point on the value or, at the
    resolution of the arithmetic, on the residual."""
    n = y.shape[0]
    active = torch.arange(n, device=y.device)
    value, g = u.value_and_gradient(x0)
    x, phi, r = x0.clone(), value - (x0 * y).sum(1), g - y
    best, best_residual = x.clone(), r.abs().amax(dim=1)
    past: list[tuple[Tensor, Tensor, Tensor]] = []  # (s, z, 1 / <s, z>) of the last steps, 0 where it was none
    K = _metric(u, y)
    # Without a metric the first step has a length of 0.1; with one it is Newton's for the quadratic at the origin.
    step = torch.ones_like(phi) if K is not None else 0.1 / (r.norm(dim=1) + 1e-12)
    work = n
    for _ in range(iterations):
        keep = ((best_residual[active] > tol) & (step > 1e-8)).nonzero()[:, 0]
        if len(keep) < len(active):
            if not len(keep):
                break
            active, x, phi, r, step = active[keep], x[keep], phi[keep], r[keep], step[keep]
            past = [(s[keep], z[keep], rho[keep]) for s, z, rho in past]
        direction = -_two_loop(r, past, K)
        slope = (direction * r).sum(1)
        bad = slope >= 0
        direction = torch.where(bad[:, None], -r, direction)
        slope = torch.where(bad, -r.square().sum(1), slope)
        trial = x + step[:, None] * direction
        value, g = u.value_and_gradient(trial)
        work += trial.shape[0]
        ya = y[active]
        phi_trial, r_trial = value - (trial * ya).sum(1), g - ya
        flat = (phi_trial - phi).abs() <= 1e-6 * phi.abs().clamp(min=1.0)
        good = (phi_trial <= phi + 1e-4 * step * slope) | (flat & (r_trial.norm(dim=1) < r.norm(dim=1)))
        s, z = trial - x, r_trial - r
        sz = (s * z).sum(1)
        ok = good & (sz > 1e-12 * z.square().sum(1).clamp(min=1e-30))
        rho = torch.where(ok, 1.0 / sz.clamp(min=1e-30), 0.0)
        past = [*past[1 - MEMORY :], (torch.where(ok[:, None], s, 0.0), torch.where(ok[:, None], z, 0.0), rho)]
        x, r = torch.where(good[:, None], trial, x), torch.where(good[:, None], r_trial, r)
        phi = torch.where(good, phi_trial, phi)
        step = torch.where(good, 1.0, step / 3)
        sup = r.abs().amax(dim=1)
        better = good & (sup < best_residual[active])
        best[active[better]], best_residual[active[better]] = x[better], sup[better]
    return best, best_residual, work


def _metric(u: ConvexFunction, y: Tensor) -> Tensor | None:
    """The inverse Hessian at the origin (d, d), by which L-BFGS goes as if u were round: the spreads of a loss gradient
    differ by a hundred between directions, and 60 evaluations become 4. None where it has no inverse."""
    _, _, H = u.derivatives(y.new_zeros(1, y.shape[1]))
    factor, info = torch.linalg.cholesky_ex(H[0])
    return torch.cholesky_inverse(factor) if not int(info) else None


def _two_loop(r: Tensor, past: list[tuple[Tensor, Tensor, Tensor]], K: Tensor | None) -> Tensor:
    """L-BFGS' inverse-Hessian product, batched over points; past steps with rho = 0 do nothing."""
    q = r.clone()
    alphas = []
    gamma = torch.ones_like(r[:, 0])
    found = torch.zeros_like(gamma, dtype=torch.bool)
    for s, z, rho in reversed(past):
        alphas.append(rho * (s * q).sum(1))
        q = torch.addcmul(q, alphas[-1][:, None], z, value=-1)
        if not found.all():  # the first scaling is by the last step that counts
            scale = 1.0 / (rho * (z * (z if K is None else z @ K)).sum(1)).clamp(min=1e-30)
            gamma = torch.where((rho > 0) & ~found, scale, gamma)
            found = found | (rho > 0)
    q = gamma[:, None] * (q if K is None else q @ K)
    for (s, z, rho), alpha in zip(past, reversed(alphas), strict=True):
        q = torch.addcmul(q, (alpha - rho * (z * q).sum(1))[:, None], s)
    return q


def _adam(u: ConvexFunction, y: Tensor, x0: Tensor, tol: float, iterations: int) -> tuple[Tensor, Tensor, int]:
    """The released solver: Adam per point, rate 0.1 with cosine decay to 1e-5, but points leave when they are done."""
    active = torch.arange(y.shape[0], device=y.device)
    x = x0.clone()
    m, v = torch.zeros_like(x), torch.zeros_like(x)
    best, best_residual = x.clone(), torch.full_like(y[:, 0], torch.inf)
    work = 0
    for k in range(iterations):
        r = u.gradient(x) - y[active]
        work += x.shape[0]
        sup = torch.nan_to_num(r.abs().amax(dim=1), nan=torch.inf)
        better = sup < best_residual[active]
        best[active[better]], best_residual[active[better]] = x[better], sup[better]
        keep = sup > tol
        if not keep.any():
            break
        if not keep.all():
            active, x, m, v, r = active[keep], x[keep], m[keep], v[keep], r[keep]
        decay = 0.5 * (1 + torch.cos(torch.tensor(torch.pi * k / iterations)).item())
        m, v = 0.9 * m + 0.1 * r, 0.999 * v + 0.001 * r.square()
        step = m / (1 - 0.9 ** (k + 1)) / ((v / (1 - 0.999 ** (k + 1))).sqrt() + 1e-8)
        x = x - 0.1 * (1e-4 + (1 - 1e-4) * decay) * step
    return best, best_residual, work
