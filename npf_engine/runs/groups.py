"""The runs of one sweep as one entry of the list: the mean and the spread of each measure over those that are done."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from npf_engine.measures.verdict import LEVELS, USABLE
from npf_engine.runs.summaries import Summary


@dataclass(frozen=True)
class Spread:
    """mean, std (of a sample: n - 1; None for a single one) and the number n of values."""

    mean: float
    std: float | None
    n: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread | None:
        """None where there are no values."""
        if not values:
            return None
        return Spread(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


@dataclass(frozen=True)
class Group:
    """An entry of the list: the runs of one sweep, by its name, or a single run. ``runs``: at least one, newest
    first."""

    name: str
    runs: tuple[Summary, ...]
    swept: bool

    @property
    def first(self) -> Summary:
        """The newest run."""
        return self.runs[0]

    def spread(self, measure: str) -> Spread | None:
        """Mean and spread of a measure over the runs that have it."""
        return Spread.of([run.measures[measure] for run in self.runs if measure in run.measures])

    @property
    def seconds(self) -> float | None:
        """Of all runs together, as far as they are known."""
        known = [run.seconds for run in self.runs if run.seconds is not None]
        return sum(known) if known else None

    def common(self, name: str) -> object:
        """An attribute of the runs where all have the same; else None."""
        values = {getattr(run, name) for run in self.runs}
        return values.pop() if len(values) == 1 else None

    @property
    def state(self) -> str:
        """The state of all, or how many are in which."""
        states = [run.state for run in self.runs]
        counts = {state: states.count(state) for state in dict.fromkeys(states)}
        return states[0] if len(counts) == 1 else ", ".join(f"{count} {state}" for state, count in counts.items())

    @property
    def verdict(self) -> str | None:
        """The lowest of the runs': a sweep is as good as its worst run, and one of
        which some failed is not good."""
        found = [run.verdict for run in self.runs if run.verdict in LEVELS]
        if found and any(run.state == "failed" for run in self.runs):
            found.append(USABLE)
        return max(found, key=LEVELS.index) if found else None

    @property
    def why(self) -> str:
        """What keeps the worst of the runs from a better verdict."""
        return next((run.why for run in self.runs if run.verdict == self.verdict), "")


def grouped(runs: Iterable[Summary]) -> list[Group]:
    """One entry for each sweep and each run that belongs to none, each where its newest run stands."""
    found: dict[tuple[bool, str, str], list[Summary]] = {}
    for run in runs:
        found.setdefault((run.sweep is not None, run.sweep or run.id, run.owner), []).append(run)
    return [Group(name if swept else group[0].name, tuple(group), swept) for (swept, name, _), group in found.items()]
