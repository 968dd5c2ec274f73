"""Glossary: each symbol and each measure, with its equation, where it stands, and how it is computed here."""

from __future__ import annotations

import streamlit as st

from npf_engine import glossary
from npf_engine.glossary import DEFINITIONS, MEASURES, STAGES, SYMBOLS
from npf_engine.measures import words
from ui import frame, states

COUNTED = ("S", "W", "TV", "hole")  # measures among the symbols


def main() -> None:
    frame.title("Glossary", "What does each symbol and each number of these pages mean, and how is it computed?")
    st.markdown("## Symbols")
    for key in (key for key in SYMBOLS if key not in COUNTED):
        _entry(key)
    st.markdown("## Measures")
    st.markdown(
        "Every measure is taken on unseen test samples, and stands between two others: what the truth itself scores "
        "on so many points, and what a method that learnt nothing scores."
    )
    for name, about in MEASURES.items():
        st.markdown(f"**{name}**: {about}")
    for key in COUNTED:
        _entry(key)
    st.markdown("## Figures of the accuracy table")
    for key, figure in words.FIGURES.items():
        st.markdown(f"**{states.plain(figure.symbol)}**: {states.plain(figure.asks)}. {words.about(key)}")
    st.markdown("## Figures beside it: Exact, Mesh, Monge–Ampère, Counts, Helmholtz–Hodge")
    for key, figure in words.BESIDE.items():
        st.markdown(f"**{states.plain(figure.symbol)}**: {states.plain(figure.asks)}. {words.about(key)}")
    st.markdown("## Stages of a training")
    for title, about in STAGES.values():
        st.markdown(f"**{title}**: {about}")
    st.caption(
        "NPF: Vesseron and Cuturi, *On a Neural Implementation of Brenier's Polar Factorization* (2024); Brenier: "
        "*Polar factorization and monotone rearrangement of vector-valued functions* (1991). *Cite* on a model's page "
        "has both."
    )
    frame.link("theory", "See it move: Theory")


def _entry(key: str) -> None:
    term, found = SYMBOLS[key], DEFINITIONS.get(key)
    typed = f" (typed {glossary.code(term.typed)})" if term.typed != term.text else ""
    lines = [f"**{term.text}**{typed}: {term.about}."]
    if found is not None:
        lines.append(" · ".join(filter(None, [glossary.code(found.equation), found.source])))
        lines += [found.how] if found.how else []
    with st.container(gap=None, key=f"term_{key}"):
        st.markdown("  \n".join(lines))


main()
