"""What a landscape run answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npf_engine.measures.verdict import Verdict
from npf_engine.studies.kind import verdict_in


@dataclass(frozen=True)
class Mode:
    """A mode of exp(-c g): where it is, and the shares of draws in its basin and truly near it. target: the share that
    exp(-c g) has of its basin; own_law: that of the method's own law, where it is another."""

    location: tuple[float, ...]
    kind: str
    occupancy: float
    near: float
    target: float
    own_law: float | None = None

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Mode:
        """Inverse of ``dataclasses.asdict``."""
        return cls(**(dict(data) | {"location": tuple(data["location"])}))


@dataclass(frozen=True)
class LandscapeResult:
    """What the draws are like, beside the truth where the plane lets it be computed.

    near_*: shares of the draws truly near critical points of a kind; truth: the same figures of exact draws, of one
    basin and (``own``) of the method's own law; out: the run's folder; bundle: the networks, of a method that has any.
    """

    method: str
    law: str
    coefficient: float
    tau: float
    gradient_evaluations: int
    modes: tuple[Mode, ...]
    near_modes: float | None
    near_saddles: float | None
    near_maxima: float | None
    energy_distance: float | None
    truth: Mapping[str, Any] | None
    accuracy: float | None
    acceptance: float | None
    seconds: float
    out: Path | None = None
    verdict: Verdict | None = None
    bundle: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """What ``landscape --json`` prints."""
        told = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        told |= {name: None if told[name] is None else str(told[name]) for name in ("out", "bundle")}
        verdict = told.pop("verdict")
        told["modes"] = [dataclasses.asdict(mode) for mode in self.modes]
        return told | ({} if verdict is None else verdict.to_json())

    @classmethod
    def of_json(cls, report: Mapping[str, Any]) -> LandscapeResult:
        """Inverse of ``to_json``. Raises KeyError and TypeError for what is no report of a landscape run."""
        own = ("verdict", "modes", "out", "bundle")
        told: dict[str, Any] = {
            item.name: report[item.name] for item in dataclasses.fields(cls) if item.name not in own
        }
        told |= {name: None if report.get(name) is None else Path(report[name]) for name in ("out", "bundle")}
        return cls(**told, modes=tuple(map(Mode.of_json, report["modes"])), verdict=verdict_in(report))
