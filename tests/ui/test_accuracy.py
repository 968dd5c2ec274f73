"""The accuracy table as cards: the same numbers, and anybody's words escaped."""

from __future__ import annotations

from npf_engine.figures.accuracy import rows
from tests.runs import fabricated
from ui import accuracy


def test_cards_have_what_the_table_has() -> None:
    metrics = fabricated.metrics(1.5)["metrics"]
    cells = [accuracy._cells(row) for row in rows(metrics)]
    page = accuracy._cards(cells)
    assert page.count("<dt>") == len(cells) > 0
    for row in cells:
        assert f"Value {row['value']}" in page and str(row["ratio"]) in page
    hostile = accuracy._cards([cells[0] | {"measure": "<b>", "what": "<script>"}])
    assert "<b>" not in hostile and "<script>" not in hostile
