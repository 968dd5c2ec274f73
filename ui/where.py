"""Where a form's run is to be worked on, where NPF_EXECUTOR offers more than one place."""

from __future__ import annotations

import streamlit as st

from npf_engine.runs import machines
from npf_engine.runs.store import Run, RunStore
from ui import frame, runs, states

KEY = "where_choice"


def choose() -> None:
    """The choice, with what waits there; nothing where there is but one place."""
    titles = machines.choices(runs.store())
    if len(titles) < 2:
        return
    found = machines.machines(runs.store())
    free = {place.name: f"{place.free} of {len(place.slots)} slots free" for place in found.places}
    st.selectbox(
        "Where",
        list(titles),
        key=KEY,
        persist_state="session",
        format_func=lambda name: f"{titles[name]}: {free.get(name, '')}",
        help="The first is the usual one (NPF_EXECUTOR). The page Machines shows what is at work there.",
    )
    waiting, seconds = found.ahead(st.session_state[KEY])
    runs_wait = "1 run waits" if waiting == 1 else f"{waiting or 'No'} runs wait"
    before = f"{runs_wait} before it"
    if seconds == 0 and not waiting:
        st.caption("It starts at once.")
    elif seconds:
        st.caption(f"{before}; the first slot there is free in about {frame.duration(seconds)}.")
    else:
        st.caption(f"{before}.")
    if st.session_state[KEY] != next(iter(titles)):
        st.caption("How long it takes is told of this machine; there it may be less.")
    for place in found.places:
        if place.name == st.session_state[KEY] and place.problem:
            st.caption(states.sentence(place.problem))


def resume(run: Run) -> None:
    """A way to go on elsewhere with a run that has stopped; nothing where there is but one place."""
    titles = machines.choices(runs.store())
    if len(titles) < 2:
        return
    with st.popover("Resume elsewhere", icon=":material/dns:", key=f"elsewhere_{run.id}"):
        for name, title in titles.items():
            if st.button(title, icon=":material/play_arrow:", key=f"resume_{name}_{run.id}"):
                with states.told():
                    runs.store().given_to(name).resume(run.id)
                    st.rerun()


def store() -> RunStore:
    """The store, with what is submitted given to the place that was chosen."""
    chosen = st.session_state.get(KEY, "")
    return runs.store().given_to(chosen if chosen in machines.choices(runs.store()) else "")
