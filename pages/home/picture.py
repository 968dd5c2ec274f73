"""The one scene of the home page: a point followed through a real model, or the terrain that comes with the program."""

from __future__ import annotations

import functools

import numpy as np
import streamlit as st

from npf_engine import numbers
from npf_engine.figures import terrain
from npf_engine.figures.following import add_followed
from npf_engine.measures import following
from npf_engine.measures.views import FactorizationView
from npf_engine.runs.store import Run
from ui import frame, pictures, states
from ui.plots import plot

CAPTIONS = (
    "x, a place in the region. Every point keeps the colour of its x in all three pictures; the small white dots "
    "are the loop of the slider.",
    "M(x), another place in the region. M takes places to places.",
    "∇u(M(x)), a gradient: ∇u of the convex u takes places to gradients. The ring is F(x), which it should meet.",
)
STOP, SEEN = "home_stop", "home_seen"  # session: the stop of the slider; the sample that is followed


def of_model(run: Run) -> None:
    """x, M(x) and grad u(M(x)) = F(x): one point is followed through all three."""
    st.markdown(f"#### {states.plain(run.name)}: x → M(x) → ∇u(M(x)) = F(x)")
    st.fragment(_scene)(run.id)


def _scene(run_id: str) -> None:
    view = pictures.view(run_id)
    walk = [int(index) for index in following.walk(view)]
    keys = following.clouds(view)
    stop = st.slider(
        "Follow a point", 1, len(walk), key=STOP, on_change=_forget,
        help="Along a loop through the region. A click on any point of a picture follows that one.",
    )  # fmt: skip
    seen = st.session_state.get(SEEN)
    index = walk[stop - 1] if seen is None or seen >= len(view.clouds["rho"]) else int(seen)
    _told(following.follow(view, index), view)
    aim = view.plane("field")[index] if keys == following.LEARNT else None
    for number, (column, key, caption) in enumerate(zip(st.columns(3), keys, CAPTIONS, strict=True)):
        with column:
            figure = add_followed(
                pictures.panel(run_id, key), view.plane(key), np.array(walk), index, aim if number == 2 else None
            )
            chart = f"home_{number}"
            plot(
                figure, chart, caption, {key: view.clouds[key]}, run_id, on_select=functools.partial(_chosen, chart)
            )  # fmt: skip


def _chosen(chart: str) -> None:
    """Follow the point that was clicked on; a click beside all points changes nothing."""
    points = st.session_state[chart].selection.points
    found = [point["point_index"] for point in points if point["curve_number"] == 0]
    if found:
        st.session_state[SEEN] = int(found[0])


def _forget() -> None:
    """The slider leads again."""
    st.session_state.pop(SEEN, None)


def _told(seen: following.Followed, view: FactorizationView) -> None:
    """The numbers of the point that is followed."""
    unit = view.units.value
    value, field = _point(seen.value), _point(seen.field)
    frame.caption(
        f"This point: x = {_place(seen.x, view)} → M(x) = {_place(seen.m, view)} → ∇u(M(x)) = {value}"
        f"{' ' + unit if unit else ''}, where F(x) = {field}: {100 * seen.miss:.1f} % of F's spread apart."
    )


def _place(values: np.ndarray, view: FactorizationView) -> str:
    widths = np.subtract(view.high, view.low)
    shown = ", ".join(numbers.place(float(x), float(width)) for x, width in zip(values[:3], widths[:3], strict=True))
    return f"({shown}{', …' if len(values) > 3 else ''})"


def _point(values: np.ndarray) -> str:
    shown = ", ".join(f"{value:.4g}" for value in values[:3])
    return f"({shown}{', …' if len(values) > 3 else ''})"


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
