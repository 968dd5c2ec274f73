"""One particle of 222 weights: its two filters, its confusion matrix, and itself to take away."""

from __future__ import annotations

import functools

import numpy as np
import streamlit as st

from npf_engine.figures import classifier
from npf_engine.measures.weights import layers, state_dict
from npf_engine.numbers import number
from npf_engine.runs.store import Run
from pages.landscape import data
from ui import runs, states
from ui.plots import downloads, plot


def show(run: Run, particles: data.Arrays, name: str) -> None:
    """A cloud, a rank in it, and that particle; downloads of all particles."""
    clouds = list(data.clouds(particles))
    left, right = st.columns([1, 2], gap="medium")
    with left:
        first = "lmc-npf" if "lmc-npf" in clouds else clouds[0]
        cloud = st.selectbox(
            "Cloud", clouds, index=clouds.index(first), format_func=data.CLOUDS.__getitem__, key="cloud"
        )
    order = np.argsort(-np.nan_to_num(particles[f"{cloud}_accuracy"], nan=-1.0), kind="stable")
    with right:
        rank = st.slider("Rank by accuracy, 1 is the best", 1, len(order), 1, key="rank")
    one(run, particles, cloud, int(order[rank - 1]), name, "ranked")
    _all(particles, cloud, name)


def one(run: Run, particles: data.Arrays, cloud: str, index: int, name: str, key: str) -> None:
    """The particle ``index`` of a cloud."""
    w = particles[cloud][index]
    st.markdown(f"## Particle {index} of {data.CLOUDS[cloud]}")
    with st.container(horizontal=True, key=f"{key}_numbers"):
        st.metric(
            "Test accuracy",
            f"{100 * particles[f'{cloud}_accuracy'][index]:.1f} %",
            border=True,
            width="content",
            help="Share of the test images whose digit this network tells; guessing has 10 %. NPF 5.5.",
        )
        st.metric(
            "Test loss",
            number(particles[f"{cloud}_loss"][index]),
            border=True,
            width="content",
            help="Mean cross-entropy over the test images; answering every digit alike has ln 10 = 2.3.",
        )
        st.metric(
            "|G|",
            number(particles[f"{cloud}_norm"][index]),
            border=True,
            width="content",
            help="Norm of the gradient of one minibatch: its noise is left at a minimum.",
        )
    caption = "The two filters, and what of the last map speaks for each digit: blue adds, red takes away."
    plot(classifier.filters(layers(w)), f"{key}_filters", caption)
    left, _ = st.columns([3, 2], gap="medium")
    with left, states.told():
        _told_digits(run)
        figure = classifier.confusion_matrix(data.confusion(w))
        plot(figure, f"{key}_confusion", "Of 100 test images of a digit, so many answers.")
    st.download_button(
        "These weights (.pt)",
        data=functools.partial(state_dict, w),
        file_name=f"{name}-{cloud}-{index}.pt",
        key=f"{key}_weights",
        on_click="ignore",
        icon=":material/download:",
        help="A PyTorch state dict: torch.load(file, weights_only=True).",
    )


def _told_digits(run: Run) -> None:
    """The answers are those of the digits that are here now."""
    used, here = (runs.store().report(run.id) or {}).get("data"), data.classifier().digits.source
    if used and used != here:
        st.warning("The run learnt from other digits than those in use now; these answers are for the latter.")


def _all(particles: data.Arrays, cloud: str, name: str) -> None:
    best = particles[cloud][int(np.nanargmax(particles[f"{cloud}_accuracy"]))]
    with st.container(horizontal=True, vertical_alignment="center", key="all_particles"):
        st.markdown(f"All particles of {data.CLOUDS[cloud]}:", width="content")
        table = {"w": particles[cloud]} | {
            key.removeprefix(f"{cloud}_"): values for key, values in particles.items() if key.startswith(f"{cloud}_")
        }
        downloads(table, f"particles_{cloud}", name)
        st.download_button(
            "Best weights (.pt)",
            data=functools.partial(state_dict, best),
            file_name=f"{name}-{cloud}-best.pt",
            key="best_weights",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )
