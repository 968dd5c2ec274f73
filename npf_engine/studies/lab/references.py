"""Maps that need no network: exact discrete transport and the entropic map, both defined on the whole space."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import ot
import torch
from scipy.sparse.csgraph import floyd_warshall
from torch import Tensor

from npf_engine.transport.pairing import PIVOTS
from npf_engine.transport.scores import Map, cross_coupling

LARGE = 1e6
TOLERANCE, ITERATIONS = 3e-3, 300  # of the entropic potentials
ENTROPIC_SHARE = 0.02  # eps over E|Y - Y'|^2: small, as the map's blur is what is paid for


@dataclass(frozen=True)
class Reference:
    """A map, its Jacobian and how many numbers define it."""

    forward: Map
    jacobian: Map
    parameters: int
    note: str = ""


def exact_map(x: Tensor, y: Tensor) -> Reference:
    """The semi-discrete extension of the exact transport of x (n, d) to y (m, d): grad of u(z) = max_j <z, y_j> - psi_j
    with psi from the dual potentials, so that z goes to argmin_j |z - y_j|^2 - v_j. Piecewise constant: its Jacobian is
    0 wherever it exists. Between clouds of one size the potentials are Rockafellar's, averaged over all base points:
    the simplex' own put every x_i on the border between two cells."""
    cost = torch.cdist(x.double(), y.double()).square().numpy()
    scale = max(float(cost.max()), 1e-300)
    plan, log = ot.emd([], [], cost / scale, numItermax=PIVOTS, log=True)
    v = np.asarray(log["v"])
    if len(x) == len(y):
        v = v + _shortest_paths(cost / scale - np.asarray(log["u"])[:, None] - v, plan.argmax(1)).mean(0)
    dual = torch.from_numpy(v * scale)

    def forward(z: Tensor) -> Tensor:
        parts = [(torch.cdist(part.double(), y.double()).square() - dual).argmin(1) for part in z.split(1024)]
        return y[torch.cat(parts)]

    return Reference(forward, lambda z: z.new_zeros(len(z), z.shape[1], z.shape[1]), y.numel() + len(y))


def _shortest_paths(reduced: np.ndarray, match: np.ndarray) -> np.ndarray:
    """Lengths (n, n) of the shortest paths from target k to target j, a step from match[i] to j costing the
    reduced cost (n, n) of (i, j)."""
    steps = np.empty_like(reduced)
    # scipy takes what is within 1e-8 of 0 for no step
    steps[match] = np.maximum(reduced * LARGE, 1e-7)
    return np.asarray(floyd_warshall(steps)) / LARGE


def entropic_map(x: Tensor, y: Tensor, share: float = ENTROPIC_SHARE) -> Reference:
    """The barycentric map of the entropic transport, extended to all points (Pooladian and Niles-Weed 2021).
    Gradient of a convex function; its Jacobian is the conditional covariance over eps."""
    centre = y.mean(0)
    spread = float((y - centre).square().sum(1).mean()) or 1.0
    # cost |x - y|^2 / 2 halves eps as well
    eps = share * spread
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        coupling = cross_coupling((x - centre).double(), (y - centre).double(), eps, TOLERANCE, ITERATIONS)
    note = f"potentials to a marginal error of {coupling.error:.0e}" if caught else ""

    def forward(z: Tensor) -> Tensor:
        parts = [coupling.barycentre((part - centre).double()) for part in z.split(1024)]
        return torch.cat(parts).float() + centre

    def jacobian(z: Tensor) -> Tensor:
        return (coupling.covariance((z - centre).double()) / eps).float()

    return Reference(forward, jacobian, y.numel() + len(y), note)
