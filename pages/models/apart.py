"""Where the models of one field differ: a map a model, against one of them."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from npf_engine.figures import differences as drawn
from npf_engine.measures import differences
from npf_engine.measures.differences import Lattice
from npf_engine.runs import comparing
from npf_engine.runs.schema import Run
from npf_engine.tasks import layout
from pages.models import choice
from ui import runs as loaded
from ui import states
from ui.plots import plot
from ui.runs import store

MAPS = {"grad_u": "∇u", "m_network": "Mξ"}
HALF_BOXES = "half boxes of Ω"


def show(runs: Sequence[Run]) -> None:
    """The maps; nothing where the runs are not done, not of one field, or not in the plane."""
    if not comparing.one_field(runs):
        return
    with states.told():
        found = {run.name: made for run in runs if (made := _of(run)) is not None}
        if len(found) < len(runs):
            return
        st.markdown("## Where they differ")
        name = st.segmented_control(
            "Map",
            list(MAPS),
            default="grad_u",
            format_func=MAPS.__getitem__,
            key="compare_map",
            required=True,
            label_visibility="collapsed",
        )
        base = next((run for run in runs if choice.pinned(run.id)), runs[0])
        one = found[base.name]
        layers = {run.name: differences.apart(found[run.name], one, name) for run in runs if run is not base}
        which = "" if choice.pinned(base.id) else ", the first that was ticked"
        unit = one.units.value if name == "grad_u" else HALF_BOXES
        plot(
            drawn.maps(one.x, one.y, layers, one.units, unit),
            "apart",
            f"The distance of each model's {MAPS[name]} from that of {states.plain(base.name)}{which}. One range of "
            "colours for all; zoom into one, and all follow.",
            {"x": one.x, "y": one.y} | layers,
            "npf-compared",
        )


def _of(run: Run) -> Lattice | None:
    return _lattice(str(layout.home()), run.id, store().bundle(run.id).stat().st_mtime_ns)


@st.cache_data(max_entries=12, show_spinner="Evaluating the model ...")
def _lattice(home: str, run_id: str, written: int) -> Lattice | None:
    model = loaded.load_model(run_id)
    return differences.lattice(model) if model.d == 2 else None
