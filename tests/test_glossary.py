"""One vocabulary for sentences, pages and plots."""

from __future__ import annotations

import pytest

from npf_engine.figures import curves, palette
from npf_engine.glossary import STAGES, SYMBOLS, explained, plotted, typeset
from ui import progress


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("grad u#rho against F#rho", "∇u♯ρ against F♯ρ"),
        ("conjugates grad u*(F(x)); F - grad u o M_xi", "conjugates ∇u*(F(x)); F - ∇u ∘ Mξ"),
        ("M_theta#rho, I_psi, X_psi, V_phi, S_eps", "Mθ♯ρ, Iψ, Xψ, Vφ, Sε"),
        ("F#rho lies in a line; choose rho = land", "F♯ρ lies in a line; choose rho = land"),
        ("grad u(M(x)) = grad g(x) is 0", "∇u(M(x)) = ∇g(x) is 0"),
        ("grad up the hill, rhombus, run #2", "grad up the hill, rhombus, run #2"),
    ],
)
def test_sentences_of_the_engine_as_pages_write_them(typed: str, text: str) -> None:
    assert typeset(typed) == text


def test_each_symbol_is_explained_and_each_stage_has_one_name() -> None:
    assert "**Mξ**: M as a network" in explained(["M_xi", "F"]) and "**F**" in explained(["M_xi", "F"])
    assert all(term.about and term.text for term in SYMBOLS.values())
    for stage, (name, about) in STAGES.items():
        assert progress.title(stage) == name and about
        assert curves.title(stage) == plotted(name)
    assert plotted("Map Mξ") == "Map M<sub>ξ</sub>" and SYMBOLS["M_xi"].html in palette.TITLES["m_network"]
