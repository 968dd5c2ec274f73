"""Train: what will it cost, and how is it going? The link carries the settings, and later the run."""

from __future__ import annotations

import streamlit as st

from npf_engine.runs import kinds
from pages.train import live, setup
from ui import frame, states
from ui.runs import store


def main() -> None:
    run_id = st.query_params.get("run")
    if run_id is None:
        setup.show()
        return
    known = {run.id: run.kind for run in store().list()}
    if known.get(run_id) == kinds.TRAIN:
        live.show(run_id)
    elif run_id in known:
        frame.go(frame.page_of(known[run_id]), {"run": run_id})
    else:
        states.empty(
            "This run is not here",
            "It was deleted, or the link comes from another machine.",
            "train",
            "Train a model",
            icon=":material/search_off:",
        )


main()
