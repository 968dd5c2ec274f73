"""The lines of the accuracy table that a model card and the command line show, from a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from npf_engine.settings.reading import maybe_mapping, maybe_number, maybe_text

TITLES = {
    "pushforward": "grad u#rho against F#rho, S_eps",
    "measure_preservation": "M_xi#rho against rho, S_eps",
    "measure_preservation_implicit": "M_theta#rho against rho, S_eps",
    "inverse": "I_psi(M) against the samples that M sends there, S_eps",
    "pushforward_sliced": "grad u#rho against F#rho, sliced Wasserstein, % of the variance",
    "measure_preservation_sliced": "M_theta#rho against rho, sliced Wasserstein, % of the variance",
    "measure_preservation_local": "mass of M#rho in the wrong one of up to 128 cells of rho, %",
    "measure_preservation_hole": "widest hole in M#rho, % of the spread of rho",
}

# The spread of their ratio is its change with the half of the samples that is looked at: the halves overlap, so that it
# is no standard error.
SPLIT = ("measure_preservation_local", "measure_preservation_hole")


@dataclass(frozen=True)
class AccuracyRow:
    """One line of the accuracy table: a value between its floor and its trivial answer; None where it has no sense."""

    title: str
    value: float | None
    floor: float | None = None
    ratio: float | None = None
    se: float | None = None
    trivial: float | None = None
    half: float | None = None  # the change of the ratio with the half of the samples, which is no standard error

    def numbers(self) -> tuple[float | None, ...]:
        """value, floor, ratio, its standard error, trivial."""
        return (self.value, self.floor, self.ratio, self.se, self.trivial)

    def shown(self) -> tuple[float | None, ...]:
        """The same for a table whose ± is a standard error or, where there is none, the change with the half."""
        return (self.value, self.floor, self.ratio, self.half if self.se is None else self.se, self.trivial)


def accuracy_rows(metrics: Mapping[str, object]) -> list[AccuracyRow]:
    """The lines of the accuracy table from a report's ``metrics``; those that were not measured are left out."""
    rows = []
    for key, title in TITLES.items():
        if item := maybe_mapping(metrics, key):
            value, floor, ratio, se, trivial, paper = (
                maybe_number(item, name)
                for name in ("value", "self_distance", "ratio", "se", "trivial", "paper_self_distance")
            )
            error = {"half": se} if key in SPLIT else {"se": se}
            rows.append(AccuracyRow(title, value, floor, ratio, trivial=trivial, **error))
            if paper is not None:
                rows.append(AccuracyRow(f"{title}, floor as in the paper (two draws from all of rho)", value, paper))
    if item := maybe_mapping(metrics, "reconstruction"):
        title, trivial = "mean |F - grad u o M_xi|, units of F", maybe_number(item, "trivial")
        rows.append(AccuracyRow(title, maybe_number(item, "l2"), 0.0, trivial=trivial))
        rows.append(AccuracyRow("mean |F - grad u o M_xi| over mean |F|", maybe_number(item, "relative"), 0.0))
    if item := maybe_mapping(metrics, "map_error"):
        title, trivial = "root mean square of M_xi - M_theta over the spread of M", maybe_number(item, "trivial")
        rows.append(AccuracyRow(title, maybe_number(item, "value"), 0.0, trivial=trivial))
    rows += miss_rows(maybe_mapping(metrics, "inverse_miss"))
    if item := maybe_mapping(metrics, "inverse_cosine"):
        value, trivial = maybe_number(item, "mean"), maybe_number(item, "trivial")
        rows.append(AccuracyRow("cos(F(I_psi(y)), y)", value, 1.0, trivial=trivial))
    if item := maybe_mapping(metrics, "inverse_l2"):
        rows.append(
            AccuracyRow("|F(I_psi(y)) - y|", maybe_number(item, "mean"), 0.0, trivial=maybe_number(item, "trivial"))
        )
    if item := maybe_mapping(metrics, "test_dual"):
        value, gap = maybe_number(item, "value"), maybe_number(item, "gap")
        trivial = None if value is None or gap is None else value + gap
        rows.append(AccuracyRow("test dual, mean of u(x) + u*(F(x)); lower is better", value, trivial=trivial))
    return rows


KNOWN = {
    "function": "F the function itself",
    "grid": "F bilinear on its grid",
    "network": "F by grad u o M_xi, since it is known on samples only",
}


def miss_rows(item: Mapping[str, object]) -> list[AccuracyRow]:
    """The lines of ``inverse_miss``: what F misses at drawn pre-images, and after these were carried to the exact
    ones."""
    if not item:
        return []
    value, floor = maybe_number(item, "mean"), maybe_number(item, "self_distance")
    ratio = value / floor if value is not None and floor else None
    known = KNOWN.get(maybe_text(item, "known", ""), "")
    title = f"|F(x) - v| at drawn pre-images x of v, over F's spread ({known})"
    rows = [AccuracyRow(title, value, floor, ratio, trivial=maybe_number(item, "trivial"))]
    rows.append(AccuracyRow("|F(x) - v| at drawn pre-images, median, over F's spread", maybe_number(item, "median")))
    rows.append(AccuracyRow("share of draws that miss by more than |v| / 2", maybe_number(item, "beyond_half"), 0.0))
    if (worst := maybe_number(item, "worst_decile")) is not None:
        rows.append(AccuracyRow("median miss at the worst tenth of the places, at least", worst))
    if (own := maybe_number(item, "own_error")) is not None:
        rows.append(AccuracyRow("what grad u o M_xi itself misses by, over F's spread", own, 0.0))
    if exact := maybe_mapping(item, "exact"):
        title, mean = "|F(x) - v| after the draws were carried to exact pre-images", maybe_number(exact, "mean")
        rows.append(AccuracyRow(title, mean, 0.0))
        title = "share of these draws that end within 0.01 of F's spread from v"
        rows.append(AccuracyRow(title, maybe_number(exact, "found"), 1.0))
    return rows
