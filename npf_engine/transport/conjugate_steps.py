"""grad u* without waiting: a fixed number of iterations on all points, the same operations whatever their numbers.

``conjugate`` lets points go that are done, and therefore asks after each iteration which these are; a GPU stands still
meanwhile. In a step of the dual each sample starts at its last answer, so that a few iterations for all are enough; the
few that are not done are told by their residuals, and finished between the steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine.networks.potential import Potential
from npf_engine.transport.conjugate import ConvexFunction, curve_of, solve_definite

MEMORY = 6  # pairs of steps and changes that ``secant_steps`` remembers
RIDGE = 1e-6  # of their Gram matrix' trace


@torch.no_grad()
def newton_steps(u: ConvexFunction, y: Tensor, start: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """x (n, d) near grad u*(y) (n, d) after so many Newton iterations from ``start``, and |y - grad u(x)|_inf (n,).

    A step that does not bring grad u(x) nearer to y is not taken, and a quarter of it is tried next.
    """
    curve, d = curve_of(u), y.shape[1]

    def at(x: Tensor) -> Tensor:
        """x, y - grad u, its norm, and the Hessian, in one row."""
        g, H = curve(x)
        r = y - g
        return torch.cat([x, r, torch.linalg.vector_norm(r, dim=1, keepdim=True), H.flatten(1)], dim=1)

    damping, now = torch.ones_like(y[:, :1]), at(start)
    for _ in range(iterations):
        x, r, norm, H = now.split([d, d, 1, d * d], dim=1)
        trial = at(torch.addcmul(x, damping, solve_definite(H.unflatten(1, (d, d)), r)))
        good = trial[:, 2 * d : 2 * d + 1] < norm  # false for what is not finite
        now, damping = torch.where(good, trial, now), torch.where(good, 1.0, damping / 4)
    return now[:, :d], torch.linalg.vector_norm(now[:, d : 2 * d], torch.inf, dim=1)


@torch.no_grad()
def secant_steps(u: Potential, y: Tensor, start: Tensor, K: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """x (n, d) near grad u*(y) (n, d) after so many iterations from ``start``, and |y - grad u(x)|_inf (n,): for
    dimensions in which a Hessian a point is too large.

    K (d, d): an inverse Hessian of u, e.g. at the origin, symmetric positive definite. With the residual
    r = grad u(x) - y the plain step is -K r, along which r^T K r falls for any convex u. The steps taken so far tell
    more: of all combinations of them the one that makes K r smallest is taken out first (Anderson 1965, type II; a
    multisecant quasi-Newton method, Fang and Saad 2009). A step that does not lessen r^T K r is not taken, and then a
    quarter of the plain one is tried.
    """
    n, d = y.shape
    slope = u.slope()

    def at(x: Tensor) -> Tensor:
        """x, r, K r and r^T K r in one row."""
        r = slope(x) - y
        Kr = torch.mm(r, K)
        return torch.cat([x, r, Kr, torch.linalg.vecdot(r, Kr)[:, None]], dim=1)

    now, damping = at(start), y.new_ones(n, 1)
    past = y.new_zeros(n, MEMORY, 2 * d)  # changes of x and of K r, the newest last
    ridge = torch.eye(MEMORY, dtype=y.dtype, device=y.device)
    for _ in range(iterations):
        x, _, Kr, size = now.split([d, d, d, 1], dim=1)
        moved, changed = past.split([d, d], dim=2)
        gram = torch.bmm(changed, changed.transpose(1, 2))
        gram = torch.addcmul(gram, ridge, (RIDGE * gram.diagonal(dim1=1, dim2=2).sum(1) + 1e-30)[:, None, None])
        factor = torch.linalg.cholesky_ex(gram)[0]
        share = torch.cholesky_solve(torch.bmm(changed, Kr[:, :, None]), factor)
        fixed = torch.bmm((moved - changed).transpose(1, 2), share)[:, :, 0]
        step = torch.where(damping < 1, Kr, Kr + fixed)
        trial = at(torch.addcmul(x, damping, step, value=-1))
        after = trial[:, -1:]
        good = after < size  # false for what is not finite
        change = torch.where(after < torch.inf, trial - now, 0.0)  # of a step to nowhere there is nothing to remember
        past = torch.cat([past[:, 1:], torch.cat([change[:, :d], change[:, 2 * d : 3 * d]], dim=1)[:, None]], dim=1)
        now, damping = torch.where(good, trial, now), torch.where(good, 1.0, damping / 4)
    return now[:, :d], torch.linalg.vector_norm(now[:, d : 2 * d], torch.inf, dim=1)


@torch.no_grad()
def metric(u: Potential, y: Tensor) -> Tensor:
    """The inverse Hessian of u at the origin (d, d), on the device and in the precision of y; as that of a quadratic
    with its mean curvature where it has none."""
    H = u.derivatives(y.new_zeros(1, u.d))[2][0]
    factor, info = torch.linalg.cholesky_ex(H)
    round_ = torch.eye(u.d, dtype=y.dtype, device=y.device) / H.diagonal().mean().clamp(min=1e-30)
    return torch.where(info == 0, torch.cholesky_inverse(factor), round_)
