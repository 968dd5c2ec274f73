"""A plot of plotly, with the files below it, as one stop of the Tab key: arrow keys go on among its buttons.

Plotly gives the buttons of each plot the role of a toolbar and leaves all of them stops of their own, eight a plot. One
script a page listens to the keys; it knows the containers of ``ui/plots.py`` by their keys and needs no other name.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_SCRIPT = (Path(__file__).resolve().parent / "keyboard.js").read_text(encoding="utf-8")
_keyboard = st.components.v2.component("npf_keyboard", js=_SCRIPT)
PLOT, FILES = "plot_", "files_"  # the keys of such containers begin so


def listen() -> None:
    """Have this page's plots be one stop each."""
    _keyboard(data=[PLOT, FILES], key="keyboard")
