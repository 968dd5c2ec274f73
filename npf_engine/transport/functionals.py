"""Divergences D(. | nu) that a map is drifted down by: their Wasserstein gradients, and their parts atom by atom.

    Kullback-Leibler   v = -(grad V + score of the cloud)                                   (CDM, Example 1.3)
    energy distance    v = 2 E (x - X') / |x - X'| - 2 E (x - Y) / |x - Y|                  (CDM, Example 1.4)
    Sinkhorn           v = 2 (bary_xy(x) - bary_xx(x)), cost |x - y|^2                      (CDM, Remark 3.12)

The last two know nu by samples. All clouds are (..., n, d) with any leading axes (one for each seed).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from npf_engine.divergences import Epsilon, solve_entropic
from npf_engine.transport.scores import Map, calibrated, self_entropic

NODES = 8  # of the quadrature by which V is known from its gradient
NEAR = 1e-9  # atoms that lie closer have no direction between them

Draw = Callable[[int], Tensor]


class Functional(Protocol):
    """A divergence D(. | nu) with a Wasserstein gradient."""

    def velocity(self, x: Tensor) -> Tensor:
        """v (..., n, d) = -(Wasserstein gradient) at the atoms of x (..., n, d), constant for differentiation."""


class Guarded(Functional, Protocol):
    """One whose value can be looked at too; ``bends``: for that it needs how the map stretches."""

    bends: bool

    def energies(self, x: Tensor, log_det: Tensor | None) -> Tensor:
        """(..., n): the parts of the atoms of x (..., n, d), whose mean is D up to a constant. log_det (..., n): log
        det DT where the atoms came from, which only one that ``bends`` looks at."""


@dataclass
class KullbackLeibler:
    """KL(. | nu): v = -(grad V + score), V by its gradient (``of_density``) or from samples of nu (``of_samples``).

    score: ``self-entropic`` or ``calibrated``. ``error`` remembers the worst convergence.
    """

    grad_V: Map
    score: str = "self-entropic"
    error: float = 0.0
    bends: bool = True

    def __post_init__(self) -> None:
        if self.score not in ("self-entropic", "calibrated"):
            raise ValueError(f"the score is self-entropic or calibrated, not {self.score!r}")

    @staticmethod
    def of_samples(y: Tensor, score: str = "calibrated") -> KullbackLeibler:
        """nu by samples y (m, d): its score is estimated in the same way and extended to all points."""
        plan = self_entropic(y)
        inside = plan.score()
        A = torch.eye(y.shape[1], dtype=y.dtype)
        if score == "calibrated":
            A = torch.linalg.lstsq(inside, calibrated(y, inside)).solution
        return KullbackLeibler(lambda z: -(plan.score(z) @ A), score)

    def velocity(self, x: Tensor) -> Tensor:
        """-(grad V(x) + score(x))."""
        plan = self_entropic(x)
        self.error = max(self.error, plan.error)
        score = plan.score()
        if self.score == "calibrated":
            score = calibrated(x, score)
        return -(self.grad_V(x) + score)

    def energies(self, x: Tensor, log_det: Tensor | None) -> Tensor:
        """V(T) - log det DT: KL(T#mu | nu) less the entropy of mu, by the change of variables. V is the integral of its
        gradient from 0 on."""
        if log_det is None:
            raise ValueError("the value of KL needs log det DT")
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        V = torch.zeros_like(log_det)
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            V = V + float(weight) * (self.grad_V(float(node) * x) * x).sum(-1)
        return V - log_det


def standard_normal_gradient(x: Tensor) -> Tensor:
    """grad V for V = |x|^2 / 2."""
    return x


@dataclass
class SinkhornDrift:
    """Sinkhorn divergence to nu by samples y (m, d), cost |x-y|^2, eps = 0.05 E|Y-Y'|^2.

    v = 2 (bary_xy(x) - bary_xx(x)): towards the target's barycentres, away from one's own (Feydy et al. 2019).
    tolerance: on the value of each plan, in units of eps. fresh: draws of nu in the place of y, anew for each velocity.
    """

    y: Tensor
    tolerance: float = 1e-6
    fresh: Draw | None = None
    error: float = 0.0
    bends: bool = False
    eps: Epsilon = field(init=False)

    def __post_init__(self) -> None:
        self.eps = Epsilon.of(self.y)

    def velocity(self, x: Tensor) -> Tensor:
        """2 (bary_xy - bary_xx)."""
        y = self.y if self.fresh is None else self.fresh(x.shape[-2])
        own = solve_entropic(x, None, self.eps, tolerance=self.tolerance)
        towards = solve_entropic(x, y, self.eps, tolerance=self.tolerance)
        self.error = max(self.error, towards.error)
        return 2 * (towards.barycentre(x) - own.barycentre(x))

    def energies(self, x: Tensor, log_det: Tensor | None = None) -> Tensor:
        """The potentials of both plans: their mean is S_eps up to the target's own term."""
        own = solve_entropic(x, None, self.eps, tolerance=self.tolerance)
        towards = solve_entropic(x, self.y, self.eps, tolerance=self.tolerance)
        return towards.f + towards.g.mean(-1, keepdim=True) - (own.f + own.g) / 2


@dataclass
class EnergyDistance:
    """The squared MMD of the kernel -|x - y| to nu by samples y (m, d), 2 E|X-Y| - E|X-X'| - E|Y-Y'|.

    Its velocity is never longer than 4, wherever an atom is, and batches estimate it without bias: what an atom has to
    itself is left out. fresh: draws of nu in the place of y, anew for each velocity.
    """

    y: Tensor
    fresh: Draw | None = None
    bends: bool = False

    def velocity(self, x: Tensor) -> Tensor:
        """2 E (x - X') / |x - X'| - 2 E (x - Y) / |x - Y|."""
        y = self.y if self.fresh is None else self.fresh(x.shape[-2])
        n = x.shape[-2]
        return 2 * (_directions(x, x) / max(1, n - 1) - _directions(x, y) / y.shape[-2])

    def energies(self, x: Tensor, log_det: Tensor | None = None) -> Tensor:
        """2 E|x - Y| - E|x - X'|."""
        n = x.shape[-2]
        return 2 * torch.cdist(x, self.y).mean(-1) - torch.cdist(x, x).sum(-1) / max(1, n - 1)


def _directions(x: Tensor, y: Tensor) -> Tensor:
    """The sum over j of (x_i - y_j) / |x_i - y_j|: (..., n, d)."""
    apart = torch.cdist(x, y)
    weights = torch.where(apart > NEAR, 1 / apart.clamp(min=NEAR), 0.0)
    return x * weights.sum(-1, keepdim=True) - weights @ y
