"""The exact discrete factorization of some samples, beside the learned one: what u and M should be, up to sampling.

For samples x_i, y_i = F(x_i) of one size the best assignment s = argmax sum_i <x_i, y_s(i)> (a linear programme, whose
answer is a permutation) gives a polar factorization of the samples themselves, with nothing learned:

    grad u(x_i) = y_s(i)        the gradient of a convex function on the samples (cyclically monotone)
    M(x_s(i)) = x_i             a permutation, so that it preserves the samples' law
    F = grad u o M              on every sample

It converges to Brenier's for n to infinity, slowly. ``floor`` is about how far it is off itself, for lack of samples:
the root mean square of what changes when one of the two laws is drawn anew. That has twice the error that comes with
one law, the answer has the error of both; between two samples of one uniform law it is a seventh too high (test_exact).

Bound. Every coupling of rho and F#rho bounds the least dual from below, so that in expectation the dual of u less the
correlation of the assignment is at least what u is off the least dual. For u with grad u L-Lipschitz everywhere

    E |grad u - grad u_0|^2 <= 2 L (dual(u) - dual(u_0)) <= 2 L E [mean_i u(x_i) + u*(y_s(i)) - <x_i, y_s(i)>]

(Huetter and Rigollet 2021, Proposition 10). The mean is taken with what its standard error allows, its conjugates are
exact or corrected upwards (transport/dual_value.py), and L is the largest eigenvalue of u's Hessian that was met, which
nothing but looking backs: an estimate of a bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from npf_engine import seeds
from npf_engine.errors import InputError
from npf_engine.measures.measured import Measured, margin
from npf_engine.polar import PolarFactorization
from npf_engine.tasks.progress import Tell
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.dual_value import held_out_dual
from npf_engine.transport.gaussian import gaussian_map, undo_gaussian_map
from npf_engine.transport.pairing import optimal_assignment

MOST = 1_500  # samples of a cloud: the programme takes a second
FEWEST = 100
MOST_D = 16  # for a certificate, which needs whole Hessians
MET = 5  # places on the way from x to grad u*(y) at which L is looked for

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Certificate:
    """bound: of the root mean square of grad u - grad u_0, in percent of the spread of F; gap: how far u's dual lies
    above the assignment's, with its standard error; smoothness: L; residual: the largest that a conjugate was left
    with."""

    bound: float
    gap: float
    gap_se: float
    smoothness: float
    residual: float


@dataclass(frozen=True)
class Lengths:
    """Of the exact and of the learned vectors, and of their differences, all (n,)."""

    exact: Array
    learned: Array
    difference: Array

    @staticmethod
    def of(exact: Array, learned: Array, origin: Array, scale: Array) -> Lengths:
        """Of vectors (n, d) from ``origin``, a unit of length being ``scale`` (d,)."""
        found = ((exact - origin) / scale, (learned - origin) / scale, (learned - exact) / scale)
        return Lengths(*(np.linalg.norm(part, axis=1) for part in found))


@dataclass(frozen=True)
class ExactView:
    """n samples with both factorizations: positions x and M in the user's units, values in those of F, all (n, d).

    u, m: root mean square of learned less exact, percent of the spread of F and of rho.
    """

    x: Array
    field: Array
    exact_u: Array
    learned_u: Array
    exact_m: Array
    learned_m: Array
    u: Measured
    m: Measured
    certificate: Certificate | None
    scale: Array  # (d,) what a unit of length is along each axis: 1, or half the region where the axes' units differ

    def lengths(self) -> tuple[Lengths, Lengths]:
        """|grad u| in F's units, and how far M moves, in positions' (``scale``)."""
        none = np.zeros_like(self.field)
        values = Lengths.of(self.exact_u, self.learned_u, none, np.ones(self.field.shape[1]))
        return values, Lengths.of(self.exact_m, self.learned_m, self.x, self.scale)


def exact_view(
    model: PolarFactorization, most: int = MOST, seed: int = 0, progress: Tell = lambda share, text: None
) -> ExactView:
    """Both factorizations on at most ``most`` of the samples that the model keeps, unseen ones first. progress(share,
    text) may raise.

    Raises InputError where it keeps fewer than 2 * FEWEST.
    """
    x = torch.cat([model.samples["x_test"], model.samples["x_train"]])
    y = torch.cat([model.samples["y_test"], model.samples["y_train"]])
    n = min(most, len(x) // 2)
    if n < FEWEST:
        raise InputError(f"the model keeps {len(x)} samples; the exact factorization needs {2 * FEWEST}")
    order = torch.randperm(2 * n, generator=seeds.generator(seed, "exact.samples"))
    (xa, xb), (ya, yb) = x[order].double().split(n), y[order].double().split(n)
    match = optimal_assignment(xa, ya)
    progress(0.4, f"Other values, assigned to the {n:,} samples")
    exact_u, exact_m = ya[match], torch.empty_like(xa)
    exact_m[match] = xa
    other_u, other_m = yb[optimal_assignment(xa, yb)], torch.empty_like(xb)
    progress(0.7, f"Other samples, assigned to the {n:,} values")
    other_m[optimal_assignment(xb, ya)] = xb
    progress(0.95, "The learned maps at these samples")
    like = model.u.like
    conjugates = model.solve(ya.to(like)).x
    learned_u = in_chunks(model.u.gradient, xa.to(like)).cpu().double()
    learned_m = (conjugates if model.m is None else in_chunks(model.m, xa.to(like))).cpu().double()
    S, mean = gaussian_map(x, y)
    value_spread, spread = _spread(y), _spread(x)
    return ExactView(
        x=_array(model.scaling.to_user(xa)),
        field=_array(ya + model.shift),
        exact_u=_array(exact_u + model.shift),
        learned_u=_array(learned_u + model.shift),
        exact_m=_array(model.scaling.to_user(exact_m)),
        learned_m=_array(model.scaling.to_user(learned_m)),
        u=_row(exact_u, learned_u, other_u, xa @ S.T + mean, value_spread),
        m=_row(exact_m, learned_m, other_m, undo_gaussian_map(S, mean, ya), spread),
        scale=np.ones(model.d) if len(set(model.units.position)) == 1 else np.asarray(model.scaling.scale),
        certificate=_certificate(model, xa, exact_u, conjugates[match.to(conjugates.device)], value_spread),
    )


def _certificate(model: PolarFactorization, x: Tensor, y: Tensor, back: Tensor, spread: float) -> Certificate | None:
    """x, y (n, d) as they are assigned, back = grad u*(y); None in more than MOST_D dimensions."""
    if model.d > MOST_D:
        return None
    u, x, back = model.u, x.to(model.u.like), back.to(model.u.like)
    dual = held_out_dual(u, x, y.to(u.like), back)
    terms = dual.terms - (x.cpu().double() * y).sum(1)
    steepest = 0.0
    for share in torch.linspace(0, 1, MET).tolist():
        hessians = in_chunks(lambda at: u.derivatives(at)[2], x + share * (back - x))
        steepest = max(steepest, float(torch.linalg.eigvalsh(hessians.cpu().double())[:, -1].max()))
    gap, se = max(0.0, float(terms.mean())), float(terms.std()) / math.sqrt(len(terms))
    most = gap + margin(len(terms)) * se
    return Certificate(100 * math.sqrt(2 * steepest * most) / spread, gap, se, steepest, dual.max_residual)


def _row(exact: Tensor, learned: Tensor, other: Tensor, trivial: Tensor, spread: float) -> Measured:
    def off(a: Tensor) -> float:
        return 100 * float((a - exact).square().sum(1).mean().sqrt()) / spread

    return Measured(off(learned), off(other), off(trivial), None, len(exact), None, None)


def _spread(cloud: Tensor) -> float:
    return max(1e-300, float((cloud.double() - cloud.double().mean(0)).square().sum(1).mean().sqrt()))


def _array(a: Tensor) -> Array:
    return a.double().cpu().numpy()
