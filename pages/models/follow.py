"""Models follows the runs that are at work: it is drawn anew when one of them has begun or ended."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from npf_engine.runs.states import ACTIVE
from npf_engine.runs.summaries import Summary
from ui.runs import store

EVERY = 4.0  # seconds between two looks


def until_changed(runs: Sequence[Summary]) -> None:
    """Say how many are at work, and draw the page again once a state is another; nothing where none is at work."""
    moving = [run for run in runs if run.state in ACTIVE]
    if moving:
        st.fragment(_look, run_every=EVERY)(_states(runs))


def _states(runs: Sequence[Summary]) -> frozenset[tuple[str, str]]:
    return frozenset((run.id, run.state) for run in runs)


def _look(seen: frozenset[tuple[str, str]]) -> None:
    now = store().summaries()
    if _states(now) != seen:
        st.rerun(scope="app")
    count = {state: sum(run.state == state for run in now) for state in ACTIVE}
    told = ", ".join(f"{number} {state}" for state, number in count.items() if number)
    st.caption(f":material/sync: {told}; the list follows by itself.")
