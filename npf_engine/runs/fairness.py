"""Whose turn it is: the queue goes round between the owners of what waits, each one's runs in their order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from npf_engine.runs.row import Row


def in_turn(waiting: Sequence[Row], at_work: Iterable[Row], served: Mapping[str, float]) -> list[tuple[Row, int]]:
    """The waiting rows in the order in which they get what comes free, each with how many runs of its owner are at work
    or before it.

    Who has the fewest at work is next; of those who have as many, who was ``served`` (unix seconds at which a run of
    his was started last) the longest ago; then who asked first. With one owner it is the order of asking.
    """
    rounds = Counter(row.run.owner for row in at_work)
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(waiting, key=asked):
        lines[row.run.owner].append(row)
    found = [(row, rounds[owner] + k) for owner, line in lines.items() for k, row in enumerate(line)]
    return sorted(found, key=lambda item: (item[1], served.get(item[0].run.owner, 0.0), asked(item[0])))


def asked(row: Row) -> float:
    """When a run was put in the queue."""
    return row.queued or row.run.created
