"""Which runs of the list are wanted, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from npf_engine.runs.groups import Group
from npf_engine.runs.summaries import Summary
from npf_engine.studies import kinds
from npf_engine.studies.kind import Measure

NEWEST, NAME, FIELD, SECONDS = "Newest", "Name", "Field", "Seconds"


@dataclass(frozen=True)
class Wanted:
    """What a run must have to be found; nothing named: all. words: each somewhere in its name, field, preset, verdict,
    notes or tags; tags: all of them; of the others one."""

    words: str = ""
    kinds: Collection[str] = ()
    states: Collection[str] = ()
    verdicts: Collection[str] = ()
    tags: Collection[str] = ()

    def found(self, runs: Iterable[Summary]) -> list[Summary]:
        """Those that have it all, in their order."""
        words = self.words.lower().split()
        return [
            run
            for run in runs
            if (not self.kinds or run.kind in self.kinds)
            and (not self.states or run.state in self.states)
            and (not self.verdicts or run.verdict in self.verdicts)
            and all(tag in run.tags for tag in self.tags)
            and all(word in run.words for word in words)
        ]


def title(kind: str) -> str:
    """What runs of a kind are called; the name of one that this version does not know."""
    known = kinds.find(kind)
    return kind if known is None else known.title


def measures(runs: Iterable[Summary]) -> dict[str, Measure]:
    """Those that any of these runs has, by name, in the order of their kinds; one that no kind names is called by its
    own name."""
    there: set[str] = set()
    for run in runs:
        there.update(run.measures)
    named = {item.name: item for kind in kinds.known().values() for item in kind.measures}
    known = {name: item for name, item in named.items() if name in there}
    return known | {name: Measure(name, name.replace("_", " "), "", name, 0) for name in sorted(there - known.keys())}


def orders(named: Iterable[Measure]) -> dict[str, Callable[[Group], float | str]]:
    """What the list can be sorted by -> the key of an entry: the best first, and what has no figure last."""
    by_measure = {item.title: _by(item) for item in named}
    return {
        NEWEST: lambda group: -group.first.created,
        NAME: lambda group: group.name.lower(),
        FIELD: lambda group: group.first.subject.lower(),
        SECONDS: lambda group: math.inf if group.seconds is None else group.seconds,
    } | by_measure


def _by(item: Measure) -> Callable[[Group], float]:
    sign = -1.0 if item.better > 0 else 1.0

    def key(group: Group) -> float:
        found = group.spread(item.name)
        return math.inf if found is None else sign * found.mean

    return key


def ordered(groups: list[Group], order: str, reverse: bool, named: Iterable[Measure]) -> list[Group]:
    """The entries sorted by one of ``orders``; Newest, and what is none of them, as they are listed."""
    key = orders(named).get(order)
    if key is None or order == NEWEST:
        return list(reversed(groups)) if reverse else groups
    known = sorted((group for group in groups if key(group) != math.inf), key=key, reverse=reverse)
    return known + [group for group in groups if key(group) == math.inf]
