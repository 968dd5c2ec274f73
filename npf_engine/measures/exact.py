"""The exact discrete factorization of some samples, beside the learned one: what u and M should be, up to sampling.

For samples x_i, y_i = F(x_i) of one size the best assignment s = argmax sum_i <x_i, y_s(i)> (a linear programme, whose
answer is a permutation) gives a polar factorization of the samples themselves, with nothing learned:

    grad u(x_i) = y_s(i)        the gradient of a convex function on the samples (cyclically monotone)
    M(x_s(i)) = x_i             a permutation, so that it preserves the samples' law
    F = grad u o M              on every sample

It converges to Brenier's for n to infinity, slowly; how far it is off shows in what changes when one law is drawn anew:
``floor`` is the root mean square of that change over sqrt 2 (two independent errors add up in squares).

Certificate. Every coupling of rho and F#rho bounds the least dual from below, so that the dual of u less the
correlation of the assignment is at least what u is off the least dual, in the mean over samples. For u with grad u
L-Lipschitz

    E |grad u - grad u_0|^2 <= 2 L (dual(u) - dual(u_0)) <= 2 L E [mean_i u(x_i) + u*(y_s(i)) - <x_i, y_s(i)>]

(Huetter and Rigollet 2021, Proposition 10). L is the largest eigenvalue of u's Hessian that was met.
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
from npf_engine.measures.measured import Measured
from npf_engine.polar import PolarFactorization
from npf_engine.transport import simplex
from npf_engine.transport.dual import in_chunks
from npf_engine.transport.gaussian import gaussian_map, undo_gaussian_map

MOST = 1_500  # samples of a cloud: the programme takes a second
FEWEST = 100
MOST_D = 16  # for a certificate, which needs whole Hessians
MET = 5  # places on the way from x to grad u*(y) at which L is looked for

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Certificate:
    """bound: of the root mean square of grad u - grad u_0, in percent of the spread of F; gap: how far u's dual lies
    above the assignment's, with its standard error; smoothness: L."""

    bound: float
    gap: float
    gap_se: float
    smoothness: float


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


def assigned(x: Tensor, y: Tensor) -> NDArray[np.int64]:
    """s (n,) that makes sum <x_i, y_s(i)> the largest, for x, y (n, d)."""
    cost = torch.cdist(x.double(), y.double()).square()  # its corners are permutations (Birkhoff)
    return simplex.plan((cost / cost.max().clamp_min(1e-300)).numpy()).argmax(1)


def exact_view(model: PolarFactorization, most: int = MOST, seed: int = 0) -> ExactView:
    """Both factorizations on at most ``most`` of the samples that the model keeps, unseen ones first.

    Raises InputError where it keeps fewer than 2 * FEWEST.
    """
    x = torch.cat([model.samples["x_test"], model.samples["x_train"]])
    y = torch.cat([model.samples["y_test"], model.samples["y_train"]])
    n = min(most, len(x) // 2)
    if n < FEWEST:
        raise InputError(f"the model keeps {len(x)} samples; the exact factorization needs {2 * FEWEST}")
    order = torch.randperm(2 * n, generator=seeds.generator(seed, "exact.samples"))
    (xa, xb), (ya, yb) = x[order].double().split(n), y[order].double().split(n)
    match = torch.from_numpy(assigned(xa, ya))
    exact_u, exact_m = ya[match], torch.empty_like(xa)
    exact_m[match] = xa
    other_u, other_m = yb[torch.from_numpy(assigned(xa, yb))], torch.empty_like(xb)
    other_m[torch.from_numpy(assigned(xb, ya))] = xb
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
        certificate=_certificate(model, xa, exact_u, conjugates[match.to(conjugates.device)], value_spread),
    )


def _certificate(model: PolarFactorization, x: Tensor, y: Tensor, back: Tensor, spread: float) -> Certificate | None:
    """x, y (n, d) as they are assigned, back = grad u*(y); None in more than MOST_D dimensions."""
    if model.d > MOST_D:
        return None
    u, x, back = model.u, x.to(model.u.like), back.to(model.u.like)
    values = in_chunks(u, x).cpu().double() - in_chunks(u, back).cpu().double()
    terms = values + ((back - x).cpu().double() * y).sum(1)  # u(x) + u*(y) - <x, y>, u*(y) = <back, y> - u(back)
    steepest = 0.0
    for share in torch.linspace(0, 1, MET).tolist():
        hessians = in_chunks(lambda at: u.derivatives(at)[2], x + share * (back - x))
        steepest = max(steepest, float(torch.linalg.eigvalsh(hessians.cpu().double())[:, -1].max()))
    gap = max(0.0, float(terms.mean()))
    return Certificate(
        bound=100 * math.sqrt(2 * steepest * gap) / spread,
        gap=gap,
        gap_se=float(terms.std()) / math.sqrt(len(terms)),
        smoothness=steepest,
    )


def _row(exact: Tensor, learned: Tensor, other: Tensor, trivial: Tensor, spread: float) -> Measured:
    def off(a: Tensor) -> float:
        return 100 * float((a - exact).square().sum(1).mean().sqrt()) / spread

    return Measured(off(learned), off(other) / math.sqrt(2), off(trivial), None, len(exact), None, None)


def _spread(cloud: Tensor) -> float:
    return max(1e-300, float((cloud.double() - cloud.double().mean(0)).square().sum(1).mean().sqrt()))


def _array(a: Tensor) -> Array:
    return a.double().cpu().numpy()
