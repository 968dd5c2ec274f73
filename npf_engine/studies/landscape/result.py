"""What a landscape run answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from npf_engine.measures.verdict import Verdict
from npf_engine.sampling.mixing import Mixing
from npf_engine.settings import reading
from npf_engine.settings.reading import Record
from npf_engine.studies.kind import verdict_in
from npf_engine.studies.landscape.spec import OWN, TARGET

KINDS = ("modes", "saddles", "maxima")  # of critical points that draws may be near
LAWS = {TARGET: "exp(-c g)", OWN: "its own law"}  # as people read them


@dataclass(frozen=True)
class Mode:
    """A mode of exp(-c g): where it is, and the shares of draws in its basin and truly near it. target: the share that
    exp(-c g) has of its basin; own_law: that of the method's own law, where it is another."""

    location: tuple[float, ...]
    kind: str
    occupancy: float
    near: float | None
    target: float
    own_law: float | None = None

    def to_json(self) -> dict[str, object]:
        """By their names; ``near`` is absent where it is not known, as in reports of earlier versions."""
        told = {**dataclasses.asdict(self), "location": list(self.location)}
        return {key: value for key, value in told.items() if key != "near" or value is not None}

    @classmethod
    def of_json(cls, data: Record) -> Mode:
        """Inverse of ``to_json``."""
        return cls(
            location=tuple(reading.numbers(data, "location")),
            kind=reading.text(data, "kind"),
            occupancy=reading.number(data, "occupancy"),
            near=reading.maybe_number(data, "near"),
            target=reading.number(data, "target"),
            own_law=reading.maybe_number(data, "own_law"),
        )


@dataclass(frozen=True)
class Near:
    """Shares of draws truly near critical points of a kind; None where that is not known."""

    modes: float | None = None
    saddles: float | None = None
    maxima: float | None = None

    def of(self, kind: str) -> float | None:
        """The share near one of KINDS."""
        return {"modes": self.modes, "saddles": self.saddles, "maxima": self.maxima}[kind]

    def to_json(self) -> dict[str, float | None]:
        """near_modes, near_saddles and near_maxima."""
        return {f"near_{kind}": self.of(kind) for kind in KINDS}

    @classmethod
    def of_json(cls, data: Record) -> Near:
        """Inverse of ``to_json``."""
        return cls(*(reading.maybe_number(data, f"near_{kind}") for kind in KINDS))


@dataclass(frozen=True)
class OwnLaw:
    """The same figures of the method's own law: near of its exact draws; largest_error of a basin's share and
    energy_distance of the run's draws against it."""

    near: Near
    largest_error: float | None
    energy_distance: float | None

    def to_json(self) -> dict[str, object]:
        """By their names."""
        return {**self.near.to_json(), "largest_error": self.largest_error, "energy_distance": self.energy_distance}

    @classmethod
    def of_json(cls, data: Record) -> OwnLaw:
        """Inverse of ``to_json``."""
        error, energy = (reading.maybe_number(data, key) for key in ("largest_error", "energy_distance"))
        return cls(Near.of_json(data), error, energy)


@dataclass(frozen=True)
class Point:
    """A critical point of g: eigenvalues (d,) of the Hessian, value g, residual |grad g| after polishing, as far as
    they are known."""

    location: tuple[float, ...]
    kind: str
    eigenvalues: tuple[float, ...] = ()
    value: float | None = None
    residual: float | None = None

    def to_json(self) -> dict[str, object]:
        """By their names."""
        told = dataclasses.asdict(self)
        return told | {"location": list(self.location), "eigenvalues": list(self.eigenvalues)}

    @classmethod
    def of_json(cls, data: Record) -> Point:
        """Inverse of ``to_json``."""
        return cls(
            tuple(reading.numbers(data, "location")),
            reading.text(data, "kind"),
            tuple(reading.numbers(data, "eigenvalues")),
            reading.maybe_number(data, "value"),
            reading.maybe_number(data, "residual"),
        )


@dataclass(frozen=True)
class Expected:
    """What exact draws of exp(-c g) would have: weights of the basins, shares near critical points.

    energy_floor: the energy distance of two exact clouds; energy_trivial: of a sampler that stays in the heaviest
    basin, None where there is one only; largest_error: of a basin's share, of the run's draws; own: the method's own
    law, where it is another.
    """

    weights: Sequence[float]
    energy_floor: float | None
    energy_trivial: float | None
    points: Sequence[Point]
    largest_error: float | None
    near: Near
    own: OwnLaw | None

    def to_json(self) -> dict[str, object]:
        """As the contract calls them."""
        return {
            "weights": list(self.weights),
            "energy_distance_of_exact_samples": self.energy_floor,
            "energy_distance_of_one_basin": self.energy_trivial,
            "critical_points": [point.to_json() for point in self.points],
            "largest_error": self.largest_error,
            **self.near.to_json(),
            "own": None if self.own is None else self.own.to_json(),
        }

    @classmethod
    def of_json(cls, data: Record) -> Expected:
        """Inverse of ``to_json``."""
        own = reading.maybe_mapping(data, "own")
        return cls(
            weights=reading.numbers(data, "weights"),
            energy_floor=reading.maybe_number(data, "energy_distance_of_exact_samples"),
            energy_trivial=reading.maybe_number(data, "energy_distance_of_one_basin"),
            points=[Point.of_json(point) for point in reading.mappings(data, "critical_points")],
            largest_error=reading.maybe_number(data, "largest_error"),
            near=Near.of_json(data),
            own=OwnLaw.of_json(own) if own else None,
        )


@dataclass(frozen=True)
class Held:
    """A run beside the law that it is judged by: the law's shares of the basins and near critical points, and how far
    the draws are from it; energy_trivial: of one basin, known of exp(-c g) only."""

    law: str
    weights: tuple[float, ...]
    near: Near
    largest_error: float | None
    energy_distance: float | None
    energy_trivial: float | None


@dataclass(frozen=True)
class LandscapeResult:
    """What the draws are like, beside the truth where the plane lets it be computed.

    near: shares of the draws truly near critical points; truth: the same figures of exact draws, of one basin and of
    the method's own law; out: the run's folder; fingerprint: of the weights of the networks, and bundle: their file, of
    a method that has any; mixing: of the chains' later frames, of a method that keeps any.
    """

    method: str
    law: str
    coefficient: float
    tau: float
    gradient_evaluations: int
    modes: tuple[Mode, ...]
    near: Near
    energy_distance: float | None
    truth: Expected | None
    accuracy: float | None
    acceptance: float | None
    seconds: float
    fingerprint: str | None = None
    out: Path | None = None
    verdict: Verdict | None = None
    bundle: Path | None = None
    mixing: Mixing | None = None

    @property
    def held(self) -> Held | None:
        """Against the law that was asked for; against exp(-c g) where a law of its own is not known, None where neither
        is."""
        truth = self.truth
        if truth is None:
            return None
        if self.law == OWN and truth.own is not None:
            shares, own = tuple(mode.own_law or 0.0 for mode in self.modes), truth.own
            return Held(OWN, shares, own.near, own.largest_error, own.energy_distance, None)
        shares = tuple(mode.target for mode in self.modes)
        return Held(TARGET, shares, truth.near, truth.largest_error, self.energy_distance, truth.energy_trivial)

    def to_json(self) -> dict[str, object]:
        """What ``landscape --json`` prints."""
        told: dict[str, object] = {
            "method": self.method,
            "law": self.law,
            "coefficient": self.coefficient,
            "tau": self.tau,
            "gradient_evaluations": self.gradient_evaluations,
            "modes": [mode.to_json() for mode in self.modes],
            **self.near.to_json(),
            "energy_distance": self.energy_distance,
            "truth": None if self.truth is None else self.truth.to_json(),
            "accuracy": self.accuracy,
            "acceptance": self.acceptance,
            "mixing": None if self.mixing is None else self.mixing.to_json(),
            "seconds": self.seconds,
            "fingerprint": self.fingerprint,
            "out": None if self.out is None else str(self.out),
            "bundle": None if self.bundle is None else str(self.bundle),
        }
        return told | ({} if self.verdict is None else self.verdict.to_json())

    @classmethod
    def of_json(cls, report: Record) -> LandscapeResult:
        """Inverse of ``to_json``. Raises InputError for what is no report of a landscape run."""
        truth = reading.maybe_mapping(report, "truth")
        out, bundle = (reading.maybe_text(report, name) for name in ("out", "bundle"))
        return cls(
            method=reading.text(report, "method"),
            law=reading.maybe_text(report, "law", TARGET),
            coefficient=reading.number(report, "coefficient"),
            tau=reading.number(report, "tau"),
            gradient_evaluations=reading.whole(report, "gradient_evaluations"),
            modes=tuple(map(Mode.of_json, reading.mappings(report, "modes"))),
            near=Near.of_json(report),
            energy_distance=reading.maybe_number(report, "energy_distance"),
            truth=Expected.of_json(truth) if truth else None,
            accuracy=reading.maybe_number(report, "accuracy"),
            acceptance=reading.maybe_number(report, "acceptance"),
            seconds=reading.number(report, "seconds"),
            fingerprint=reading.maybe_text(report, "fingerprint"),
            out=None if out is None else Path(out),
            bundle=None if bundle is None else Path(bundle),
            verdict=verdict_in(report),
            mixing=Mixing.of_json(mixed) if (mixed := reading.maybe_mapping(report, "mixing")) else None,
        )
