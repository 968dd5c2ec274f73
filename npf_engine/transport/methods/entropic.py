"""The barycentric map of entropic transport between two samples (Pooladian and Niles-Weed 2021)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.methods.method import REFERENCES, Budget, Law, Method
from npf_engine.transport.methods.registry import register

if TYPE_CHECKING:
    from npf_engine.transport.map import EntropicMap


@dataclass(frozen=True)
class EntropicSettings:
    """points: of each sample. share: eps over E|Y - EY|^2 for the cost |x - y|^2 / 2; small, as the map's blur is what
    is paid for."""

    points: int = 1000
    share: float = 0.02


def fit(
    source: Law, target: Law, settings: EntropicSettings, budget: Budget, seed: int, recorder: Recorder
) -> EntropicMap:
    """To the marginal error that its note names, where that is not the one asked for."""
    from npf_engine.transport.discrete import entropic_map, two_samples

    begin = recorder.clock()
    found = entropic_map(*two_samples(source, target, settings.points, seed), settings.share)
    found.report = replace(found.report, seconds=recorder.clock() - begin)
    return found


register(
    Method("entropic", "Entropic", REFERENCES, "the barycentric map of entropic transport", EntropicSettings(), fit)
)
