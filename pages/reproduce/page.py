"""Reproduce: do the papers' tables and figures come out, and how near?

The link carries the paper and the item, and later the run.
"""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.studies.reproduction.items import PAPERS
from pages.reproduce import item, run, table
from ui import frame, live, runpage, states


def _setup() -> None:
    frame.title("Reproduce", run.QUESTION, live.symbols("reproduce"))
    live.active()
    paper = _kept("paper", tuple(PAPERS))
    st.segmented_control(
        "Paper",
        list(PAPERS),
        key="reproduce_paper",
        required=True,
        format_func=lambda name: PAPERS[str(name)].short,
        on_change=_changed,
        args=("paper",),
        label_visibility="collapsed",
    )
    about = PAPERS[paper]
    frame.caption(" ".join(f"{text}." for text in (about.title, about.authors) if text))
    table.show(paper)
    name = _kept("item", tuple(about.items))
    st.selectbox(
        "Table or figure",
        list(about.items),
        key="reproduce_item",
        format_func=lambda key: f"{about.items[str(key)].title}: {about.items[str(key)].about}",
        on_change=_changed,
        args=("item",),
    )
    item.show(paper, about.items[name])


def _kept(key: str, names: tuple[str, ...]) -> str:
    """The name that the link has, the first where it has none of them; the widget shows it."""
    asked = st.query_params.get(key)
    found = asked if asked in names else names[0]
    st.session_state[f"reproduce_{key}"] = found
    return found


def _changed(key: str) -> None:
    """A choice goes into the link; another paper begins with its first item."""
    if key == "paper":
        st.query_params.pop("item", None)
    st.query_params[key] = st.session_state[f"reproduce_{key}"]


try:
    runpage.dispatch("reproduce", {"reproduce": run.show}, _setup, "Choose a table or figure")
except InputError as error:
    states.problem(error)
