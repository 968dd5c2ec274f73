"""What the newest runs have cost, in hours of cores and GPUs."""

from __future__ import annotations

import streamlit as st

from npf_engine.numbers import number
from npf_engine.runs.machines import Cost, Machines
from ui import frame, states
from ui.runs import badge

MOST = 12  # runs that are shown


def show(found: Machines) -> None:
    """Totals, and the newest runs with their link."""
    st.markdown("## What it has cost")
    if not found.spent:
        st.caption("No run of yours has worked here yet, and none that is public.")
        return
    count = len(found.spent)
    with st.container(horizontal=True):
        about = "Seconds of work times threads, rests left out; of the newest runs that are counted here."
        st.metric("Core-hours", number(found.cost.core_hours), width="content", border=True, help=about)
        about = "Seconds of work on a GPU times the number of GPUs; of the newest runs that are counted here."
        st.metric("GPU-hours", number(found.cost.gpu_hours), width="content", border=True, help=about)
        st.metric("Runs", str(count), width="content", border=True, help="Of yours, and of those that are public.")
    for item in found.spent[:MOST]:
        run = item.run
        if run is None or run.active:
            continue
        card = st.container(border=True, horizontal=True, vertical_alignment="center", key=f"spent_{run.id}")
        with card, states.shown(run.name):
            st.markdown(f"**{states.plain(run.name)}**", width="content")
            badge(run)
            words = [frame.duration(item.seconds), *hours(item.cost)]
            st.markdown(f":gray[{states.plain(' · '.join(words))}]", width="content")
            frame.run_link(run, "Open")


def hours(cost: Cost) -> list[str]:
    """As people say it; nothing where nothing was measured."""
    parts = [f"{number(cost.core_hours, 2)} core-hours"] if cost.core_hours else []
    return parts + ([f"{number(cost.gpu_hours, 2)} GPU-hours"] if cost.gpu_hours else [])
