"""t-SNE of the laws that should agree, computed on request in the background, linked with the other clouds."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from npf_engine.figures import blob
from npf_engine.measures import embedded as embedding
from npf_engine.measures.embedding import Embedding
from npf_engine.measures.linked import Evaluation, LinkedClouds
from npf_engine.measures.views import Arrays
from npf_engine.runs.store import Run
from npf_engine.tasks import layout
from pages.factorization import selected
from ui import linked, states
from ui.linked import held, source

MANY = 50  # dimensions, beyond which a t-SNE takes about a minute
EVERY = 1.0  # seconds between two looks at a task that runs
TITLES = {"tsne_values": "F♯ρ with ∇u♯ρ", "tsne_positions": "ρ with Mξ♯ρ"}
CAPTION = (
    "Both colours must be mixed everywhere in a t-SNE. An island of one colour is a part of the law that the model "
    "misses (or invents): draw around it, and its samples light up where they come from. Distances between islands and "
    "their sizes mean nothing in a t-SNE."
)
LINE = "In one dimension the laws are curves, which Clouds shows whole: a t-SNE has nothing to add."


def show(run: Run, name: str) -> None:
    """What is computed, in linked panels; what is not, with a button each."""
    found = source.evaluation(run.id)
    if found.model.d == 1:
        st.info(LINE, icon=":material/info:")
        return
    jobs = source.embeddings(run.id)
    left = {key: job for key, job in jobs.items() if job.state().points is None}
    for column, (key, job) in zip(st.columns(len(left), gap="medium") if left else (), left.items(), strict=True):
        every = EVERY if job.state().state == "running" else None
        with column:
            st.markdown(f"## {TITLES[key]}")
            st.fragment(_offer, run_every=every)(job, key)
    if len(left) < len(jobs):
        st.fragment(_linked)(run.id, name)


def _offer(job: Embedding, key: str) -> None:
    """Start one, and how far it is."""
    state = job.state()
    if state.state == "running":
        st.progress(state.share, text=states.plain(state.text))
        st.button("Cancel", icon=":material/stop_circle:", key=f"cancel_{key}", on_click=job.cancel)
        st.session_state[f"embedding_{key}"] = True
        return
    if st.session_state.pop(f"embedding_{key}", False) or state.points is not None:
        st.rerun()  # it has just ended: look no more every second
    if state.state == "failed":
        states.problem(state.text)
    label = "Try again" if state.state == "failed" else "Compute the t-SNE"
    if st.button(label, icon=":material/bubble_chart:", key=f"start_{key}"):
        job.start()
        st.rerun()
    long = "about a minute" if len(job.a[0]) > MANY else "less than a minute"
    st.caption(f"It runs in the background, {long}, and is kept for the next visit.")


def _linked(run_id: str, name: str) -> None:
    """The panels; a selection runs this part of the page alone."""
    found, embedded = source.evaluation(run_id), source.embedded(run_id)
    selection = held.current(run_id, (*found.keys, *embedded), found.model.d)
    if selection is not None and selection.axes != (0, 1):
        selection = None  # drawn on other axes, on which it is not seen here
        held.hold(run_id, "")
    look = linked.Look(
        label="The t-SNE of the laws, linked with their clouds",
        push=held.pushes(),
        selection=linked.selection.text(selection) if selection else "",
        colour="law",
    )
    points = _points(str(layout.home()), run_id, tuple(embedded), found, embedded)
    linked.draw(points, look, "tsne", lambda text: held.hold(run_id, linked.selection.checked(text)))
    st.caption(CAPTION)
    selected.show(run_id, name, _shown(found, embedded), selection)


def _shown(found: Evaluation, embedded: Arrays) -> LinkedClouds:
    """The samples that are embedded, of which each has one law."""
    n = max(map(len, embedded.values()))
    clouds = found.result(n)
    return replace(clouds, scalars={**clouds.scalars, "law": embedding.laws(n)}, embedded=embedded)


@st.cache_resource(max_entries=4, show_spinner=False)
def _points(home: str, run_id: str, keys: tuple[str, ...], _found: Evaluation, _embedded: Arrays) -> bytes:
    clouds = _shown(_found, _embedded)
    return blob.pack(clouds, blob.shown(clouds))
