"""Monotone gradient networks (MGN): C-MGN and M-MGN, on exact pairs or on the dual."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.methods.method import BUDGET, MONOTONE, Budget, Law, Method, show
from npf_engine.transport.methods.registry import register

if TYPE_CHECKING:
    from npf_engine.transport.map import MonotoneMap


@dataclass(frozen=True)
class MonotoneSettings:
    """kind: cmgn or mmgn; loss: of ``monotone_fit.LOSSES``, None for what suits the dimension."""

    kind: str
    loss: str | None = None


def fit(
    source: Law, target: Law, settings: MonotoneSettings, budget: Budget, seed: int, recorder: Recorder
) -> MonotoneMap:
    """From the closed-form Gaussian map on."""
    from npf_engine.transport.monotone_fit import MonotonePlan, fit_monotone

    plan = MonotonePlan(settings.kind, settings.loss, steps=budget.steps, seconds=budget.seconds)
    watch = partial(show, recorder)
    return fit_monotone(source.whole, target.whole, plan, seed=seed, recorder=recorder, watch=watch)


register(
    Method("cmgn", "C-MGN", MONOTONE, "a cascaded monotone gradient network", MonotoneSettings("cmgn"), fit, (BUDGET,)),
    Method("mmgn", "M-MGN", MONOTONE, "a modular monotone gradient network", MonotoneSettings("mmgn"), fit, (BUDGET,)),
)
