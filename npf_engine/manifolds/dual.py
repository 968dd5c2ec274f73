"""The dual on a flat torus, solved by Newton's method over the weights of a trigonometric potential.

    J(phi) = int phi + mean_i phi^c(y_i) - strength int log det(I + D^2 phi),      y_i = F(x_i)

The first term is 0 for every weight; the second is a supremum of linear functions of them, and so convex; the third
keeps U = |x|^2/2 + phi convex, and is convex itself, with its own minimum at phi = 0. So there is one minimum and no
step size. By the envelope theorem, with f the features, x_i = grad U*(y_i) and H_i = D^2 U(x_i),

    grad J = -mean f(x_i) + ..,        D^2 J = mean Df(x_i) H_i^-1 Df(x_i)^T + ..
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.manifolds.trigonometric import CHUNK, TrigonometricPotential

# Of the mean squared period. The term pulls a wave of k periods towards 0 by strength (2 pi k)^2 of itself: 0.03 % at
# k = 3, 0.3 % at 8. Where F's law leaves holes, U would have a kink there and Newton's method no way: then the strength
# falls from the first of AFAR for as long as each is solved.
STRENGTH = 1e-6
AFAR = (1e-2, 1e-3, 1e-4, 1e-5)
STEPS, STEPS_AFAR = 12, 40  # Newton's method takes three to five where U is smooth
ENOUGH = 1e-12  # of the decrease that a step promises, in the mean squared period: below it is rounding
SHORTEST = 1e-4
FLAT = 1e-6  # below it a curvature counts as this


@dataclass(frozen=True)
class Solved:
    """phi; x (n, d) = grad U*(y); strength: of the third term, in the mean squared period; promise: the
    decrease of J that one more step would bring, in the same."""

    phi: TrigonometricPotential
    x: Tensor
    strength: float
    promise: float

    @property
    def done(self) -> bool:
        """Whether it is the minimum."""
        return self.promise < ENOUGH


def minimise(phi: TrigonometricPotential, y: Tensor, start: Tensor | None = None) -> Solved:
    """The phi of these waves with the least J on y (n, d), from the weights of ``phi``; start (n, d): grad U*(y) for
    them, as far as known. Where the least strength leaves no way to it, the one of the least that does."""
    found = _newton(phi, y, start, STRENGTH)
    if found.done:
        return found
    found = _newton(phi.with_weights(torch.zeros_like(phi.weights)), y, None, AFAR[0], STEPS_AFAR)
    for strength in AFAR[1:]:
        nearer = _newton(found.phi, y, found.x, strength)
        if not nearer.done:
            break
        found = nearer
    return found


def _newton(
    phi: TrigonometricPotential, y: Tensor, start: Tensor | None, strength: float, steps: int = STEPS
) -> Solved:
    """Newton's method with steps halved until they bring something."""
    side = math.fsum(p * p for p in phi.torus.periods) / phi.torus.width
    barrier = _Barrier(phi, strength * side)
    found = phi.conjugate(y, start)
    height = float(found.value.mean()) + barrier.value(phi)
    promise = math.inf
    for _ in range(steps):
        slope, curvature = (of + own for of, own in zip(_of_data(phi, found.x), barrier.derivatives(phi), strict=True))
        way = -torch.cholesky_solve(slope[:, None], torch.linalg.cholesky(curvature))[:, 0]
        promise = -float(slope @ way) / side
        if promise < ENOUGH:
            break
        length = 1.0
        while length > SHORTEST:
            trial = phi.with_weights(phi.weights + length * way)
            own = barrier.value(trial)
            if math.isfinite(own):
                there = trial.conjugate(y, found.x)
                new = float(there.value.mean()) + own
                if new <= height - 1e-4 * length * promise * side:
                    break
            length *= 0.5
        else:
            break
        phi, found, height = trial, there, new
    return Solved(phi, found.x, strength, promise)


def _of_data(phi: TrigonometricPotential, x: Tensor) -> tuple[Tensor, Tensor]:
    """Of mean phi^c(y): its slope (2m,) and curvature (2m, 2m), by x = grad U*(y) (n, d)."""
    size = len(phi.weights)
    slope = torch.zeros(size, dtype=torch.float64)
    curvature = torch.zeros(size, size, dtype=torch.float64)
    for part in x.split(CHUNK // 2):
        angle = part @ phi.waves.T
        c, s = torch.cos(angle), torch.sin(angle)
        slope -= torch.cat([c.sum(0), s.sum(0)])
        # rows (n d, 2m) of H^-1/2 Df^T: their Gram matrix is the curvature
        turn = _root(phi.derivatives(part)[2]) @ phi.waves.T
        rows = torch.cat([-turn * s[:, None], turn * c[:, None]], dim=2).flatten(0, 1)
        curvature += rows.T @ rows
    return slope / len(x), curvature / len(x)


def _root(H: Tensor) -> Tensor:
    """A root R (n, d, d) of the inverse of each H, R^T R = H^-1; of their absolute values, should some be negative."""
    values, vectors = torch.linalg.eigh(H)
    return vectors.mT / values.abs().clamp(min=FLAT).sqrt()[:, :, None]


class _Barrier:
    """-strength times the mean of log det D^2 U over nodes that fill the torus evenly."""

    def __init__(self, phi: TrigonometricPotential, strength: float) -> None:
        self.strength = strength
        self.nodes = phi.torus.spread_evenly(max(1_024, 16 * len(phi.waves)))

    def value(self, phi: TrigonometricPotential) -> float:
        """Infinite where U is not strictly convex at a node."""
        factor, info = torch.linalg.cholesky_ex(phi.derivatives(self.nodes)[2])
        if bool(info.any()):
            return math.inf
        return -2 * self.strength * float(factor.diagonal(dim1=1, dim2=2).log().sum(1).mean())

    def derivatives(self, phi: TrigonometricPotential) -> tuple[Tensor, Tensor]:
        """Slope (2m,) and curvature (2m, 2m). With H = L L^T and v = L^-1 w, D^2 f in that frame is -f v v^T."""
        features = phi.features(self.nodes)
        factor = torch.linalg.cholesky(phi.derivatives(self.nodes)[2])
        turned = torch.linalg.solve_triangular(factor, phi.waves.T.expand(len(self.nodes), -1, -1), upper=False)
        squares = (turned[:, :, None] * turned[:, None]).flatten(1, 2)  # (n, d d, m)
        rows = features[:, None] * torch.cat([squares, squares], dim=2)
        trace = turned.square().sum(1)
        slope = (features * torch.cat([trace, trace], dim=1)).mean(0)
        rows = rows.flatten(0, 1)
        return self.strength * slope, self.strength * rows.T @ rows / len(self.nodes)
