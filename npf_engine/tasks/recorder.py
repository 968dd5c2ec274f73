"""How a run, a training or another, tells the outside what it does, and hears from it. The default is silent."""

from __future__ import annotations

from typing import Any

import numpy as np

from npf_engine.tasks import steady


class Recorder:
    """Receives progress and checkpoints of a training; subclasses write them somewhere.

    A training calls ``check()`` at every step, ``progress()`` as often as it likes (the recorder
    throttles), and asks ``checkpoint_due()`` before it calls ``save()``.
    """

    paused = 0.0  # seconds that ``check`` was blocked
    earlier = 0.0  # seconds of work in processes before this one

    def clock(self) -> float:
        """Seconds on a clock that does not leap and stands still while paused: for what is told of, and allowed to, the
        work."""
        return steady.seconds() - self.paused

    def check(self) -> None:
        """Raise ``npf_engine.errors.Cancelled`` when the user wants to stop; block while paused."""

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        """``step`` of ``total`` of ``stage`` is done; scalars are losses, rates, divergences."""

    def stage(self, name: str, state: str, seconds: float | None = None) -> None:
        """Stage ``name`` is now ``started``, ``done`` or ``restored``."""

    def plan(self, weights: dict[str, float]) -> None:
        """Guesses of seconds for each stage, for the time left; may be told again when more is known."""

    def note(self, text: str) -> None:
        """A sentence for the log."""

    def snapshot(self, name: str, **arrays: np.ndarray) -> None:
        """Arrays for a live picture (small: at most a few thousand points)."""

    def checkpoint_due(self) -> bool:
        """Whether it is time to save."""
        return False

    def save(self, key: str, state: dict[str, Any]) -> None:
        """Keep ``state`` (tensors, numbers, strings, and dicts and lists of them) under ``key``."""

    def load(self, key: str) -> dict[str, Any] | None:
        """The state kept under ``key``, or None."""
        return None


class Passing(Recorder):
    """A recorder of a part of some work: the clock and the wishes are those of ``inner``, the rest is its own."""

    def __init__(self, inner: Recorder) -> None:
        self.inner = inner

    def clock(self) -> float:
        """The inner recorder's, which is the one that is paused."""
        return self.inner.clock()

    def check(self) -> None:
        """As the inner recorder."""
        self.inner.check()
