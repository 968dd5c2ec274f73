"""Flows of Gaussians against the theorems about them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from npf_engine.transport.gaussian import gaussian_map_of_moments
from npf_engine.transport.gaussian_flows import (
    CONSTRAINED,
    FLOWS,
    UNCONSTRAINED,
    WASSERSTEIN,
    GaussianPair,
    gaussian_flow,
)

PAIR = GaussianPair(
    np.array([0.3, -1.0]),
    np.array([[1.0, 0.8], [0.8, 1.0]]),
    np.array([1.0, -0.5]),
    np.array([[0.2, 0.1], [0.1, 2.0]]),
)
TIMES = np.linspace(0, 30, 61)


def optimal(pair: GaussianPair) -> np.ndarray:
    moments = (pair.mean, pair.covariance, pair.target_mean, pair.target_covariance)
    return gaussian_map_of_moments(*map(torch.from_numpy, moments))[0].numpy()


@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_ends_at_the_target_and_never_rises(flow: str) -> None:
    path = gaussian_flow(PAIR, flow, TIMES)
    values = [PAIR.divergence(A, c) for A, c in zip(path.A, path.c, strict=True)]
    assert values[0] == pytest.approx(PAIR.divergence(np.eye(2), PAIR.mean))
    assert values[-1] < 1e-8 and max(np.diff(values)) < 1e-9
    assert np.allclose(path.A[-1] @ PAIR.covariance @ path.A[-1].T, PAIR.target_covariance, atol=1e-5)


def test_gradients_end_at_the_optimal_map_and_what_is_free_does_not() -> None:
    best = optimal(PAIR)
    for flow in (CONSTRAINED, WASSERSTEIN):
        path = gaussian_flow(PAIR, flow, TIMES)
        assert np.allclose(path.A, path.A.transpose(0, 2, 1), atol=1e-7)
        assert np.allclose(path.A[-1], best, atol=1e-5)
    free = gaussian_flow(PAIR, UNCONSTRAINED, TIMES).A[-1]
    assert np.linalg.norm(free - free.T) > 0.05, "the flow of Fokker and Planck transports, but not optimally"


def test_the_wasserstein_natural_gradient_has_the_law_of_the_particles() -> None:
    ours, free = (gaussian_flow(PAIR, flow, TIMES) for flow in (WASSERSTEIN, UNCONSTRAINED))
    for A, B in zip(ours.A, free.A, strict=True):
        assert np.allclose(A @ PAIR.covariance @ A.T, B @ PAIR.covariance @ B.T, atol=1e-6)
    assert not np.allclose(ours.A[3], gaussian_flow(PAIR, CONSTRAINED, TIMES).A[3], atol=1e-3)


def test_a_line_has_the_flow_of_ornstein_and_uhlenbeck() -> None:
    """In one dimension all flows are one: variance 1 + (s - 1) exp(-2 t) to N(0, 1)."""
    pair = GaussianPair(np.array([2.0]), np.array([[4.0]]), np.zeros(1), np.eye(1))
    times = np.linspace(0, 2, 9)
    for flow in FLOWS:
        path = gaussian_flow(pair, flow, times)
        assert np.allclose(4 * path.A[:, 0, 0] ** 2, 1 + 3 * np.exp(-2 * times), atol=1e-7)
        assert np.allclose(path.c[:, 0], 2 * np.exp(-times), atol=1e-7)
    with pytest.raises(ValueError, match="no flow 'sideways'"):
        gaussian_flow(pair, "sideways", times)
