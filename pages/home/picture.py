"""The one picture of the home page: a real model, or the real terrain that comes with the program."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import terrain
from npf_engine.runs.store import Run
from ui import frame, pictures, states
from ui.plots import plot

STORY = {
    "rho": "The region, every point in a colour of its own.",
    "m": "M moves the points within the region and keeps their density.",
    "grad_u": "∇u, the gradient of a convex function, carries them on to the values of F.",
}


def of_model(run: Run) -> None:
    """rho, M#rho and grad u#rho: the two factors at work on the same points."""
    st.markdown(f"#### {states.plain(run.name)}")
    columns = st.columns(3)
    for column, (key, caption) in zip(columns, STORY.items(), strict=True):
        with column:
            figure = pictures.panel(run.id, key)
            plot(figure, f"home_{key}", caption, {key: pictures.view(run.id).clouds[key]}, run.id)
    frame.caption("Points keep their colour from picture to picture: follow one from where it is to its gradient.")


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
