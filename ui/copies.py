"""Where the copy of a finished run is, or why there is none yet (NPF_ARTIFACTS)."""

from __future__ import annotations

import time

import streamlit as st

from npf_engine.runs.sending import Sent
from npf_engine.runs.store import Run
from ui import frame, states


def told(run: Run) -> None:
    """One line; none for a run of which no copy was asked for."""
    sent = Sent.of(run.folder) if run.state == "done" else None
    if sent is None:
        return
    place = states.plain(sent.at)
    if sent.error is None:
        st.caption(f":material/cloud_done: A copy of this run is at {place}/{states.plain(run.id)}.")
        return
    left = frame.duration(max(0.0, sent.again - time.time()))
    times = "once" if sent.tries == 1 else f"{sent.tries} times"
    st.warning(
        f"This run is done and whole here, but there is no copy at {place} yet: {states.plain(sent.error)}. Tried "
        f"{times}, again in {left}; `npf artifacts send` tries at once.",
        icon=":material/cloud_off:",
    )
