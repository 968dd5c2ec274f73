"""Monge lab: which way of learning a Brenier map is best for these data?

The link carries the choice and its settings, and later the run.
"""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.runs import kinds
from pages.lab import bench_run, bench_setup, colour_run, colour_setup
from ui import frame, live, runlist, states
from ui.runs import store

BENCH, COLOURS = "Methods", "Colours"
MODES = {BENCH: ":material/science: Methods on one bench", COLOURS: ":material/palette: Colour transfer"}
SHOWN = frame.PAGES["lab"].kinds


def main() -> None:
    run_id = st.query_params.get("run")
    if run_id is None:
        _setup()
        return
    kind = {run.id: run.kind for run in store().list()}.get(run_id)
    if kind == "lab":
        bench_run.show(run_id)
    elif kind == "recolor":
        colour_run.show(run_id)
    elif kind in kinds.KINDS:
        frame.go(frame.page_of(kind), {"run": run_id})
    else:
        states.empty(
            "This run is not here",
            "It was deleted, or the link comes from another machine.",
            "lab",
            "Choose a task",
            icon=":material/search_off:",
        )


def _setup() -> None:
    frame.title("Monge lab", "Which way of learning a Brenier map is best for these data?")
    live.active()
    mode = COLOURS if st.query_params.get("of") == COLOURS else BENCH
    st.session_state["lab_choice"] = mode
    st.segmented_control(
        "Bench", list(MODES), key="lab_choice", required=True, format_func=MODES.__getitem__, on_change=_chosen,
        label_visibility="collapsed",
    )  # fmt: skip
    if mode == COLOURS:
        colour_setup.show()
    else:
        bench_setup.show()
    runlist.show(SHOWN)


def _chosen() -> None:
    """Another bench starts from its own defaults."""
    mode = st.session_state["lab_choice"]
    st.query_params.clear()
    if mode == COLOURS:
        st.query_params["of"] = COLOURS


try:
    main()
except InputError as error:
    states.problem(error)
