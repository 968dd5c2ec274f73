"""A potential on a flat torus: phi(x) = sum_k a_k cos(<w_k, x>) + b_k sin(<w_k, x>), w_k = 2 pi k / periods.

exp(grad phi) is optimal for c = d^2 / 2 exactly where U(x) = |x|^2/2 + phi(x) is convex on R^d (Cordero-Erausquin
1999), and then -c's transform of phi is U's Legendre transform: U*(y) = |y|^2/2 + phi^c(y), phi^c periodic too. The
mean of phi over the torus is 0, as k = 0 is left out; of k and -k one is kept.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from npf_engine.errors import InputError
from npf_engine.manifolds.spaces import Torus

MOST_WIDTH = 6  # dimensions
CHUNK = 8_192  # points at a time
STEPS = 60  # of Newton's method: it takes some six
TOLERANCE = 1e-12  # of |grad U(x) - y|, in the longest period
SHORTEST = 2.0**-30  # part of a Newton step that is tried
WORTH = 1e-4  # of the decrease that a whole step promises: what a step must bring (Armijo)


def check_width(torus: Torus) -> None:
    """InputError for more dimensions than waves are listed in: there are (2 degree + 1)^d to look through."""
    if torus.width > MOST_WIDTH:
        raise InputError(
            f"the torus has {torus.width} dimensions, and a periodic potential is found in up to {MOST_WIDTH}; "
            "factorize samples by factorize_exactly"
        )


def frequencies(torus: Torus, degree: int) -> Tensor:
    """The w_k (m, d) with 0 < |k| <= degree, k whole, of k and -k one; shortest first. Raises InputError beyond
    MOST_WIDTH dimensions."""
    check_width(torus)
    d = torus.width
    kept = []
    for k in itertools.product(range(-degree, degree + 1), repeat=d):
        first = next((value for value in k if value), 0)
        if first > 0 and sum(value * value for value in k) <= degree * degree:
            kept.append(k)
    kept.sort(key=lambda k: (sum(value * value for value in k), k))
    return 2 * math.pi * torch.tensor(kept, dtype=torch.float64) / torus.sides


@dataclass(frozen=True)
class Conjugates:
    """x (n, d): the points grad U*(y), not taken by the period, so that y - x is grad phi(x); value (n,): phi^c(y);
    residual (n,): |grad U(x) - y|."""

    x: Tensor
    value: Tensor
    residual: Tensor


@dataclass(frozen=True)
class TrigonometricPotential:
    """waves (m, d): the w_k; weights (2m,): all a_k, then all b_k."""

    torus: Torus
    waves: Tensor
    weights: Tensor

    @staticmethod
    def flat(torus: Torus, degree: int) -> TrigonometricPotential:
        """phi = 0."""
        waves = frequencies(torus, degree)
        return TrigonometricPotential(torus, waves, torch.zeros(2 * len(waves), dtype=torch.float64))

    def with_weights(self, weights: Tensor) -> TrigonometricPotential:
        """The same waves with other weights (2m,)."""
        return TrigonometricPotential(self.torus, self.waves, weights)

    def at_degree(self, degree: int) -> TrigonometricPotential:
        """The same function among more waves, or what is left of it among fewer."""
        wider = TrigonometricPotential.flat(self.torus, degree)
        m, wide = len(self.waves), len(wider.waves)
        least = min(m, wide)  # the shorter list is the head of the longer one
        weights = wider.weights.clone()
        weights[:least], weights[wide : wide + least] = self.weights[:least], self.weights[m : m + least]
        return wider.with_weights(weights)

    def features(self, x: Tensor) -> Tensor:
        """cos and sin of the waves (n, 2m): phi = features @ weights."""
        angle = x @ self.waves.T
        return torch.cat([torch.cos(angle), torch.sin(angle)], dim=1)

    def values(self, x: Tensor) -> Tensor:
        """phi(x), (n,)."""
        return self.features(x) @ self.weights

    def gradient(self, x: Tensor) -> Tensor:
        """grad phi(x), (n, d)."""
        return self.derivatives(x)[1]

    def derivatives(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """phi (n,), grad phi (n, d) and the Hessian of U = |x|^2/2 + phi, (n, d, d)."""
        m, d = self.waves.shape
        a, b = self.weights[:m], self.weights[m:]
        angle = x @ self.waves.T
        c, s = torch.cos(angle), torch.sin(angle)
        even, odd = c * a + s * b, c * b - s * a
        outer = (self.waves[:, :, None] * self.waves[:, None, :]).reshape(m, d * d)
        H = torch.eye(d, dtype=torch.float64) - (even @ outer).reshape(-1, d, d)
        return even.sum(1), odd @ self.waves, H

    def least_curvature(self, n: int) -> float:
        """The smallest eigenvalue of the Hessian of U at n points that fill the torus evenly: positive where U is
        convex there."""
        least = [float(torch.linalg.eigvalsh(self.derivatives(part)[2]).min()) for part in self._even(n)]
        return min(least)

    def _even(self, n: int) -> tuple[Tensor, ...]:
        return self.torus.spread_evenly(n).split(CHUNK)

    def conjugate(self, y: Tensor, start: Tensor | None = None) -> Conjugates:
        """grad U*(y) and phi^c(y) = max_x -|x - y|^2/2 - phi(x) for y (n, d): Newton's method from ``start`` (n, d), or
        from the best of a grid of nodes."""
        if start is None:
            nodes = self.torus.spread_evenly(max(256, 4 * len(self.waves)))
            heights = self.values(nodes)
        found = []
        for rows in torch.arange(len(y)).split(CHUNK):
            here = self._best(y[rows], nodes, heights) if start is None else start[rows]
            found.append(self._newton(y[rows], here))
        x, value, residual = (torch.cat(parts) for parts in zip(*found, strict=True))
        return Conjugates(x, value, residual)

    def _best(self, y: Tensor, nodes: Tensor, heights: Tensor) -> Tensor:
        """Of the nodes and y itself the one where |x - y|^2/2 + phi(x) is least, beside y and not a period away."""
        cost = self.torus.cost(y, nodes) + heights
        least, node = cost.min(dim=1)
        own = self.values(y)
        there = y + self.torus.log(y, nodes[node])
        return torch.where((own <= least)[:, None], y, there)

    def _newton(self, y: Tensor, start: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Minimise |x - y|^2/2 + phi(x), every point by itself, with steps halved until they bring something."""
        x = start.clone()
        phi, gradient, H = self.derivatives(x)
        height = 0.5 * (x - y).square().sum(1) + phi
        slope = x - y + gradient
        going = torch.arange(len(y))
        length = torch.ones(len(y), dtype=torch.float64)
        enough = TOLERANCE * max(self.torus.periods)
        for _ in range(STEPS):
            going = going[(slope[going].norm(dim=1) > enough) & (length[going] > SHORTEST)]
            if not len(going):
                break
            step = _downhill(H[going], slope[going])
            trial = x[going] - length[going, None] * step
            phi, gradient, curvature = self.derivatives(trial)
            new = 0.5 * (trial - y[going]).square().sum(1) + phi
            promised = length[going] * (step * slope[going]).sum(1)
            # near the end differences of heights are rounding: there the slope decides
            new_slope = trial - y[going] + gradient
            flat = (promised < 1e-13) & (new_slope.norm(dim=1) < slope[going].norm(dim=1))
            good = (new <= height[going] - WORTH * promised) | flat
            length[going[~good]] *= 0.5
            taken = going[good]
            x[taken], height[taken], slope[taken], H[taken] = trial[good], new[good], new_slope[good], curvature[good]
            length[taken] = (2 * length[taken]).clamp(max=1.0)
        return x, -height, slope.norm(dim=1)


def _downhill(H: Tensor, slope: Tensor) -> Tensor:
    """Newton's step (n, d), where H is not positive with its eigenvalues' absolute values."""
    values, vectors = torch.linalg.eigh(H)
    turned = (vectors.mT @ slope[:, :, None]) / values.abs().clamp(min=1e-6)[:, :, None]
    return (vectors @ turned)[:, :, 0]
