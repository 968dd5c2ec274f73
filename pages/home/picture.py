"""The one scene of the home page: a real model's points moved along F = grad u o M, or the terrain that comes with the
program."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import terrain
from npf_engine.runs.store import Run
from ui import linked, states
from ui.linked import source
from ui.plots import plot

# What stands on the stage at t = 0, 1 and 2.
SENTENCES = (
    "x is a place in the region, and each point keeps the colour of its place.",
    "M moves places about and keeps their density ρ: there are as many points everywhere as before.",
    "∇u of a convex u spreads them out to the values of F and folds nothing over: ∇u(M(x)) = F(x), the whole field.",
)


def of_model(run: Run) -> None:
    """x, M(x) and grad u(M(x)) = F(x): all points on their way, played and scrubbed in the browser."""
    st.markdown(f"## {states.plain(run.name)}: x → M(x) → ∇u(M(x)) = F(x)")
    look = linked.Look(label=f"The factorization of {run.name} in motion", way="path", scene=True, sentences=SENTENCES)
    linked.draw(source.scene(run.id), look, "home_scene")


def of_terrain() -> None:
    """Elevation and F#rho of the embedded terrain, for the time before there is any model."""
    from npf_engine.fields.field import Grid

    field = _terrain()
    left, right = st.columns(2)
    grid: Grid = field.grid
    with left:
        plot(
            terrain.elevation_map(grid, field.units),
            "home_elevation",
            "Real terrain: the Jacksboro fault in Tennessee. Its slope is a vector field F, one arrow a pixel.",
            {"elevation": grid.elevation},
            "jacksboro",
        )
    with right:
        values = field.y_train.numpy()
        plot(
            terrain.values_map(values, field.units),
            "home_values",
            "All its slopes in one plane, F♯ρ: the law that ∇u of a convex u has to reproduce.",
            {"F": values},
            "jacksboro",
        )


@st.cache_resource(max_entries=1, show_spinner="Preparing the terrain ...")
def _terrain():  # type: ignore[no-untyped-def]
    from npf_engine.fields import catalog
    from npf_engine.fields.spec import FieldSpec

    return catalog.resolve(FieldSpec())
