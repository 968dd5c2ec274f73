"""What is at work, and what waits."""

from __future__ import annotations

import streamlit as st

from npf_engine.runs.machines import Machines, Working
from npf_engine.runs.store import Run
from pages.machines.cost import hours
from ui import frame, live, states
from ui.runs import badge, store

OTHERS = "Somebody else's run"


def show(found: Machines) -> None:
    """Both, each run with its link and a way to stop it."""
    titles = {place.name: place.title for place in found.places}
    st.markdown("## At work")
    if not found.working:
        st.caption("Nothing runs now.")
    for number, item in enumerate(found.working):
        with st.container(border=True, key=f"working_{number}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                _head(item.run)
                if item.run is not None:
                    _cancel(item.run)
            st.caption(states.plain(" · ".join(_about(item, titles))))
    if not found.queue:
        return
    st.markdown("## Waiting")
    for waits in found.queue:
        with st.container(border=True, key=f"waiting_{waits.ahead}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"**{waits.ahead + 1}.**", width="content")
                _head(waits.run)
                if waits.run is not None:
                    _cancel(waits.run)
            place = titles.get(waits.executor, waits.executor)
            st.caption(states.plain(f"for {place} · {waits.why or 'no slot is free'}"))


def _head(run: Run | None) -> None:
    if run is None:
        st.markdown(f"**{OTHERS}**", width="content")
        return
    st.markdown(f"**{states.plain(run.name)}**", width="content")
    badge(run)
    frame.run_link(run, "Watch it")


def _about(item: Working, titles: dict[str, str]) -> list[str]:
    """Where it is, on what, for how long, for what price."""
    where = item.slot or "rests, without a slot"
    parts = [titles.get(item.executor, item.executor), item.host, where, item.job and f"job {item.job}"]
    parts += [f"{frame.duration(item.seconds)} of work"]
    parts += [f"about {frame.duration(item.left)} left"] if item.left is not None else []
    return [part for part in (*parts, *hours(item.cost)) if part]


def _cancel(run: Run) -> None:
    if not store().may_change(run):
        return
    with st.popover("Cancel", icon=":material/stop:", key=f"machines_cancel_{run.id}"):
        st.markdown(f"Stop this run? {live.words(run).kept} It can be resumed later.")
        if st.button("Yes, stop it", icon=":material/stop:", key=f"machines_stop_{run.id}"):
            with states.told():
                store().cancel(run.id)
                st.rerun()
