"""A clock that only a test moves, for what is planned by the time."""

from __future__ import annotations

from npf_engine.tasks.recorder import Recorder


class ByHand(Recorder):
    """At 50 s to begin with: what forgets to subtract the beginning is off by it."""

    now = 50.0

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []
        self.shown: list[dict[str, float]] = []
        self.notes: list[str] = []

    def clock(self) -> float:
        return self.now

    def progress(self, stage: str, step: int, total: int, **scalars: float) -> None:
        self.told.append((stage, step, total))
        self.shown.append(scalars)

    def note(self, text: str) -> None:
        self.notes.append(text)
