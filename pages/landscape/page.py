"""Landscape: where are the critical points and modes of a potential, and does a sampler find them?

The link carries the choice and its settings, and later the run.
"""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.runs import kinds
from pages.landscape import experiment_run, experiment_setup, potential_run, potential_setup
from ui import frame, live, runlist, states
from ui.runs import store

POTENTIAL, CLASSIFIER = "Potential", "Classifier"
MODES = {POTENTIAL: ":material/landscape: A potential", CLASSIFIER: ":material/neurology: A classifier's loss"}
SHOWN = frame.PAGES["landscape"].kinds


def main() -> None:
    run_id = st.query_params.get("run")
    if run_id is None:
        _setup()
        return
    known = {run.id: run.kind for run in store().list()}
    kind = known.get(run_id)
    if kind == "landscape":
        potential_run.show(run_id)
    elif kind == "experiment":
        experiment_run.show(run_id)
    elif kind in kinds.KINDS:
        frame.go(frame.page_of(kind), {"run": run_id})
    else:
        states.empty(
            "This run is not here",
            "It was deleted, or the link comes from another machine.",
            "landscape",
            "Choose a landscape",
            icon=":material/search_off:",
        )


def _setup() -> None:
    frame.title("Landscape", "Where are the modes of a landscape, and does a sampler find all of them?")
    live.active()
    mode = CLASSIFIER if st.query_params.get("of") == CLASSIFIER else POTENTIAL
    st.session_state["of_choice"] = mode
    st.segmented_control(
        "Landscape of",
        list(MODES),
        key="of_choice",
        required=True,
        format_func=MODES.__getitem__,
        on_change=_chosen,
    )
    if mode == CLASSIFIER:
        experiment_setup.show()
    else:
        potential_setup.show()
    runlist.show(SHOWN)


def _chosen() -> None:
    """Another landscape starts from its own defaults."""
    mode = st.session_state["of_choice"]
    st.query_params.clear()
    if mode == CLASSIFIER:
        st.query_params["of"] = CLASSIFIER


try:
    main()
except InputError as error:
    states.problem(error)
