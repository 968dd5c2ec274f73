"""What a run of the Monge lab answers: a row for each method, beside the floor and the trivial answer of the task."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from npf_engine.measures.verdict import Verdict, level_of_row
from npf_engine.settings import reading
from npf_engine.settings.reading import Record
from npf_engine.studies.kind import verdict_in
from npf_engine.studies.lab.moments import Moments


@dataclass(frozen=True)
class CurvePoints:
    """The metric of the map on the way: seconds, step and value, one each a look."""

    seconds: Sequence[float] = ()
    step: Sequence[float] = ()
    value: Sequence[float] = ()

    def to_json(self) -> dict[str, list[float]]:
        """Three lists by their names."""
        return {"seconds": list(self.seconds), "step": list(self.step), "value": list(self.value)}

    @classmethod
    def of_json(cls, data: Record) -> CurvePoints:
        """Inverse of ``to_json``."""
        return cls(*(reading.numbers(data, key) for key in ("seconds", "step", "value")))


@dataclass(frozen=True)
class Levels:
    """Floor and trivial answer of the metric on ``points`` points, those of the curves."""

    points: int
    floor: float | None
    trivial: float | None

    def to_json(self) -> dict[str, object]:
        """By their names."""
        return {"points": self.points, "floor": self.floor, "trivial": self.trivial}

    @classmethod
    def of_json(cls, data: Record) -> Levels:
        """Inverse of ``to_json``."""
        floor, trivial = (reading.maybe_number(data, key) for key in ("floor", "trivial"))
        return cls(reading.whole(data, "points"), floor, trivial)


@dataclass(frozen=True)
class Judgement:
    """gap: where a method's value lies from the floor, 0, to the trivial answer, 1; gap_se: its standard error; both
    None where those cannot be told apart. level: one of ``verdict.LEVELS``, None where none can be given."""

    gap: float | None
    gap_se: float | None
    level: str | None

    def to_json(self) -> dict[str, object]:
        """{"gap", "gap_se", "verdict"}."""
        return {"gap": self.gap, "gap_se": self.gap_se, "verdict": self.level}


@dataclass(frozen=True)
class MethodResult:
    """One method, all its seeds.

    mean, std and values of the metric, None where it is not finite; failed_share of the seeds; seconds of one; look:
    the value on the points of the curves; cost: mean squared distance that the map moves points; min_eigenvalue: the
    least of the Jacobian's symmetric part; moments: of the first seed's image, None where the law is known by points
    alone; fingerprint: of what the maps of all seeds make of the first points, None where there is no map; judgement:
    once it is judged; live: it is still at work.
    """

    metric: str
    mean: float | None
    failed_share: float = 0.0
    std: float | None = None
    seconds: float = 0.0
    parameters: int = 0
    values: Sequence[float | None] = ()
    look: float | None = None
    cost: float | None = None
    min_eigenvalue: float | None = None
    note: str = ""
    curve: CurvePoints = field(default_factory=CurvePoints)
    moments: Moments | None = None
    fingerprint: str | None = None
    judgement: Judgement | None = None
    live: bool = False

    @classmethod
    def of_values(cls, metric: str, values: Sequence[float], failed_share: float) -> MethodResult:
        """The row of these values, one a seed."""
        finite = [value for value in values if math.isfinite(value)]
        return cls(
            metric,
            mean=float(np.mean(finite)) if finite else None,
            std=float(np.std(finite)) if finite else None,
            failed_share=failed_share,
            values=[value if math.isfinite(value) else None for value in values],
        )

    @property
    def gap(self) -> float | None:
        """That of the judgement."""
        return None if self.judgement is None else self.judgement.gap

    @property
    def gap_se(self) -> float | None:
        """That of the judgement."""
        return None if self.judgement is None else self.judgement.gap_se

    @property
    def level(self) -> str | None:
        """That of the judgement."""
        return None if self.judgement is None else self.judgement.level

    def to_json(self) -> dict[str, object]:
        """The row of the contract, and more."""
        return {
            "metric": self.metric,
            "mean": self.mean,
            "std": self.std,
            "failed_share": self.failed_share,
            "seconds": self.seconds,
            "parameters": self.parameters,
            "values": list(self.values),
            "look": self.look,
            "cost": self.cost,
            "min_eigenvalue": self.min_eigenvalue,
            "note": self.note,
            "curve": self.curve.to_json(),
            "moments": None if self.moments is None else self.moments.to_json(),
            "fingerprint": self.fingerprint,
        } | ({} if self.judgement is None else self.judgement.to_json())

    @classmethod
    def of_json(cls, row: Record) -> MethodResult:
        """Inverse of ``to_json``. Raises InputError for what is no row."""
        values = [None if v is None else reading.as_number("values", v) for v in reading.items(row, "values")]
        judgement = None
        if "gap" in row:
            gap, gap_se = (reading.maybe_number(row, key) for key in ("gap", "gap_se"))
            judgement = Judgement(gap, gap_se, level_of_row(reading.maybe_text(row, "verdict")))
        return cls(
            metric=reading.text(row, "metric"),
            mean=reading.maybe_number(row, "mean"),
            std=reading.maybe_number(row, "std"),
            failed_share=reading.number(row, "failed_share"),
            look=reading.maybe_number(row, "look"),
            cost=reading.maybe_number(row, "cost"),
            min_eigenvalue=reading.maybe_number(row, "min_eigenvalue"),
            seconds=reading.maybe_number(row, "seconds", 0.0),
            parameters=reading.maybe_whole(row, "parameters", 0),
            values=values,
            note=reading.maybe_text(row, "note", ""),
            curve=CurvePoints.of_json(reading.maybe_mapping(row, "curve")),
            moments=Moments.of_json(reading.maybe_mapping(row, "moments")),
            fingerprint=reading.maybe_text(row, "fingerprint"),
            judgement=judgement,
        )


@dataclass(frozen=True)
class Recognised:
    """Of generated digits: the share that a classifier recognises, and the entropy of the classes in nats."""

    recognised: float
    entropy: float

    def to_json(self) -> dict[str, float]:
        """By their names."""
        return {"recognised": self.recognised, "entropy": self.entropy}


@dataclass(frozen=True)
class LabResult:
    """Every method on one task.

    floor: what two draws of the target differ by, the mean of several, with floor_std of a single one (None for L2-UVP,
    whose floor is 0); trivial: the value of only moving the mean; look: the same levels on the few points of the
    curves, which are to be seen beside these and not beside those of n; exact_cost: of the exact map; seeds: the first
    and how many; spec: what was asked for; digits: who -> how many are recognised; moments: mean of other draws of the
    target, what the truth itself scores; seconds: {"total"}.
    """

    task: str
    title: str
    d: int
    metric: str
    floor: float | None
    trivial: float
    exact_cost: float
    n: int
    notes: Sequence[str] = ()
    floor_std: float | None = None
    look: Levels | None = None
    seeds: Sequence[int] = ()
    spec: Record = field(default_factory=dict)
    results: Mapping[str, MethodResult] = field(default_factory=dict)
    digits: Mapping[str, Recognised] | None = None
    moments: Moments | None = None
    verdict: Verdict | None = None
    seconds: Mapping[str, float] | None = None

    @property
    def fingerprint(self) -> str | None:
        """Of the maps of all methods, in their order; None where there is no map."""
        found = [row.fingerprint for row in self.results.values() if row.fingerprint]
        return hashlib.sha256(" ".join(found).encode()).hexdigest() if found else None

    def to_json(self) -> dict[str, object]:
        """What ``lab --json`` prints."""
        told: dict[str, object] = {} if self.seconds is None else {"seconds": dict(self.seconds)}
        told |= {
            "task": self.task,
            "title": self.title,
            "d": self.d,
            "notes": list(self.notes),
            "metric": self.metric,
            "floor": self.floor,
            "floor_std": self.floor_std,
            "trivial": self.trivial,
        }
        told |= {} if self.look is None else {"look": self.look.to_json()}
        told |= {"exact_cost": self.exact_cost, "n": self.n, "seeds": list(self.seeds), "spec": dict(self.spec)}
        told["results"] = {name: row.to_json() for name, row in self.results.items()}
        if self.digits is not None:
            told["digits"] = {who: found.to_json() for who, found in self.digits.items()}
        told["moments"] = None if self.moments is None else self.moments.to_json()
        told["fingerprint"] = self.fingerprint
        return told | ({} if self.verdict is None else self.verdict.to_json())

    @classmethod
    def of_json(cls, report: Record) -> LabResult:
        """Inverse of ``to_json``. Raises InputError for what is no report of the lab."""
        digits = {
            who: Recognised(*(reading.number(reading.as_mapping(who, found), key) for key in ("recognised", "entropy")))
            for who, found in reading.maybe_mapping(report, "digits").items()
        }
        rows = {
            name: MethodResult.of_json(reading.as_mapping(name, row))
            for name, row in reading.mapping(report, "results").items()
        }
        look = reading.maybe_mapping(report, "look")
        seconds = reading.maybe_mapping(report, "seconds")
        return cls(
            task=reading.text(report, "task"),
            title=reading.text(report, "title"),
            d=reading.whole(report, "d"),
            metric=reading.text(report, "metric"),
            floor=reading.maybe_number(report, "floor"),
            trivial=reading.maybe_number(report, "trivial", math.nan),
            exact_cost=reading.maybe_number(report, "exact_cost", math.nan),
            n=reading.whole(report, "n"),
            notes=reading.texts(report, "notes"),
            floor_std=reading.maybe_number(report, "floor_std"),
            look=Levels.of_json(look) if look else None,
            seeds=[int(number) for number in reading.numbers(report, "seeds")],
            spec=reading.maybe_mapping(report, "spec"),
            results=rows,
            digits=digits or None,
            moments=Moments.of_json(reading.maybe_mapping(report, "moments")),
            verdict=verdict_in(report),
            seconds={name: reading.number(seconds, name) for name in seconds} or None,
        )
