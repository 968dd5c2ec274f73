"""What a training answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npf_engine.measures.verdict import Verdict
from npf_engine.studies.kind import verdict_in


@dataclass(frozen=True)
class TrainingResult:
    """metrics: the accuracy table, as contract and bundle have it; seconds: of each stage, and "total"; device and
    threads: what it ran on; fingerprint: sha256 over all weights; bundle: the zip with the model."""

    metrics: Mapping[str, Any]
    verdict: Verdict
    seconds: Mapping[str, float]
    device: str
    threads: int
    seed: int
    fingerprint: str
    bundle: Path

    def to_json(self) -> dict[str, Any]:
        """What ``train --json`` prints."""
        return {
            "metrics": dict(self.metrics),
            **self.verdict.to_json(),
            "seconds": dict(self.seconds),
            "device": self.device,
            "threads": self.threads,
            "seed": self.seed,
            "fingerprint": self.fingerprint,
            "bundle": str(self.bundle),
        }

    @classmethod
    def of_json(cls, report: Mapping[str, Any]) -> TrainingResult:
        """Inverse of ``to_json``. Raises KeyError and TypeError for what is no report of a training."""
        verdict = verdict_in(report)
        if verdict is None:
            raise KeyError("verdict")
        return cls(
            metrics=report["metrics"],
            verdict=verdict,
            seconds=report["seconds"],
            device=str(report["device"]),
            threads=int(report["threads"]),
            seed=int(report["seed"]),
            fingerprint=str(report["fingerprint"]),
            bundle=Path(report["bundle"]),
        )
