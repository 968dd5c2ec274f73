"""t-SNE of two clouds over each other, on request, by a task in the background."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import streamlit as st

from npf_engine.figures import elsewhere, inverse
from npf_engine.figures.layout import position_title, value_title
from npf_engine.measures import views
from npf_engine.measures.embedding import Embedding, State
from npf_engine.runs.store import Run
from npf_engine.tasks import layout
from pages.factorization.clouds import SEED
from ui import modelviews, states
from ui.linked import chosen, held
from ui.plots import plot

POINTS = 2000  # halves of it are embedded, so that no point is in both clouds
MANY = 50  # dimensions, beyond which a t-SNE takes about a minute
EVERY = 1.0  # seconds between two looks at a task that runs
PAIRS = {
    "values": (("field", "grad_u"), "F♯ρ with ∇u♯ρ"),
    "positions": (("rho", "m_network"), "ρ with Mξ♯ρ"),
}
CAPTION = (
    "Both colours must be mixed everywhere. An island of one colour is a part of the law that the model misses (or "
    "invents). "
    "Distances between islands and their sizes mean nothing in a t-SNE."
)


def show(run: Run, name: str) -> None:
    """One panel a pair of clouds, each with its own task."""
    view = modelviews.clouds(str(layout.home()), run.id, POINTS, SEED)
    found = chosen.of(run.id)
    lit = None
    if found is not None:  # by the same axes, though these are other samples
        view = dataclasses.replace(view, projection=found.shown.view.projection)
        lit = found.selection.mask(view.plane(found.selection.key, found.selection.axes))
        st.caption(
            f"Lit: the {int(lit.sum()):,} of these {len(lit):,} samples that lie in what is selected in "
            f"{chosen.NAMES[found.selection.key]} on Clouds."
        )
        st.button("Clear", icon=":material/close:", key="selection_clear", on_click=held.push, args=(run.id, ""))
    for column, (key, (pair, title)) in zip(st.columns(2, gap="medium"), PAIRS.items(), strict=True):
        drawn = (pair[0], pair[1] if pair[1] in view.clouds else "m")
        job = task(view, drawn)
        every = EVERY if job.state().state == "running" else None
        with column:
            st.markdown(f"## {title}")
            st.fragment(_panel, run_every=every)(job, drawn, key, name, Lit(view, lit))


def task(view: views.FactorizationView, pair: tuple[str, str]) -> Embedding:
    """The embedding of one half of the first cloud with the other half of the second; positions in equal scales."""
    half = len(view.clouds[pair[0]]) // 2
    scale = np.asarray(view.scale) if pair[0] in views.POSITIONS else 1.0
    return Embedding(view.clouds[pair[0]][:half] / scale, view.clouds[pair[1]][half:] / scale, seed=SEED)


@dataclass(frozen=True)
class Lit:
    """The samples of the panels, and which of them are selected: mask (n,) bool, None where nothing is."""

    view: views.FactorizationView
    mask: np.ndarray | None


def _panel(job: Embedding, pair: tuple[str, str], key: str, name: str, lit: Lit) -> None:
    state = job.state()
    if state.state == "running":
        st.progress(state.share, text=states.plain(state.text))
        st.button("Cancel", icon=":material/stop_circle:", key=f"cancel_{key}", on_click=job.cancel)
        st.session_state[f"embedding_{key}"] = True
        return
    if st.session_state.pop(f"embedding_{key}", False):
        st.rerun()  # it has just ended: look no more every second
    if state.points is not None:
        _draw(state, pair, key, name, lit)
        return
    if state.state == "failed":
        states.problem(state.text)
    label = "Try again" if state.state == "failed" else "Compute the t-SNE"
    if st.button(label, icon=":material/bubble_chart:", key=f"start_{key}"):
        job.start()
        st.rerun()
    long = "about a minute" if len(job.a[0]) > MANY else "less than a minute"
    st.caption(f"It runs in the background, {long}, and is kept for the next visit.")


def _draw(state: State, pair: tuple[str, str], key: str, name: str, lit: Lit) -> None:
    """The embedding; what is drawn around in it is shown where it comes from."""
    assert state.points is not None
    parts = {pair[0]: state.points[: state.first], pair[1]: state.points[state.first :]}
    figure = inverse.embedding(state.points, state.first, pair, lit.mask)
    event = plot(
        figure,
        f"embedding_{key}_plot",
        CAPTION,
        parts,
        name,
        on_select="rerun",
        selection_mode=("lasso", "box"),
    )
    picked = np.zeros(len(state.points), dtype=bool)
    for point in event["selection"]["points"] if event else []:
        index = int(point["point_index"]) + state.first * int(point.get("curve_number") == 1)
        if index < len(picked):
            picked[index] = True
    if picked.any():
        _origin(picked, key, name, lit.view)
    else:
        st.caption(
            "Draw around an island (lasso or box in the plot's toolbar): it is shown where its samples come from."
        )


def _origin(picked: np.ndarray, key: str, name: str, view: views.FactorizationView) -> None:
    """Where samples lie in the region, or in the law of F."""
    of = "field" if key == "values" else "rho"
    plane = view.plane(of)
    titles = (
        (value_title(view.units, 0), value_title(view.units, 1))
        if of == "field"
        else (position_title(view.units, 0), position_title(view.units, 1))
    )
    if view.projection is not None:
        titles = ("principal axis 1", "principal axis 2")
    caption = f"The {int(picked.sum()):,} samples drawn around, among all {len(picked):,}, in {chosen.NAMES[of]}."
    plot(elsewhere.lit_points(plane, picked, titles, of), f"island_{key}", caption, {of: plane[picked]}, name)
