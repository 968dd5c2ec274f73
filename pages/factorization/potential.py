"""u itself, as a surface."""

from __future__ import annotations

import streamlit as st

from npf_engine.figures import panels, surface
from npf_engine.figures.layout import in_unit, position_title
from npf_engine.measures import views
from npf_engine.numbers import number
from npf_engine.polar import PolarFactorization
from pages.factorization import legendre
from ui import states
from ui.plots import plot


def show(model: PolarFactorization, run_id: str, name: str) -> None:
    """u and u* for d = 2; else the surface of u over two axes, or its graph for d = 1."""
    if model.d == 2:
        legendre.show(model, run_id, name, _per(model, (0, 1)))
        return
    axes = (0, 1)
    if model.d > 2:
        with st.container(horizontal=True, gap="large"):
            choices = [f"{axis + 1}: {title}" for axis, title in enumerate(model.units.axes)]
            first = st.selectbox("Across", choices, 0, key="potential_across", width=220)
            second = st.selectbox("Up", choices, 1, key="potential_up", width=220)
        axes = (choices.index(first), choices.index(second))
        if axes[0] == axes[1]:
            st.info("Choose two different axes.", icon=":material/info:")
            return
    x, y, u = views.potential_view(model, axes)
    if model.d == 1:
        figure = panels.graphs(x, {"potential": u}, position_title(model.units, 0), "u")
    else:
        figure = surface.potential_surface(
            x, y, u, (position_title(model.units, axes[0]), position_title(model.units, axes[1]))
        )
    slice_ = " The plane lies through the mean of ρ." if model.d > 2 else ""
    plot(
        figure,
        "potential",
        f"The convex potential u: no dents anywhere. Its slope is ∇u{_per(model, axes)}; where it bends sharply, ∇u "
        f"spreads the mass of ρ over many values, and where it is nearly straight it gathers it.{slice_}",
        {"x": x, "y": y, "u": u},
        name,
    )


def _per(model: PolarFactorization, axes: tuple[int, int]) -> str:
    """Over which step the slope of u is grad u: the networks' positions are scaled, and the axes show the user's."""
    steps = [
        f"{number(model.scaling.scale[axis])}{in_unit(states.plain(model.units.position[axis]))}"
        for axis in axes[: model.d]
    ]
    if all(scale == 1 for scale in model.scaling.scale):
        return ""
    return f" over a step of {steps[0]}" + (f" across and {steps[1]} up" if len(steps) > 1 else "")
