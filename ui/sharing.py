"""Who else may look at a run: on a server where people sign in."""

from __future__ import annotations

from urllib.parse import urljoin

import streamlit as st

from npf_engine.runs.access import GALLERY
from npf_engine.runs.row import LINK, PRIVATE, PUBLIC
from npf_engine.runs.store import Run
from ui import frame, states
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
        if run.visibility != PRIVATE:
            st.code(_link(run), language=None, wrap_lines=True)
        st.caption("Others can look at it, take it away and repeat it as their own; only you change and delete it.")


def offer(run: Run) -> None:
    """The same, where people sign in and the run is the visitor's to share."""
    if not store().viewer.alone and run.source != GALLERY and store().may_change(run):
        control(run)


def _link(run: Run) -> str:
    """The address of the run's page, whole where the browser has told its own."""
    return urljoin(st.context.url or "", f"{frame.page_for(run.kind, run.state)}?run={run.id}")


def _keep(run_id: str) -> None:
    with states.told():
        store().share(run_id, st.session_state[f"visibility_{run_id}"])
