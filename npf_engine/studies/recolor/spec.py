"""What a colour transfer is told: two pictures, a way, and how far to go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from npf_engine.settings import limits
from npf_engine.settings.base import Spec
from npf_engine.settings.setting import (
    NO_FLAG,
    PROCESSOR,
    device_setting,
    group,
    seed_setting,
    setting,
    threads_setting,
)
from npf_engine.transport.drift_settings import DriftChoice
from npf_engine.transport.methods import registry
from npf_engine.transport.methods.method import SLOPE, AnyMethod
from npf_engine.transport.methods.monotone import MonotoneChoice

DRAWS = 8  # of four, the floor of one may be so wild that no ratio is surely above another


def methods() -> dict[str, AnyMethod]:
    """The methods that colours can be transferred by, by name: all that learn from samples alone."""
    return {name: method for name, method in registry.known().items() if SLOPE not in method.needs}


@dataclass(frozen=True)
class RecolorSpec(Spec):
    """The settings of ``transfer.recolor``, and of the measure of the match."""

    source: str = setting("day", "The picture to recolour (PNG, JPEG, ...), or `day`, made by code.", path=True)
    palette: str = setting("sunset", "The picture whose colours it gets, or `sunset`, made by code.", path=True)
    method: str = setting("fit", "The way to learn the map of the colours.", choices=lambda: tuple(methods()))
    strength: float = setting(
        1.0,
        "0 leaves the picture, 1 has all of the other's colours; (1 - t) x + t T(x) between.",
        least=0,
        most=1,
        span=True,
    )
    smooth: int = setting(
        0,
        "Radius in pixels of a filter that calms noise and keeps edges; 0 for none.",
        title="smoothing",
        unit="pixels",
        least=0,
        most=200,
        span=True,
    )
    seconds: float = setting(
        20.0, "For the fit; methods without a network take what they take.", unit="seconds", most=3600
    )
    seed: int = seed_setting("Fixes which colours are drawn.")
    name: str = setting("", "What the run is called.", longest=limits.MAX_NAME, flag=NO_FLAG)
    drift: DriftChoice = group(DriftChoice, "Constrained drifting", "For all of its schemes.")
    mgn: MonotoneChoice = group(MonotoneChoice, "Monotone gradient networks", "For C-MGN and M-MGN.")
    draws: int = setting(DRAWS, "Draws of the divergence that measures the match.", most=10_000)
    device: str = device_setting("cpu", PROCESSOR)
    threads: int = threads_setting(1)

    @property
    def default_name(self) -> str:
        """Both pictures and the method."""
        return f"{Path(self.source).stem} in the colours of {Path(self.palette).stem}, {self.method}"
