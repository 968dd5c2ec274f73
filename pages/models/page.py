"""Models: which runs are there, how good are they, and what can be done with them?"""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.studies import kinds
from pages.models import compare, detail, importing, table
from ui import frame, states
from ui.runs import store


def main() -> None:
    frame.title(
        "Models", "Which runs are there, how good are they, and which do I want?", ("grad_u", "law", "M_xi", "I")
    )
    importing.show()
    # A kind without a page of its own, or that this version does not know, can be looked at and deleted here.
    runs = [run for run in store().list() if run.kind == kinds.TRAIN or frame.page_of(run.kind) == "models"]
    if not runs:
        states.empty(
            "No runs yet",
            "Train a model, or import a bundle that somebody gave you.",
            "train",
            "Train a model",
            icon=":material/inventory_2:",
        )
        return
    chosen = table.show(runs)
    if len(chosen) == 1:
        detail.show(chosen[0])
    elif len(chosen) == 2:
        with states.shown(" or ".join(run.name for run in chosen)):
            compare.show(*chosen)
    else:
        st.caption("Tick one run for what can be done with it, two to compare them.")


try:
    main()
except InputError as error:
    states.problem(error)
