"""Earlier runs of some kinds, below the form that starts new ones."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from ui import frame, states
from ui.runs import badge, store

MOST = 8


def show(kinds: Sequence[str]) -> None:
    """The newest runs of these kinds that are over, each with its state and its link."""
    runs = [run for run in store().list() if run.kind in kinds and not run.active]
    if not runs:
        return
    st.markdown("## Earlier runs")
    for run in runs[:MOST]:
        card = st.container(border=True, horizontal=True, vertical_alignment="center", key=f"earlier_{run.id}")
        with card, states.shown(run.name):
            st.markdown(f"**{states.plain(run.name)}**", width="content")
            badge(run)
            st.markdown(f":gray[{frame.ago(time.time() - run.created)}]", width="content")
            frame.run_link(run, "Open")
    if len(runs) > MOST:
        more = len(runs) - MOST
        st.caption(f"And {more} older one{'s' * (more != 1)} on the disk.")
