"""Least squares on a map, mean |T_theta(x) - goal|^2, by Gauss-Newton: the oracle for the explicit scheme's inner
problem.

One step solves (J^T J / n + lambda I) delta = J^T (goal - T) / n by conjugate gradients, J only through Jacobian-vector
products in both directions (torch.func), and takes it where the loss falls (Levenberg-Marquardt: lambda follows the
ratio of the actual to the predicted fall). With goal = T_k + tau v this is a natural-gradient step of size tau (CDM,
Lemma 3.7). All seeds go at once; each has its own lambda, step lengths and acceptance.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Model = Callable[[Tensor, Tensor], Tensor]  # theta (S, P), x (S, n, d) -> (S, n, d)


class GaussNewton:
    """Keeps lambda (S, 1) from step to step."""

    def __init__(
        self, model: Model, damping: float = 1e-3, iterations: int = 20, tolerance: float = 1e-2, floor: float = 1e-6
    ) -> None:
        self.model, self.start = model, damping
        self.iterations, self.tolerance, self.floor = iterations, tolerance, floor
        self.damping: Tensor | None = None

    def step(self, theta: Tensor, x: Tensor, goal: Tensor) -> Tensor:
        """One Levenberg-Marquardt step; a member whose loss would rise keeps its theta."""
        n = x.shape[1]
        if self.damping is None:
            self.damping = torch.full_like(theta[:, :1], self.start)
        damping = self.damping

        def at(t: Tensor) -> Tensor:
            return self.model(t, x)

        moved, pull = torch.func.vjp(at, theta)[:2]
        residual = goal - moved

        def product(v: Tensor) -> Tensor:
            along = torch.func.jvp(at, (theta,), (v,))[1]
            return pull(along)[0] / n + damping * v

        slope = pull(residual)[0] / n
        delta = conjugate_gradients(product, slope, self.iterations, self.tolerance)
        loss = residual.square().sum((1, 2)) / n
        predicted = ((2 * slope - product(delta)) * delta).sum(1) + damping[:, 0] * delta.square().sum(1)
        trial = theta + delta
        with torch.no_grad():
            fall = loss - (goal - at(trial)).square().sum((1, 2)) / n
        ratio = torch.nan_to_num(fall / predicted.clamp(min=1e-30), nan=-1.0)
        good = (ratio > 0)[:, None]
        factor = torch.where(ratio > 0.75, 1 / 3, torch.where(ratio > 0.25, 1.0, torch.where(ratio > 0, 2.0, 4.0)))
        self.damping = (damping * factor[:, None]).clamp(self.floor, 1e4)
        return torch.where(good, trial, theta).detach()


def conjugate_gradients(product: Callable[[Tensor], Tensor], b: Tensor, iterations: int, tolerance: float) -> Tensor:
    """Solve A_s z_s = b_s for every row of b (S, P), A symmetric positive definite given by ``product``; stops when
    every row has |A z - b| <= tolerance |b|. A row that is done no longer moves."""
    z, r = torch.zeros_like(b), b.clone()
    p = r.clone()
    rr = r.square().sum(1, keepdim=True)
    target = tolerance**2 * rr
    for _ in range(iterations):
        active = rr > target
        if not active.any():
            break
        q = product(p)
        alpha = torch.where(active, rr / (p * q).sum(1, keepdim=True).clamp(min=1e-30), 0.0)
        z, r = z + alpha * p, r - alpha * q
        new = r.square().sum(1, keepdim=True)
        p = r + torch.where(active, new / rr.clamp(min=1e-30), 0.0) * p
        rr = torch.where(active, new, rr)
    return z
