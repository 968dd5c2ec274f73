"""The accuracy table as cards: the same numbers, and anybody's words escaped; no number stands without its words."""

from __future__ import annotations

import ast

from npf_engine.figures.accuracy import rows
from tests.conftest import ROOT
from tests.runs import fabricated
from ui import accuracy
from ui.cards import written


def test_cards_have_what_the_table_has() -> None:
    metrics = fabricated.metrics(1.5)["metrics"]
    cells = [accuracy._cells(row) for row in rows(metrics)]
    page = written(accuracy._cards(cells))
    assert page.count("<dt>") == len(cells) > 0
    for row in cells:
        assert f"Value {row['value']}" in page and str(row["ratio"]) in page
    hostile = written(accuracy._cards([cells[0] | {"measure": "<b>", "what": "<script>"}]))
    assert "<b>" not in hostile and "<script>" not in hostile


def test_every_number_on_a_card_has_its_explanation() -> None:
    found = 0
    for path in (*(ROOT / "pages").rglob("*.py"), *(ROOT / "ui").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "metric":
                found += 1
                assert any(word.arg == "help" for word in node.keywords), f"{path.name}:{node.lineno}"
    assert found > 8
