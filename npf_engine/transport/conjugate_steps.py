"""grad u* without waiting: a fixed number of iterations on all points, the same operations whatever their numbers.

``conjugate`` lets points go that are done, and therefore asks after each iteration which these are; a GPU stands still
meanwhile. In a step of the dual each sample starts at its last answer, so that a few iterations for all are enough; the
few that are not done are told by their residuals, and finished between the steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from npf_engine.transport.conjugate import ConvexFunction, curve_of, solve_definite


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
