"""About how long a run that is no training will take on this machine: as finished ones of its kind took."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from npf_engine.runs.store import RunStore
from npf_engine.settings.base import Spec

LOOKED_AT = 40  # of the newest finished runs of a kind
ALIKE = 4.0  # runs whose size differs by less than this factor are asked
RECENT = 5  # of those, how many


@dataclass(frozen=True)
class Promise:
    """seconds: the median over ``runs`` finished ones, each scaled by its size."""

    seconds: float
    runs: int

    @property
    def basis(self) -> str:
        """What it rests on, for people."""
        return f"as {self.runs} finished here did" if self.runs > 1 else "as the one finished here did"


def promise(store: RunStore, kind: str, spec: Spec, size: Callable[[Spec], float | None]) -> Promise | None:
    """The time of a run of ``spec``; None where none like it has finished here.

    size: how much work a spec is, in any unit; None for one that is of another sort (another method, another preset).
    """
    wanted = size(spec)
    if not wanted:
        return None
    finished = (item for item in store.summaries() if (item.kind, item.state, item.source) == (kind, "done", "trained"))
    told: list[float] = []
    for item in itertools.islice(finished, LOOKED_AT):
        run = store.find(item.id)
        if run is None or not item.seconds:
            continue
        other = size(run.spec)
        if other and wanted / ALIKE < other < wanted * ALIKE:
            told.append(item.seconds * wanted / other)
        if len(told) == RECENT:
            break
    if not told:
        return None
    middle = sorted(told)[len(told) // 2]
    return Promise(middle, len(told))
