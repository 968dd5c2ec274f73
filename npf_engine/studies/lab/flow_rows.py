"""What constrained drifting claims of its flow, as rows of numbers: Theorem 2.13, Remarks 3.9 and 3.10.

Each function answers a list of rows, one a moment t, that are plain numbers by their names. Two laws are known where
all is known: pairs of Gaussians whose covariances do not commute. ``trained_rate`` is of a network from four modes to
a normal, whose divergence is known by the change of variables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from npf_engine import seeds
from npf_engine.networks.classical_icnn import ClassicalICNN, Terms
from npf_engine.networks.ensemble import Ensemble
from npf_engine.networks.potential import Potential
from npf_engine.networks.weights import fingerprint_of
from npf_engine.studies.lab.laws import DRIFT_COMPONENTS, drift_source, mixture_log_density
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.drift_config import DriftConfig
from npf_engine.transport.drifting import drift
from npf_engine.transport.functionals import KullbackLeibler, standard_normal_gradient
from npf_engine.transport.gaussian import gaussian_map_of_moments
from npf_engine.transport.gaussian_flows import (
    CONSTRAINED,
    UNCONSTRAINED,
    WASSERSTEIN,
    FlowPath,
    GaussianPair,
    gaussian_flow,
)

Row = Mapping[str, float]
PAIR = GaussianPair(
    mean=np.zeros(2),
    covariance=np.array([[1.0, 0.95], [0.95, 1.0]]),
    target_mean=np.array([1.0, -0.5]),
    target_covariance=np.array([[0.1, 0.0], [0.0, 2.0]]),
)
# Nearly one law but for a mean that lies along the widest axis of nu, the slowest way: the bounds are nearly reached.
SLOW = GaussianPair(
    mean=np.array([0.05, -3.0]),
    covariance=np.array([[0.12, 0.02], [0.02, 1.8]]),
    target_mean=np.zeros(2),
    target_covariance=np.array([[0.1, 0.0], [0.0, 2.0]]),
)
TIMES = np.linspace(0.0, 4.0, 41)
TAU, ENTROPY_ATOMS = 0.1, 2000  # of the network's flow


def convergence_rate(pair: GaussianPair = SLOW, times: np.ndarray = TIMES) -> list[Row]:
    """Theorem 2.13: t, kl of the constrained flow, bound = KL(0) exp(-2 lambda t), distance |T - T*| in L2(mu), and
    distance_bound = sqrt(2 KL(0) / lambda) exp(-lambda t)."""
    path = gaussian_flow(pair, CONSTRAINED, times)
    values = _divergences(pair, path)
    rate, first = pair.convexity, values[0]
    apart = _distances(pair, path)
    return [
        {
            "t": float(t),
            "kl": float(value),
            "bound": float(first * np.exp(-2 * rate * t)),
            "distance": float(distance),
            "distance_bound": float(np.sqrt(2 * first / rate) * np.exp(-rate * t)),
        }
        for t, value, distance in zip(times, values, apart, strict=True)
    ]


def wasserstein_natural_gradient(pair: GaussianPair = PAIR, times: np.ndarray = TIMES) -> list[Row]:
    """Remark 3.9: t, kl of the constrained flow (kl) and of the Wasserstein natural gradient (kl_wasserstein), how far
    each map is from the optimal one between mu and nu (distance, distance_wasserstein), and how far the two maps are
    from each other (apart): both end at the same map, by different ways."""
    ours, other = (gaussian_flow(pair, flow, times) for flow in (CONSTRAINED, WASSERSTEIN))
    columns: dict[str, Sequence[float] | np.ndarray] = {
        "t": times,
        "kl": _divergences(pair, ours),
        "kl_wasserstein": _divergences(pair, other),
        "distance": _distances(pair, ours),
        "distance_wasserstein": _distances(pair, other),
        "apart": [_norm(pair, A - B, c - e) for A, B, c, e in zip(ours.A, other.A, ours.c, other.c, strict=True)],
    }
    return _rows(columns)


def unconstrained_drift(pair: GaussianPair = PAIR, times: np.ndarray = TIMES) -> list[Row]:
    """Remark 3.10: t, kl of the constrained flow and of drifting without convexity (kl_free), how far each map is from
    the optimal one (distance, distance_free), and the share of the free map's matrix that is not symmetric (turn): its
    law ends at nu, its map is no gradient and not optimal."""
    ours, free = (gaussian_flow(pair, flow, times) for flow in (CONSTRAINED, UNCONSTRAINED))
    columns: dict[str, Sequence[float] | np.ndarray] = {
        "t": times,
        "kl": _divergences(pair, ours),
        "kl_free": _divergences(pair, free),
        "distance": _distances(pair, ours),
        "distance_free": _distances(pair, free),
        "turn": [float(np.linalg.norm(A - A.T) / 2 / np.linalg.norm(A)) for A in free.A],
    }
    return _rows(columns)


@dataclass(frozen=True)
class TrainedRate:
    """rows: one a step of the flow; fingerprint: of the network that it ended at."""

    rows: Sequence[Row]
    fingerprint: str


def trained_rate(seed: int = 0, outer: int = 20, inner: int = 100, recorder: Recorder | None = None) -> TrainedRate:
    """Theorem 2.13 for a network: t = k tau of the explicit scheme from four modes to the normal (lambda = 1), kl of
    T#mu by the change of variables on the same atoms all along, and bound = KL(0) exp(-2 t). t = 0 is the identity."""
    config = DriftConfig("explicit", tau=TAU, outer=outer, inner=inner, rate=0.03, atoms=300)
    members: list[Potential] = [ClassicalICNN(2, [20, 20], terms=Terms(linear=True, rank=2), spread=2.0, seed=seed)]
    ensemble, functional = Ensemble(members), KullbackLeibler(standard_normal_gradient, "calibrated")
    source, generator = drift_source(), seeds.generator(seed, "rate.atoms")
    atoms = source(ENTROPY_ATOMS, seeds.generator(seed, "rate.probe"))
    own = float(mixture_log_density(*DRIFT_COMPONENTS, atoms).mean()) + math.log(2 * math.pi)
    identity = float(functional.energies(atoms, atoms.new_zeros(len(atoms))).mean()) + own
    found = [identity]

    def watch(step: int, theta: Tensor) -> None:
        if step % inner == 0:
            with torch.no_grad():
                log_det = torch.linalg.slogdet(ensemble.hessian(theta, atoms[None])).logabsdet
                parts = functional.energies(ensemble.gradient(theta, atoms[None]), log_det)
            found.append(float(parts.mean()) + own)

    def draw(n: int) -> Tensor:
        return source(n, generator)[None]

    ended = drift(ensemble, draw, functional, config, recorder or Recorder(), watch)
    rows = [
        {"t": TAU * k, "kl": value, "bound": identity * float(np.exp(-2 * TAU * k))} for k, value in enumerate(found)
    ]
    return TrainedRate(rows, fingerprint_of(ended.theta))


def _divergences(pair: GaussianPair, path: FlowPath) -> list[float]:
    return [pair.divergence(A, c) for A, c in zip(path.A, path.c, strict=True)]


def _distances(pair: GaussianPair, path: FlowPath) -> list[float]:
    """|T_t - T*| in L2(mu)."""
    moments = (pair.mean, pair.covariance, pair.target_mean, pair.target_covariance)
    S = gaussian_map_of_moments(*map(torch.from_numpy, moments))[0].numpy()
    away = partial(_norm, pair)
    return [away(A - S, c - pair.target_mean) for A, c in zip(path.A, path.c, strict=True)]


def _norm(pair: GaussianPair, A: np.ndarray, c: np.ndarray) -> float:
    """The norm of A (x - m_0) + c in L2(mu)."""
    return float(np.sqrt(max(0.0, np.trace(A @ pair.covariance @ A.T) + c @ c)))


def _rows(columns: Mapping[str, Sequence[float] | np.ndarray]) -> list[Row]:
    return [dict(zip(columns, map(float, values), strict=True)) for values in zip(*columns.values(), strict=True)]
