"""Account: who am I here, what do I have, and which programs speak for me? For administrators: who does what?"""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.runs.quotas import MB, Quotas
from npf_engine.runs.states import ACTIVE
from pages.account import group, programs
from ui import frame, states
from ui.runs import store

QUEUED = "Your runs that wait, work or are paused, of how many there may be at once where the server bounds it."
WORKING = "Your runs that are worked on now, of how many at once where the server bounds it."
DISK = "What the folders of your runs hold, of how much they may where the server bounds it."


def main() -> None:
    frame.title("Account", "Who am I here, what do I have, and which programs speak for me?")
    viewer = store().viewer
    if viewer.alone or not viewer.id:
        states.empty("Nobody signs in here", "All runs of this server are its one user's.", "models", "Open the models")
        return
    st.markdown(f"Signed in as **{states.plain(viewer.title)}**{', an administrator' if viewer.admin else ''}.")
    st.caption(f"Known here by the id `{viewer.id}`.")
    _have()
    programs.show()
    if viewer.admin:
        group.show()


def _have() -> None:
    """What the visitor has, and how much he may."""
    found, quotas = store(), Quotas.from_environment()
    own = [run for run in found.list() if run.owner == found.viewer.id]
    active, working = (sum(run.state in which for run in own) for which in (ACTIVE, ("running",)))
    with st.container(horizontal=True, key="account_have"):
        st.metric("Runs", len(own), border=True, width="content", help="All that are yours, the finished ones too.")
        st.metric("In the queue", _of(active, quotas.queued), border=True, width="content", help=QUEUED)
        st.metric("At work", _of(working, quotas.running), border=True, width="content", help=WORKING)
        size = f"{found.on_disk(found.viewer) / MB:,.0f}"
        st.metric("On the disk", f"{_of(size, quotas.disk)} MB", border=True, width="content", help=DISK)


def _of(have: int | str, most: int | None) -> str:
    return str(have) if most is None else f"{have} of {most:,}"


try:
    main()
except InputError as error:
    states.problem(error)
