"""Machines: what runs where, what waits, and what has it cost?"""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.runs import machines
from npf_engine.runs.machines import Machines
from pages.machines import cost, places, work
from ui import frame, states
from ui.runs import store

EVERY = 3.0  # seconds between two looks while something waits or works


def main() -> None:
    frame.title("Machines", "What runs where, what waits, and what has it cost?")
    found = machines.machines(store())
    moving = any(item.state == "running" for item in found.working) or bool(found.queue)
    st.fragment(_show, run_every=EVERY if moving else None)()


def _show() -> None:
    with states.told():
        found: Machines = machines.machines(store())
        places.show(found)
        work.show(found)
        cost.show(found)


try:
    main()
except InputError as error:
    states.problem(error)
