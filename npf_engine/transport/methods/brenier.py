"""The potential as this program fits it between any two samples: ``fit_brenier_map``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.methods.method import BUDGET, CONVEX, Budget, Law, Method
from npf_engine.transport.methods.registry import register

if TYPE_CHECKING:
    from npf_engine.transport.map import BrenierMap


@dataclass(frozen=True)
class BrenierSettings:
    """seconds: where no budget says how many."""

    seconds: float = 20.0


def fit(
    source: Law, target: Law, settings: BrenierSettings, budget: Budget, seed: int, recorder: Recorder
) -> BrenierMap:
    """The settings of the network follow from n, d and the seconds."""
    from npf_engine.transport.fit import fit_brenier_map

    seconds = budget.seconds or settings.seconds
    return fit_brenier_map(source.whole, target.whole, seed=seed, budget_seconds=seconds, recorder=recorder)


ABOUT = "a wide convex potential by `fit_brenier_map`, started at the Gaussian map"
register(Method("fit", "Full fit", CONVEX, ABOUT, BrenierSettings(), fit, (BUDGET,)))
