"""R-hat and the effective sample size against a library's, and against chains whose autocorrelation is known."""

from __future__ import annotations

import arviz
import numpy as np
import pytest

from npf_engine.sampling.mixing import Mixing, effective, mixing, r_hat


def autoregressive(phi: float, frames: int, chains: int, apart: float, seed: int = 0) -> np.ndarray:
    """Chains (T, P) of x <- phi x + sqrt(1 - phi^2) z, their means ``apart`` from one to the next."""
    g = np.random.default_rng(seed)
    x = np.zeros((frames, chains))
    x[0] = g.normal(size=chains)
    for t in range(1, frames):
        x[t] = phi * x[t - 1] + np.sqrt(1 - phi * phi) * g.normal(size=chains)
    return x + apart * np.arange(chains)


@pytest.mark.parametrize(
    ("phi", "frames", "chains", "apart"),
    [(0.0, 200, 4, 0.0), (0.9, 400, 8, 0.0), (-0.4, 102, 5, 0.0), (0.97, 300, 6, 1.0), (0.5, 50, 2, 0.3)],
)
def test_both_are_those_of_arviz(phi: float, frames: int, chains: int, apart: float) -> None:
    x = autoregressive(phi, frames, chains, apart)
    assert r_hat(x) == pytest.approx(float(arviz.rhat(x.T)), rel=1e-6)
    assert effective(x) == pytest.approx(float(arviz.ess(x.T)), rel=0.03)


def test_of_a_known_autocorrelation_the_effective_size_is_known() -> None:
    """(1 - phi) / (1 + phi) of the draws."""
    assert effective(autoregressive(0.8, 2000, 20, 0.0)) == pytest.approx(40_000 / 9, rel=0.1)


def test_the_worst_coordinate_counts_and_chains_that_stand_still_tell_nothing() -> None:
    slow, fast = autoregressive(0.95, 200, 6, 0.0), autoregressive(0.0, 200, 6, 0.0, 1)
    found = mixing(np.stack([fast, slow], axis=2))
    assert found == Mixing(r_hat(slow), effective(slow), 6, 200)
    assert Mixing.of_json(found.to_json()) == found
    assert mixing(np.zeros((200, 6, 2))) is None
    assert mixing(np.zeros((5, 6, 2))) is None and mixing(np.zeros((200, 1, 2))) is None


def test_chains_that_sit_in_one_of_two_modes_agree_and_in_both_they_do_not() -> None:
    """What neither figure can see, and what R-hat can."""
    x = autoregressive(0.2, 300, 8, 0.0)
    assert r_hat(x) < 1.01
    assert r_hat(x + 10 * (np.arange(8) % 2)) > 1.5
