"""Particles over time on the potential: a slider to scrub, a button to play, the method beside plain LMC."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.figures import landscapes
from npf_engine.figures.landscapes import Ground
from pages.landscape.chains import Chain
from ui.plots import plot

EVERY = 0.8  # seconds between two moments while playing
TICKS = 60  # so many moments at most from the first to the last
PLAYING, STEP = "landscape_playing", "landscape_step"  # session
CAPTION = (
    "Dots are particles. Behind {count} of them their last steps: thin lines are Langevin steps on g"
    "{jumps}. The colour is the potential, low places dark."
)


def show(ground: Ground, chains: list[Chain], name: str) -> None:
    """The player; while it plays it draws itself again."""
    playing = bool(st.session_state.get(PLAYING))
    st.fragment(_panel, run_every=EVERY if playing else None)(ground, chains, name)


def _panel(ground: Ground, chains: list[Chain], name: str) -> None:
    steps = [int(step) for step in chains[0].steps]
    if st.session_state.get(STEP) not in steps:
        st.session_state[STEP] = steps[0]
    if st.session_state.get(PLAYING):
        at = steps.index(st.session_state[STEP])
        if at == len(steps) - 1:
            st.session_state[PLAYING] = False
            st.rerun()  # the fragment must stop looking at the clock
        st.session_state[STEP] = steps[min(len(steps) - 1, at + max(1, len(steps) // TICKS))]
    left, right = st.columns([1, 7], vertical_alignment="bottom")
    with left:
        playing = bool(st.session_state.get(PLAYING))
        icon = ":material/pause:" if playing else ":material/play_arrow:"
        if st.button("Stop" if playing else "Play", icon=icon, key="play", width="stretch"):
            _toggle(steps)
            st.rerun()
    with right:
        st.select_slider("Step", steps, key=STEP, help="Of the chain: Langevin steps and jumps count one each.")
    step = st.session_state[STEP]
    for column, chain in zip(st.columns(len(chains), gap="medium"), chains, strict=True):
        with column:
            _moment(ground, chain, step, name)


def _toggle(steps: list[int]) -> None:
    starts = not st.session_state.get(PLAYING)
    st.session_state[PLAYING] = starts
    if starts and st.session_state[STEP] == steps[-1]:
        del st.session_state[STEP]  # from the beginning again


def _moment(ground: Ground, chain: Chain, step: int, name: str) -> None:
    index = int(np.abs(chain.steps - step).argmin())
    frame = landscapes.frame_at(chain.x, chain.jumped, index)
    st.markdown(f"##### {chain.title}")
    figure = landscapes.moment(ground, frame, f"moment_{chain.key}", jumps=chain.jumps)
    jumps = ", dotted ones jumps through u" if chain.jumps else ""
    plot(
        figure,
        f"moment_{chain.key}",
        CAPTION.format(count=min(landscapes.TRAILS, chain.x.shape[1]), jumps=jumps),
        lambda: {"step": chain.steps, "x": chain.x.reshape(len(chain.steps), -1)},
        name,
    )
