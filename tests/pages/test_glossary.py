"""Glossary: every symbol and measure is there, with its equation."""

from __future__ import annotations

from pathlib import Path

from npf_engine.glossary import DEFINITIONS, MEASURES, SYMBOLS, explained
from npf_engine.measures.words import FIGURES
from tests.pages.conftest import open_page, texts


def test_every_symbol_and_measure_is_told_with_its_equation(own_home: Path):
    told = texts(open_page("glossary"))
    assert all(f"**{term.text}**" in told for term in SYMBOLS.values()) and all(name in told for name in MEASURES)
    assert all(found.equation in told and found.source in told for found in DEFINITIONS.values())
    assert all(figure.equation in told and figure.how in told for figure in FIGURES.values())
    assert set(DEFINITIONS) <= set(SYMBOLS)


def test_a_tooltip_has_the_equation_and_where_it_stands():
    assert "∇u*(F(x))` · NPF eq. 10" in explained(["M_theta"])
