"""Healthy, stalled, diverging: curves whose fate is known."""

from __future__ import annotations

import numpy as np
import pytest

from npf_engine.runs import pulse

STEPS = np.arange(200.0)
NOISE = np.random.default_rng(0).normal(size=200)
FALLS = np.exp(-STEPS / 100)


@pytest.mark.parametrize(
    ("losses", "word"),
    [
        (FALLS, pulse.HEALTHY),
        (FALLS + 0.05 * NOISE, pulse.HEALTHY),
        (-STEPS, pulse.HEALTHY),  # the dual's may be below 0
        (np.exp(-STEPS / 5), pulse.STALLED),
        (np.ones(200), pulse.STALLED),
        (1 + 0.01 * NOISE, pulse.STALLED),
        (np.exp(-STEPS / 20) + np.exp((STEPS - 199) / 20), pulse.DIVERGING),
        (STEPS, pulse.DIVERGING),
    ],
)
def test_the_word_for_a_curve(losses: np.ndarray, word: str) -> None:
    found = pulse.of_losses(losses.astype(np.float32))
    assert found is not None and found.word == word and found.about


def test_nothing_is_said_too_early_and_without_a_loss() -> None:
    assert pulse.of_losses(FALLS[:29]) is None and pulse.of_losses(np.full(200, np.nan)) is None
    history = {"u": {"step": STEPS, "loss": FALLS}, "v": {"step": STEPS}}
    assert pulse.of(history, "u") == pulse.Pulse(pulse.HEALTHY)
    assert pulse.of(history, "v") is None is pulse.of(history, None)
