"""Constrained drifting (CDM): gradient flow of a divergence within gradients of convex functions, by six schemes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.drift_settings import ICNN, RANDOM, SELF_ENTROPIC, DriftSettings
from npf_engine.transport.methods.method import BUDGET, DRIFTING, Budget, Law, Method
from npf_engine.transport.methods.registry import register

if TYPE_CHECKING:
    from npf_engine.transport.map import PotentialMap

ABOUT = {
    "explicit": ("Explicit", "regression on a step of the gradient flow"),
    "implicit": ("Implicit", "the step's end decides the step"),
    "implicit-summed": ("Implicit, summed", "the implicit scheme with the sum in place of the mean"),
    "euclidean": ("Descent", "plain gradient descent on the functional"),
    "adam": ("Adam", "Adam on the functional"),
    "gauss-newton": ("Gauss-Newton", "the explicit step solved properly, in natural gradients"),
}


def fit(
    source: Law, target: Law, settings: DriftSettings, budget: Budget, seeds: Sequence[int], recorder: Recorder
) -> list[PotentialMap]:
    """All seeds as one tensor program."""
    from npf_engine.transport.drift_fit import fit_drift

    return fit_drift(source, target, settings, budget, seeds, recorder)


def _method(name: str) -> Method[DriftSettings]:
    own, published = DriftSettings(name), _published(name)
    return Method(name, *_words(name), own, needs=(BUDGET,), published=published, together=fit, choices="drift")


def _published(name: str) -> DriftSettings:
    """Seed 003's settings; the paper has no Gauss-Newton, which meets its experiment with a quadratic term."""
    if name == "gauss-newton":
        return DriftSettings(name, start=RANDOM, guarded=False)
    return DriftSettings(name, network=ICNN, score=SELF_ENTROPIC, start=RANDOM, guarded=False)


def _words(name: str) -> tuple[str, str, str]:
    title, about = ABOUT[name]
    return title, DRIFTING, about


register(*(_method(name) for name in ABOUT))
