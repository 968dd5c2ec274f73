"""Theory: what a polar factorization is, by examples whose answer is known and that can be played with."""

from __future__ import annotations

import streamlit as st

from pages.theory import line, matrix, plane, surfaces
from ui import frame

SYMBOLS = ("F", "rho", "law", "u", "grad_u", "M")  # of the glossary
MATRIX, LINE, PLANE, ROUND = "A matrix", "A line", "The plane", "Torus and sphere"
VIEWS = {MATRIX: matrix.show, LINE: line.show, PLANE: plane.show, ROUND: surfaces.show}
THEOREM = """
**Brenier (1991).** Let ρ have a density on a region Ω, and let F be a field on Ω of finite mean square that is
*non-degenerate*: it gives no mass to small sets. Then **F = ∇u ∘ M** with u convex and M: Ω → Ω preserving ρ, and both
are unique. ∇u carries ρ to the law of F at the least cost E|x − ∇u(x)|², and M is the projection of F: of all maps that
preserve ρ the one with the least E|F(x) − M(x)|².
"""


def main() -> None:
    frame.title("Theory", "What are ∇u and M, where the answer is known exactly?", SYMBOLS)
    st.markdown(THEOREM)
    tabs = st.tabs(list(VIEWS), key="view", bind="query-params")
    for tab, label in zip(tabs, VIEWS, strict=True):
        if tab.open:
            with tab:
                VIEWS[label]()
    frame.link("field", "Now with a field of the Earth, or your own")


main()
