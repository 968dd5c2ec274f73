"""What a training answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from npf_engine.errors import InputError
from npf_engine.measures.verdict import Verdict
from npf_engine.settings import reading
from npf_engine.studies.kind import verdict_in


@dataclass(frozen=True)
class TrainingResult:
    """metrics: the accuracy table, as contract and bundle have it; seconds: of each stage, and "total"; device and
    threads: what it ran on; fingerprint: sha256 over all weights; bundle: the zip with the model."""

    metrics: Mapping[str, object]
    verdict: Verdict
    seconds: Mapping[str, float]
    device: str
    threads: int
    seed: int
    fingerprint: str
    bundle: Path

    def to_json(self) -> dict[str, object]:
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
    def of_json(cls, report: Mapping[str, object]) -> TrainingResult:
        """Inverse of ``to_json``. Raises InputError for what is no report of a training."""
        verdict = verdict_in(report)
        if verdict is None:
            raise InputError("verdict is missing")
        seconds = reading.mapping(report, "seconds")
        return cls(
            metrics=reading.mapping(report, "metrics"),
            verdict=verdict,
            seconds={name: reading.number(seconds, name) for name in seconds},
            device=reading.text(report, "device"),
            threads=reading.whole(report, "threads"),
            seed=reading.whole(report, "seed"),
            fingerprint=reading.text(report, "fingerprint"),
            bundle=Path(reading.text(report, "bundle")),
        )
