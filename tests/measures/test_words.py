"""Each figure of the accuracy table has its explanation; what decides a verdict is the number that the table shows."""

from __future__ import annotations

import dataclasses
import math

import pytest

from npf_engine.figures import accuracy as drawn
from npf_engine.measures import beyond
from npf_engine.measures.accuracy import Accuracy
from npf_engine.measures.accuracy_verdict import judge
from npf_engine.measures.measured import Measured
from npf_engine.measures.words import FIGURES, about
from npf_engine.numbers import number
from npf_engine.studies import kinds
from npf_engine.studies.factorization.deciding import decided
from tests.measures.test_verdict import metrics, row


def test_every_figure_says_its_equation_where_it_stands_and_what_it_is_computed_from() -> None:
    assert set(FIGURES) == {item.name for item in dataclasses.fields(Accuracy)} >= set(drawn.METRICS)
    for name, found in FIGURES.items():
        assert found.symbol and found.asks and found.equation and found.source and "samples" in found.how, name
    told = about("pushforward", 2048, 2.536, 24)
    assert "Here n = 2,048, ε = 2.54, 24 draws." in told and "`Sε(∇u♯ρₙ, F♯ρₙ)` · NPF 5.1" in told
    assert "Here" not in about("test_dual")
    assert all(kind.measures == () or all(item.about for item in kind.measures) for kind in kinds.known().values())


@pytest.mark.parametrize(
    ("changes", "by"),
    [
        ({"measure_preservation_local": row(16.0, 6.0, 50.0, 0.1, 8)}, "measure_preservation_local"),
        ({"measure_preservation_hole": row(16.0, 4.0, 50.0, 0.2, 8)}, "measure_preservation_hole"),
        ({"pushforward_sliced": row(2.0, 0.5, 8.0)}, "pushforward_sliced"),
    ],
)
def test_the_verdict_speaks_of_the_numbers_of_the_table(changes: dict[str, dict[str, object]], by: str) -> None:
    report = {"metrics": metrics(**changes), "verdict": "usable"}
    found = judge(Accuracy.of_json(report["metrics"]), held_out=5000)
    shown = next(line for line in drawn.rows(report["metrics"]) if line["key"] == by)
    assert found.by == by and shown["beyond"] is not None and shown["limit"] is not None
    for part in ("value", "floor", "beyond", "limit"):
        assert f"{number(shown[part])} %" in found.reason, (part, found.reason)  # type: ignore[literal-required]
    assert decided(report) == f"{shown['measure']} {number(shown['beyond'])} > {shown['limit']:g}"
    assert all(
        line["limit"] is None or line["key"] == by or line["beyond"] <= line["limit"]
        for line in drawn.rows(report["metrics"])
    )


def test_the_equation_of_the_mass_in_a_wrong_cell_gives_what_is_shown_beyond_chance() -> None:
    value, ratio_se, floor = 16.0, 0.1, 6.0
    assert "beyond chance √((value − 3.5 · ± · floor)² − floor²)" in about("measure_preservation_local")
    shown = beyond.misplaced(Measured(value, floor, 50.0, ratio_se, draws=8))
    assert shown == pytest.approx(math.sqrt((value - 3.5 * ratio_se * floor) ** 2 - floor**2), rel=1e-3)


def test_what_no_figure_of_the_table_decides_is_said_by_the_reason() -> None:
    table = metrics(measure_preservation_local=row(16.0, 6.0, 50.0, 0.1, 8))
    training = kinds.get(kinds.TRAIN)
    for converged, level in ((0.3, "not trustworthy"), (0.9, "usable")):
        found = judge(Accuracy.of_json(table), held_out=5000, converged=converged)
        report = {"metrics": table, **found.to_json()}
        assert found.level == level and "conjugates" in found.reason
        assert decided(report) == "" and training.why(report) == found.reason
    few = judge(Accuracy.of_json(table), held_out=30)
    assert decided({"metrics": table, **few.to_json()}) == ""


def test_what_is_beyond_chance_has_chance_taken_off() -> None:
    assert beyond.misplaced(Measured(5.0, 3.0)) == pytest.approx(4.0) and beyond.misplaced(Measured(2.0, 3.0)) == 0
    assert beyond.surely(Measured(5.0, 3.0)) == 2.0 and beyond.surely(Measured(2.0, 3.0)) == 0
    sure = Measured(2.0, 1.0, None, 0.1, draws=64)
    assert beyond.surely(sure) == pytest.approx(1 - sure.noise) and 0 < sure.noise < 1
    found = beyond.of_law("pushforward", sure)
    assert found is not None and found.figure == pytest.approx(2 * math.exp(-sure.noise / 2)) and found.limit == 1.25
    alone = Measured(2.0, 1.0, draws=1)  # of a single draw nothing is sure
    assert beyond.surely(alone) == 0 and beyond.of_law("inverse", alone) == beyond.Beyond(0.0, 1.5)
    narrow = beyond.of_law(beyond.GAPS, Measured(1.4, 1.0))  # its ratio is no hole yet
    assert narrow == beyond.Beyond(0.0, 7.5) and beyond.of_law("measure_preservation_implicit", sure) is None
    whole = Accuracy.of_json(metrics())
    assert beyond.beyond(whole, "inverse_miss") == beyond.Beyond(0.1, 0.25)
    assert beyond.beyond(whole, "map_error") == beyond.Beyond(0.02, 0.04)
    assert beyond.beyond(whole, "reconstruction") == beyond.Beyond(pytest.approx(0.01), 0.2)
    assert beyond.beyond(whole, "test_dual") is None and beyond.beyond(Accuracy(), "pushforward") is None


def test_a_verdict_of_no_figure_of_the_table_leaves_the_reason_to_say_it() -> None:
    training = kinds.get(kinds.TRAIN)
    report = {"metrics": metrics(), "verdict": "not trustworthy", "verdict_reason": "only 3 test samples"}
    assert decided(report) == "" and training.why(report) == "only 3 test samples"
    assert training.why(report | {"verdict": "good"}) == "" and training.why({}) == ""
