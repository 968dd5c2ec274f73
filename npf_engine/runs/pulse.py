"""Whether a training goes well, in a word, from the curve of its loss.

The rule: the curve of the stage at work is cut into ten parts, of each the median (a minibatch's loss is noisy).

    diverging  the last part has lost more than half of all that was gained since the first, and more than it scatters
    stalled    the last three parts together gained less than a hundredth of all that was gained
    healthy    else
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

HEALTHY, STALLED, DIVERGING = "healthy", "stalled", "diverging"
PARTS = 10
LEAST = 3 * PARTS  # points: of fewer nothing is said
LATE = 3  # parts at the end
LOST, GAINED, NOISE = 0.5, 0.01, 3.0  # shares of what was gained; medians of the scatter
RULE = (
    "From the curve of the stage's loss, in ten parts, the median of each. Diverging: the last part has lost more "
    "than half of what was gained, and more than it scatters. Stalled: the last three parts gained less than a "
    "hundredth of it; a stage that is done looks so too. Healthy: else."
)
WHAT = {
    HEALTHY: "The loss falls.",
    STALLED: "The loss no longer falls: the stage may be near its end.",
    DIVERGING: "The loss rises: a smaller learning rate, or another seed, may help.",
}


@dataclass(frozen=True)
class Pulse:
    """word: HEALTHY, STALLED or DIVERGING; about: what it means, in a sentence."""

    word: str

    @property
    def about(self) -> str:
        """What it means, in a sentence."""
        return WHAT[self.word]


def of(history: Mapping[str, Mapping[str, np.ndarray]], stage: str | None) -> Pulse | None:
    """The pulse of ``stage`` by the curves of a run (RunStore.history); None while too little is told."""
    told = history.get(stage or "", {}).get("loss")
    return None if told is None else of_losses(told)


def of_losses(losses: np.ndarray) -> Pulse | None:
    """The same of losses (k,) in their order, NaN where not told; None for fewer than LEAST."""
    losses = np.asarray(losses[np.isfinite(losses)], np.float64)
    if len(losses) < LEAST:
        return None
    cut = np.array_split(losses, PARTS)
    parts = np.array([np.median(part) for part in cut])
    best, noise = float(parts.min()), float(np.median(np.abs(cut[-1] - parts[-1])))
    gained = float(parts[0]) - best
    if parts[-1] - best > max(LOST * gained, NOISE * noise):
        return Pulse(DIVERGING)
    late = float(parts[:-LATE].min() - parts[-LATE:].min())
    return Pulse(HEALTHY if gained > 0 and late > GAINED * gained else STALLED)
