"""Gradient flows of the relative entropy between Gaussians, where every one of them is an equation for a matrix.

mu = N(m_0, S_0), nu = N(m_1, S_1), T(x) = A (x - m_0) + c, Sigma = A S_0 A^T and P = S_1^-1. Minus the Wasserstein
gradient of KL(. | nu) at T#mu is v(y) = N (y - c) - P (c - m_1) with N = Sigma^-1 - P. What becomes of A:

    unconstrained   A' = N A: every particle follows v (CDM, Remark 3.10: drifting without convexity)
    constrained     A' = M with M S_0 + S_0 M = N A S_0 + S_0 A^T N: its projection on gradients in L2(mu)
                    (Definition 2.6)
    wasserstein     A' = M with M S_0 A + A S_0 M = N Sigma + Sigma N: the law follows v, and the map stays a gradient
                    (Remark 3.9: the Wasserstein natural gradient, whose projection is in L2(T#mu))

and c' = -P (c - m_1) in each. Linear fields project on linear ones, as Hermite polynomials of other degrees are
orthogonal to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import solve_sylvester

CONSTRAINED, WASSERSTEIN, UNCONSTRAINED = FLOWS = ("constrained", "wasserstein", "unconstrained")
PRECISION = 1e-10  # of the integration


@dataclass(frozen=True)
class GaussianPair:
    """mean (d,) and covariance (d, d) of mu and of nu, float64."""

    mean: np.ndarray
    covariance: np.ndarray
    target_mean: np.ndarray
    target_covariance: np.ndarray

    @property
    def convexity(self) -> float:
        """The largest lambda for which nu is lambda-log-concave."""
        return float(1 / np.linalg.eigvalsh(self.target_covariance)[-1])

    def divergence(self, A: np.ndarray, c: np.ndarray) -> float:
        """KL(T#mu | nu)."""
        P = np.linalg.inv(self.target_covariance)
        inside = P @ A @ self.covariance @ A.T
        gap = c - self.target_mean
        return float(np.trace(inside) + gap @ P @ gap - len(gap) - np.linalg.slogdet(inside)[1]) / 2


@dataclass(frozen=True)
class FlowPath:
    """times (k,), A (k, d, d) and c (k, d) of T(x) = A (x - m_0) + c on the way."""

    times: np.ndarray
    A: np.ndarray
    c: np.ndarray


def gaussian_flow(pair: GaussianPair, flow: str, times: np.ndarray, start: np.ndarray | None = None) -> FlowPath:
    """The flow from T = identity, or A = start (d, d), at increasing ``times`` that begin with 0. Raises ValueError for
    another flow's name."""
    if flow not in FLOWS:
        raise ValueError(f"there is no flow {flow!r}; it is one of {', '.join(FLOWS)}")
    d, S = len(pair.mean), pair.covariance
    P = np.linalg.inv(pair.target_covariance)

    def rate(t: float, state: np.ndarray) -> np.ndarray:
        A, c = state[: d * d].reshape(d, d), state[d * d :]
        Sigma = A @ S @ A.T
        N = np.linalg.inv(Sigma) - P
        if flow == UNCONSTRAINED:
            M = N @ A
        elif flow == CONSTRAINED:
            B = N @ A @ S
            M = solve_sylvester(S, S, B + B.T)
        else:
            M = solve_sylvester(A @ S, S @ A, N @ Sigma + Sigma @ N)
        return np.concatenate([M.ravel(), -P @ (c - pair.target_mean)])

    begin = np.concatenate([(np.eye(d) if start is None else start).ravel(), pair.mean])
    found = solve_ivp(
        rate, (0.0, float(times[-1])), begin, t_eval=times, rtol=PRECISION, atol=PRECISION, method="LSODA"
    )
    path = found.y.T
    return FlowPath(times, path[:, : d * d].reshape(-1, d, d), path[:, d * d :])
