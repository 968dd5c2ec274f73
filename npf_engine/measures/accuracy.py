"""The accuracy table (NPF 5.1) as a type: what was measured of a factorization, each value with its floor and trivial
answer, by name. ``measures/report.py`` fills it, ``measures/accuracy_verdict.py`` judges it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from npf_engine.measures.measured import Measured
from npf_engine.measures.verdict import Verdict
from npf_engine.settings import reading
from npf_engine.settings.reading import Record, maybe_mapping, maybe_number


@dataclass(frozen=True)
class InverseMeasured(Measured):
    """The inverse's ratio; paper_self_distance: the floor as the paper takes it, two draws from all of rho."""

    paper_self_distance: float | None = None

    @staticmethod
    def of_row(row: Measured, paper_self_distance: float | None) -> InverseMeasured:
        """The row with the paper's own floor beside it."""
        return InverseMeasured(**vars(row), paper_self_distance=paper_self_distance)

    def to_json(self) -> dict[str, float | int | None]:
        """The contract's metric object with the paper's floor."""
        return super().to_json() | {"paper_self_distance": self.paper_self_distance}


@dataclass(frozen=True)
class Reconstruction:
    """l2: mean |F - grad u o M_xi| in F's units; relative: over mean |F|; trivial: l2 of F's mean."""

    l2: float
    relative: float | None = None
    trivial: float | None = None

    @staticmethod
    def of_json(row: Record) -> Reconstruction:
        """From the contract's object."""
        return Reconstruction(reading.number(row, "l2"), maybe_number(row, "relative"), maybe_number(row, "trivial"))


@dataclass(frozen=True)
class MapError:
    """value: root mean square of M_xi - M_theta over the spread of M_theta; trivial: of M_theta's mean, 1."""

    value: float
    trivial: float = 1.0

    @staticmethod
    def of_json(row: Record) -> MapError:
        """From the contract's object."""
        return MapError(reading.number(row, "value"), maybe_number(row, "trivial", 1.0))


@dataclass(frozen=True)
class Cosine:
    """cos(F(I_psi(grad u*(F(x)))), F(x)) over test points (NPF eq. 15); trivial: the best constant direction's mean."""

    mean: float
    trivial: float
    std: float | None = None

    @staticmethod
    def of_json(row: Record) -> Cosine:
        """From the contract's object."""
        return Cosine(reading.number(row, "mean"), reading.number(row, "trivial"), maybe_number(row, "std"))


@dataclass(frozen=True)
class ValueDistance:
    """|F(I_psi(grad u*(F(x)))) - F(x)| over test points, in F's unit (eq. 15 of NPF's first version): mean and standard
    deviation; trivial: the mean of |F(x) - mean F|."""

    mean: float
    trivial: float
    std: float | None = None

    @staticmethod
    def of_json(row: Record) -> ValueDistance:
        """From the contract's object."""
        return ValueDistance(reading.number(row, "mean"), reading.number(row, "trivial"), maybe_number(row, "std"))


@dataclass(frozen=True)
class ExactMiss:
    """What F misses where the draws were carried on to exact pre-images, and the share that found one."""

    found: float
    mean: float | None = None
    median: float | None = None

    @staticmethod
    def of_json(row: Record) -> ExactMiss:
        """From the contract's object."""
        return ExactMiss(reading.number(row, "found"), maybe_number(row, "mean"), maybe_number(row, "median"))


@dataclass(frozen=True)
class Miss:
    """|F(x) - v| at drawn pre-images x of v over the spread of F: mean and median of ``n`` draws (inverse_miss.py).

    beyond_half: the share that misses by more than |v| / 2; floor (JSON: self_distance): of the samples nearest in M;
    trivial: of draws from rho; known: what stands for F, "function", "grid" or "network", grad u o M_xi, which is
    ``own_error`` off itself; worst_decile: a tenth of the places miss by more.
    """

    mean: float
    median: float | None = None
    beyond_half: float | None = None
    floor: float | None = None
    trivial: float | None = None
    n: int | None = None
    known: str | None = None
    own_error: float | None = None
    worst_decile: float | None = None
    exact: ExactMiss | None = None

    @staticmethod
    def of_json(row: Record) -> Miss:
        """From the contract's object."""
        return Miss(
            mean=reading.number(row, "mean"),
            median=maybe_number(row, "median"),
            beyond_half=maybe_number(row, "beyond_half"),
            floor=maybe_number(row, "self_distance"),
            trivial=maybe_number(row, "trivial"),
            n=reading.maybe_whole(row, "n"),
            known=reading.maybe_text(row, "known"),
            own_error=maybe_number(row, "own_error"),
            worst_decile=maybe_number(row, "worst_decile"),
            exact=_row(ExactMiss.of_json, row, "exact", "found"),
        )

    def to_json(self) -> dict[str, object]:
        """The contract's object."""
        plain = dataclasses.asdict(self)
        return {"self_distance" if key == "floor" else key: value for key, value in plain.items()}


@dataclass(frozen=True)
class DualGap:
    """value: mean u(x) + u*(F(x)) of the test samples; gap: how far it lies below the Gaussian map's, with its standard
    error; gap_share: the same in percent of F's variance; None where that map is not known."""

    value: float | None = None
    max_residual: float | None = None
    gap: float | None = None
    gap_se: float | None = None
    gap_share: float | None = None

    @staticmethod
    def of_json(row: Record) -> DualGap:
        """From the contract's object."""
        return DualGap(*(maybe_number(row, item.name) for item in dataclasses.fields(DualGap)))


Item = TypeVar("Item")


@dataclass(frozen=True)
class Accuracy:
    """All rows of the table; None what was not measured: no M_xi, no I_psi, F known on samples only."""

    pushforward: Measured | None = None
    measure_preservation_implicit: Measured | None = None
    measure_preservation: Measured | None = None
    pushforward_sliced: Measured | None = None
    measure_preservation_sliced: Measured | None = None
    measure_preservation_local: Measured | None = None
    measure_preservation_hole: Measured | None = None
    reconstruction: Reconstruction | None = None
    map_error: MapError | None = None
    inverse: InverseMeasured | None = None
    inverse_cosine: Cosine | None = None
    inverse_l2: ValueDistance | None = None
    inverse_miss: Miss | None = None
    test_dual: DualGap = field(default_factory=DualGap)

    def to_json(self) -> dict[str, object]:
        """The contract's ``metrics``; the laws of an M that there is none of are left out, and eq. 15's L2."""
        rows = {item.name: _plain(getattr(self, item.name)) for item in dataclasses.fields(self)}
        return {name: row for name, row in rows.items() if row is not None or name not in LEFT_OUT}

    @staticmethod
    def of_json(metrics: Mapping[str, object]) -> Accuracy:
        """From the ``metrics`` of a report, which may be an earlier version's."""
        measured = {name: Measured.of_json(maybe_mapping(metrics, name)) for name in LAWS}
        inverse = maybe_mapping(metrics, "inverse")
        row = Measured.of_json(inverse)
        return Accuracy(
            **measured,
            reconstruction=_row(Reconstruction.of_json, metrics, "reconstruction", "l2"),
            map_error=_row(MapError.of_json, metrics, "map_error", "value"),
            inverse=None if row is None else InverseMeasured.of_row(row, maybe_number(inverse, "paper_self_distance")),
            inverse_cosine=_row(Cosine.of_json, metrics, "inverse_cosine", "mean"),
            inverse_l2=_row(ValueDistance.of_json, metrics, "inverse_l2", "mean"),
            inverse_miss=_row(Miss.of_json, metrics, "inverse_miss", "mean"),
            test_dual=_row(DualGap.of_json, metrics, "test_dual", "value") or DualGap(),
        )


OF_M = ("measure_preservation", "measure_preservation_implicit")
LEFT_OUT = (*OF_M, "inverse_l2")  # where they were not measured; the others are null then
LAWS = (
    *OF_M,
    "pushforward",
    "pushforward_sliced",
    "measure_preservation_sliced",
    "measure_preservation_local",
    "measure_preservation_hole",
)


@dataclass(frozen=True)
class AccuracyReport:
    """The table, the verdict on it, and the seconds that measuring took."""

    metrics: Accuracy
    verdict: Verdict
    seconds: float

    @property
    def level(self) -> str:
        """The verdict's level; JSON: "verdict"."""
        return self.verdict.level

    def to_json(self) -> dict[str, object]:
        """{"metrics", "verdict", "verdict_reason", "seconds"}."""
        return {"metrics": self.metrics.to_json()} | self.verdict.to_json() | {"seconds": self.seconds}


def _plain(row: object) -> object:
    if isinstance(row, Measured | Miss):
        return row.to_json()
    return None if row is None else dataclasses.asdict(row)  # type: ignore[call-overload]  # all others are dataclasses


def _row(read: Callable[[Record], Item], record: Record, key: str, needed: str) -> Item | None:
    """A row of the table, as ``read`` has it; None where it, or the one number it needs, is missing."""
    found = maybe_mapping(record, key)
    return None if found.get(needed) is None else read(found)
