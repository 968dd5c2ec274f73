"""Optimal maps: the type of what every way of learning one answers, and its five kinds.

Each is the gradient of a convex function (Brenier 1991): of a trained potential, of a quadratic, of the maximum of
affine functions (exact discrete transport), of a soft maximum (entropic transport), or of a monotone gradient network.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from npf_engine.divergences import EntropicPlan
from npf_engine.networks.monotone import MonotoneGradient
from npf_engine.networks.potential import Potential
from npf_engine.networks.sizes import count_parameters
from npf_engine.transport.conjugate import conjugate
from npf_engine.transport.coordinates import Coordinates
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.fit_report import REPLACED, SETTLED, SOLVED, STEPS, TIME, FitInfo, FitReport
from npf_engine.transport.gaussian import undo_gaussian_map

Map = Callable[[Tensor], Tensor]
Plan = Callable[[Tensor, Tensor], Tensor]
INVERSE_TOLERANCE = 1e-5  # residual of conjugates, of the target's spread
INEXACT = 1e-3  # residual of an inverse that is worth a warning; float32 alone leaves some 1e-5
FLAT = 1e-12  # of the largest slope: an affine map has no inverse where a slope is less
CHUNK = 1024  # points whose distances to a cloud are held at a time


class TransportMap(Protocol):
    """The gradient of a convex function that carries a source to a target at least mean |x - T(x)|^2."""

    @property
    def report(self) -> FitReport:
        """How it was found."""

    def forward(self, x: Tensor) -> Tensor:
        """T(x) (n, d) of x (n, d)."""

    def jacobian(self, x: Tensor) -> Tensor:
        """DT(x) (n, d, d), symmetric and positive semi-definite."""

    @property
    def inverse(self) -> Map | None:
        """y (n, d) -> the x (n, d) with T(x) = y; None where T has no inverse."""

    @property
    def plan(self) -> Plan | None:
        """x (n, d), y (m, d) -> (n, m), rows of sum one: the share of x_i that goes to y_j; None for a map between
        laws, under which a point of the target's cloud has no share."""


class _Trained:
    """What maps between laws have in common: ``info``, of which the report is drawn."""

    info: FitInfo

    def _report(self, parameters: int, ended: str) -> FitReport:
        known = self.info
        share = known.get("converged")
        return FitReport(
            method=known.get("method", ""),
            seconds=known.get("seconds", 0.0),
            parameters=parameters,
            steps=known.get("steps", 0),
            ended=known.get("ended", ended),
            error=None if share is None else 1.0 - share,
            note=known.get("note", ""),
        )

    @property
    def plan(self) -> None:
        """A single point has no share."""
        return None


@dataclass
class PotentialMap(_Trained):
    """grad u from source to target, and back, u a trained potential in its own coordinates. ``info`` tells how it was
    found: method, seconds, duals, and a sentence."""

    u: Potential
    at: Coordinates
    info: FitInfo = field(default_factory=FitInfo)
    trained: PotentialMap | None = None

    @property
    def report(self) -> FitReport:
        """How it was found; ``error``: the share of held-out conjugates that did not converge."""
        return self._report(count_parameters(self.u), SETTLED if self.info.get("ended_early") else TIME)

    def potential(self, x: Tensor) -> Tensor:
        """u(x) (n,) with grad u = forward; x (n, d) in the source's units."""
        return self.at.factor * in_chunks(self.u, self.at.source(x)) + x.to(self.at.mean) @ self.at.mean

    def forward(self, x: Tensor) -> Tensor:
        """grad u(x) (n, d)."""
        return self.at.image(in_chunks(self.u.gradient, self.at.source(x)))

    def jacobian(self, x: Tensor) -> Tensor:
        """The Hessian of u (n, d, d); symmetric, positive definite."""
        return self.at.factor * self.at.P @ in_chunks(self.u.hessian, self.at.source(x)) @ self.at.P.T

    def inverse(self, y: Tensor) -> Tensor:
        """grad u*(y) (n, d): where forward sends to y. Warns where it is off by INEXACT of the target's spread."""
        spread = self.at.spread
        solved = conjugate(self.u, self.at.target(y), tolerance=INVERSE_TOLERANCE * spread / float(self.u.scale))
        missed = int((~(solved.residual <= INEXACT * spread)).sum())
        if missed:
            warnings.warn(
                f"{missed} of {len(y)} inverses were not found: forward misses y there by more than {INEXACT:g} of the "
                "target's spread",
                stacklevel=2,
            )
        return self.at.position(solved.x)


@dataclass
class AffineMap(_Trained):
    """x -> S x + m with S symmetric and positive: in its coordinates the identity, P P^T = S up to a unit. ``trained``:
    the map of a network in whose place it was returned."""

    at: Coordinates
    info: FitInfo = field(default_factory=FitInfo)
    trained: PotentialMap | None = None

    @staticmethod
    def of(S: Tensor, m: Tensor) -> AffineMap:
        """From S (d, d) and m (d,), in the precision of m."""
        values, vectors = torch.linalg.eigh(S.double())
        slopes = torch.where(values > FLAT * values[-1], values, 0.0)
        P = (vectors * slopes.sqrt()).to(m)
        return AffineMap(Coordinates(torch.zeros_like(m), P, 1.0, m), {"method": "gaussian"})

    @property
    def report(self) -> FitReport:
        """How it was found."""
        d = len(self.at.mean)
        return self._report(d * (d + 1) // 2 + d, REPLACED if self.info.get("note") else SOLVED)

    def potential(self, x: Tensor) -> Tensor:
        """u(x) = <x, S x> / 2 + <m, x> up to a constant (n,)."""
        return self.at.factor * self.at.source(x).square().sum(1) / 2 + x.to(self.at.mean) @ self.at.mean

    def forward(self, x: Tensor) -> Tensor:
        """S x + m (n, d)."""
        return self.at.image(self.at.source(x))

    def jacobian(self, x: Tensor) -> Tensor:
        """S for every row of x (n, d, d)."""
        return (self.at.factor * self.at.P @ self.at.P.T).expand(len(x), -1, -1)

    def inverse(self, y: Tensor) -> Tensor:
        """S^-1 (y - m) (n, d); where S is singular, in the least-squares sense."""
        if not bool(self.at.P.norm(dim=0).all()):
            S = self.at.factor * self.at.P.double() @ self.at.P.double().T
            return undo_gaussian_map(S, self.at.mean, y).to(self.at.mean) + self.at.centre
        return self.at.position(self.at.target(y))


BrenierMap = PotentialMap | AffineMap  # the answer of fit_brenier_map


class _Discrete:
    """What maps between two clouds have in common: no point but those of the clouds has a place to go back to."""

    @property
    def inverse(self) -> None:
        """There is none."""
        return None


@dataclass
class DiscreteMap(_Discrete):
    """grad of u(z) = max_j <z, y_j> - psi_j: z goes to the y_j of the cell it lies in, argmin_j |z - y_j|^2 - dual_j
    (semi-discrete transport). Piecewise constant; y (m, d), dual (m,) float64."""

    y: Tensor
    dual: Tensor
    report: FitReport = field(default_factory=lambda: FitReport("exact"))

    def cells(self, z: Tensor) -> Tensor:
        """Indices (n,) of the cells that the points z (n, d) lie in."""
        y = self.y.double()
        parts = [(torch.cdist(part.double(), y).square() - self.dual).argmin(1) for part in z.split(CHUNK)]
        return torch.cat(parts)

    def forward(self, x: Tensor) -> Tensor:
        """The y_j of each cell (n, d)."""
        return self.y[self.cells(x)]

    def jacobian(self, x: Tensor) -> Tensor:
        """0 (n, d, d), wherever it exists."""
        return x.new_zeros(len(x), x.shape[1], x.shape[1])

    def plan(self, x: Tensor, y: Tensor) -> Tensor:
        """All of x_i goes to the point of y that T(x_i) is; x (n, d), y (m, d)."""
        nearest = torch.cdist(self.forward(x).double(), y.double()).argmin(1)
        return nn.functional.one_hot(nearest, len(y)).to(x)


@dataclass
class EntropicMap(_Discrete):
    """The barycentric map of entropic transport, extended to all points (Pooladian and Niles-Weed 2021): the gradient
    of a soft maximum, its Jacobian the conditional covariance over eps / 2. coupling: of clouds about ``centre``."""

    coupling: EntropicPlan
    centre: Tensor
    report: FitReport = field(default_factory=lambda: FitReport("entropic"))

    def forward(self, x: Tensor) -> Tensor:
        """The mean of where x goes (n, d)."""
        parts = [self.coupling.barycentre((part - self.centre).double()) for part in x.split(CHUNK)]
        return torch.cat(parts).to(self.centre) + self.centre

    def jacobian(self, x: Tensor) -> Tensor:
        """The covariance of where x goes, over eps / 2 (n, d, d)."""
        return (2 / self.coupling.eps * self.coupling.covariance((x - self.centre).double())).to(self.centre)

    def plan(self, x: Tensor, y: Tensor) -> Tensor:
        """The share of x_i that goes to y_j, (n, m), of the target's own points y (m, d).

        Raises ValueError for other points."""
        if y.shape != self.coupling.y.shape:
            raise ValueError(f"an entropic plan is one to its own {len(self.coupling.y)} points of the target")
        return self.coupling.shares((x - self.centre).double()).to(self.centre)


@dataclass
class MonotoneMap(_Trained):
    """A monotone gradient network from source to target. ``info``: kind, loss, steps, seconds, parameters, note;
    ``curve``: what was seen on the way, a list of {"step", "seconds", "loss"}."""

    u: MonotoneGradient
    centre: Tensor
    size: float
    info: FitInfo = field(default_factory=FitInfo)
    curve: list[dict[str, float]] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""
        return count_parameters(self.u)

    @property
    def report(self) -> FitReport:
        """How it was found."""
        return self._report(self.parameters, STEPS)

    def potential(self, x: Tensor) -> Tensor:
        """u(x) (n,) with grad u = forward; x (n, d) in the source's units."""
        return self.size * in_chunks(self.u, self._model(x))

    def forward(self, x: Tensor) -> Tensor:
        """T(x) (n, d)."""
        return in_chunks(self.u.gradient, self._model(x))

    def jacobian(self, x: Tensor) -> Tensor:
        """DT(x) (n, d, d), symmetric and positive semi-definite."""
        return in_chunks(self.u.hessian, self._model(x)) / self.size

    def inverse(self, y: Tensor) -> Tensor:
        """grad u*(y) (n, d): where forward sends to y."""
        found = conjugate(self.u, y.to(self.u.V), tolerance=INVERSE_TOLERANCE)
        return found.x * self.size + self.centre

    def _model(self, x: Tensor) -> Tensor:
        return (x.to(self.u.V) - self.centre) / self.size
