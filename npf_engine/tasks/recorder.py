"""How a run, a training or another, tells the outside what it does, and hears from it. The default is silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from npf_engine.tasks import steady

T = TypeVar("T")
# What is kept: tensors, numbers and strings, and dicts and lists of them. As JSON is, it is checked where it is read.
State = dict[str, object]
# What code that takes a state apart raises where the state is another's.
WRONG = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)


class Recorder:
    """Receives progress and checkpoints of a training; subclasses write them somewhere.

    A training calls ``check()`` at every step, ``progress()`` as often as it likes (the recorder throttles), and
    ``kept()`` around what takes long and is finished at once. A loop asks ``checkpoint_due()`` before it calls
    ``save()`` with where it is, and ``load()`` before it begins. All of these are a memo and nothing more: the numbers
    are the same with a recorder that keeps nothing.
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

    def kept(self, key: str, make: Callable[[], T], *, put: Callable[[State], T], state: Callable[[T], State]) -> T:
        """``make()``, or ``put`` of what an earlier process kept of it under ``key``: the same value either way.

        state: what is kept of a value. put: the value of what was kept; it raises where something is wrong with that
        (another version's, another shape, a number that is not finite) and changes nothing before it knows that
        nothing is; the recorder then notes it, and the value is made again.
        """
        done = self.load(key)
        if done is not None:
            try:
                return put(done)
            except WRONG as error:
                self.note(f"the checkpoint {key!r} does not fit ({reason(error)}); its stage starts again")
        value = make()
        self.save(key, state(value))
        return value

    def save(self, key: str, state: State) -> None:
        """Keep ``state`` under ``key``."""

    def load(self, key: str) -> State | None:
        """The state kept under ``key``, or None."""
        return None


def reason(error: BaseException) -> str:
    """What is wrong, in a few words."""
    text = " ".join(str(error).split())[:200]
    return f"it has no {text}" if isinstance(error, KeyError) else text or type(error).__name__


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
