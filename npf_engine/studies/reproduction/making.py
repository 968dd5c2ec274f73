"""What the maker of a table or figure has at hand, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from npf_engine.settings.base import Spec
from npf_engine.studies import kinds
from npf_engine.studies.reproduction.result import Row
from npf_engine.studies.reproduction.spec import QUICK, ReproductionSpec
from npf_engine.studies.reproduction.workshop import Part, done
from npf_engine.tasks.recorder import Recorder

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True)
class Bench:
    """The spec of a reproduction, who hears of it, and its folder."""

    spec: ReproductionSpec
    recorder: Recorder
    folder: Path

    @property
    def quick(self) -> bool:
        """Whether the small size is asked for."""
        return self.spec.preset == QUICK

    def run(self, name: str, spec: Spec, expected: Sequence[str] = ()) -> Part:
        """The run that ``spec`` describes, with this one's device and threads, where the kind has such settings.
        expected: the names of those that are asked for after it."""
        kind = kinds.of(spec)
        here = {"device": self.spec.device, "threads": self.spec.threads}
        return done(name, kind.with_values(spec, here), self.recorder, expected)


@dataclass(frozen=True)
class Made:
    """rows; figure; parts: the runs that it stands on; notes: sentences on what is to be known; fingerprints: of what
    was trained outside of those runs."""

    rows: Sequence[Row]
    figure: go.Figure | None = None
    parts: Sequence[Part] = ()
    notes: Sequence[str] = ()
    fingerprints: Sequence[str] = ()


def of_metric(metrics: Mapping[str, object], name: str) -> Mapping[str, float | None]:
    """The numbers of one metric of an accuracy table; None for what it has not."""
    found = metrics.get(name)
    held = found if isinstance(found, Mapping) else {}
    keys = (
        "value",
        "self_distance",
        "trivial",
        "mean",
        "std",
        "l2",
        "paper_self_distance",
        "se",
        "n",
        "draws",
        "ceiling",
    )
    return {key: float(v) if isinstance(v := held.get(key), int | float) else None for key in keys}


def measured(
    what: str, paper: float | None, metric: Mapping[str, float | None], *, wide: float | None = None, note: str = ""
) -> Row:
    """The row of a measured value, its standard error that of the ratio times the floor. ``wide``: the paper's +-."""
    floor, se = metric["self_distance"], metric["se"]
    own = None if floor is None or se is None else floor * se
    told = [] if metric["n"] is None else [f"n = {metric['n']:.0f}, {metric['draws'] or 1:.0f} draws"]
    text = "; ".join([*told, *([note] if note else [])])
    return Row(what, paper, metric["value"], floor, metric["trivial"], text, wide, own)
