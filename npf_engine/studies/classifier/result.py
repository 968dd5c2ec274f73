"""What an experiment on the classifier answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npf_engine.measures.verdict import Verdict
from npf_engine.studies.kind import verdict_in

KNOWN = (
    "experiment",
    "preset",
    "seed",
    "data",
    "warnings",
    "metrics",
    "trivial",
    "seconds",
    "verdict",
    "verdict_reason",
)


@dataclass(frozen=True)
class ExperimentResult:
    """experiment: the section of the paper; data: which digits; metrics and trivial: by the contract's names; samplers:
    of 5.5, what "lmc" and "lmc-npf" reached; seconds: of each stage, and "total"."""

    experiment: str
    preset: str
    seed: int
    data: str
    warnings: Sequence[str]
    metrics: Mapping[str, Any]
    trivial: Mapping[str, Any]
    seconds: Mapping[str, float]
    samplers: Mapping[str, Any]
    verdict: Verdict | None

    def to_json(self) -> dict[str, Any]:
        """What ``experiment --json`` prints."""
        told = {
            "experiment": self.experiment,
            "preset": self.preset,
            "seed": self.seed,
            "data": self.data,
            "warnings": list(self.warnings),
            "metrics": dict(self.metrics),
            "trivial": dict(self.trivial),
            **self.samplers,
            "seconds": dict(self.seconds),
        }
        return told | ({} if self.verdict is None else self.verdict.to_json())

    @classmethod
    def of_json(cls, report: Mapping[str, Any]) -> ExperimentResult:
        """Inverse of ``to_json``. Raises KeyError for what is no report of an experiment."""
        return cls(
            experiment=report["experiment"],
            preset=report["preset"],
            seed=report["seed"],
            data=report["data"],
            warnings=report["warnings"],
            metrics=report["metrics"],
            trivial=report["trivial"],
            seconds=report["seconds"],
            samplers={key: value for key, value in report.items() if key not in KNOWN},
            verdict=verdict_in(report),
        )
