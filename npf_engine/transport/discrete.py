"""Maps that need no network: exact discrete transport and the entropic map, both defined on the whole space."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse.csgraph import floyd_warshall
from torch import Tensor

from npf_engine import seeds
from npf_engine.divergences import Epsilon, solve_entropic
from npf_engine.transport import simplex
from npf_engine.transport.fit_report import SOLVED, STEPS, FitReport
from npf_engine.transport.map import DiscreteMap, EntropicMap
from npf_engine.transport.methods.method import Law

LARGE = 1e6
TOLERANCE, ROUGH = 1e-6, 3e-3  # of the entropic plan's value; the marginal error that is worth a word
ENTROPIC_SHARE = 0.02  # eps over E|Y - Y'|^2: small, as the map's blur is what is paid for


def two_samples(source: Law, target: Law, most: int, seed: int) -> tuple[Tensor, Tensor]:
    """A sample of each law, at most ``most`` points (n, d), (m, d)."""
    # One generator each, with the same seed: two identical clouds give identical draws.
    x, y = (law.fixed(most, seeds.generator(seed, "lab.cloud")) for law in (source, target))
    return x, y


def exact_map(x: Tensor, y: Tensor) -> DiscreteMap:
    """The semi-discrete extension of the exact transport of x (n, d) to y (m, d): grad of u(z) = max_j <z, y_j> - psi_j
    with psi from the dual potentials, so that z goes to argmin_j |z - y_j|^2 - v_j. Piecewise constant: its Jacobian is
    0 wherever it exists. Between clouds of one size the potentials are Rockafellar's, averaged over all base points:
    the simplex' own put every x_i on the border between two cells."""
    cost = torch.cdist(x.double(), y.double()).square().numpy()
    scale = max(float(cost.max()), 1e-300)
    plan, u, v = simplex.plan_and_duals(cost / scale)
    if len(x) == len(y):
        v = v + _shortest_paths(cost / scale - u[:, None] - v, plan.argmax(1)).mean(0)
    dual = torch.from_numpy(v * scale)

    return DiscreteMap(y, dual, FitReport("exact", parameters=y.numel() + len(y)))


def _shortest_paths(reduced: np.ndarray, match: np.ndarray) -> np.ndarray:
    """Lengths (n, n) of the shortest paths from target k to target j, a step from match[i] to j costing the
    reduced cost (n, n) of (i, j)."""
    steps = np.empty_like(reduced)
    # scipy takes what is within 1e-8 of 0 for no step
    steps[match] = np.maximum(reduced * LARGE, 1e-7)
    return np.asarray(floyd_warshall(steps)) / LARGE


def entropic_map(x: Tensor, y: Tensor, share: float = ENTROPIC_SHARE) -> EntropicMap:
    """The barycentric map of the entropic transport, extended to all points (Pooladian and Niles-Weed 2021).
    Gradient of a convex function; its Jacobian is the conditional covariance over eps."""
    centre = y.mean(0)
    eps = Epsilon.of(y, share)
    if not float(eps.value) > 0:  # a target that is a point: any will do
        eps = Epsilon(torch.tensor(2 * share, dtype=torch.float64))
    coupling = solve_entropic((x - centre).double(), (y - centre).double(), eps, tolerance=TOLERANCE)
    rough = coupling.error > ROUGH
    report = FitReport(
        "entropic",
        parameters=y.numel() + len(y),
        ended=STEPS if rough else SOLVED,
        error=coupling.error,
        note=f"potentials to a marginal error of {coupling.error:.0e}" if rough else "",
    )
    return EntropicMap(coupling, centre, report)
