"""A start for targets that are mixtures: each component gets a piece of u, the Gaussian map from its cell to it.

    u(x) = tau log sum_k exp(f_k(x) / tau),    f_k(x) = <m_k - D_k a_k, x> + <x, D_k x> / 2 + q_k

m_k: the component's mean; a_k: the mean of the source in cell k, where f_k is the largest; D_k: diagonal, the ratio of
their standard deviations; q_k: such that cell k holds the component's weight, a convex problem (semi-discrete
transport). Cells and moments are found in turns. From the one Gaussian map, steps of the dual have to tear the cloud
apart first, which takes most of them when the components lie far from each other.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from torch import Tensor
from torch.nn import functional as nnf

from npf_engine.networks.activation import inverse_softplus, raw_of
from npf_engine.networks.wide import START_BEND, WidePotential
from npf_engine.tasks.recorder import Recorder

if TYPE_CHECKING:  # scikit-learn and scipy's optimizers take a second to import: only who fits a mixture waits for them
    from sklearn.mixture import GaussianMixture

MOST, WORSE = 12, 2  # components; numbers of them without a gain before the search ends
JOINED = 2000  # target points whose hierarchy (Ward 1963) says where a fit of k components begins
LOOKED_AT = 4000  # target points the number of components is chosen on
APART = 0.98  # mean probability of a point's own component: below it the components are no clusters
SOURCE = 65_536  # source points by which the cells are weighed
ROUNDS = 4
SHARPNESS = 0.005  # tau in units of the target's variance a coordinate
QUADRATIC, LAYERS = 0.5, 0.1  # of the least of all D_k in a direction: what |L x|^2 / 2 and the layers hold
FAINT = 0.1  # of their size at the start: what the pieces' quadratics keep; at 0 they would stay there
ABSENT = -1e3  # offset of a piece that is not used
SILENT = -30.0  # of a softplus: as good as nothing
BENT, SLOPED = 512, 4096  # points by which the layers' mean curvature and slope are taken
LEAST, LEAST_OF_ALL = 1e-3, 1e-6  # variance of a component, of the points' in its direction and of their largest
SEED = 0  # all that a fit begins with is given, so that nothing is drawn by it
EM_ROUNDS = 50  # enough to choose by
NARROW = 1e-3  # of the source's spread: what a cell has at least


@dataclass(frozen=True)
class Mixture:
    """weights (k,), means (k, d), spreads (k, d): standard deviations along the axes."""

    weights: Tensor
    means: Tensor
    spreads: Tensor


def mixture_of(y: Tensor, until: float, recorder: Recorder | None = None) -> Mixture | None:
    """The mixture of axis-aligned Gaussians that the Bayesian information criterion prefers for y (n, d), weighed on
    all of y; None where that is a single one, where components overlap (a smooth target is then better started from one
    Gaussian map), or when the recorder's clock passes ``until`` before two are fitted."""
    recorder = recorder or Recorder()
    points = y.double().cpu().numpy()
    hierarchy = linkage(points[:JOINED], "ward")
    found, best, worse = None, math.inf, 0
    for k in range(1, MOST + 1):
        fit = _fitted(points[:LOOKED_AT], points[:JOINED], fcluster(hierarchy, k, "maxclust"))
        score = fit.bic(points[:LOOKED_AT])
        if score < best:
            found, best, worse = fit, score, 0
        else:
            worse += 1
        if worse == WORSE or recorder.clock() > until:
            break
    if found is None or len(found.weights_) == 1:
        return None
    if found.predict_proba(points[:LOOKED_AT]).max(1).mean() < APART:
        return None
    weights = np.bincount(found.predict(points), minlength=len(found.weights_)) / len(points)
    kept = weights > 0
    as_tensor = (weights[kept], found.means_[kept], np.sqrt(found.covariances_[kept]))
    return Mixture(*(torch.from_numpy(np.ascontiguousarray(a)) for a in as_tensor))


def _fitted(points: np.ndarray, first: np.ndarray, labels: np.ndarray) -> GaussianMixture:
    """Components fitted to points, from the means of the labelled first ones: means drawn at random join clusters that
    lie apart, from which no step of the fit leads away."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    parts = [first[labels == label] for label in np.unique(labels)]
    spread = points.var(0)
    least = np.maximum(
        LEAST * spread, LEAST_OF_ALL * max(spread.max(), 1e-300)
    )  # a part may be a point, a coordinate constant
    variances = np.stack([np.maximum(part.var(0), least) for part in parts])
    model = GaussianMixture(
        len(parts),
        covariance_type="diag",
        random_state=SEED,
        max_iter=EM_ROUNDS,
        weights_init=np.array([len(part) for part in parts]) / len(first),
        means_init=np.stack([part.mean(0) for part in parts]),
        precisions_init=1 / variances,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(points)


@torch.no_grad()
def start_at_mixture(u: WidePotential, x: Tensor, y: Tensor, mixture: Mixture) -> None:
    """Set u so that grad u sends x (n, d) to the mixture, whose samples are y (m, d): a piece a component, as many as
    u has. Raises ValueError when there are more components than pieces."""
    if len(mixture.weights) > u.pieces:
        raise ValueError(f"{len(mixture.weights)} components need as many pieces; the network has {u.pieces}")
    tau = SHARPNESS * float(y.double().var(0).mean())
    slopes, bends, offsets = _cells(x[:SOURCE].double(), mixture, tau)
    least = bends.amin(0)
    # Units see what a component's own spread makes of x, so that what they add to a direction is in proportion to it.
    weights = (mixture.weights @ bends).sqrt()
    weights /= (weights.square() * x.double().var(0)).mean().sqrt()
    u.weights.copy_(weights)
    curvature = _quiet_layers(u, x, least)
    u.L.copy_(torch.diag((QUADRATIC * least).sqrt()))
    count, size = len(bends), u.piece_size
    u.P[:count] = (slopes / weights / size).to(u.P)
    u.q[count:] = ABSENT
    u.q[:count] = (offsets / size).to(u.q)
    u.bends[:count] = raw_of((bends - QUADRATIC * least - curvature) / weights.square()).to(u.bends)
    u.bends[count:] = inverse_softplus(START_BEND)
    u.log_tau.fill_(math.log(tau / size))


def _quiet_layers(u: WidePotential, x: Tensor, least: Tensor) -> Tensor:
    """Empty the quadratic and the pieces, make the layers so small that they hold at most LAYERS of ``least`` (d,), and
    take their mean slope out. Returns the curvature they keep (d,)."""
    for p in (u.P, u.q, u.L, u.b):
        p.zero_()
    u.bends.fill_(SILENT)
    if u.rank:
        u.A.mul_(FAINT)
    curvature = u.derivatives(x[:BENT])[2].diagonal(dim1=1, dim2=2).mean(0).double()
    share = min(1.0, float((LAYERS * least / curvature).min()))
    for w in u.w:
        w.copy_(raw_of(share * nnf.softplus(w)))
    points = x[:SLOPED]
    u.b.sub_((u.gradient(points) - points * (share * curvature).to(points)).mean(0))
    return share * curvature


def _cells(x: Tensor, mixture: Mixture, tau: float) -> tuple[Tensor, Tensor, Tensor]:
    """(slopes at 0 (k, d), D_k (k, d), q_k (k,)) of the pieces, float64."""
    at = torch.zeros_like(mixture.means)
    bends = mixture.spreads / x.std(0)
    offsets = torch.zeros(len(at), dtype=torch.float64)
    for turn in range(ROUNDS):
        slopes = mixture.means - bends * at
        values = x @ slopes.T + 0.5 * x.square() @ bends.T
        offsets = _offsets(values, mixture.weights, tau, offsets if turn else -values.mean(0))
        inside = torch.softmax((values + offsets) / tau, 1)
        inside = inside / inside.sum(0)
        at = inside.T @ x
        spread = (inside.T @ x.square() - at.square()).clamp(min=0.0).sqrt()  # at least NARROW below
        bends = mixture.spreads / torch.maximum(spread, NARROW * x.std(0))
    return mixture.means - bends * at, bends, offsets


def _offsets(values: Tensor, weights: Tensor, tau: float, start: Tensor) -> Tensor:
    """q (k,) with mean softmax((values + q) / tau) = weights: the minimum of a convex function."""
    from scipy.optimize import minimize

    def objective(q: np.ndarray) -> tuple[float, np.ndarray]:
        at = torch.from_numpy(q)
        z = (values + at) / tau
        missing = torch.softmax(z, 1).mean(0) - weights
        return float(tau * torch.logsumexp(z, 1).mean() - torch.dot(weights, at)), missing.numpy()

    return torch.from_numpy(minimize(objective, start.numpy(), jac=True, method="L-BFGS-B").x)
