"""The closed-form map between the Gaussians of both samples (Bunne et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from npf_engine.tasks.recorder import Recorder
from npf_engine.transport.methods.method import REFERENCES, Budget, Law, Method
from npf_engine.transport.methods.registry import register

if TYPE_CHECKING:
    from npf_engine.transport.map import AffineMap


@dataclass(frozen=True)
class GaussianSettings:
    """points: of each sample, by which the moments are known."""

    points: int = 20_000


def fit(
    source: Law, target: Law, settings: GaussianSettings, budget: Budget, seed: int, recorder: Recorder
) -> AffineMap:
    """At once."""
    from npf_engine.transport.discrete import two_samples
    from npf_engine.transport.gaussian import gaussian_map
    from npf_engine.transport.map import AffineMap

    begin = recorder.clock()
    x, y = two_samples(source, target, settings.points, seed)
    S, m = gaussian_map(x, y)
    found = AffineMap.of(S, m.to(x))
    found.info["seconds"] = recorder.clock() - begin
    return found


register(
    Method("gaussian", "Gaussian", REFERENCES, "the closed form from means and covariances", GaussianSettings(), fit)
)
