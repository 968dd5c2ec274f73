"""Which figure of the accuracy table keeps a training from a better verdict, in a few words for a list."""

from __future__ import annotations

from collections.abc import Mapping

from npf_engine.measures.accuracy import Accuracy
from npf_engine.measures.accuracy_verdict import SMALLEST_TEST, judge
from npf_engine.measures.beyond import beyond
from npf_engine.measures.words import FIGURES
from npf_engine.numbers import number
from npf_engine.settings.reading import maybe_mapping


def decided(report: Mapping[str, object]) -> str:
    """As ``TV(M♯ρ, ρ) 8.71 > 8``: what it has beyond chance, and up to where that is good; empty where the table
    alone does not say so. Raises InputError for a table that none of our versions wrote."""
    metrics = Accuracy.of_json(maybe_mapping(report, "metrics"))
    by = judge(metrics, held_out=SMALLEST_TEST).by
    if not by:
        return ""
    held = beyond(metrics, by)
    over = held is not None and held.figure > held.limit
    return FIGURES[by].symbol + (f" {number(held.figure)} > {held.limit:g}" if held is not None and over else "")
