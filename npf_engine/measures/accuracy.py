"""The accuracy table (NPF 5.1) as a type: what was measured of a factorization, each value with its floor and trivial
answer, by name. ``measures/report.py`` fills it, ``measures/accuracy_verdict.py`` judges it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from npf_engine.measures.measured import Measured
from npf_engine.measures.verdict import Verdict

Json = Mapping[str, Any] | None  # of a report, which another version may have written


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


@dataclass(frozen=True)
class MapError:
    """value: root mean square of M_xi - M_theta over the spread of M_theta; trivial: of M_theta's mean, 1."""

    value: float
    trivial: float = 1.0


@dataclass(frozen=True)
class Cosine:
    """cos(F(I_psi(grad u*(F(x)))), F(x)) over test points (NPF eq. 15); trivial: the best constant direction's mean."""

    mean: float
    trivial: float
    std: float | None = None


@dataclass(frozen=True)
class ExactMiss:
    """What F misses where the draws were carried on to exact pre-images, and the share that found one."""

    found: float
    mean: float | None = None
    median: float | None = None


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

    def to_json(self) -> dict[str, Any]:
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


Item = TypeVar("Item")


@dataclass(frozen=True)
class Accuracy:
    """All rows of the table; None what was not measured: no M_xi, no I_psi, F known on samples only."""

    pushforward: Measured | None = None
    measure_preservation_implicit: Measured | None = None
    measure_preservation: Measured | None = None
    pushforward_sliced: Measured | None = None
    measure_preservation_sliced: Measured | None = None
    reconstruction: Reconstruction | None = None
    map_error: MapError | None = None
    inverse: InverseMeasured | None = None
    inverse_cosine: Cosine | None = None
    inverse_miss: Miss | None = None
    test_dual: DualGap = field(default_factory=DualGap)

    def to_json(self) -> dict[str, Any]:
        """The contract's ``metrics``; the laws of an M that there is none of are left out."""
        rows = {item.name: _plain(getattr(self, item.name)) for item in dataclasses.fields(self)}
        return {name: row for name, row in rows.items() if row is not None or name not in OF_M}

    @staticmethod
    def of_json(metrics: Mapping[str, Any]) -> Accuracy:
        """From the ``metrics`` of a report, which may be an earlier version's."""
        measured = {name: Measured.of_json(metrics.get(name)) for name in LAWS}
        inverse, miss = metrics.get("inverse"), metrics.get("inverse_miss")
        row = Measured.of_json(inverse)
        return Accuracy(
            **measured,
            reconstruction=_of(Reconstruction, metrics.get("reconstruction"), "l2"),
            map_error=_of(MapError, metrics.get("map_error"), "value"),
            inverse=None if row is None else InverseMeasured.of_row(row, (inverse or {}).get("paper_self_distance")),
            inverse_cosine=_of(Cosine, metrics.get("inverse_cosine"), "mean"),
            inverse_miss=_miss(miss),
            test_dual=_of(DualGap, metrics.get("test_dual"), "value") or DualGap(),
        )


OF_M = ("measure_preservation", "measure_preservation_implicit")
LAWS = (*OF_M, "pushforward", "pushforward_sliced", "measure_preservation_sliced")


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

    def to_json(self) -> dict[str, Any]:
        """{"metrics", "verdict", "verdict_reason", "seconds"}."""
        return {"metrics": self.metrics.to_json()} | self.verdict.to_json() | {"seconds": self.seconds}


def _plain(row: object) -> object:
    if isinstance(row, Measured | Miss):
        return row.to_json()
    return None if row is None else dataclasses.asdict(row)  # type: ignore[call-overload]  # all others are dataclasses


def _of(kind: type[Item], found: Json, needed: str) -> Item | None:
    """A row of the kind, by the keys that it knows; None where the one that is needed is missing."""
    if not found or found.get(needed) is None:
        return None
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]  # all of them are dataclasses
    return kind(**{key: value for key, value in found.items() if key in known})


def _miss(found: Json) -> Miss | None:
    if not found or found.get("mean") is None:
        return None
    exact = _of(ExactMiss, found.get("exact"), "found")
    return _of(Miss, dict(found) | {"floor": found.get("self_distance"), "exact": exact}, "mean")
