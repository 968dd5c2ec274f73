"""What an experiment on the classifier answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from npf_engine.measures.verdict import Verdict
from npf_engine.settings import reading
from npf_engine.settings.reading import Record
from npf_engine.studies.kind import verdict_in

SAMPLERS = ("lmc", "lmc-npf", "gradient_evaluations")  # what 5.5 tells beside the rest


@dataclass(frozen=True)
class Cosine:
    """Of the gradient at generated weights with the one asked for: mean and standard deviation over n points, between
    that of one constant direction (trivial) and that of minibatch noise alone (ceiling)."""

    mean: float
    std: float
    trivial: float
    ceiling: float
    n: int

    def to_json(self) -> dict[str, float]:
        """By their names."""
        return dataclasses.asdict(self)

    @classmethod
    def of_json(cls, data: Record) -> Cosine:
        """Inverse of ``to_json``."""
        mean, std, trivial, ceiling = (reading.number(data, key) for key in ("mean", "std", "trivial", "ceiling"))
        return cls(mean, std, trivial, ceiling, reading.whole(data, "n"))


@dataclass(frozen=True)
class ExperimentResult:
    """experiment: the section of the paper; data: which digits; metrics and trivial: by the contract's names; samplers:
    of 5.5, what "lmc" and "lmc-npf" reached, and "gradient_evaluations" of each; seconds: of each stage, and "total";
    fingerprint: of the weights of the networks that were trained, None in reports of earlier versions."""

    experiment: str
    preset: str
    seed: int
    data: str
    warnings: Sequence[str]
    metrics: Mapping[str, object]
    trivial: Mapping[str, object]
    seconds: Mapping[str, float]
    samplers: Mapping[str, object]
    verdict: Verdict | None
    fingerprint: str | None = None

    def to_json(self) -> dict[str, object]:
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
            "fingerprint": self.fingerprint,
        }
        return told | ({} if self.verdict is None else self.verdict.to_json())

    @classmethod
    def of_json(cls, report: Mapping[str, object]) -> ExperimentResult:
        """Inverse of ``to_json``. Raises InputError for what is no report of an experiment."""
        seconds = reading.mapping(report, "seconds")
        return cls(
            experiment=reading.text(report, "experiment"),
            preset=reading.text(report, "preset"),
            seed=reading.whole(report, "seed"),
            data=reading.text(report, "data"),
            warnings=reading.texts(report, "warnings"),
            metrics=reading.mapping(report, "metrics"),
            trivial=reading.mapping(report, "trivial"),
            seconds={name: reading.number(seconds, name) for name in seconds},
            samplers={key: value for key, value in report.items() if key in SAMPLERS},
            verdict=verdict_in(report),
            fingerprint=reading.maybe_text(report, "fingerprint"),
        )

    def cloud(self, name: str) -> Mapping[str, float | None]:
        """What a cloud of weights achieves, by the names of measures.py; empty where there is none of that name."""
        found = reading.maybe_mapping(self.metrics, name)
        return {key: value for key, value in found.items() if value is None or isinstance(value, int | float)}

    @property
    def cosine(self) -> Cosine | None:
        """That of generated gradients; None for an experiment that generates none."""
        found = reading.maybe_mapping(self.metrics, "inverse_cosine")
        return Cosine.of_json(found) if found else None
