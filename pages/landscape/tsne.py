"""Where clouds of weights lie: t-SNE coloured by accuracy, by a task in the background; a click picks a particle."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.figures import classifier
from npf_engine.measures.embedding import Embedding, State
from npf_engine.runs.store import Run
from pages.landscape import data, particle
from ui import states
from ui.plots import plot

EACH = 300  # particles of a cloud
SHOWN = ("warmup", "lmc", "lmc-npf", "flow", "generated")
EVERY = 1.0  # seconds between two looks at a task that runs
SEED = 0
BUSY = "weights_tsne_busy"  # session: the task was seen at work
CAPTION = (
    "Islands are groups of weights that are alike. New modes are good islands (yellow) with particles of LMC-NPF and "
    "none of the warm-up. Distances between islands mean nothing in a t-SNE, nor do sizes. Click a particle to see it."
)


def show(run: Run, particles: data.Arrays, name: str) -> None:
    """The embedding, or the button that starts it."""
    chosen = {cloud: values[:EACH] for cloud, values in data.clouds(particles).items() if cloud in SHOWN}
    job = task(chosen)
    every = EVERY if job.state().state == "running" else None
    st.fragment(_panel, run_every=every)(job, run, chosen, particles, name)


def task(chosen: dict[str, np.ndarray]) -> Embedding:
    """The embedding of the first cloud with all the others."""
    first, *others = chosen.values()
    return Embedding(first, np.concatenate(others) if others else first[:0], seed=SEED)


def _panel(job: Embedding, run: Run, chosen: dict[str, np.ndarray], particles: data.Arrays, name: str) -> None:
    state = job.state()
    if state.state == "running":
        st.progress(state.share, text=states.plain(state.text))
        st.button("Cancel", icon=":material/stop_circle:", key="cancel_tsne", on_click=job.cancel)
        st.session_state[BUSY] = True
        return
    if st.session_state.pop(BUSY, False):
        st.rerun()  # it has just ended: look no more every second
    if state.points is not None:
        _draw(state, run, chosen, particles, name)
        return
    if state.state == "failed":
        states.problem(state.text)
    label = "Try again" if state.state == "failed" else "Compute the t-SNE"
    if st.button(label, icon=":material/bubble_chart:", key="start_tsne"):
        job.start()
        st.rerun()
    st.caption("It runs in the background, about a minute, and is kept for the next visit.")


def _draw(state: State, run: Run, chosen: dict[str, np.ndarray], particles: data.Arrays, name: str) -> None:
    assert state.points is not None
    groups = {data.CLOUDS[cloud]: len(values) for cloud, values in chosen.items()}
    accuracy = np.concatenate([particles[f"{cloud}_accuracy"][: len(values)] for cloud, values in chosen.items()])
    arrays = {"points": state.points, "accuracy": accuracy, "cloud": np.repeat(list(groups), list(groups.values()))}
    ends = np.cumsum([0, *groups.values()])
    rows = {cloud: slice(int(ends[k]), int(ends[k + 1])) for k, cloud in enumerate(chosen)}
    figure = classifier.embedded_accuracy(state.points, accuracy, rows)
    event = plot(figure, "weights_tsne", CAPTION, arrays, name, on_select="rerun", selection_mode="points")
    points = event["selection"]["points"] if event else []
    if points:
        clouds = list(chosen)
        cloud = clouds[int(points[0]["curve_number"]) % len(clouds)]
        particle.one(run, particles, cloud, int(points[0]["point_index"]), name, "picked")
