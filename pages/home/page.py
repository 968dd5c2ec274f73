"""Home: what this is, one picture, the gallery, and where to start."""

from __future__ import annotations

import streamlit as st

from npf_engine.errors import InputError
from npf_engine.measures.verdict import GOOD, USABLE
from npf_engine.runs.store import Run
from npf_engine.studies import kinds
from pages.home import gallery, picture
from ui import frame, states, tour
from ui.runs import badge, load_model, store

WHAT = (
    "A vector field F is the gradient of a convex potential u after a map M that moves places about and keeps their "
    "density ρ: **F = ∇u ∘ M**, the polar factorization. Brenier's theorem: every F of finite mean square that is "
    "non-degenerate has exactly one (no set of zero volume may hold a share of its values; u may be shifted by a "
    "constant). "
    "Pick a field, real terrain or a formula of your own, and this explorer trains u, M and the many-valued inverse "
    "of M while you look on. "
    "Then see both factors side by side, go from any value of F back to all places where it occurs, and take the model "
    "with you."
)
THEORY = "The theorem by hand, with toys that move"
SYMBOLS = ("F", "Omega", "rho", "law", "u", "grad_u", "M", "M_xi")  # of the glossary


def main() -> None:
    frame.title(
        "Polar factorization explorer", "What is in a vector field, once its convex part is taken out?", SYMBOLS
    )
    runs = store().list()
    ours = [run for run in runs if run.source == "gallery"]
    done = [run for run in runs if run.state == "done" and run.kind == kinds.TRAIN]
    st.markdown(WHAT)
    _start(ours, done)
    with states.shown("the first picture"):
        # The first picture somebody sees must not be one of a model that cannot be trusted.
        worthy = [run for run in (*ours, *done) if run.verdict in (GOOD, USABLE)]
        seen = next((run for run in worthy if load_model(run.id).d > 1), None)
        if seen is not None:
            picture.of_model(seen)
        else:
            picture.of_terrain()
    if ours:
        _gallery(ours)
    _recent([run for run in runs if run.source != "gallery"])


def _start(ours: list[Run], done: list[Run]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="start"):
        if st.button("Pick a field and train", type="primary", icon=":material/terrain:", key="start_field"):
            frame.go("field")
        if tour.offered() and st.button("Tour: 90 seconds", icon=":material/tour:", key="start_tour"):
            tour.begin()
        if ours and st.button("Open the gallery", icon=":material/collections:", key="open_gallery"):
            frame.go("factorization", {"run": ours[0].id})
        if not ours and done and st.button("Open the latest model", icon=":material/call_split:", key="open_latest"):
            frame.go("factorization", {"run": done[0].id})
        frame.link("theory", THEORY)


def _gallery(runs: list[Run]) -> None:
    st.markdown("## Gallery")
    st.caption("Models that come with the explorer, trained by it: open one and look around.")
    columns = st.columns(min(3, len(runs)))
    for number, run in enumerate(runs):
        column = columns[number % len(columns)]
        with column.container(border=True, height="stretch", vertical_alignment="distribute", key=f"gallery_{run.id}"):
            with st.container():
                gallery.card(run)
            with st.container(horizontal=True):
                frame.link("factorization", None, {"run": run.id})
                frame.link("inverse", None, {"run": run.id})


def _recent(runs: list[Run]) -> None:
    if not runs:
        return
    st.markdown("## Your runs")
    for run in runs[:4]:
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"recent_{run.id}"):
            st.markdown(f"**{states.plain(run.name)}**", width="content")
            badge(run)
            if run.state == "done" and run.kind == kinds.TRAIN:
                frame.link("factorization", "Open", {"run": run.id})
            else:
                frame.run_link(run, "Open" if run.state == "done" else "Look at it")
    if len(runs) > 4:
        frame.link("models", f"All {len(runs)} runs, of every kind")


try:
    main()
except InputError as error:
    states.problem(error)
