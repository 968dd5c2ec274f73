"""A card of the gallery: what its field is, how it looks, and why its verdict is not good where it is not."""

from __future__ import annotations

import numpy as np
import streamlit as st

from npf_engine.errors import InputError
from npf_engine.fields import analytic
from npf_engine.figures import relief
from npf_engine.glossary import typeset
from npf_engine.measures import views
from npf_engine.measures.verdict import GOOD
from npf_engine.runs.store import Run
from npf_engine.studies.factorization.spec import TrainingSpec
from npf_engine.tasks import layout
from ui import runs, states

POINTS = 40_000  # samples behind a picture
WIDTH, RATIO = 480, 1.9  # pixels of it, and how many times as wide as high: the middle of the region
# field -> what it is
FIELDS = {
    "jacksboro": "Real terrain: the Jacksboro fault, a valley and a ridge in Tennessee. F is its slope, in metres a "
    "pixel.",
    "himmelblau": "Himmelblau's function, a polynomial of the plane with four minima. F is its gradient by formula, "
    "which vanishes at nine places.",
    "fractal": "Terrain made by chance, with relief on every scale as mountains have it. F is its slope: hardly a "
    "value occurs at one place alone.",
}


def card(run: Run) -> None:
    """Picture, name, verdict and what the field is."""
    about = FIELDS.get(run.spec_of(TrainingSpec).field.source, "")
    with states.shown(run.name):
        drawn = _picture(str(layout.home()), run.id, runs.store().bundle(run.id).stat().st_mtime_ns)
        if drawn is not None:
            st.image(drawn, width="stretch", alt=f"The surface whose slope F is, {run.name}, lit from the north-west")
    st.markdown(f"**{states.plain(run.name)}**")
    runs.badge(run)
    if about:
        st.caption(about)
    if run.verdict != GOOD:
        reason = (runs.store().report(run.id) or {}).get("verdict_reason")
        if reason:
            st.caption(f"{str(run.verdict).capitalize()}: {states.sentence(typeset(str(reason)))}")


@st.cache_data(max_entries=12, show_spinner=False)
def _picture(home: str, run_id: str, written: int) -> bytes | None:
    """The surface of a model's field as PNG, by its grid or by the samples that it keeps; None where it is no plane."""
    try:
        model = runs.load_model(run_id)
    except InputError:
        return None
    if model.d != 2:
        return None
    field = runs.store().get(run_id).spec_of(TrainingSpec).field
    potential = analytic.functions(field)[1] if field.source in analytic.INFO else None
    if potential is not None:
        # the whole of it: what of its minima lies near the edge would be cut away
        return relief.png(relief.of_ranks(views.surface(potential, round(WIDTH / RATIO), WIDTH)))
    if model.lattice is not None:
        f = np.where(model.lattice.mask.numpy()[..., None], model.lattice.values.numpy(), np.nan)
        return relief.png(relief.of_slopes(f[..., 0], f[..., 1]), WIDTH, RATIO)
    x, values = (part.numpy() for part in views.kept_samples(model, POINTS))
    low, high = (tuple(map(float, corner)) for corner in (model.low, model.high))
    return relief.png(relief.of_field(x, values, low, high), WIDTH, RATIO)
