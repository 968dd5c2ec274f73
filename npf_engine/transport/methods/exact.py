"""Exact discrete transport between two samples, extended to all points (semi-discrete transport)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.methods.method import REFERENCES, Budget, Law, Method
from npf_engine.transport.methods.registry import register

if TYPE_CHECKING:
    from npf_engine.transport.map import DiscreteMap


@dataclass(frozen=True)
class ExactSettings:
    """points: of each sample."""

    points: int = 800


def fit(
    source: Law, target: Law, settings: ExactSettings, budget: Budget, seed: int, recorder: Recorder
) -> DiscreteMap:
    """By the network simplex; it takes what it takes."""
    from npf_engine.transport.discrete import exact_map, two_samples

    begin = recorder.clock()
    found = exact_map(*two_samples(source, target, settings.points, seed))
    found.report = replace(found.report, seconds=recorder.clock() - begin)
    return found


ABOUT = "exact discrete transport, each point to the nearest cell"
register(Method("exact", "Exact", REFERENCES, ABOUT, ExactSettings(), fit))
