"""Who else may look at a run: on a server where people sign in."""

from __future__ import annotations

import streamlit as st

from npf_engine.runs.row import LINK, PRIVATE, PUBLIC
from npf_engine.runs.store import Run
from ui import states
from ui.runs import store

SAID = {PRIVATE: "Only you", LINK: "Everybody who signs in and has its link", PUBLIC: "Everybody who signs in"}
ICONS = {PRIVATE: ":material/lock:", LINK: ":material/link:", PUBLIC: ":material/group:"}


def control(run: Run) -> None:
    """The popover that says who may look at the run, and changes it."""
    with st.popover("Share", icon=ICONS[run.visibility], key=f"share_{run.id}"):
        key = f"visibility_{run.id}"
        st.session_state[key] = run.visibility
        st.radio(
            "Who may look at it", list(SAID), key=key, format_func=SAID.__getitem__, on_change=_keep, args=(run.id,)
        )
        st.caption("Others can look at it, take it away and repeat it as their own; only you change and delete it.")


def _keep(run_id: str) -> None:
    with states.told():
        store().share(run_id, st.session_state[f"visibility_{run_id}"])
