"""Train: what will it cost, and how is it going? The link carries the settings, and later the run."""

from __future__ import annotations

import streamlit as st

from npf_engine.studies import kinds
from pages.train import live, setup
from ui import frame, states
from ui.runs import store


def main() -> None:
    run_id = st.query_params.get("run")
    if run_id is None:
        setup.show()
        return
    run = store().find(run_id)
    if run is not None and run.kind == kinds.TRAIN:
        live.show(run_id)
    elif run is not None:
        frame.go(frame.page_of(run.kind), {"run": run_id})
    else:
        states.empty(
            "This run is not here",
            "It was deleted, the link comes from another machine, or its owner does not share it.",
            "train",
            "Train a model",
            icon=":material/search_off:",
        )


main()
