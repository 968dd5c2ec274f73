"""Monotone gradient networks (MGN): C-MGN and M-MGN, on exact pairs or on the dual."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from npf_engine.settings.base import Settings
from npf_engine.settings.setting import setting
from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.methods.method import BUDGET, MONOTONE, Budget, Law, Method, show
from npf_engine.transport.methods.registry import register

if TYPE_CHECKING:
    from npf_engine.transport.map import MonotoneMap


# Of ``monotone_fit.LOSSES`` those that need samples alone.
LOSSES = {
    "pairs": "exact pairs",
    "dual": "dual",
    "kl": "Gaussian KL",
    "adversarial": "adversarial",
    "sinkhorn": "Sinkhorn",
}
GAINS, PUBLISHED = FORMS = ("gains", "published")


@dataclass(frozen=True)
class MonotoneSettings:
    """kind: cmgn or mmgn; loss: of ``monotone_fit.LOSSES``, None for what suits the dimension. form: with our learned
    gains, or as published without. start: gaussian or identity. steps, rate, batch: the loss' own where None."""

    kind: str
    loss: str | None = None
    form: str = GAINS
    start: str = "gaussian"
    steps: int | None = None
    rate: float | None = None
    batch: int | None = None


@dataclass(frozen=True)
class MonotoneChoice(Settings):
    """What may be chosen of ``MonotoneSettings``; what is left empty is the methods' own."""

    loss: str | None = setting(
        None,
        "What C-MGN and M-MGN minimise. Their paper has the Gaussian Kullback-Leibler divergence, which sees mean and "
        "covariance alone, and the adversarial Wasserstein distance.",
        why="exact pairs, beyond four dimensions the dual",
        choices=LOSSES,
    )
    form: str | None = setting(
        None,
        "Whether a unit's height and steepness are tied, as published.",
        why="learned gains, which untie them",
        choices={GAINS: "with learned gains", PUBLISHED: "as published"},
    )
    start: str | None = setting(
        None,
        "Which map the network is at the start.",
        why="the closed-form Gaussian map",
        choices={"gaussian": "the Gaussian map", "identity": "the identity"},
    )
    steps: int | None = setting(None, "Steps of the optimiser.", why="the loss' own", most=10_000_000)
    rate: float | None = setting(None, "Learning rate.", why="the loss' own", most=10)
    batch: int | None = setting(None, "Samples of a step.", why="the loss' own", least=4, most=65_536)


def fit(
    source: Law, target: Law, settings: MonotoneSettings, budget: Budget, seed: int, recorder: Recorder
) -> MonotoneMap:
    """From the closed-form Gaussian map on."""
    from npf_engine.transport.monotone_fit import MonotonePlan, fit_monotone

    plan = MonotonePlan(
        settings.kind,
        settings.loss,
        settings.start,
        budget.steps or settings.steps,
        budget.seconds,
        {} if settings.form == GAINS else {"gains": False},
        rate=settings.rate,
        batch=settings.batch,
    )
    watch = partial(show, recorder)
    return fit_monotone(source.whole, target.whole, plan, seed=seed, recorder=recorder, watch=watch)


def _method(kind: str, title: str, about: str) -> Method[MonotoneSettings]:
    return Method(kind, title, MONOTONE, about, MonotoneSettings(kind), fit, (BUDGET,), choices="mgn")


register(
    _method("cmgn", "C-MGN", "a cascaded monotone gradient network"),
    _method("mmgn", "M-MGN", "a modular monotone gradient network"),
)
