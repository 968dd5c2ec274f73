"""The verdict on a run of any kind: one ladder of levels, and the sentence that says why.

    good             no figure is over its limit beyond chance
    usable           something is plainly off, but far better than what a method that learned nothing gets
    not trustworthy  no better than the trivial answer, or wrong beyond use

A figure counts against a run only where it is over a limit beyond chance (measures/measured.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

GOOD, USABLE, UNTRUSTED = "good", "usable", "not trustworthy"
LEVELS = (GOOD, USABLE, UNTRUSTED)  # from the best down
EARLIER = {"better than trivial": USABLE, "failure": UNTRUSTED}  # what runs of earlier versions carry


@dataclass(frozen=True)
class Verdict:
    """level: one of LEVELS; reason: one sentence, without a capital and a full stop; by: the name of the figure that
    decides, where one does. Raises ValueError."""

    level: str
    reason: str
    by: str = ""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"there is no level {self.level!r}; the levels are {', '.join(LEVELS)}")

    def to_json(self) -> dict[str, str]:
        """{"verdict", "verdict_reason"}, as reports and rows carry them."""
        return {"verdict": self.level, "verdict_reason": self.reason}

    def and_(self, text: str) -> Verdict:
        """The same with a further clause."""
        return replace(self, reason=f"{self.reason}; {text}") if text else self


def rank(level: str) -> int:
    """0 for good, 2 for not trustworthy."""
    return LEVELS.index(level)


def level_by(figure: float, good: float, usable: float) -> str:
    """The level of a figure that should be small: good up to ``good``, usable up to ``usable``; NaN is never good."""
    if math.isnan(figure):
        return UNTRUSTED
    return GOOD if figure <= good else USABLE if figure <= usable else UNTRUSTED


def weakest(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of the lowest level: a run is as good as its worst part. Raises ValueError where there is none."""
    return max(verdicts, key=lambda verdict: rank(verdict.level))


def level_of_row(level: str | None) -> str | None:
    """The level that a stored run carries, in today's words; None for none and for words that are none of ours."""
    level = EARLIER.get(level or "", level)
    return level if level in LEVELS else None
