"""Particles over time on the potential: a slider to scrub, a button to play, the method beside plain LMC."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import landscape as figures
from pages.landscape.chains import Chain
from pages.landscape.ground import Ground
from ui.plots import plot

EVERY = 0.8  # seconds between two moments while playing
TICKS = 60  # so many moments at most from the first to the last
PATHS = 16  # particles whose way is drawn; more is a tangle
PLAYING, STEP = "landscape_playing", "landscape_step"  # session
CAPTION = "Dots are particles; behind {count} of them their last steps. {jumps}Low places are dark."
JUMPS = "Solid lines are Langevin steps on g, dotted ones jumps through u. "


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
    share = steps.index(st.session_state[STEP]) / max(1, len(steps) - 1)
    for column, chain in zip(st.columns(len(chains), gap="medium"), chains, strict=True):
        with column:
            _moment(ground, chain, share, name)


def _toggle(steps: list[int]) -> None:
    starts = not st.session_state.get(PLAYING)
    st.session_state[PLAYING] = starts
    if starts and st.session_state[STEP] == steps[-1]:
        del st.session_state[STEP]  # from the beginning again


def _moment(ground: Ground, chain: Chain, share: float, name: str) -> None:
    """The chain after this share of its steps; of two chains each has spent the same share of the gradients."""
    index = chain.at(share)
    st.markdown(f"## {chain.title}, step {int(chain.steps[index]):,}")
    figure = figures.add_paths(ground.contour(f"moment_{chain.key}"), chain.paths, chain.jumped, index, most=PATHS)
    caption = CAPTION.format(
        count=min(PATHS, chain.paths.shape[1]), jumps=JUMPS if chain.jumped.any() else "Lines are Langevin steps. "
    )
    plot(
        figure,
        f"moment_{chain.key}",
        caption,
        lambda: {"step": chain.steps, "x": chain.paths.reshape(len(chain.steps), -1)},
        name,
    )
