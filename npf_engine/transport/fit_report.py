"""How a map was found: in which way the search ended, its figures, and the report that every map carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

# A closed form or a tolerance that was reached; looks that no longer brought anything; what was allowed was spent; the
# answer of a training was not to be used, and a closed form stands in its place.
ENDS = SOLVED, SETTLED, TIME, STEPS, REPLACED = "solved", "settled", "time", "steps", "replaced"


@dataclass(frozen=True)
class FitReport:
    """How a map was found: by which method, in how many seconds, with how many trained numbers and steps of an
    optimiser (0 for a closed form), and a sentence on what should be known about it.

    ended: what the search ended with, one of ENDS. error: what was left of it where that is known (a marginal error, a
    share of conjugates that did not converge)."""

    method: str = ""
    seconds: float = 0.0
    parameters: int = 0
    steps: int = 0
    ended: str = SOLVED
    error: float | None = None
    note: str = ""


class FitInfo(TypedDict, total=False):
    """Figures of how a map between laws was found; which of them there are hangs on the method.

    seconds, steps, parameters, n, d; note: a sentence on what should be known; held_out_dual, gaussian_dual: of the map
    and of the closed-form Gaussian one, in the units of <x, y>; converged: the share of held-out conjugates; curve:
    (seconds, dual) on the way; start, rank, unit_rank: of the wide network; kind, loss: of a monotone one."""

    method: str
    seconds: float
    steps: int
    parameters: int
    d: int
    n: int
    note: str
    ended: str
    ended_early: bool
    held_out_dual: float
    gaussian_dual: float
    converged: float
    curve: list[tuple[float, float]]
    start: str
    rank: int
    unit_rank: int
    loss: str
