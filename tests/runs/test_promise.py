"""How long a run will take: as finished ones like it did, scaled by their size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from npf_engine.runs.promise import promise


def as_it_is(spec: Any) -> float | None:
    """The size of what stands for a spec here."""
    return spec  # type: ignore[no-any-return]  # a number


SIZE: Any = 20  # of the run that is asked about, in place of its spec


class Store:
    """A store that has finished runs of these sizes and seconds."""

    def __init__(self, *done: tuple[float | None, float]) -> None:
        self.done = done

    def summaries(self) -> list[SimpleNamespace]:
        told = {"kind": "landscape", "state": "done", "source": "trained"}
        return [SimpleNamespace(id=k, seconds=seconds, **told) for k, (_, seconds) in enumerate(self.done)]

    def find(self, run_id: int) -> SimpleNamespace:
        return SimpleNamespace(spec=self.done[run_id][0])


def store(*done: tuple[float | None, float]) -> Any:
    return Store(*done)


@pytest.mark.parametrize(
    ("done", "seconds"),
    [(((10, 5),), 10), (((10, 5), (40, 30), (20, 8)), 10), (((1000, 5),), None), (((None, 5),), None), ((), None)],
)
def test_it_is_the_median_of_what_is_alike_scaled_by_size(done: tuple, seconds: float | None) -> None:
    found = promise(store(*done), "landscape", SIZE, as_it_is)
    assert (found.seconds if found else None) == seconds
    assert found is None or ("one finished" in found.basis) == (found.runs == 1)


def test_other_kinds_tell_nothing() -> None:
    assert promise(store((10, 5)), "experiment", SIZE, as_it_is) is None
