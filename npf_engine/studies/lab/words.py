"""What a run of the Monge lab is called; its stages are its methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from npf_engine.settings import reading
from npf_engine.studies.kind import Kind, Measure, Words

if TYPE_CHECKING:
    from npf_engine.studies.lab.result import LabResult
    from npf_engine.studies.lab.spec import LabSpec


def _best(report: Mapping[str, object]) -> float | None:
    """The mean of the method that did best."""
    rows = reading.maybe_mapping(report, "results")
    means = [reading.maybe_number(reading.maybe_mapping(rows, name), "mean") for name in rows]
    return min((mean for mean in means if mean is not None), default=None)


MEASURES = (
    Measure("best", "Best method", "What the best method reached, in the task's measure", _best),
    Measure("floor", "Floor", "The same measure of two draws of the target", "floor", better=0, shown=False),
    Measure("trivial", "Trivial", "The same measure of only moving the mean", "trivial", better=0, shown=False),
)

KIND: Kind[LabSpec, LabResult] = Kind(
    "lab",
    Words(
        "Monge lab",
        "ways to learn a Brenier map, side by side on one task",
        kept="Methods that are done are kept; the one at work begins anew.",
        symbols=("T", "rho", "F", "law", "S"),
    ),
    spec="npf_engine.studies.lab.spec:LabSpec",
    run="npf_engine.studies.lab.view:run_judged",
    result="npf_engine.studies.lab.result:LabResult",
    stages=(),  # one for each method
    files=("lab.npz", "lab.json"),
    measures=MEASURES,
    subject="{task}",
)
