"""Which figure of the accuracy table keeps a training from a better verdict, in a few words for a list."""

from __future__ import annotations

from collections.abc import Mapping

from npf_engine.measures.accuracy import Accuracy
from npf_engine.measures.accuracy_verdict import CONJUGATES, SMALLEST_TEST, judge
from npf_engine.measures.beyond import beyond
from npf_engine.measures.words import FIGURES
from npf_engine.numbers import number
from npf_engine.settings.reading import maybe_mapping
from npf_engine.studies.kind import verdict_in


def decided(report: Mapping[str, object]) -> str:
    """As ``TV(M♯ρ, ρ) 8.71 > 8``: what it has beyond chance, and up to where that is good; empty where the table
    alone does not say so: a lower verdict than its own is of something else, too few test samples or conjugates that
    were not solved. Raises InputError for a table that none of our versions wrote."""
    metrics = Accuracy.of_json(maybe_mapping(report, "metrics"))
    found = judge(metrics, held_out=SMALLEST_TEST)
    by, told = found.by, verdict_in(report)
    elsewhere = told is not None and (told.level != found.level or CONJUGATES in told.reason)
    if not by or elsewhere:
        return ""
    held = beyond(metrics, by)
    over = held is not None and held.figure > held.limit
    return FIGURES[by].symbol + (f" {number(held.figure)} > {held.limit:g}" if held is not None and over else "")
