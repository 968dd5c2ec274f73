"""Small pictures of a model that several pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from npf_engine.figures import panels
from npf_engine.figures.layout import Extent
from npf_engine.tasks import layout
from ui import runs

if TYPE_CHECKING:
    from npf_engine.measures.views import FactorizationView

POINTS = 2000
POSITIONS = ("rho", "m", "m_network")  # clouds in the region; the others are values of F


def view(run_id: str) -> FactorizationView:
    """The clouds of a model, kept for the models shown last. Raises InputError where the run has no bundle."""
    written = runs.store().bundle(run_id).stat().st_mtime_ns
    return _view(str(layout.home()), run_id, written)


@st.cache_resource(max_entries=8, show_spinner="Evaluating the model ...")
def _view(home: str, run_id: str, written: int) -> FactorizationView:
    from npf_engine.measures.views import factorization_view

    return factorization_view(runs.load_model(run_id), POINTS)


def cover(run_id: str) -> go.Figure:
    """grad u#rho over F#rho: how well the potential does, at one glance."""
    found = view(run_id)
    if found.d == 1:
        values = {key: found.clouds[key][:, 0] for key in ("field", "grad_u")}
        title = f"{found.units.axes[0]} ({found.units.position[0]})"
        return panels.graphs(found.clouds["rho"][:, 0], values, title, f"F ({found.units.value})")
    return panels.overlay([_panel(found, "field"), _panel(found, "grad_u")], height=380, revision=f"cover_{run_id}")


def _panel(found: FactorizationView, key: str) -> panels.Panel:
    return panels.panel(
        key,
        found.planes(),
        Extent(found.units, found.low, found.high),
        position=key in POSITIONS,
        principal=found.projection is not None,
        position_unit=found.units.position[0] if found.one_unit else "scaled",
    )
